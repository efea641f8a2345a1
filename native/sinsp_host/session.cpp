// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <climits>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include <libsinsp/metrics_collector.h>
#include <libsinsp/plugin.h>

#include "log.h"
#include "text.h"

namespace sinsp_host {

namespace {

/** dlopen searches the library path for a name without a slash; a full path always means this file. */
std::string full_path(const std::string &path) {
    char resolved[PATH_MAX];
    if (!realpath(path.c_str(), resolved)) {
        throw host_error("there is no plugin at " + path);
    }
    return resolved;
}

/** Processor time of all threads of this process. */
uint64_t cpu_nanoseconds() {
    struct timespec time = {};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1000000000U + static_cast<uint64_t>(time.tv_nsec);
}

std::string metric_value(const metrics_v2 &metric) {
    switch (metric.type) {
    case METRIC_VALUE_TYPE_U32:
        return std::to_string(metric.value.u32);
    case METRIC_VALUE_TYPE_S32:
        return std::to_string(metric.value.s32);
    case METRIC_VALUE_TYPE_U64:
        return std::to_string(metric.value.u64);
    case METRIC_VALUE_TYPE_S64:
        return std::to_string(metric.value.s64);
    case METRIC_VALUE_TYPE_D:
        return json_number(metric.value.d);
    case METRIC_VALUE_TYPE_F:
        return json_number(metric.value.f);
    case METRIC_VALUE_TYPE_I:
        return std::to_string(metric.value.i);
    default:
        return "null";
    }
}

} // namespace

session::~session() {
    if (m_open) {
        m_inspector.close();
    }
}

void session::load_plugins() {
    m_checks.add_filter_check(sinsp::new_generic_filtercheck());
    if (m_options.plugin_path.empty()) {
        return;
    }
    m_plugin = register_plugin(m_options.plugin_path);
    if (!m_options.extractor_path.empty()) {
        m_extractor = register_plugin(m_options.extractor_path);
        if (!(m_extractor->caps() & CAP_EXTRACTION)) {
            throw host_error("plugin " + m_extractor->name() + " extracts no fields");
        }
    }
    init_plugin(*m_plugin, m_options.config);
    if (m_extractor) {
        init_plugin(*m_extractor, m_options.extractor_config);
    }
    for (const std::shared_ptr<sinsp_plugin> &plugin : {m_plugin, m_extractor}) {
        if (plugin && plugin->caps() & CAP_EXTRACTION) {
            m_checks.add_filter_check(sinsp_plugin::new_filtercheck(plugin));
        }
    }
    if (!m_options.parse_only && !(m_plugin->caps() & CAP_SOURCING)) {
        throw host_error("plugin " + m_plugin->name() + " is not a source of events");
    }
}

std::shared_ptr<sinsp_plugin> session::register_plugin(const std::string &path) {
    const std::string full = full_path(path);
    try {
        std::shared_ptr<sinsp_plugin> plugin = m_inspector.register_plugin(full);
        add_log_plugin(plugin->name());
        return plugin;
    } catch (const sinsp_exception &e) {
        throw host_error(std::string("the plugin does not load: ") + e.what());
    }
}

void session::init_plugin(sinsp_plugin &plugin, const std::string &config) {
    std::string problem;
    bool ready = false;
    try {
        ready = plugin.init(config, problem);
    } catch (const sinsp_exception &e) {
        problem = e.what();
    }
    if (!ready) {
        throw host_error("plugin " + plugin.name() + " refuses its init_config: " + problem);
    }
}

void session::prepare() {
    if (!m_options.rules_path.empty()) {
        m_rules = std::make_unique<rule_set>(rule_set::load(m_options.rules_path));
        m_rules->compile(m_inspector, m_checks, m_plugin ? m_plugin->event_source() : "");
        for (const std::string &name : m_rules->dropped()) {
            std::cerr << "notice: rule '" << name << "' is for another event source and is left out\n";
        }
    }
    if (!m_options.fields.empty()) {
        m_fields = std::make_unique<field_printer>(m_inspector, m_checks, m_options.fields);
    }
}

void session::open() {
    try {
        m_inspector.open_plugin(m_plugin->name(), m_options.open_params,
                                sinsp_plugin_platform::SINSP_PLATFORM_HOSTINFO);
        m_open = true;
    } catch (const sinsp_exception &e) {
        throw host_error("plugin " + m_plugin->name() + " refuses to open '" + m_options.open_params +
                         "': " + e.what());
    }
}

void session::run(requests &requested) {
    const uint64_t cpu_start = cpu_nanoseconds();
    const auto start = std::chrono::steady_clock::now();
    const char *reason = read_events(requested);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const uint64_t cpu = cpu_nanoseconds() - cpu_start;
    if (m_options.progress) {
        report_progress();
    }
    if (m_options.metrics) {
        append_metrics();
    }
    append_summary(reason, seconds.count(), cpu);
    m_output.flush();
}

/** @return why reading ended */
const char *session::read_events(requests &requested) {
    while (requested.stop == 0) {
        if (m_output.broken()) {
            return "reader gone";
        }
        sinsp_evt *event = nullptr;
        const int32_t result = m_inspector.next(&event);
        switch (result) {
        case SCAP_SUCCESS:
            take_event(*event);
            m_output.flush();
            break;
        case SCAP_TIMEOUT:
            m_output.check_reader();
            break;
        case SCAP_FILTERED_EVENT:
            break;
        case SCAP_EOF:
            return "end of events";
        default:
            throw host_error("plugin " + m_plugin->name() +
                             " failed while reading: " + m_inspector.getlasterr());
        }
        if (m_options.metrics && requested.metrics != 0) {
            requested.metrics = 0;
            append_metrics();
            m_output.flush();
        }
        if (m_options.max_events != 0 && m_events >= m_options.max_events) {
            return "max events";
        }
        const auto since = std::chrono::steady_clock::now() - m_last_progress;
        if (m_options.progress && since >= std::chrono::seconds(1)) {
            report_progress();
        }
    }
    return "signal";
}

void session::take_event(sinsp_evt &event) {
    m_events++;
    if (m_fields) {
        m_fields->append(event, m_output.lines());
    }
    if (m_rules) {
        m_alerts += m_rules->evaluate(event, m_options.first_match, m_output.lines());
        if (m_options.quiet) {
            m_output.lines().clear();
        }
    }
}

void session::report_progress() {
    m_last_progress = std::chrono::steady_clock::now();
    uint32_t hundredths = 0;
    const std::string text = m_plugin->get_progress(hundredths);
    std::string &out = m_output.lines();
    out += "{\"progress\":{\"percent\":" + json_number(hundredths / 100.0) + ",\"text\":";
    append_json_string(out, text);
    out += ",\"events\":" + std::to_string(m_events) + ",\"alerts\":" + std::to_string(m_alerts) + "}}\n";
    m_output.flush();
}

void session::append_metrics() {
    std::string &out = m_output.lines();
    out += "{\"metrics\":{";
    bool first = true;
    for (const metrics_v2 &metric : m_plugin->get_metrics()) {
        out += first ? "" : ",";
        first = false;
        append_json_string(out, metric.name);
        out += ':' + metric_value(metric);
    }
    out += "},\"prometheus\":";
    append_json_string(out, prometheus_text());
    out += "}\n";
}

std::string session::prometheus_text() const {
    const libs::metrics::prometheus_metrics_converter converter;
    std::string text;
    for (const metrics_v2 &metric : m_plugin->get_metrics()) {
        // The name's parts are those that Falco gives for a plugin's metrics.
        text += converter.convert_metric_to_text_prometheus(metric, "falcosecurity", "plugins");
    }
    return text;
}

void session::append_summary(const char *reason, double seconds, uint64_t cpu_nanoseconds) {
    std::string &out = m_output.lines();
    out += "{\"summary\":{\"ended\":";
    append_json_string(out, reason);
    out += ",\"events\":" + std::to_string(m_events) + ",\"alerts\":" + std::to_string(m_alerts);
    out += ",\"seconds\":" + json_number(seconds);
    out += ",\"cpu_nanoseconds\":" + std::to_string(cpu_nanoseconds) + ",\"rules\":{";
    bool first = true;
    if (m_rules) {
        for (const compiled_rule &rule : m_rules->rules()) {
            if (rule.alerts > 0) {
                out += first ? "" : ",";
                first = false;
                append_json_string(out, rule.name);
                out += ':' + std::to_string(rule.alerts);
            }
        }
    }
    out += "}}}\n";
}

void session::report_parsed() {
    m_output.lines() += "{\"parsed\":{\"rules\":" + std::to_string(m_rules->rules().size()) +
                        ",\"enabled\":" + std::to_string(m_rules->enabled_count()) +
                        ",\"other_source\":" + std::to_string(m_rules->dropped().size()) + "}}\n";
    m_output.flush();
}

} // namespace sinsp_host
