// SPDX-License-Identifier: Apache-2.0
// A Falco plugin, opened and looked at as libsinsp does it. For the programs that measure and test plugins.
#ifndef LOADER_PLUGIN_H
#define LOADER_PLUGIN_H

#include <plugin/plugin_api.h>

#include <stdbool.h>
#include <stddef.h>

/** The type of the events that a plugin with an event source makes (PPME_PLUGINEVENT_E). */
#define PLUGIN_EVENT_TYPE 322

/** A plugin's functions. Those that the API does not require are NULL if the plugin lacks them. */
typedef struct {
    const char *(*get_required_api_version)(void);
    const char *(*get_name)(void);
    const char *(*get_description)(void);
    const char *(*get_contact)(void);
    const char *(*get_version)(void);
    const char *(*get_init_schema)(ss_plugin_schema_type *type);
    const char *(*get_last_error)(ss_plugin_t *s);
    ss_plugin_t *(*init)(const ss_plugin_init_input *in, ss_plugin_rc *rc);
    void (*destroy)(ss_plugin_t *s);
    uint32_t (*get_id)(void);
    const char *(*get_event_source)(void);
    ss_instance_t *(*open)(ss_plugin_t *s, const char *params, ss_plugin_rc *rc);
    void (*close)(ss_plugin_t *s, ss_instance_t *h);
    ss_plugin_rc (*next_batch)(ss_plugin_t *s, ss_instance_t *h, uint32_t *count, ss_plugin_event ***events);
    const char *(*event_to_string)(ss_plugin_t *s, const ss_plugin_event_input *evt);
    const char *(*get_fields)(void);
    ss_plugin_rc (*extract_fields)(ss_plugin_t *s, const ss_plugin_event_input *evt,
                                   const ss_plugin_field_extract_input *in);
    const char *(*get_extract_event_sources)(void);
    uint16_t *(*get_extract_event_types)(uint32_t *count, ss_plugin_t *s);
    ss_plugin_metric *(*get_metrics)(ss_plugin_t *s, uint32_t *count);
} plugin_functions;

typedef struct {
    char *name;
    uint32_t type; ///< ss_plugin_field_type
    bool is_list;
    bool key_arg;
    bool index_arg;
    bool needs_arg;
} field_info;

/** Its field's number is its place. */
typedef struct {
    field_info *items;
    size_t count;
} field_list;

/** What a plugin can do besides being there. */
typedef struct {
    bool sources;  ///< makes events
    bool extracts; ///< gives values of fields
} plugin_abilities;

/**
 * Opens the file and finds its functions. A file that is no plugin, one for another version of the API, or
 * one that has only a part of an ability ends the program with a message. The library is never closed: a leak
 * could not be traced to the functions of a closed one.
 */
plugin_abilities plugin_load(plugin_functions *api, const char *path);

/** Reads what get_fields gives. A list that libsinsp would refuse ends the program with a message. */
field_list plugin_read_fields(const plugin_functions *api);

/** The place of the field with this name, or `count`. */
size_t field_find(const field_list *fields, const char *name, size_t length);

void field_list_free(field_list *fields);

#endif
