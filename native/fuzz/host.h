// SPDX-License-Identifier: Apache-2.0
// The plugin under test, called as a Falco host calls it.
#ifndef FUZZ_HOST_H
#define FUZZ_HOST_H

#include "plugin.h"

#define LOG_SEVERITIES 9

typedef struct {
    plugin_functions api;
    uint32_t id;
    const char *source;
    field_list fields;
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
