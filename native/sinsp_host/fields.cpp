// SPDX-License-Identifier: Apache-2.0
#include "fields.h"

#include <cstring>
#include <string_view>

#include "text.h"

namespace sinsp_host {

namespace {

/** Throws fields_error where there is no such field, sinsp_exception where its argument is wrong. */
std::unique_ptr<sinsp_filter_check> make_check(sinsp &inspector, const filter_check_list &checks,
                                               const std::string &name) {
    std::unique_ptr<sinsp_filter_check> check = checks.new_filter_check_from_fldname(name, &inspector, true);
    if (!check) {
        throw fields_error("there is no field '" + name + "'");
    }
    // Not "needed for filtering": the values are only printed.
    const int32_t parsed = check->parse_field_name(name, true, false);
    if (parsed != static_cast<int32_t>(name.size())) {
        throw fields_error("field '" + name + "' is not understood to its end");
    }
    return check;
}

} // namespace

field_printer::field_printer(sinsp &inspector, const filter_check_list &checks,
                             const std::vector<std::string> &names) {
    for (const std::string &name : names) {
        try {
            m_fields.push_back({name, make_check(inspector, checks, name)});
        } catch (const sinsp_exception &e) {
            throw fields_error("field '" + name + "' cannot be printed: " + e.what());
        }
    }
}

void field_printer::append(sinsp_evt &event, std::string &out) {
    out += "{\"num\":" + std::to_string(event.get_num()) + ",\"time\":";
    append_json_string(out, rfc3339(event.get_ts()));
    out += ",\"fields\":{";
    bool first = true;
    for (const field &f : m_fields) {
        out += first ? "" : ",";
        first = false;
        append_json_string(out, f.name);
        out += ':';
        append_value(event, *f.check, out);
    }
    out += "}}\n";
}

void field_printer::append_value(sinsp_evt &event, sinsp_filter_check &check, std::string &out) {
    const filtercheck_field_info *info = check.get_transformed_field_info();
    m_values.clear();
    if (!check.extract(&event, m_values, false) || m_values.empty()) {
        out += "null";
        return;
    }
    const auto append_one = [&](const extract_value_t &value) {
        if (info->m_type == PT_CHARBUF) {
            // libsinsp's own fields may count the closing NUL.
            const char *text = reinterpret_cast<const char *>(value.ptr);
            append_json_string(out, std::string_view(text, strnlen(text, value.len)));
        } else {
            const char *text =
                check.rawval_to_string(value.ptr, info->m_type, info->m_print_format, value.len);
            append_json_string(out, text ? text : "");
        }
    };
    if (!info->is_list()) {
        append_one(m_values[0]);
        return;
    }
    out += '[';
    for (size_t i = 0; i < m_values.size(); i++) {
        out += i > 0 ? "," : "";
        append_one(m_values[i]);
    }
    out += ']';
}

} // namespace sinsp_host
