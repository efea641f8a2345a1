// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sinsp_host {

/**
 * Sends the messages of libsinsp and of the plugin to stderr, one line each with the severity in front.
 * @param severity least urgent severity that is shown, 1 fatal … 8 trace
 */
void install_log(int severity);

/**
 * Tells the log how a plugin's messages start ("<name>: "). Messages of none are libsinsp's own; they are
 * about system calls and shown only from warning on, or all with debug.
 */
void add_log_plugin(const std::string &name);

} // namespace sinsp_host
