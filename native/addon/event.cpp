// SPDX-License-Identifier: Apache-2.0
#include "event.h"

#include <chrono>
#include <cstring>
#include <limits>

namespace addon {

namespace {

constexpr size_t HEADER = sizeof(ss_plugin_event);
constexpr size_t ID_OFFSET = HEADER + 2 * sizeof(uint32_t);
constexpr size_t PAYLOAD_OFFSET = ID_OFFSET + sizeof(uint32_t);
static_assert(PAYLOAD_OFFSET == PLUGIN_EVENT_PAYLOAD_OFFSET, "the header names the same offset");

uint32_t read_u32(const void *base, size_t offset) {
    uint32_t value;
    memcpy(&value, static_cast<const uint8_t *>(base) + offset, sizeof(value));
    return value;
}

void write_u32(void *base, size_t offset, uint32_t value) {
    memcpy(static_cast<uint8_t *>(base) + offset, &value, sizeof(value));
}

uint64_t now_ns() {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
}

} // namespace

EventView view_event(const ss_plugin_event *event) {
    EventView view = {};
    view.ts = event->ts;
    view.tid = event->tid;
    view.type = event->type;
    view.nparams = event->nparams;
    view.len = event->len;
    if (view.len < PAYLOAD_OFFSET || view.type != PLUGIN_EVENT_TYPE || view.nparams != PLUGIN_EVENT_PARAMS) {
        throw PluginError("malformed plugin event: type " + std::to_string(view.type) + ", " +
                          std::to_string(view.nparams) + " parameters, " + std::to_string(view.len) +
                          " bytes");
    }
    const uint32_t id_len = read_u32(event, HEADER);
    view.payload_len = read_u32(event, HEADER + sizeof(uint32_t));
    if (id_len != sizeof(uint32_t) || view.payload_len != view.len - PAYLOAD_OFFSET) {
        throw PluginError("malformed plugin event: " + std::to_string(view.len) + " bytes for an id of " +
                          std::to_string(id_len) + " and a payload of " + std::to_string(view.payload_len));
    }
    view.plugin_id = read_u32(event, ID_OFFSET);
    view.payload = reinterpret_cast<const uint8_t *>(event) + PAYLOAD_OFFSET;
    return view;
}

void adopt_event(ss_plugin_event *event, const Library &library) {
    const uint32_t expected = library.id();
    const EventView view = view_event(event);
    if (view.plugin_id == 0 && expected != 0) {
        write_u32(event, ID_OFFSET, expected);
    } else if (view.plugin_id != expected || expected == 0) {
        throw PluginError("unexpected plugin id " + std::to_string(view.plugin_id) +
                          " in an event of plugin " + std::to_string(expected));
    }
    event->tid = std::numeric_limits<uint64_t>::max();
    if (event->ts == std::numeric_limits<uint64_t>::max()) {
        event->ts = now_ns();
    }
}

std::shared_ptr<EventRef> EventRef::from_bytes(const uint8_t *bytes, size_t size, uint64_t number) {
    if (size < HEADER) {
        throw PluginError("an event has at least " + std::to_string(HEADER) + " bytes, not " +
                          std::to_string(size));
    }
    std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
    memcpy(copy.get(), bytes, size);
    const auto *event = reinterpret_cast<const ss_plugin_event *>(copy.get());
    if (event->len != size) {
        throw PluginError("the event's header says " + std::to_string(event->len) + " bytes, it has " +
                          std::to_string(size));
    }
    return std::shared_ptr<EventRef>(new EventRef(std::move(copy), number));
}

std::shared_ptr<EventRef> EventRef::from_payload(const uint8_t *payload, size_t size, uint32_t plugin_id,
                                                 uint64_t ts, uint64_t number) {
    if (size > std::numeric_limits<uint32_t>::max() - PAYLOAD_OFFSET) {
        throw PluginError("a payload of " + std::to_string(size) + " bytes does not fit into an event");
    }
    const size_t total = PAYLOAD_OFFSET + size;
    std::unique_ptr<uint8_t[]> bytes(new uint8_t[total]);
    auto *event = reinterpret_cast<ss_plugin_event *>(bytes.get());
    event->ts = ts;
    event->tid = std::numeric_limits<uint64_t>::max();
    event->len = static_cast<uint32_t>(total);
    event->type = PLUGIN_EVENT_TYPE;
    event->nparams = PLUGIN_EVENT_PARAMS;
    write_u32(event, HEADER, sizeof(uint32_t));
    write_u32(event, HEADER + sizeof(uint32_t), static_cast<uint32_t>(size));
    write_u32(event, ID_OFFSET, plugin_id);
    if (size > 0) {
        memcpy(bytes.get() + PAYLOAD_OFFSET, payload, size);
    }
    return std::shared_ptr<EventRef>(new EventRef(std::move(bytes), number));
}

const ss_plugin_event *EventRef::get() const {
    if (instance_ != nullptr && !instance_->holds(generation_)) {
        throw PluginError("the event is gone: its instance was closed or asked for another batch");
    }
    return event_;
}

ss_plugin_event_input EventRef::input(const State &state) const {
    ss_plugin_event_input input = {};
    input.evt = get();
    input.evtnum = number_;
    input.evtsrc = state.event_source();
    return input;
}

} // namespace addon
