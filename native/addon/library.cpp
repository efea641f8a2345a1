// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <dlfcn.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace addon {

namespace {

template <typename F> void resolve(void *handle, const char *name, F &slot, std::vector<std::string> &found) {
    void *symbol = dlsym(handle, name);
    static_assert(sizeof(symbol) == sizeof(slot), "functions and data have pointers of one size");
    memcpy(&slot, &symbol, sizeof(slot));
    if (symbol != nullptr) {
        found.emplace_back(name);
    }
}

} // namespace

Library::Library(void *handle) : handle_(handle) {
#define RESOLVE(member) resolve(handle_, "plugin_" #member, api_.member, symbols_)
    RESOLVE(get_required_api_version);
    RESOLVE(get_init_schema);
    RESOLVE(init);
    RESOLVE(destroy);
    RESOLVE(get_last_error);
    RESOLVE(get_name);
    RESOLVE(get_description);
    RESOLVE(get_contact);
    RESOLVE(get_version);
    RESOLVE(get_id);
    RESOLVE(get_event_source);
    RESOLVE(open);
    RESOLVE(close);
    RESOLVE(list_open_params);
    RESOLVE(get_progress);
    RESOLVE(event_to_string);
    RESOLVE(next_batch);
    RESOLVE(get_extract_event_types);
    RESOLVE(get_extract_event_sources);
    RESOLVE(get_fields);
    RESOLVE(extract_fields);
    RESOLVE(get_parse_event_types);
    RESOLVE(get_parse_event_sources);
    RESOLVE(parse_event);
    RESOLVE(get_async_event_sources);
    RESOLVE(get_async_events);
    RESOLVE(set_async_event_handler);
    RESOLVE(dump_state);
    RESOLVE(set_config);
    RESOLVE(get_metrics);
    RESOLVE(capture_open);
    RESOLVE(capture_close);
    RESOLVE(get_required_event_schema_version);
#undef RESOLVE
}

Library::~Library() {
    dlclose(handle_);
}

std::shared_ptr<Library> Library::load(const std::string &path) {
    void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        throw PluginError("cannot load the plugin " + path + ": " + text_of(dlerror()));
    }
    std::shared_ptr<Library> library(new Library(handle));
    if (library->symbols_.empty()) {
        throw PluginError(path + " is not a Falco plugin: it exports no plugin_* symbol");
    }
    return library;
}

void Library::check_loadable() const {
    need(api_.get_required_api_version, "get_required_api_version");
    need(api_.get_version, "get_version");
    need(api_.get_name, "get_name");
    need(api_.get_description, "get_description");
    need(api_.get_contact, "get_contact");
    need(api_.init, "init");
    need(api_.destroy, "destroy");
    need(api_.get_last_error, "get_last_error");

    const std::string version = text_of(api_.get_required_api_version());
    uint32_t major = 0, minor = 0, patch = 0;
    if (sscanf(version.c_str(), "%" SCNu32 ".%" SCNu32 ".%" SCNu32, &major, &minor, &patch) != 3) {
        throw PluginError("the plugin requires API '" + version + "', which is not a version (x.y.z)");
    }
    if (major != PLUGIN_API_VERSION_MAJOR || minor > PLUGIN_API_VERSION_MINOR) {
        throw PluginError("the plugin requires API " + version +
                          ", this host speaks " PLUGIN_API_VERSION_STR);
    }
}

uint32_t Library::id() const {
    return api_.get_id == nullptr ? 0 : api_.get_id();
}

std::string Library::event_source() const {
    return api_.get_event_source == nullptr ? std::string() : text_of(api_.get_event_source());
}

} // namespace addon
