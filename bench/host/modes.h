// SPDX-License-Identifier: Apache-2.0
// What the host can measure. Each mode is one run in a process of its own and prints one line of JSON: raw
// numbers, which scripts/bench.mjs makes statistics of. The work of a run depends on its options alone, not
// on the clock.
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "host.h"
#include "trace.h"

typedef struct {
    const char *plugin;           ///< path; NULL: the empty host
    const char *config;           ///< for init
    const char *extractor;        ///< path of a second plugin, for its fields; NULL: none
    const char *extractor_config; ///< for init
    const char *open;             ///< open parameters
    const char *fields;           ///< list, see host_read_requests
    const char *trace; ///< file with what is asked of each event, in place of that list; NULL: none
    uint64_t warm;     ///< rounds before those that count; a round opens the source and reads it
    uint64_t rounds;   ///< that count
    uint64_t events;   ///< after which a round ends; 0: at the end of the source
    uint64_t repeat;   ///< how often all of it is asked of each event
    uint64_t foreign;  ///< not 0: copies of the events are asked, as in the replay of a capture
    uint64_t samples;  ///< of the memory, or of the delays
} bench_options;

/** The plugins of a run, the source that is read, and what is asked of its events. */
typedef struct {
    host_plugin plugin;
    host_plugin extractor;
    bool has_extractor;
    host_requests requests;
    trace_calls list; ///< all requests once, in their order: asked of each event where there is no trace
    trace trace;
    host_source source;
    uint64_t before; ///< events that were handed out before the source was opened
    host_tally tally;
    ss_plugin_event *copy; ///< of the event that is asked; NULL: the event itself is
} bench_run;

/** Loads and initialises what the options name. */
void bench_begin(bench_run *r, const bench_options *options);

void bench_end(bench_run *r);

/** Opens the source for a round; the first one that counts makes all counts 0. */
void bench_open(bench_run *r, const bench_options *options, uint64_t round);

/** The same without a count of rounds. */
void bench_reopen(bench_run *r, const bench_options *options);

/** Closes the source. Where it was read to its end, it must have had the events of the trace. */
void bench_close(bench_run *r, const bench_options *options);

/** Whether a round has had as many events as it may. */
static inline bool bench_is_over(const bench_options *options, const bench_run *r) {
    return options->events != 0 && r->source.count - r->before >= options->events;
}

/** What is asked of the event with this number. */
static inline trace_calls bench_calls(const bench_run *r, uint64_t number) {
    return r->trace.path == NULL ? r->list : trace_at(&r->trace, number - r->before - 1);
}

/** Asks what is to be asked of an event, `repeat` times one after the other. */
void bench_ask(bench_run *r, const bench_options *options, const ss_plugin_event *event, uint64_t number);

/** What the plugin says of itself. */
void mode_describe(const bench_options *options);

/** Reads the source to its end, round by round, and does nothing with the events. */
void mode_sourcing(const bench_options *options);

/** The same, and asks the fields of each event when it comes: what a plugin costs Falco. */
void mode_inline(const bench_options *options);

/** The same, and measures the extraction alone. */
void mode_extraction(const bench_options *options);

/** The same for one round, and hashes the values of each field, to compare plugins; no clock runs. */
void mode_values(const bench_options *options);

/** From nothing to the first event. */
void mode_load(const bench_options *options);

/**
 * The memory while so many events are read and asked, the source being opened again and again; without a
 * plugin, the memory of the host itself.
 */
void mode_rss(const bench_options *options);

/**
 * Serves a webhook until the process gets SIGTERM and `events` have come, or nothing comes any more; when the
 * last one came is told. When the requests come from bench/client with gaps, the id of an event is the time
 * when it was sent: the delays up to when next_batch has returned it are told, `samples` of them at most.
 */
void mode_serve(const bench_options *options);

/** Turns in a loop, at a priority below all others, until the process gets SIGTERM: its processor does not
 * sleep. */
void mode_awake(const bench_options *options);

#endif
