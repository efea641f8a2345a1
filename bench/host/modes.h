// SPDX-License-Identifier: Apache-2.0
// What the host can measure. Each mode is one run in a process of its own and prints one line of JSON: raw
// numbers, which scripts/bench.mjs makes statistics of. The work of a run depends on its options alone, not
// on the clock.
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "host.h"

typedef struct {
    const char *plugin;           ///< path; NULL: the empty host
    const char *config;           ///< for init
    const char *extractor;        ///< path of a second plugin, for its fields; NULL: none
    const char *extractor_config; ///< for init
    const char *open;             ///< open parameters
    const char *fields;           ///< list, see host_read_requests
    uint64_t events;              ///< after which the run ends; 0: at the end of the source
    uint64_t repeat;              ///< how often the list of fields is asked of each event
    uint64_t samples;             ///< of the memory
} bench_options;

/** The plugins of a run and what is asked of them. */
typedef struct {
    host_plugin plugin;
    host_plugin extractor;
    bool has_extractor;
    host_requests requests;
} bench_setup;

/** Loads and initialises what the options name. */
void bench_begin(bench_setup *b, const bench_options *options);

void bench_end(bench_setup *b);

/** The event that is asked about. */
ss_plugin_event_input bench_input(const host_source *s, const ss_plugin_event *event, uint64_t number);

/** Asks the whole list of an event, `repeat` times one after the other. */
void bench_ask_all(const bench_setup *b, const ss_plugin_event_input *event, uint64_t repeat,
                   host_tally *tally);

/** What the plugin says of itself. */
void mode_describe(const bench_options *options);

/** Reads the source to its end and does nothing with the events. */
void mode_sourcing(const bench_options *options);

/** The same, and asks the fields of each event when it comes: what a plugin costs Falco. */
void mode_inline(const bench_options *options);

/** The same, and measures the extraction alone. */
void mode_extraction(const bench_options *options);

/** The same, and hashes the values of each field, to compare plugins; its time says nothing. */
void mode_values(const bench_options *options);

/** From nothing to the first event. */
void mode_load(const bench_options *options);

/** The memory while events are read and asked; without a plugin, the memory of the host itself. */
void mode_rss(const bench_options *options);

#endif
