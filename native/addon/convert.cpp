// SPDX-License-Identifier: Apache-2.0
#include "convert.h"

#include <cstdio>

namespace addon {

namespace {

Napi::Value from_scalar(Napi::Env env, const Scalar &scalar) {
    if (const auto *text = std::get_if<std::string>(&scalar)) {
        return Napi::String::New(env, *text);
    }
    if (const auto *number = std::get_if<uint64_t>(&scalar)) {
        return Napi::BigInt::New(env, *number);
    }
    if (const auto *flag = std::get_if<bool>(&scalar)) {
        return Napi::Boolean::New(env, *flag);
    }
    const auto &bytes = std::get<std::vector<uint8_t>>(scalar);
    return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

Napi::Value from_field(Napi::Env env, const FieldRequest &request, const FieldResult &result) {
    if (result.values.empty()) {
        return env.Null();
    }
    if (!request.is_list) {
        return from_scalar(env, result.values[0]);
    }
    Napi::Array list = Napi::Array::New(env, result.values.size());
    for (uint32_t i = 0; i < result.values.size(); i++) {
        list.Set(i, from_scalar(env, result.values[i]));
    }
    return list;
}

Napi::Value from_offsets(Napi::Env env, const std::optional<std::vector<ValueOffset>> &offsets) {
    if (!offsets) {
        return env.Null();
    }
    Napi::Array list = Napi::Array::New(env, offsets->size());
    for (uint32_t i = 0; i < offsets->size(); i++) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("start", (*offsets)[i].start);
        entry.Set("length", (*offsets)[i].length);
        list.Set(i, entry);
    }
    return list;
}

FieldRequest to_request(const Napi::Object &object) {
    FieldRequest request = {};
    request.id = object.Get("id").ToNumber().Uint32Value();
    request.name = to_c_text(object.Get("name"), "a field's name");
    request.type = object.Get("type").ToNumber().Uint32Value();
    request.is_list = object.Get("isList").ToBoolean();
    const Napi::Value key = object.Get("key");
    if (key.IsString()) {
        request.key = to_c_text(key, "a field's argument");
    }
    const Napi::Value index = object.Get("index");
    if (index.IsBigInt()) {
        bool lossless = false;
        request.index = index.As<Napi::BigInt>().Uint64Value(&lossless);
    }
    request.has_arg = request.key.has_value() || request.index.has_value();
    return request;
}

std::pair<const char *, Napi::Value> metric_value(Napi::Env env, const ss_plugin_metric &metric) {
    switch (metric.value_type) {
    case SS_PLUGIN_METRIC_VALUE_TYPE_U32:
        return {"u32", Napi::Number::New(env, metric.value.u32)};
    case SS_PLUGIN_METRIC_VALUE_TYPE_S32:
        return {"s32", Napi::Number::New(env, metric.value.s32)};
    case SS_PLUGIN_METRIC_VALUE_TYPE_U64:
        return {"u64", Napi::BigInt::New(env, metric.value.u64)};
    case SS_PLUGIN_METRIC_VALUE_TYPE_S64:
        return {"s64", Napi::BigInt::New(env, metric.value.s64)};
    case SS_PLUGIN_METRIC_VALUE_TYPE_D:
        return {"d", Napi::Number::New(env, metric.value.d)};
    case SS_PLUGIN_METRIC_VALUE_TYPE_F:
        return {"f", Napi::Number::New(env, metric.value.f)};
    case SS_PLUGIN_METRIC_VALUE_TYPE_I:
        return {"i", Napi::Number::New(env, metric.value.i)};
    default:
        throw PluginError("plugin_get_metrics returned a value of the unknown type " +
                          std::to_string(metric.value_type));
    }
}

} // namespace

std::string to_c_text(const Napi::Value &value, const char *what) {
    if (!value.IsString()) {
        throw Napi::TypeError::New(value.Env(), std::string(what) + " must be a string");
    }
    std::string text = value.As<Napi::String>();
    if (text.find('\0') != std::string::npos) {
        throw Napi::TypeError::New(value.Env(), std::string(what) + " must not contain a NUL character");
    }
    return text;
}

FieldRequests to_requests(const Napi::Value &value) {
    if (!value.IsArray()) {
        throw Napi::TypeError::New(value.Env(), "the fields must be an array");
    }
    const Napi::Array list = value.As<Napi::Array>();
    FieldRequests requests;
    for (uint32_t i = 0; i < list.Length(); i++) {
        const Napi::Value entry = list.Get(i);
        requests.push_back(to_request(entry.ToObject()));
    }
    return requests;
}

Napi::Value from_results(Napi::Env env, const FieldRequests &requests,
                         const std::vector<FieldResult> &results) {
    Napi::Array list = Napi::Array::New(env, results.size());
    for (uint32_t i = 0; i < results.size(); i++) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("value", from_field(env, requests[i], results[i]));
        entry.Set("offsets", from_offsets(env, results[i].offsets));
        list.Set(i, entry);
    }
    return list;
}

