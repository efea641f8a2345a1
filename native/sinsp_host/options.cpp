// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <map>

namespace sinsp_host {

namespace {

constexpr std::array<const char *, 8> severity_names = {"fatal",  "critical", "error", "warning",
                                                        "notice", "info",     "debug", "trace"};

/** Splits at commas that are not inside a field's argument: `a,b[x,y]` is two fields. */
std::vector<std::string> split_fields(const std::string &text) {
    std::vector<std::string> fields;
    std::string field;
    bool in_argument = false;
    for (const char c : text) {
        in_argument = c == '[' || (in_argument && c != ']');
        if (c == ',' && !in_argument) {
            fields.push_back(field);
            field.clear();
        } else {
            field += c;
        }
    }
    fields.push_back(field);
    if (std::any_of(fields.begin(), fields.end(), [](const std::string &f) { return f.empty(); })) {
        throw usage_error("--fields has an empty field name in '" + text + "'");
    }
    return fields;
}

uint64_t parse_count(const std::string &option, const std::string &text) {
    const bool digits =
        !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) {
        throw usage_error(option + " wants a whole number, not '" + text + "'");
    }
    return strtoull(text.c_str(), nullptr, 10);
}

int parse_severity(const std::string &text) {
    const auto it = std::find(severity_names.begin(), severity_names.end(), text);
    if (it == severity_names.end()) {
        throw usage_error(
            "--log-level wants one of fatal, critical, error, warning, notice, info, debug, trace, not '" +
            text + "'");
    }
    return static_cast<int>(it - severity_names.begin()) + 1;
}

void check_combination(const options &o) {
    if (!o.extractor_path.empty() && o.plugin_path.empty()) {
        throw usage_error("--extractor is a second plugin for the events of the one that --plugin names");
    }
    if (o.extractor_path.empty() && !o.extractor_config.empty()) {
        throw usage_error("--extractor-config is for the plugin that --extractor names");
    }
    if (o.parse_only) {
        if (o.rules_path.empty()) {
            throw usage_error("--parse-only needs --rules");
        }
        return;
    }
    if (o.plugin_path.empty()) {
        throw usage_error("--plugin is missing (only --parse-only works without a plugin)");
    }
    if (o.quiet && o.rules_path.empty()) {
        throw usage_error("--quiet leaves out alerts, which only --rules brings");
    }
    if (!o.rules_path.empty() && !o.fields.empty()) {
        throw usage_error("--rules and --fields exclude each other: one prints alerts, the other events");
    }
}

} // namespace

options parse_options(int argc, char **argv) {
    options o;
    const std::map<std::string, std::function<void(const std::string &)>> with_value = {
        {"--plugin", [&o](const std::string &v) { o.plugin_path = v; }},
        {"--config", [&o](const std::string &v) { o.config = v; }},
        {"--extractor", [&o](const std::string &v) { o.extractor_path = v; }},
        {"--extractor-config", [&o](const std::string &v) { o.extractor_config = v; }},
        {"--open", [&o](const std::string &v) { o.open_params = v; }},
        {"--rules", [&o](const std::string &v) { o.rules_path = v; }},
        {"--fields", [&o](const std::string &v) { o.fields = split_fields(v); }},
        {"--max-events", [&o](const std::string &v) { o.max_events = parse_count("--max-events", v); }},
        {"--log-level", [&o](const std::string &v) { o.log_severity = parse_severity(v); }},
    };
    const std::map<std::string, bool *> flags = {
        {"--first", &o.first_match}, {"--metrics", &o.metrics}, {"--parse-only", &o.parse_only},
        {"--progress", &o.progress}, {"--quiet", &o.quiet},     {"--help", &o.help},
    };
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        if (const auto flag = flags.find(name); flag != flags.end()) {
            *flag->second = true;
        } else if (const auto option = with_value.find(name); option == with_value.end()) {
            throw usage_error("unknown argument '" + name + "'");
        } else if (i + 1 == argc) {
            throw usage_error(name + " wants a value");
        } else {
            option->second(argv[++i]);
        }
    }
    if (!o.help) {
        check_combination(o);
    }
    return o;
}

const char *usage_text() {
    return R"(usage: sinsp_host --plugin FILE [--open PARAMS] [--rules FILE | --fields LIST] [option…]

Loads a Falco plugin into libsinsp as Falco does, reads its events to the end (or until SIGINT or SIGTERM),
and prints JSON lines on stdout: one per alert, then {"summary": …}. Messages go to stderr.

  --plugin FILE      the plugin's shared object
  --config JSON      its init_config (checked against the plugin's schema)
  --open PARAMS      its open_params
  --extractor FILE   a second plugin, for its fields alone; --extractor-config is its init_config
  --rules FILE       rules to evaluate, as scripts/rules/flatten.mjs writes them
  --first            only the first rule that matches alerts (Falco's rule_matching: first);
                     without it, every rule that matches does (rule_matching: all)
  --fields LIST      print these fields of every event instead, as {"num", "time", "fields"}; lists become
                     arrays, a field without a value null
  --quiet            make and count the alerts, but do not print them
  --max-events N     stop after N events
  --metrics          print {"metrics": …, "prometheus": "…"} before the summary, and on SIGUSR1: the plugin's
                     metrics by name, and in the text form of Prometheus
  --progress         print {"progress": …} at most once a second
  --parse-only       compile the rules, read no event; works without --plugin on libsinsp's own fields
  --log-level NAME   least severity of messages: fatal … trace (default info)

Exit status: 0 at the end of the events or after a signal, 1 for a failure, 2 for wrong arguments.
)";
}

} // namespace sinsp_host
