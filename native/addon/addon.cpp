// SPDX-License-Identifier: Apache-2.0
// The functions that JavaScript sees. They take and return handles; test/support/plugin.ts makes classes of
// them.
#include "convert.h"

#include <optional>

namespace addon {

namespace {

using Info = Napi::CallbackInfo;

Napi::Error to_js_error(Napi::Env env, const PluginError &error) {
    Napi::Error result = Napi::Error::New(env, error.what());
    result.Set("rc", Napi::String::New(env, rc_name(error.rc)));
    return result;
}

/// Makes a JavaScript function of F; what F throws becomes a JavaScript exception.
template <Napi::Value (*F)(const Info &)> Napi::Value guarded(const Info &info) {
    try {
        return F(info);
    } catch (const PluginError &error) {
        throw to_js_error(info.Env(), error);
    } catch (const Napi::Error &) {
        throw;
    } catch (const std::exception &error) {
        throw Napi::Error::New(info.Env(), error.what());
    }
}

Napi::Value load(const Info &info) {
    return wrap<Library>(info.Env(), Library::load(to_c_text(info[0], "the plugin's path")));
}

Napi::Value symbols(const Info &info) {
    const auto library = unwrap<Library>(info[0]);
    Napi::Array list = Napi::Array::New(info.Env());
    for (const std::string &symbol : library->symbols()) {
        list.Set(list.Length(), symbol);
    }
    return list;
}

using TextGetter = const char *(*)();

struct NamedGetter {
    const char *name;
    TextGetter (*of)(const plugin_api &);
};

const NamedGetter TEXT_GETTERS[] = {
    {"name", [](const plugin_api &api) { return api.get_name; }},
    {"description", [](const plugin_api &api) { return api.get_description; }},
    {"contact", [](const plugin_api &api) { return api.get_contact; }},
    {"version", [](const plugin_api &api) { return api.get_version; }},
    {"requiredApiVersion", [](const plugin_api &api) { return api.get_required_api_version; }},
    {"eventSource", [](const plugin_api &api) { return api.get_event_source; }},
    {"fields", [](const plugin_api &api) { return api.get_fields; }},
    {"extractSources", [](const plugin_api &api) { return api.get_extract_event_sources; }},
};

/// (library, one of the names above) → the text, or null where the plugin has no such function
Napi::Value text(const Info &info) {
    const auto library = unwrap<Library>(info[0]);
    const std::string name = to_c_text(info[1], "the text's name");
    for (const NamedGetter &entry : TEXT_GETTERS) {
        if (name == entry.name) {
            const TextGetter getter = entry.of(library->api());
            if (getter == nullptr) {
                return info.Env().Null();
            }
            return Napi::String::New(info.Env(), text_of(getter()));
        }
    }
    throw Napi::TypeError::New(info.Env(), "plugins have no text named " + name);
}

Napi::Value id(const Info &info) {
    return Napi::Number::New(info.Env(), unwrap<Library>(info[0])->id());
}

Napi::Value init_schema(const Info &info) {
    const auto library = unwrap<Library>(info[0]);
    if (library->api().get_init_schema == nullptr) {
        return info.Env().Null();
    }
    ss_plugin_schema_type type = SS_PLUGIN_SCHEMA_NONE;
    const std::string schema = text_of(library->api().get_init_schema(&type));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("type", static_cast<double>(type));
    result.Set("schema", schema);
    return result;
}

Napi::Value from_types(Napi::Env env, const uint16_t *types, size_t count) {
    Napi::Array list = Napi::Array::New(env, count);
    for (uint32_t i = 0; i < count; i++) {
        list.Set(i, types[i]);
    }
    return list;
}

/// Before any state: the API allows a NULL state here.
Napi::Value extract_event_types(const Info &info) {
    const auto library = unwrap<Library>(info[0]);
    if (library->api().get_extract_event_types == nullptr) {
        return info.Env().Null();
    }
    uint32_t count = 0;
    const uint16_t *types = library->api().get_extract_event_types(&count, nullptr);
    return from_types(info.Env(), types, types == nullptr ? 0 : count);
}

Napi::Value state_extract_event_types(const Info &info) {
    const auto types = unwrap<State>(info[0])->extract_event_types();
    return from_types(info.Env(), types.data(), types.size());
}

std::optional<std::string> to_config(const Napi::Value &value) {
    if (value.IsNull() || value.IsUndefined()) {
        return std::nullopt;
    }
    return to_c_text(value, "the configuration");
}

Napi::Value init(const Info &info) {
    const auto library = unwrap<Library>(info[0]);
    const auto config = to_config(info[1]);
    const auto owner = std::make_shared<Owner>();
    try {
        return wrap<State>(info.Env(), State::init(library, config, owner));
    } catch (const PluginError &error) {
        Napi::Error result = to_js_error(info.Env(), error);
        result.Set("logs", from_logs(info.Env(), owner->drain()));
        throw result;
    }
}

Napi::Value drain_logs(const Info &info) {
    return from_logs(info.Env(), unwrap<State>(info[0])->owner().drain());
}

Napi::Value destroy(const Info &info) {
    unwrap<State>(info[0])->destroy();
    return info.Env().Undefined();
}

Napi::Value list_open_params(const Info &info) {
    return Napi::String::New(info.Env(), unwrap<State>(info[0])->list_open_params());
}

Napi::Value last_error(const Info &info) {
    return Napi::String::New(info.Env(), unwrap<State>(info[0])->last_error());
}

Napi::Value metrics(const Info &info) {
    const auto state = unwrap<State>(info[0]);
    uint32_t count = 0;
    const ss_plugin_metric *metrics = state->metrics(count);
    Napi::Array list = Napi::Array::New(info.Env(), count);
    for (uint32_t i = 0; i < count; i++) {
        list.Set(i, from_metric(info.Env(), text_of(metrics[i].name), metrics[i]));
    }
    return list;
}

Napi::Value open(const Info &info) {
    return wrap<Instance>(info.Env(),
                          unwrap<State>(info[0])->open(to_c_text(info[1], "the open parameters")));
}

Napi::Value close(const Info &info) {
    unwrap<Instance>(info[0])->close();
    return info.Env().Undefined();
}

Napi::Value next_batch(const Info &info) {
    const auto instance = unwrap<Instance>(info[0]);
    const Batch batch = instance->next_batch();
    Napi::Array events = Napi::Array::New(info.Env(), batch.events.size());
    for (uint32_t i = 0; i < batch.events.size(); i++) {
        const auto event =
            std::make_shared<EventRef>(instance, batch.generation, batch.events[i], batch.first_number + i);
        events.Set(i, from_event(info.Env(), event));
    }
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("rc", rc_name(batch.rc));
    result.Set("events", events);
    if (batch.rc == SS_PLUGIN_FAILURE) {
        result.Set("error", batch.error);
    }
    return result;
}

Napi::Value progress(const Info &info) {
    const Progress progress = unwrap<Instance>(info[0])->progress();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("percent", progress.per_ten_thousand / 100.0);
    result.Set("text", progress.text ? Napi::String::New(info.Env(), *progress.text)
                                     : Napi::Value(info.Env().Null()));
    return result;
}

/// (state, payload, plugin id or undefined, time or undefined, number or undefined)
Napi::Value foreign_event(const Info &info) {
    const auto state = unwrap<State>(info[0]);
    if (!info[1].IsBuffer()) {
        throw Napi::TypeError::New(info.Env(), "the payload must be a Buffer");
    }
    const auto payload = info[1].As<Napi::Buffer<uint8_t>>();
    const uint32_t plugin_id = info[2].IsNumber() ? info[2].ToNumber().Uint32Value() : state->library().id();
    bool lossless = false;
    const uint64_t ts = info[3].IsBigInt() ? info[3].As<Napi::BigInt>().Uint64Value(&lossless) : 0;
    const uint64_t number = info[4].IsNumber() ? static_cast<uint64_t>(info[4].ToNumber().Int64Value())
                                               : state->next_foreign_number();
    return from_event(info.Env(),
                      EventRef::from_payload(payload.Data(), payload.Length(), plugin_id, ts, number));
}

/// (state, bytes of a whole event, number or undefined) → handle only: the event may be malformed on purpose
Napi::Value raw_event(const Info &info) {
    const auto state = unwrap<State>(info[0]);
    if (!info[1].IsBuffer()) {
        throw Napi::TypeError::New(info.Env(), "the event must be a Buffer");
    }
    const auto bytes = info[1].As<Napi::Buffer<uint8_t>>();
    const uint64_t number = info[2].IsNumber() ? static_cast<uint64_t>(info[2].ToNumber().Int64Value())
                                               : state->next_foreign_number();
    return wrap<EventRef>(info.Env(), EventRef::from_bytes(bytes.Data(), bytes.Length(), number));
}

Napi::Value to_string(const Info &info) {
    const auto state = unwrap<State>(info[0]);
    const auto event = unwrap<EventRef>(info[1]);
    return Napi::String::New(info.Env(), event_to_string(*state, event->input(*state)));
}

Napi::Value field_set(const Info &info) {
    return wrap<FieldRequests>(info.Env(), std::make_shared<FieldRequests>(to_requests(info[0])));
}

/// (state, event, field set, separately, offsets)
Napi::Value extract_fields(const Info &info) {
    const auto state = unwrap<State>(info[0]);
    const auto event = unwrap<EventRef>(info[1]);
    const auto requests = unwrap<FieldRequests>(info[2]);
    ExtractOptions options;
    options.separately = info[3].ToBoolean();
    options.offsets = info[4].ToBoolean();
    return from_results(info.Env(), *requests, extract(*state, event->input(*state), *requests, options));
}

class RunWorker : public Napi::AsyncWorker {
  public:
    RunWorker(Napi::Env env, RunOrder order)
        : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), order_(std::move(order)) {
    }

