// SPDX-License-Identifier: Apache-2.0
#include "extract.h"

#include <limits>

namespace addon {

namespace {

/// libsinsp leaves the output members of a request uninitialised, so a plugin must set them. This value shows
/// that it did not.
constexpr uint64_t LENGTH_UNSET = 0x5a5a5a5a5a5a5a5a;

constexpr uint64_t MAX_VALUES = 1U << 24;
constexpr uint32_t MAX_ADDRESS_BYTES = 16;

ss_plugin_extract_field to_api(const FieldRequest &request) {
    ss_plugin_extract_field field = {};
    field.res.str = nullptr;
    field.res_len = LENGTH_UNSET;
    field.field_id = request.id;
    field.field = request.name.c_str();
    field.arg_key = request.key ? request.key->c_str() : nullptr;
    // libsinsp's value where there is no index is -1.
    field.arg_index = request.index.value_or(std::numeric_limits<uint64_t>::max());
    field.arg_present = request.has_arg ? 1 : 0;
    field.ftype = request.type;
    field.flist = request.is_list ? 1 : 0;
    return field;
}

void check_answer(const ss_plugin_extract_field &field, const FieldRequest &request) {
    if (field.res_len == LENGTH_UNSET) {
        throw PluginError("plugin_extract_fields left res_len of " + request.name + " unset");
    }
    if (field.res_len > (request.is_list ? MAX_VALUES : 1)) {
        throw PluginError("plugin_extract_fields returned " + std::to_string(field.res_len) + " values of " +
                          request.name + (request.is_list ? "" : ", which is no list"));
    }
    if (field.res_len > 0 && field.res.str == nullptr) {
        throw PluginError("plugin_extract_fields returned no memory for the value of " + request.name);
    }
}

Scalar read_buffer(const ss_plugin_byte_buffer &buffer, const FieldRequest &request) {
    if (buffer.ptr == nullptr || buffer.len > MAX_ADDRESS_BYTES) {
        throw PluginError("plugin_extract_fields returned an address of " + std::to_string(buffer.len) +
                          " bytes for " + request.name);
    }
    const auto *bytes = static_cast<const uint8_t *>(buffer.ptr);
    return std::vector<uint8_t>(bytes, bytes + buffer.len);
}

Scalar read_value(const ss_plugin_extract_field &field, const FieldRequest &request, uint64_t i) {
    switch (request.type) {
    case FTYPE_UINT64:
    case FTYPE_RELTIME:
    case FTYPE_ABSTIME:
        return field.res.u64[i];
    case FTYPE_BOOL:
        return field.res.boolean[i] != 0;
    case FTYPE_IPADDR:
    case FTYPE_IPNET:
        return read_buffer(field.res.buf[i], request);
    case FTYPE_STRING:
        if (field.res.str[i] == nullptr) {
            throw PluginError("plugin_extract_fields returned a NULL string for " + request.name);
        }
        return std::string(field.res.str[i]);
    default:
        throw PluginError(request.name + " has the unknown type " + std::to_string(request.type));
    }
}

std::vector<Scalar> read_values(const ss_plugin_extract_field &field, const FieldRequest &request) {
    check_answer(field, request);
    std::vector<Scalar> values;
    values.reserve(field.res_len);
    for (uint64_t i = 0; i < field.res_len; i++) {
        values.push_back(read_value(field, request, i));
    }
    return values;
}

std::vector<ValueOffset> read_offsets(const ss_plugin_extract_value_offsets &offsets, size_t first,
                                      size_t count) {
    std::vector<ValueOffset> result;
    result.reserve(count);
    for (size_t i = first; i < first + count; i++) {
        result.push_back({offsets.start[i], offsets.length[i]});
    }
    return result;
}

/// One call of plugin_extract_fields for requests[first] … requests[first + count - 1].
void extract_call(State &state, const ss_plugin_event_input &event, const FieldRequests &requests,
                  size_t first, size_t count, bool with_offsets, std::vector<FieldResult> &results) {
    std::vector<ss_plugin_extract_field> fields;
    fields.reserve(count);
    for (size_t i = 0; i < count; i++) {
        fields.push_back(to_api(requests[first + i]));
    }
    ss_plugin_table_reader_vtable_ext no_tables = {};
    ss_plugin_extract_value_offsets offsets = {nullptr, nullptr};
    ss_plugin_field_extract_input input = {};
    input.owner = &state.owner();
    input.get_owner_last_error = Owner::last_error;
    input.num_fields = static_cast<uint32_t>(count);
    input.fields = fields.data();
    input.table_reader_ext = &no_tables;
    input.value_offsets = with_offsets ? &offsets : nullptr;

    const auto extract_fn = state.library().need(state.api().extract_fields, "extract_fields");
    const ss_plugin_rc rc = extract_fn(state.handle(), &event, &input);
    if (rc != SS_PLUGIN_SUCCESS) {
        throw PluginError(state.last_error(), rc);
    }
    const bool has_offsets = offsets.start != nullptr && offsets.length != nullptr;
    for (size_t i = 0; i < count; i++) {
        FieldResult result;
        result.values = read_values(fields[i], requests[first + i]);
        if (has_offsets && !result.values.empty()) {
            result.offsets = read_offsets(offsets, i, count == 1 ? result.values.size() : 1);
        }
        results.push_back(std::move(result));
    }
}

} // namespace

std::vector<FieldResult> extract(State &state, const ss_plugin_event_input &event,
                                 const FieldRequests &requests, const ExtractOptions &options) {
    std::vector<FieldResult> results;
    results.reserve(requests.size());
    const size_t per_call = options.separately ? 1 : requests.size();
    for (size_t first = 0; first < requests.size(); first += per_call) {
        extract_call(state, event, requests, first, per_call, options.offsets, results);
    }
    return results;
}

std::string event_to_string(State &state, const ss_plugin_event_input &event) {
    const auto to_string_fn = state.library().need(state.api().event_to_string, "event_to_string");
    return text_of(to_string_fn(state.handle(), &event));
}

} // namespace addon
