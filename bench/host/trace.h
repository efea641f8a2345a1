// SPDX-License-Identifier: Apache-2.0
// The calls that libsinsp made for each event of a source, as bench/recorder has written them down. Its
// calls.h says how.
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include "host.h"

/** What is asked of an event, in its order: numbers of requests. */
typedef struct {
    const uint16_t *items;
    size_t count;
} trace_calls;

typedef struct {
    const char *path;      ///< NULL: there is no trace
    uint64_t events;       ///< of the source
    uint16_t *calls;       ///< of all events
    size_t call_count;     ///< at most 2^25, so 64 MiB
    uint32_t *starts;      ///< where the calls of each event begin, and where those of the last one end
    size_t start_capacity; ///< of `starts`
} trace;

/**
 * Reads a trace. A file that is none, that ends early, or that was made with other plugins ends the program
 * with a message.
 *
 * @param requests gets what is asked, in the trace's order; empty before
 */
void trace_read(trace *t, const char *path, host_plugin *const *plugins, size_t plugin_count,
                host_requests *requests);

/** The calls for an event, from 0 on. One that the trace does not have ends the program with a message. */
trace_calls trace_at(const trace *t, uint64_t event);

/** Ends the program with a message unless a source had as many events as the trace. */
void trace_check_end(const trace *t, uint64_t events);

void trace_free(trace *t);

#endif