Napi::Value from_logs(Napi::Env env, const std::vector<LogMessage> &logs) {
    Napi::Array list = Napi::Array::New(env, logs.size());
    for (uint32_t i = 0; i < logs.size(); i++) {
        const LogMessage &message = logs[i];
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("severity", message.severity);
        entry.Set("component",
                  message.component ? Napi::String::New(env, *message.component) : Napi::Value(env.Null()));
        entry.Set("message", message.message);
        list.Set(i, entry);
    }
    return list;
}

Napi::Value from_metric(Napi::Env env, const std::string &name, const ss_plugin_metric &metric) {
    const auto [type_name, value] = metric_value(env, metric);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", name);
    entry.Set("monotonic", metric.type == SS_PLUGIN_METRIC_TYPE_MONOTONIC);
    entry.Set("valueType", type_name);
    entry.Set("value", value);
    return entry;
}

Napi::Value from_event(Napi::Env env, const std::shared_ptr<EventRef> &event) {
    const EventView view = view_event(event->get());
    Napi::Object object = Napi::Object::New(env);
    object.Set("ref", wrap<EventRef>(env, event));
    object.Set("num", static_cast<double>(event->number()));
    object.Set("ts", Napi::BigInt::New(env, view.ts));
    object.Set("tid", Napi::BigInt::New(env, view.tid));
    object.Set("type", view.type);
    object.Set("nparams", view.nparams);
    object.Set("len", view.len);
    object.Set("pluginId", view.plugin_id);
    object.Set("payload", Napi::Buffer<uint8_t>::Copy(env, view.payload, view.payload_len));
    return object;
}

Napi::Value from_report(Napi::Env env, const RunReport &report) {
    char digest[17];
    snprintf(digest, sizeof(digest), "%016llx", static_cast<unsigned long long>(report.digest));
    Napi::Object object = Napi::Object::New(env);
    object.Set("batches", static_cast<double>(report.batches));
    object.Set("events", static_cast<double>(report.events));
    object.Set("timeouts", static_cast<double>(report.timeouts));
    object.Set("payloadBytes", static_cast<double>(report.payload_bytes));
    object.Set("values", static_cast<double>(report.values));
    object.Set("failures", static_cast<double>(report.failures));
    object.Set("digest", digest);
    object.Set("eof", report.eof);
    Napi::Array metrics = Napi::Array::New(env, report.metrics.size());
    for (uint32_t i = 0; i < report.metrics.size(); i++) {
        metrics.Set(i, from_metric(env, report.metrics[i].name, report.metrics[i].metric));
    }
    object.Set("metrics", metrics);
    object.Set("logs", from_logs(env, report.logs));
    return object;
}

const char *rc_name(int rc) {
    switch (rc) {
    case SS_PLUGIN_SUCCESS:
        return "success";
    case SS_PLUGIN_TIMEOUT:
        return "timeout";
    case SS_PLUGIN_EOF:
        return "eof";
    case SS_PLUGIN_NOT_SUPPORTED:
        return "not-supported";
    default:
        return "failure";
    }
}

} // namespace addon
