// SPDX-License-Identifier: Apache-2.0
// From C++ to JavaScript values and back.
#pragma once

#include "run.h"

#include <napi.h>

#include <memory>

namespace addon {

/// Distinguishes the handles that JavaScript holds, so that none can be taken for another.
template <typename T> struct HandleKind;

template <> struct HandleKind<Library> {
    static constexpr napi_type_tag TAG = {0x6b38736175646974, 1};
    static constexpr const char *NAME = "library";
};

template <> struct HandleKind<State> {
    static constexpr napi_type_tag TAG = {0x6b38736175646974, 2};
    static constexpr const char *NAME = "state";
};

template <> struct HandleKind<Instance> {
    static constexpr napi_type_tag TAG = {0x6b38736175646974, 3};
    static constexpr const char *NAME = "instance";
};

template <> struct HandleKind<EventRef> {
    static constexpr napi_type_tag TAG = {0x6b38736175646974, 4};
    static constexpr const char *NAME = "event";
};

template <> struct HandleKind<FieldRequests> {
    static constexpr napi_type_tag TAG = {0x6b38736175646974, 5};
    static constexpr const char *NAME = "field set";
};

/// A JavaScript handle that keeps `object` alive until it is collected.
template <typename T> Napi::Value wrap(Napi::Env env, std::shared_ptr<T> object) {
    auto handle = Napi::External<std::shared_ptr<T>>::New(
        env, new std::shared_ptr<T>(std::move(object)),
        [](Napi::Env, std::shared_ptr<T> *pointer) { delete pointer; });
    handle.TypeTag(&HandleKind<T>::TAG);
    return handle;
}

/// The object behind a handle; throws a TypeError for any other value.
template <typename T> std::shared_ptr<T> unwrap(const Napi::Value &value) {
    if (value.IsExternal()) {
        const auto handle = value.As<Napi::External<std::shared_ptr<T>>>();
        if (handle.CheckTypeTag(&HandleKind<T>::TAG)) {
            return *handle.Data();
        }
    }
    throw Napi::TypeError::New(value.Env(),
                               std::string("expected the handle of a plugin ") + HandleKind<T>::NAME);
}

/// A C string argument: a NUL inside would cut it short unnoticed, so it is a TypeError.
std::string to_c_text(const Napi::Value &value, const char *what);

FieldRequests to_requests(const Napi::Value &value);
Napi::Value from_results(Napi::Env env, const FieldRequests &requests,
                         const std::vector<FieldResult> &results);
Napi::Value from_logs(Napi::Env env, const std::vector<LogMessage> &logs);
Napi::Value from_metric(Napi::Env env, const std::string &name, const ss_plugin_metric &metric);
Napi::Value from_event(Napi::Env env, const std::shared_ptr<EventRef> &event);
Napi::Value from_report(Napi::Env env, const RunReport &report);
const char *rc_name(int rc);

} // namespace addon
