// SPDX-License-Identifier: Apache-2.0
// The plugin under test, called as a Falco host calls it.
#ifndef FUZZ_HOST_H
#define FUZZ_HOST_H

#include "bytes.h"

#include <plugin/plugin_api.h>

#define PLUGIN_EVENT_TYPE 322
#define LOG_SEVERITIES 9

typedef struct {
    char *name;
    uint32_t type; ///< ss_plugin_field_type
    bool is_list;
    bool key_arg;
    bool index_arg;
    bool needs_arg;
} field_info;

typedef struct {
    const char *(*get_last_error)(ss_plugin_t *s);
    ss_plugin_t *(*init)(const ss_plugin_init_input *in, ss_plugin_rc *rc);
    void (*destroy)(ss_plugin_t *s);
    uint32_t (*get_id)(void);
    const char *(*get_event_source)(void);
    const char *(*get_fields)(void);
    ss_instance_t *(*open)(ss_plugin_t *s, const char *params, ss_plugin_rc *rc);
    void (*close)(ss_plugin_t *s, ss_instance_t *h);
    ss_plugin_rc (*next_batch)(ss_plugin_t *s, ss_instance_t *h, uint32_t *count, ss_plugin_event ***events);
    ss_plugin_rc (*extract_fields)(ss_plugin_t *s, const ss_plugin_event_input *evt,
                                   const ss_plugin_field_extract_input *in);
    const char *(*event_to_string)(ss_plugin_t *s, const ss_plugin_event_input *evt);
    ss_plugin_metric *(*get_metrics)(ss_plugin_t *s, uint32_t *count);
} plugin_functions;

typedef struct {
    plugin_functions api;
    uint32_t id;
    const char *source;
    field_info *fields;
    size_t field_count;
    ss_plugin_t *state; ///< NULL before host_init and after host_destroy
    uint64_t logged[LOG_SEVERITIES];
    uint64_t log_bytes;
    char last_log[256]; ///< the last message of severity ERROR or worse
} host;

/** Opens the plugin and reads its field list. What is missing ends the program with a message. */
void host_load(host *h, const char *path);

/** Initialises a state. A refusal ends the program with the plugin's message. */
void host_init(host *h, const char *config);

void host_destroy(host *h);

/** The plugin's counters, added up over several states. */
typedef struct {
    char names[64][64];
    double values[64];
    size_t count;
} metric_totals;

/** Adds the state's counters to `totals` by name; call it before host_destroy. */
void host_add_metrics(host *h, metric_totals *totals);

void host_free(host *h);

#endif
