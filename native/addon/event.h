// SPDX-License-Identifier: Apache-2.0
// The memory layout of plugin events, and references to them that know when they are stale.
#pragma once

#include "state.h"

#include <memory>
#include <string>

namespace addon {

constexpr uint16_t PLUGIN_EVENT_TYPE = 322;
constexpr uint32_t PLUGIN_EVENT_PARAMS = 2;

/// A plugin event taken apart: | header | size of id (4) | size of payload (4) | id (4) | payload |.
struct EventView {
    uint64_t ts; ///< nanoseconds since 1970
    uint64_t tid;
    uint16_t type;
    uint32_t nparams;
    uint32_t len; ///< bytes, with the header
    uint32_t plugin_id;
    const uint8_t *payload;
    uint32_t payload_len;
};

/// Throws PluginError when the sizes in the event do not agree with each other.
EventView view_event(const ss_plugin_event *event);

/// What libscap does with an event before anything else sees it. Throws PluginError where libscap refuses it.
void adopt_event(ss_plugin_event *event, const Library &library);

/// An event of a batch, or one built in the addon's own memory, as in the replay of a capture.
class EventRef {
  public:
    EventRef(std::shared_ptr<Instance> instance, uint64_t generation, const ss_plugin_event *event,
             uint64_t number)
        : instance_(std::move(instance)), generation_(generation), event_(event), number_(number) {
    }

    /// Copies `bytes`, a whole event, into a block of exactly that size. Throws PluginError when they are
    /// fewer than the header, or fewer or more than its length says.
    static std::shared_ptr<EventRef> from_bytes(const uint8_t *bytes, size_t size, uint64_t number);

    /// Builds a plugin event around a payload.
    static std::shared_ptr<EventRef> from_payload(const uint8_t *payload, size_t size, uint32_t plugin_id,
                                                  uint64_t ts, uint64_t number);

    /// The event; throws PluginError when its batch was replaced or its instance closed.
    const ss_plugin_event *get() const;

    uint64_t number() const {
        return number_;
    }

    /// The input struct that the plugin's functions take.
    ss_plugin_event_input input(const State &state) const;

  private:
    EventRef(std::unique_ptr<uint8_t[]> bytes, uint64_t number)
        : bytes_(std::move(bytes)), event_(reinterpret_cast<const ss_plugin_event *>(bytes_.get())),
          number_(number) {
    }

    std::shared_ptr<Instance> instance_;
    uint64_t generation_ = 0;
    std::unique_ptr<uint8_t[]> bytes_;
    const ss_plugin_event *event_;
    uint64_t number_;
};

} // namespace addon
