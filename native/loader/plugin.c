// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

#include "die.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void find(plugin_functions *api, void *library, size_t slot, const char *name) {
    void *symbol = dlsym(library, name);
    memcpy((char *)api + slot, &symbol, sizeof(symbol));
}

static void check_required(const plugin_functions *api, const char *path) {
    const struct {
        bool there;
        const char *name;
    } required[] = {
        {api->get_required_api_version != NULL, "plugin_get_required_api_version"},
        {api->get_name != NULL, "plugin_get_name"},
        {api->get_description != NULL, "plugin_get_description"},
        {api->get_contact != NULL, "plugin_get_contact"},
        {api->get_version != NULL, "plugin_get_version"},
        {api->get_last_error != NULL, "plugin_get_last_error"},
        {api->init != NULL, "plugin_init"},
        {api->destroy != NULL, "plugin_destroy"},
    };
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (!required[i].there) {
            die("%s is no Falco plugin: it has no symbol %s", path, required[i].name);
        }
    }
}

static void check_version(const plugin_functions *api, const char *path) {
    const char *wanted = api->get_required_api_version();
    uint32_t major, minor, patch;
    if (sscanf(wanted, "%" SCNu32 ".%" SCNu32 ".%" SCNu32, &major, &minor, &patch) != 3) {
        die("%s requires the version '%s' of the plugin API, which is none", path, wanted);
    }
    const bool fits = major == PLUGIN_API_VERSION_MAJOR &&
                      (minor < PLUGIN_API_VERSION_MINOR ||
                       (minor == PLUGIN_API_VERSION_MINOR && patch <= PLUGIN_API_VERSION_PATCH));
    if (!fits) {
        die("%s requires version %s of the plugin API, and this host speaks %s", path, wanted,
            PLUGIN_API_VERSION_STR);
    }
}

plugin_abilities plugin_load(plugin_functions *api, const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        die("cannot load the plugin: %s", dlerror());
    }
#define FIND(name) find(api, library, offsetof(plugin_functions, name), "plugin_" #name)
    FIND(get_required_api_version);
    FIND(get_name);
    FIND(get_description);
    FIND(get_contact);
    FIND(get_version);
    FIND(get_init_schema);
    FIND(get_last_error);
    FIND(init);
    FIND(destroy);
    FIND(get_id);
    FIND(get_event_source);
    FIND(open);
    FIND(close);
    FIND(next_batch);
    FIND(event_to_string);
    FIND(get_fields);
    FIND(extract_fields);
    FIND(get_extract_event_sources);
    FIND(get_extract_event_types);
    FIND(get_metrics);
#undef FIND
    check_required(api, path);
    check_version(api, path);
    const int parts = (api->open != NULL) + (api->close != NULL) + (api->next_batch != NULL);
    if (parts != 0 && parts != 3) {
        die("%s has only some of plugin_open, plugin_close and plugin_next_batch", path);
    }
    if (api->extract_fields != NULL && api->get_fields == NULL) {
        die("%s has plugin_extract_fields, but no plugin_get_fields", path);
    }
    return (plugin_abilities){.sources = parts == 3, .extracts = api->extract_fields != NULL};
}
