// SPDX-License-Identifier: Apache-2.0
// What a Falco host keeps for one plugin: the initialised state, its open instances and its events.
#pragma once

#include "library.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace addon {

struct LogMessage {
    int severity; ///< 1 (fatal) … 8 (trace), see ss_plugin_log_severity
    std::optional<std::string> component;
    std::string message;
};

/// The "owner" that a plugin is given: collects log messages (from any thread) and has no state tables.
class Owner {
  public:
    /// Hands over the messages collected since the last call.
    std::vector<LogMessage> drain();

    /// Fills in owner, tables and log function of `input`, which must not outlive this object.
    void introduce(ss_plugin_init_input &input);

    static const char *last_error(ss_plugin_owner_t *owner);

  private:
    static void log(ss_plugin_owner_t *owner, const char *component, const char *message,
                    ss_plugin_log_severity severity);
    static ss_plugin_table_info *list_tables(ss_plugin_owner_t *owner, uint32_t *count);
    static ss_plugin_table_t *get_table(ss_plugin_owner_t *owner, const char *name, ss_plugin_state_type key);
    static ss_plugin_rc add_table(ss_plugin_owner_t *owner, const ss_plugin_table_input *table);

    std::mutex mutex_;
    std::vector<LogMessage> messages_;
    std::string error_;
    ss_plugin_init_tables_input tables_ = {};
    ss_plugin_table_fields_vtable_ext table_fields_ = {};
    ss_plugin_table_reader_vtable_ext table_reader_ = {};
    ss_plugin_table_writer_vtable_ext table_writer_ = {};
};

class Instance;

/// One plugin_init() … plugin_destroy(). Not for use by several threads at once, but for metrics().
class State : public std::enable_shared_from_this<State> {
  public:
    /// Initialises the plugin. `config` is passed as it is; without one the plugin gets a NULL pointer.
    /// Throws PluginError with the plugin's message when it refuses; a state that it returned all the same
    /// is destroyed. Messages logged on the way are in `owner`.
    static std::shared_ptr<State> init(std::shared_ptr<Library> library,
                                       const std::optional<std::string> &config,
                                       std::shared_ptr<Owner> owner);

    ~State();
    State(const State &) = delete;
    State &operator=(const State &) = delete;

    /// Closes what is still open, then destroys the plugin's state. Later calls of anything throw.
    void destroy();

    /// Opens a source. Throws PluginError with the plugin's message when it refuses.
    std::shared_ptr<Instance> open(const std::string &params);

    std::string list_open_params();
    std::string last_error();
    std::vector<uint16_t> extract_event_types();

    /// The plugin's own array: valid until the next call.
    const ss_plugin_metric *metrics(uint32_t &count);

    /// The plugin's handle; throws PluginError when the state was destroyed.
    ss_plugin_t *handle() const;

    /// The number of the next event that does not come from an instance of this state (1, 2, …).
    uint64_t next_foreign_number() {
        return ++foreign_events_;
    }

    const Library &library() const {
        return *library_;
    }

    const plugin_api &api() const {
        return library_->api();
    }

    Owner &owner() const {
        return *owner_;
    }

    const char *event_source() const {
        return event_source_.c_str();
    }

  private:
    State(std::shared_ptr<Library> library, std::shared_ptr<Owner> owner, ss_plugin_t *handle);

    std::shared_ptr<Library> library_;
    std::shared_ptr<Owner> owner_;
    std::string event_source_;
    ss_plugin_t *handle_;
    uint64_t foreign_events_ = 0;
    std::vector<std::weak_ptr<Instance>> instances_;
};

/// What one plugin_next_batch() brought. The events are the plugin's own memory.
struct Batch {
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    std::string error;       ///< the plugin's message when rc is SS_PLUGIN_FAILURE
    uint64_t generation = 0; ///< which batch of its instance this is
    uint64_t first_number = 0;
    std::vector<ss_plugin_event *> events;
};

struct Progress {
    uint32_t per_ten_thousand;
    std::optional<std::string> text;
};

/// One plugin_open() … plugin_close().
class Instance {
  public:
    Instance(std::shared_ptr<State> state, ss_instance_t *handle);
    ~Instance();
    Instance(const Instance &) = delete;
    Instance &operator=(const Instance &) = delete;

    void close();

    /// Asks for the next batch, and treats the events as libscap does: plugin id 0 becomes the plugin's, tid
    /// -1, an unset time becomes now. Throws PluginError for what libscap would refuse: a malformed event,
    /// another plugin's id, success without events.
    Batch next_batch();

    Progress progress();

    /// True while events of that batch may still be read.
    bool holds(uint64_t generation) const {
        return handle_ != nullptr && generation == generation_;
    }

  private:
    ss_instance_t *handle() const;

    std::shared_ptr<State> state_;
    ss_instance_t *handle_;
    uint64_t generation_ = 0;
    uint64_t events_ = 0;
};

} // namespace addon
