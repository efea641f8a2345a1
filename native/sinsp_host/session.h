// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>

#include <libsinsp/sinsp.h>

#include "fields.h"
#include "options.h"
#include "output.h"
#include "rules.h"

namespace sinsp_host {

/** A step that failed: loading, initialising, opening or reading the plugin. */
class host_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/** What signals have asked for and nobody has done yet. */
struct requests {
    volatile sig_atomic_t stop = 0;
    volatile sig_atomic_t metrics = 0;
};

/** One inspector with one source of events, from loading to the summary. */
class session {
  public:
    explicit session(const options &opts) : m_options(opts) {
    }
    session(const session &) = delete;
    session &operator=(const session &) = delete;
    ~session();

    /**
     * Loads and initialises the plugin if there is one, and the one that only extracts. Throws host_error
     * with the plugin's own words.
     */
    void load_plugins();

    /** Compiles the rules or the fields to print. Throws rules_error or fields_error. */
    void prepare();

    /** Opens the plugin. Throws host_error with the plugin's own words. */
    void open();

    /**
     * Reads events until the source ends, --max-events is reached, the reader of stdout is gone, or
     * `requested.stop` becomes something else than zero; then prints metrics and summary. Prints metrics also
     * when `requested.metrics` is set. Throws host_error if the source fails.
     */
    void run(requests &requested);

    /** Prints how many rules were compiled, for --parse-only. */
    void report_parsed();

  private:
    std::shared_ptr<sinsp_plugin> register_plugin(const std::string &path);
    void init_plugin(sinsp_plugin &plugin, const std::string &config);
    const char *read_events(requests &requested);
    void take_event(sinsp_evt &event);
    void report_progress();
    void append_metrics();
    /** The metrics as Falco's Prometheus endpoint shows them. */
    std::string prometheus_text() const;
    void append_summary(const char *reason, double seconds, uint64_t cpu_nanoseconds);

    const options &m_options;
    output m_output;
    sinsp m_inspector;
    filter_check_list m_checks;
    std::shared_ptr<sinsp_plugin> m_plugin;
    std::shared_ptr<sinsp_plugin> m_extractor;
    std::unique_ptr<rule_set> m_rules;
    std::unique_ptr<field_printer> m_fields;
    bool m_open = false;
    uint64_t m_events = 0;
    uint64_t m_alerts = 0;
    std::chrono::steady_clock::time_point m_last_progress = std::chrono::steady_clock::now();
};

} // namespace sinsp_host
