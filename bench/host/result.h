// SPDX-License-Identifier: Apache-2.0
// The line of JSON that a run prints.
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include "clock.h"
#include "host.h"

/** `{"mode":…` and the identity of the plugin, which may be NULL. */
void result_begin(const char *mode, const host_plugin *plugin);

void result_number(const char *name, uint64_t value);
void result_text(const char *name, const char *value);
void result_numbers(const char *name, const uint64_t *values, size_t count);

/** `nanoseconds` and `cpuNanoseconds`. */
void result_time(bench_time time);

/** What a source has handed out. */
void result_source(const host_source *source);

/** What extraction gave. */
void result_tally(const host_tally *tally);

/** A member that holds JSON already. */
void result_json(const char *name, const char *json);

/** An array of objects: opens it, begins and ends each object, and closes it. */
void result_list_begin(const char *name);
void result_object_begin(void);
void result_object_end(void);
void result_list_end(void);

void result_end(void);

#endif
