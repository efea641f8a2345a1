// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <utility>

namespace addon {

std::vector<LogMessage> Owner::drain() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(messages_, {});
}

void Owner::introduce(ss_plugin_init_input &input) {
    // Plugins that extract or parse expect this input. There is no table to find, so none of the functions in
    // the three vtables can ever be called: they take a table as their argument.
    tables_.list_tables = list_tables;
    tables_.get_table = get_table;
    tables_.add_table = add_table;
    tables_.fields_ext = &table_fields_;
    tables_.reader_ext = &table_reader_;
    tables_.writer_ext = &table_writer_;
    input.owner = this;
    input.get_owner_last_error = last_error;
    input.tables = &tables_;
    input.log_fn = log;
}

const char *Owner::last_error(ss_plugin_owner_t *owner) {
    const Owner *self = static_cast<Owner *>(owner);
    return self->error_.empty() ? nullptr : self->error_.c_str();
}

void Owner::log(ss_plugin_owner_t *owner, const char *component, const char *message,
                ss_plugin_log_severity severity) {
    Owner *self = static_cast<Owner *>(owner);
    LogMessage entry;
    entry.severity = static_cast<int>(severity);
    if (component != nullptr) {
        entry.component = component;
    }
    entry.message = text_of(message);
    std::lock_guard<std::mutex> lock(self->mutex_);
    self->messages_.push_back(std::move(entry));
}

ss_plugin_table_info *Owner::list_tables(ss_plugin_owner_t *, uint32_t *count) {
    static ss_plugin_table_info none = {};
    *count = 0;
    return &none;
}

ss_plugin_table_t *Owner::get_table(ss_plugin_owner_t *owner, const char *name, ss_plugin_state_type) {
    static_cast<Owner *>(owner)->error_ = "this host has no state table '" + text_of(name) + "'";
    return nullptr;
}

ss_plugin_rc Owner::add_table(ss_plugin_owner_t *, const ss_plugin_table_input *) {
    return SS_PLUGIN_SUCCESS;
}

} // namespace addon
