// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include "event.h"

#include <algorithm>
#include <utility>

namespace addon {

namespace {

/// No return code of the API, but in the range of its enumeration: shows that the plugin left the code unset.
constexpr ss_plugin_rc RC_UNSET = static_cast<ss_plugin_rc>(-4);

/// More events than any host would take from one batch: the count cannot be right.
constexpr uint32_t MAX_BATCH_EVENTS = 1U << 24;

void must_be_set(ss_plugin_rc rc, const char *function) {
    if (rc == RC_UNSET) {
        throw PluginError(std::string(function) + " left its return code unset");
    }
}

std::string error_of(const plugin_api &api, ss_plugin_t *handle, const char *function) {
    const std::string message = text_of(api.get_last_error(handle));
    return message.empty() ? std::string(function) + " failed without a message" : message;
}

} // namespace

State::State(std::shared_ptr<Library> library, std::shared_ptr<Owner> owner, ss_plugin_t *handle)
    : library_(std::move(library)), owner_(std::move(owner)), event_source_(library_->event_source()),
      handle_(handle) {
}

State::~State() {
    destroy();
}

std::shared_ptr<State> State::init(std::shared_ptr<Library> library, const std::optional<std::string> &config,
                                   std::shared_ptr<Owner> owner) {
    library->check_loadable();
    const plugin_api &api = library->api();
    ss_plugin_init_input input = {};
    input.config = config ? config->c_str() : nullptr;
    owner->introduce(input);

    ss_plugin_rc rc = RC_UNSET;
    ss_plugin_t *handle = api.init(&input, &rc);
    if (handle == nullptr) {
        must_be_set(rc, "plugin_init");
        throw PluginError("plugin_init returned neither a state nor, therefore, a message", rc);
    }
    // From here on the State destroys the handle, whatever happens.
    std::shared_ptr<State> state(new State(std::move(library), std::move(owner), handle));
    must_be_set(rc, "plugin_init");
    if (rc != SS_PLUGIN_SUCCESS) {
        throw PluginError(error_of(api, handle, "plugin_init"), rc);
    }
    return state;
}

void State::destroy() {
    if (handle_ == nullptr) {
        return;
    }
    for (const auto &weak : instances_) {
        if (const auto instance = weak.lock()) {
            instance->close();
        }
    }
    instances_.clear();
    api().destroy(std::exchange(handle_, nullptr));
}

ss_plugin_t *State::handle() const {
    if (handle_ == nullptr) {
        throw PluginError("the plugin state was destroyed");
    }
    return handle_;
}

std::string State::last_error() {
    return text_of(api().get_last_error(handle()));
}

std::shared_ptr<Instance> State::open(const std::string &params) {
    const auto open_fn = library_->need(api().open, "open");
    library_->need(api().close, "close");
    library_->need(api().next_batch, "next_batch");

    ss_plugin_rc rc = RC_UNSET;
    ss_instance_t *instance = open_fn(handle(), params.c_str(), &rc);
    if (rc != SS_PLUGIN_SUCCESS) {
        const std::string message = rc == RC_UNSET ? "" : error_of(api(), handle_, "plugin_open");
        // libscap closes after a failed open too, with whatever open() returned.
        api().close(handle_, instance);
        must_be_set(rc, "plugin_open");
        throw PluginError(message, rc);
    }
    if (instance == nullptr) {
        throw PluginError("plugin_open succeeded but returned no instance");
    }
    auto opened = std::make_shared<Instance>(shared_from_this(), instance);
    const auto gone = [](const std::weak_ptr<Instance> &weak) { return weak.expired(); };
    instances_.erase(std::remove_if(instances_.begin(), instances_.end(), gone), instances_.end());
    instances_.push_back(opened);
    return opened;
}

std::string State::list_open_params() {
    const auto list = library_->need(api().list_open_params, "list_open_params");
    ss_plugin_rc rc = RC_UNSET;
    const std::string json = text_of(list(handle(), &rc));
    must_be_set(rc, "plugin_list_open_params");
    if (rc != SS_PLUGIN_SUCCESS) {
        throw PluginError(error_of(api(), handle_, "plugin_list_open_params"), rc);
    }
    return json;
}

std::vector<uint16_t> State::extract_event_types() {
    const auto types_fn = library_->need(api().get_extract_event_types, "get_extract_event_types");
    uint32_t count = 0;
    const uint16_t *types = types_fn(&count, handle());
    return types == nullptr ? std::vector<uint16_t>() : std::vector<uint16_t>(types, types + count);
}

const ss_plugin_metric *State::metrics(uint32_t &count) {
    const auto metrics_fn = library_->need(api().get_metrics, "get_metrics");
    count = 0;
    const ss_plugin_metric *metrics = metrics_fn(handle(), &count);
    if (metrics == nullptr) {
        count = 0;
    }
    return metrics;
}

Instance::Instance(std::shared_ptr<State> state, ss_instance_t *handle)
    : state_(std::move(state)), handle_(handle) {
}

Instance::~Instance() {
    close();
}

void Instance::close() {
    if (handle_ != nullptr) {
        // The state outlives this object and closes it before it destroys itself, so its handle is valid.
        state_->api().close(state_->handle(), std::exchange(handle_, nullptr));
    }
}

ss_instance_t *Instance::handle() const {
    if (handle_ == nullptr) {
        throw PluginError("the instance was closed");
    }
    return handle_;
}

Batch Instance::next_batch() {
    ss_instance_t *instance = handle();
    Batch batch;
    batch.generation = ++generation_;
    batch.first_number = events_ + 1;

    uint32_t count = 0;
    ss_plugin_event **events = nullptr;
    batch.rc = state_->api().next_batch(state_->handle(), instance, &count, &events);
    if (batch.rc == SS_PLUGIN_FAILURE) {
        batch.error = error_of(state_->api(), state_->handle(), "plugin_next_batch");
    }
    if (batch.rc == SS_PLUGIN_SUCCESS && count == 0) {
        throw PluginError("plugin_next_batch reported success without an event");
    }
    if (count > MAX_BATCH_EVENTS || (count > 0 && events == nullptr)) {
        throw PluginError("plugin_next_batch returned no memory for " + std::to_string(count) + " events");
    }
    batch.events.assign(events, events + count);
    for (ss_plugin_event *event : batch.events) {
        if (event == nullptr) {
            throw PluginError("plugin_next_batch returned a NULL event");
        }
        adopt_event(event, state_->library());
    }
    events_ += count;
    return batch;
}

Progress Instance::progress() {
    const auto progress_fn = state_->library().need(state_->api().get_progress, "get_progress");
    constexpr uint32_t UNSET = 0xffffffff;
    Progress progress = {UNSET, std::nullopt};
    // In this order: compilers evaluate arguments in orders of their own, and both throw.
    const auto own = handle();
    const char *text = progress_fn(state_->handle(), own, &progress.per_ten_thousand);
    if (progress.per_ten_thousand > 10000) {
        throw PluginError("plugin_get_progress left the percentage unset or set it beyond 10000");
    }
    if (text != nullptr) {
        progress.text = text;
    }
    return progress;
}

} // namespace addon
