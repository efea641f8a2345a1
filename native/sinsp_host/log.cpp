// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <cstdio>

#include <libsinsp/logger.h>

namespace sinsp_host {

namespace {

// Written before the plugin is initialised, so before it can have threads that log.
std::string plugin_prefix;

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
    return !plugin_prefix.empty() && message.compare(0, plugin_prefix.size(), plugin_prefix) == 0;
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

void set_log_plugin(const std::string &name) {
    plugin_prefix = name + ": ";
}

} // namespace sinsp_host
