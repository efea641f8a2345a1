// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <libsinsp/logger.h>

namespace sinsp_host {

namespace {

// Of each plugin; written before any is initialised, so before one can have threads that log.
std::vector<std::string> plugin_prefixes;

const char *severity_name(sinsp_logger::severity severity) {
    static const char *const names[] = {"fatal",  "critical", "error", "warning",
                                        "notice", "info",     "debug", "trace"};
    const bool known = severity >= sinsp_logger::SEV_FATAL && severity <= sinsp_logger::SEV_TRACE;
    return known ? names[severity - sinsp_logger::SEV_FATAL] : "log";
}

bool is_shown(const std::string &message, sinsp_logger::severity severity) {
    if (severity <= sinsp_logger::SEV_WARNING || libsinsp_logger()->is_enabled(sinsp_logger::SEV_DEBUG)) {
        return true;
    }
    return std::any_of(plugin_prefixes.begin(), plugin_prefixes.end(), [&message](const std::string &prefix) {
        return message.compare(0, prefix.size(), prefix) == 0;
    });
}

/** One write for each message, because libsinsp may call this from several threads. */
void on_log(std::string &&message, sinsp_logger::severity severity) {
    if (!is_shown(message, severity)) {
        return;
    }
    while (!message.empty() && message.back() == '\n') {
        message.pop_back();
    }
    fprintf(stderr, "%s: %s\n", severity_name(severity), message.c_str());
}

} // namespace

void install_log(int severity) {
    libsinsp_logger()->disable_timestamps();
    libsinsp_logger()->add_callback_log(on_log);
    libsinsp_logger()->set_severity(static_cast<sinsp_logger::severity>(severity));
}

void add_log_plugin(const std::string &name) {
    plugin_prefixes.push_back(name + ": ");
}

} // namespace sinsp_host
