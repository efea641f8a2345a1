// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace sinsp_host {

/** What the command line asks for. */
struct options {
    std::string plugin_path;
    std::string config;
    std::string extractor_path;
    std::string extractor_config;
    std::string open_params;
    std::string rules_path;
    std::vector<std::string> fields;
    uint64_t max_events = 0; // 0: no limit
    int log_severity = 6;    // Falco's log severities: 1 fatal … 6 info … 8 trace
    bool first_match = false;
    bool metrics = false;
    bool parse_only = false;
    bool progress = false;
    bool quiet = false;
    bool help = false;
};

/** A command line that cannot be followed; the message says which argument and what is allowed. */
class usage_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/** Reads the command line. Throws usage_error. */
options parse_options(int argc, char **argv);

/** The text of --help. */
const char *usage_text();

} // namespace sinsp_host
