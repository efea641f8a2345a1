// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <libsinsp/sinsp.h>

namespace sinsp_host {

/** Rules that cannot be used; the message has one line for each, with the rule's name. */
class rules_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/** One flattened rule, and what libsinsp made of it. */
struct compiled_rule {
    std::string name;
    std::string priority;
    std::string source;
    std::string condition;
    std::string output;
    std::vector<std::string> tags;
    bool enabled = true;
    uint64_t alerts = 0;
    std::unique_ptr<sinsp_filter> filter;
    std::unique_ptr<sinsp_evt_formatter> formatter;
};

/** Rules, compiled against one inspector, and their evaluation. */
class rule_set {
  public:
    /**
     * Reads the JSON file of flattened rules: an array of {rule, priority, condition, output, tags, source,
     * enabled}. Throws rules_error if it cannot be read or is not of that form.
     */
    static rule_set load(const std::string &path);

    /**
     * Drops the rules of other event sources than `source` (all stay where `source` is empty), and compiles
     * the others. Throws rules_error that names every rule whose condition or output libsinsp refuses.
     * @param checks the fields that conditions and outputs may use; has to outlive this object
     */
    void compile(sinsp &inspector, filter_check_list &checks, const std::string &source);

    /**
     * Evaluates the enabled rules on one event, in order, and appends one JSON line for each alert.
     * @param first_only stop at the first rule that matches
     * @return number of alerts
     */
    size_t evaluate(sinsp_evt &event, bool first_only, std::string &out);

    /** Number of rules that alert when they match. */
    size_t enabled_count() const;

    const std::vector<compiled_rule> &rules() const {
        return m_rules;
    }

    /** Names of the rules that compile() dropped because they are for another event source. */
    const std::vector<std::string> &dropped() const {
        return m_dropped;
    }

  private:
    std::vector<compiled_rule> m_rules;
    std::vector<std::string> m_dropped;
};

} // namespace sinsp_host