    Napi::Promise promise() const {
        return deferred_.Promise();
    }

    void Execute() override {
        try {
            report_ = run(order_);
        } catch (const std::exception &error) {
            SetError(error.what());
        }
    }

    void OnOK() override {
        deferred_.Resolve(from_report(Env(), report_));
    }

    void OnError(const Napi::Error &error) override {
        deferred_.Reject(error.Value());
    }

  private:
    Napi::Promise::Deferred deferred_;
    RunOrder order_;
    RunReport report_;
};

/// (path, config, open parameters, field set, batches or 0, idle batches, rounds) → Promise
Napi::Value run_in_thread(const Info &info) {
    RunOrder order;
    order.path = to_c_text(info[0], "the plugin's path");
    order.config = to_config(info[1]);
    order.params = to_c_text(info[2], "the open parameters");
    order.fields = *unwrap<FieldRequests>(info[3]);
    order.max_batches = static_cast<uint64_t>(info[4].ToNumber().Int64Value());
    order.max_idle = static_cast<uint64_t>(info[5].ToNumber().Int64Value());
    order.rounds = info[6].ToNumber().Uint32Value();
    auto *worker = new RunWorker(info.Env(), std::move(order)); // deletes itself when it is done
    worker->Queue();
    return worker->promise();
}

Napi::Object exports_of(Napi::Env env, Napi::Object exports) {
    const auto add = [&](const char *name, Napi::Value (*function)(const Info &)) {
        exports.Set(name, Napi::Function::New(env, function, name));
    };
    add("load", guarded<load>);
    add("symbols", guarded<symbols>);
    add("text", guarded<text>);
    add("id", guarded<id>);
    add("initSchema", guarded<init_schema>);
    add("extractEventTypes", guarded<extract_event_types>);
    add("stateExtractEventTypes", guarded<state_extract_event_types>);
    add("init", guarded<init>);
    add("drainLogs", guarded<drain_logs>);
    add("destroy", guarded<destroy>);
    add("listOpenParams", guarded<list_open_params>);
    add("lastError", guarded<last_error>);
    add("metrics", guarded<metrics>);
    add("open", guarded<open>);
    add("close", guarded<close>);
    add("nextBatch", guarded<next_batch>);
    add("progress", guarded<progress>);
    add("foreignEvent", guarded<foreign_event>);
    add("rawEvent", guarded<raw_event>);
    add("eventToString", guarded<to_string>);
    add("fieldSet", guarded<field_set>);
    add("extract", guarded<extract_fields>);
    add("runInThread", guarded<run_in_thread>);
    return exports;
}

} // namespace

Napi::Object register_addon(Napi::Env env, Napi::Object exports) {
    return exports_of(env, exports);
}

NODE_API_MODULE(plugin_addon, register_addon)

} // namespace addon
