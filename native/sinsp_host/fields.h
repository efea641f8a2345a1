// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <libsinsp/sinsp.h>

namespace sinsp_host {

/** A field that libsinsp does not know, or whose argument it refuses. */
class fields_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/** Prints chosen fields of events. */
class field_printer {
  public:
    /** Throws fields_error that names the field. `checks` has to outlive this object. */
    field_printer(sinsp &inspector, const filter_check_list &checks, const std::vector<std::string> &names);

    /** Appends {"num", "time", "fields": {name: text | [text…] | null}} and a line feed for one event. */
    void append(sinsp_evt &event, std::string &out);

  private:
    struct field {
        std::string name;
        std::unique_ptr<sinsp_filter_check> check;
    };

    void append_value(sinsp_evt &event, sinsp_filter_check &check, std::string &out);

    std::vector<field> m_fields;
    std::vector<extract_value_t> m_values;
};

} // namespace sinsp_host
