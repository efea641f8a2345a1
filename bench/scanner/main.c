// SPDX-License-Identifier: Apache-2.0
// Times one way to read the JSON of audit events. bench/lib/scanner.mjs builds and runs it.
//
// Each pass goes over all events, as life does, so that nothing learns one of them by heart. An event is
// taken into the place where it is read, which is in the cache then, and read on a clock of its own; the
// clock's own time is left out.
//
// Standard output: one line of JSON with raw numbers. Standard error: what went wrong.
// Status: 0 measured, 2 wrong usage, 3 something is missing, or an event was refused.
#include "candidate.h"

#include "bytes.h"
#include "../host/clock.h"
#include "die.h"
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_TRIES 4097
#define MOST 1000000

typedef struct {
    const char *text;
    size_t length;
    size_t line; ///< in the file, from 1
} event;

typedef struct {
    const char *name;
    const char *file;
    const char *kernel;
    uint64_t passes;
    uint64_t repeat; ///< times in a row that an event is read, on one reading of the clock
    const candidate *candidate;
    bytes content; ///< of the file
    event *events;
    size_t count;
    size_t longest;
    uint64_t clock;  ///< nanoseconds between two readings with nothing between them
    uint64_t *times; ///< nanoseconds, `passes` of each event
} run;

static void usage(const char *problem, const char *what) {
    fprintf(stderr,
            "%s: %s%s\n"
            "usage: %s --candidate NAME --events FILE [--passes N] [--repeat N] [--kernel NAME]\n"
            "  --candidate ",
            program_invocation_short_name, problem, what, program_invocation_short_name);
    for (size_t i = 0; candidates[i] != NULL; i++) {
        fprintf(stderr, "%s %s", i == 0 ? "" : ",", candidates[i]->name);
    }
    fprintf(stderr, "\n"
                    "  --events     JSON Lines\n"
                    "  --passes     over all events (15)\n"
                    "  --repeat     times in a row that each is read (1)\n"
                    "  --kernel     of simdjson; without it, the best for this machine\n");
    exit(2);
}

static const candidate *candidate_of(const char *name) {
    for (size_t i = 0; candidates[i] != NULL; i++) {
        if (strcmp(candidates[i]->name, name) == 0) {
            return candidates[i];
        }
    }
    usage("there is no candidate ", name);
    return NULL;
}

static void add_event(run *r, const char *text, size_t length, size_t line) {
    if ((r->count & (r->count - 1)) == 0) { // 0 and each power of two
        r->events = must_alloc(r->events, (r->count == 0 ? 1 : 2 * r->count) * sizeof(*r->events));
    }
    r->events[r->count++] = (event){text, length, line};
    if (length > r->longest) {
        r->longest = length;
    }
}

static void read_events(run *r) {
    if (!bytes_add_file(&r->content, r->file)) {
        die("cannot read %s: %s; --events names a file of audit events, one a line", r->file,
            strerror(errno));
    }
    const char *at = (const char *)r->content.data;
    const char *end = at + r->content.len;
    for (size_t line = 1; at < end; line++) {
        const char *found = memchr(at, '\n', (size_t)(end - at));
        const char *stop = found == NULL ? end : found;
        if (stop > at) {
            add_event(r, at, (size_t)(stop - at), line);
        }
        at = stop + 1;
    }
    if (r->count == 0) {
        die("there is no event in %s; --events names a file of audit events, one a line", r->file);
    }
}

static int compare_times(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/** Sorts them. */
static uint64_t median(uint64_t *times, size_t count) {
    qsort(times, count, sizeof(*times), compare_times);
    return times[count / 2];
}

static uint64_t clock_time(void) {
    static uint64_t times[CLOCK_TRIES];
    for (size_t i = 0; i < CLOCK_TRIES; i++) {
        const uint64_t start = bench_clock(CLOCK_MONOTONIC);
        times[i] = bench_clock(CLOCK_MONOTONIC) - start;
    }
    return median(times, CLOCK_TRIES);
}

/** Before anything is timed: what refuses an event, or does not see that it is one, is quick and proves
 * nothing. */
static void check(const run *r) {
    for (size_t i = 0; i < r->count; i++) {
        const event *e = &r->events[i];
        r->candidate->take(e->text, e->length);
        if (!r->candidate->scan(e->length) || !r->candidate->found(e->text, e->length)) {
            die("%s does not find an audit event in line %zu of %s; only whole, single events can be timed",
                r->name, e->line, r->file);
        }
    }
}

static uint64_t time_event(const run *r, const event *e) {
    r->candidate->take(e->text, e->length);
    bool is_read = true;
    const uint64_t start = bench_clock(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < r->repeat; i++) {
        is_read &= r->candidate->scan(e->length);
    }
    const uint64_t time = bench_clock(CLOCK_MONOTONIC) - start;
    if (!is_read) {
        die("%s read line %zu of %s before and refuses it now", r->name, e->line, r->file);
    }
    return time > r->clock ? time - r->clock : 0;
}

static void measure(void *context) {
    run *r = context;
    check(r);
    for (uint64_t pass = 0; pass < r->passes; pass++) {
        for (size_t i = 0; i < r->count; i++) {
            r->times[i * r->passes + pass] = time_event(r, &r->events[i]);
        }
    }
}

/** What disturbs the machine hits some passes of some events: of each event, the median pass counts. */
static void print_result(const run *r, const char *about) {
    uint64_t typical = 0, least = 0, length = 0;
    for (size_t i = 0; i < r->count; i++) {
        uint64_t *times = r->times + i * r->passes;
        typical += median(times, r->passes);
        least += times[0];
        length += r->events[i].length;
    }
    printf("{\"candidate\":\"%s\",\"about\":\"%s\",\"events\":%zu,\"bytes\":%lu,\"passes\":%lu,"
           "\"repeat\":%lu,\"clock\":%lu,\"nanoseconds\":%.1f,\"least\":%.1f}\n",
           r->name, about, r->count, (unsigned long)length, (unsigned long)r->passes,
           (unsigned long)r->repeat, (unsigned long)r->clock, (double)typical / (double)r->repeat,
           (double)least / (double)r->repeat);
}

static bool is_count(uint64_t number) {
    return number >= 1 && number <= MOST;
}

int main(int argc, char **argv) {
    run r = {.passes = 15, .repeat = 1};
    const option options[] = {
        {"--candidate", &r.name, NULL}, {"--events", &r.file, NULL},   {"--kernel", &r.kernel, NULL},
        {"--passes", NULL, &r.passes},  {"--repeat", NULL, &r.repeat},
    };
    options_read(argc, argv, 1, options, sizeof(options) / sizeof(options[0]), usage);
    if (r.name == NULL || r.file == NULL) {
        usage("--candidate and --events are needed", "");
    }
    if (!is_count(r.passes) || !is_count(r.repeat)) {
        usage("--passes and --repeat are numbers from 1 to a million", "");
    }
    r.candidate = candidate_of(r.name);
    read_events(&r);
    r.times = must_alloc(NULL, r.count * r.passes * sizeof(*r.times));
    const char *about = r.candidate->start(r.kernel, r.longest);
    r.clock = clock_time();
    if (r.candidate->guard == NULL) {
        measure(&r);
    } else {
        r.candidate->guard(measure, &r);
    }
    print_result(&r, about);
    free(r.times);
    free(r.events);
    bytes_free(&r.content);
    return 0;
}
