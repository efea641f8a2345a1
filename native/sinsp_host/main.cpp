// SPDX-License-Identifier: Apache-2.0
//
// A small stand-in for Falco, for machines that have none: libsinsp, one plugin, flattened rules, JSON lines.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "log.h"
#include "options.h"
#include "session.h"

namespace {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

sinsp_host::requests requested;

void on_stop(int number) {
    requested.stop = number;
}

void on_metrics(int) {
    requested.metrics = 1;
}

/** The first signal asks for an end between two events; a second one ends even a plugin that hangs. */
void install_signal_handlers() {
    struct sigaction action = {};
    action.sa_handler = on_stop;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    action.sa_handler = on_metrics;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

int run(const sinsp_host::options &options) {
    sinsp_host::session session(options);
    // Only now: a new inspector complains about system calls' needs (/proc), which plugins do not have.
    sinsp_host::install_log(options.log_severity);
    session.load_plugins();
    session.prepare();
    if (options.parse_only) {
        session.report_parsed();
        return 0;
    }
    install_signal_handlers();
    session.open();
    session.run(requested);
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    try {
        const sinsp_host::options options = sinsp_host::parse_options(argc, argv);
        if (options.help) {
            fputs(sinsp_host::usage_text(), stdout);
            return 0;
        }
        return run(options);
    } catch (const sinsp_host::usage_error &e) {
        fprintf(stderr, "sinsp_host: %s\nsinsp_host --help shows the usage\n", e.what());
        return exit_usage;
    } catch (const std::exception &e) {
        fprintf(stderr, "sinsp_host: %s\n", e.what());
        return exit_failure;
    }
}
