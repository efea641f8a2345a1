// SPDX-License-Identifier: Apache-2.0
#include "rules.h"

#include <algorithm>
#include <fstream>

#include <json/json.h>
#include <libsinsp/filter/parser.h>

#include "text.h"

namespace sinsp_host {

namespace {

// Falco parses conditions to this depth; libsinsp's own default of 100 is too little for flattened macros.
constexpr uint32_t max_condition_depth = 1000;

std::string required_text(const Json::Value &item, const char *key, const std::string &where) {
    const Json::Value &value = item[key];
    if (!value.isString() || value.asString().empty()) {
        throw rules_error(where + ": '" + key + "' has to be a string that is not empty");
    }
    return value.asString();
}

compiled_rule read_rule(const Json::Value &item, const std::string &where) {
    if (!item.isObject()) {
        throw rules_error(where + ": not an object");
    }
    compiled_rule rule;
    rule.name = required_text(item, "rule", where);
    const std::string named = where + " ('" + rule.name + "')";
    rule.priority = required_text(item, "priority", named);
    rule.source = required_text(item, "source", named);
    rule.condition = required_text(item, "condition", named);
    rule.output = required_text(item, "output", named);
    rule.enabled = item.get("enabled", true).asBool();
    for (const Json::Value &tag : item["tags"]) {
        rule.tags.push_back(tag.asString());
    }
    return rule;
}

/** The part of a condition around byte `index`, on one line, for an error message. */
std::string excerpt(const std::string &condition, size_t index) {
    constexpr size_t before = 30;
    constexpr size_t length = 80;
    const size_t start = index > before ? index - before : 0;
    std::string part = start < condition.size() ? condition.substr(start, length) : "";
    std::replace(part.begin(), part.end(), '\n', ' ');
    return (start > 0 ? "…" : "") + part + (start + length < condition.size() ? "…" : "");
}

/** Compiles the condition of `rule`. Throws rules_error with the place of the error. */
std::unique_ptr<sinsp_filter> compile_condition(const compiled_rule &rule,
                                                const std::shared_ptr<sinsp_filter_factory> &factory) {
    const auto failure = [&rule](const std::string &what, const libsinsp::filter::ast::pos_info &pos) {
        return rules_error("rule '" + rule.name + "': the condition does not compile: " + what +
                           " (at character " + std::to_string(pos.idx) +
                           ", near: " + excerpt(rule.condition, pos.idx) + ")");
    };
    libsinsp::filter::parser parser(rule.condition);
    parser.set_max_depth(max_condition_depth);
    std::unique_ptr<libsinsp::filter::ast::expr> ast;
    try {
        ast = parser.parse();
    } catch (const sinsp_exception &e) {
        throw failure(e.what(), parser.get_pos());
    }
    // Values are cached within a rule and not between rules, since that is what Falco does.
    sinsp_filter_compiler compiler(factory, ast.get());
    try {
        return compiler.compile();
    } catch (const sinsp_exception &e) {
        throw failure(e.what(), compiler.get_pos());
    }
}

/** Falco puts a `*` before every output, so that a field without a value is `<NA>` and not the end of it. */
std::unique_ptr<sinsp_evt_formatter> compile_output(const compiled_rule &rule, sinsp &inspector,
                                                    filter_check_list &checks) {
    const std::string format = rule.output[0] == '*' ? rule.output : "*" + rule.output;
    try {
        return std::make_unique<sinsp_evt_formatter>(&inspector, format, checks);
    } catch (const sinsp_exception &e) {
        throw rules_error("rule '" + rule.name + "': the output is not valid: " + e.what());
    }
}

void append_alert(std::string &out, const compiled_rule &rule, sinsp_evt &event) {
    out += "{\"time\":";
    append_json_string(out, rfc3339(event.get_ts()));
    out += ",\"evt_num\":" + std::to_string(event.get_num()) + ",\"rule\":";
    append_json_string(out, rule.name);
    out += ",\"priority\":";
    append_json_string(out, rule.priority);
    out += ",\"source\":";
    append_json_string(out, rule.source);
    out += ",\"tags\":[";
    for (size_t i = 0; i < rule.tags.size(); i++) {
        out += i > 0 ? "," : "";
        append_json_string(out, rule.tags[i]);
    }
    std::string text;
    rule.formatter->tostring_withformat(&event, text, sinsp_evt_formatter::OF_NORMAL);
    out += "],\"output\":";
    append_json_string(out, text);
    rule.formatter->tostring_withformat(&event, text, sinsp_evt_formatter::OF_JSON);
    out += ",\"output_fields\":" + (text == "null" ? "{}" : sanitize_utf8(text)) + "}\n";
}

} // namespace

rule_set rule_set::load(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw rules_error("cannot read the rules file " + path);
    }
    Json::CharReaderBuilder builder;
    Json::Value root;
    std::string problem;
    try {
        if (!Json::parseFromStream(builder, file, &root, &problem)) {
            throw rules_error(path + " is not JSON: " + problem);
        }
        if (!root.isArray()) {
            throw rules_error(path + ": expected an array of rules, as scripts/rules/flatten.mjs writes it");
        }
        rule_set set;
        for (Json::ArrayIndex i = 0; i < root.size(); i++) {
            set.m_rules.push_back(read_rule(root[i], path + ": rule " + std::to_string(i + 1)));
        }
        return set;
    } catch (const Json::Exception &e) {
        throw rules_error(path + ": " + e.what());
    }
}

void rule_set::compile(sinsp &inspector, filter_check_list &checks, const std::string &source) {
    const auto factory = std::make_shared<sinsp_filter_factory>(&inspector, checks);
    std::vector<compiled_rule> kept;
    std::string problems;
    for (compiled_rule &rule : m_rules) {
        if (!source.empty() && rule.source != source) {
            m_dropped.push_back(rule.name);
            continue;
        }
        try {
            rule.filter = compile_condition(rule, factory);
            rule.formatter = compile_output(rule, inspector, checks);
            kept.push_back(std::move(rule));
        } catch (const rules_error &e) {
            problems += (problems.empty() ? "" : "\n") + std::string(e.what());
        }
    }
    m_rules = std::move(kept);
    if (!problems.empty()) {
        throw rules_error(problems);
    }
}

size_t rule_set::evaluate(sinsp_evt &event, bool first_only, std::string &out) {
    size_t alerts = 0;
    for (compiled_rule &rule : m_rules) {
        if (!rule.enabled || !rule.filter->run(&event)) {
            continue;
        }
        rule.alerts++;
        alerts++;
        append_alert(out, rule, event);
        if (first_only) {
            break;
        }
    }
    return alerts;
}

size_t rule_set::enabled_count() const {
    return static_cast<size_t>(std::count_if(m_rules.begin(), m_rules.end(),
                                             [](const compiled_rule &rule) { return rule.enabled; }));
}

} // namespace sinsp_host
