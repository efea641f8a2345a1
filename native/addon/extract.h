// SPDX-License-Identifier: Apache-2.0
// Field extraction as libsinsp does it, with checks of what the plugin answers.
#pragma once

#include "event.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace addon {

/// A field to extract, already matched with the plugin's field list.
struct FieldRequest {
    uint32_t id; ///< index in the list of plugin_get_fields
    std::string name;
    uint32_t type; ///< ss_plugin_field_type
    bool is_list;
    bool has_arg;
    std::optional<std::string> key;
    std::optional<uint64_t> index;
};

using FieldRequests = std::vector<FieldRequest>;

/// string; uint64, reltime and abstime; bool; ipaddr and ipnet.
using Scalar = std::variant<std::string, uint64_t, bool, std::vector<uint8_t>>;

struct ValueOffset {
    uint32_t start; ///< from the start of the event's header
    uint32_t length;
};

struct FieldResult {
    std::vector<Scalar> values; ///< empty: no value; at most one unless the field is a list
    std::optional<std::vector<ValueOffset>> offsets; ///< absent where the plugin gave none
};

struct ExtractOptions {
    bool separately = false; ///< one call per field, as libsinsp; else one call for all
    bool offsets = false;
};

/// Extracts the fields of one event. Offsets are read as libsinsp does in a call for one field (as many
/// entries as there are values), and as the API header says in a call for several (one entry per field).
/// Throws PluginError when the plugin fails, or answers in a way that would mislead or crash a host.
std::vector<FieldResult> extract(State &state, const ss_plugin_event_input &event,
                                 const FieldRequests &requests, const ExtractOptions &options);

/// The plugin's one-line text of an event, empty where it has none.
std::string event_to_string(State &state, const ss_plugin_event_input &event);

} // namespace addon
