// SPDX-License-Identifier: Apache-2.0
// Times one candidate on the events of a file: each pass goes over all of them, as life does, and each event is
// scanned on its own clock. What the clock itself takes is measured first and left out.
//
// Standard output: one line of JSON. Status: 0, 2 wrong usage, 3 what is missing or refused.
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "candidate.h"
#include "events.h"

#define MAX_PASSES 100000
#define MAX_REPEAT 1000000
#define CLOCK_TRIES 4097

struct run {
    const char *file;
    const char *kernel;
    const struct candidate *candidate;
    const char *about; // what the candidate says of itself
    struct events events;
    size_t passes;
    size_t repeat; // scans of an event in a row
    uint64_t clock;
    uint64_t *times; // of each pass: nanoseconds, without the clock's own
    uint64_t *best;  // of each event: its fastest pass
};

static const char *program_name = "bench-scanner";

void die(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(status);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int compare_times(const void *a, const void *b) {
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

// Sorts them.
static uint64_t median(uint64_t *times, size_t count) {
    qsort(times, count, sizeof(*times), compare_times);
    return times[count / 2];
}

// Nanoseconds between two readings of the clock with nothing between them.
static uint64_t clock_cost(void) {
    static uint64_t times[CLOCK_TRIES];
    for (size_t i = 0; i < CLOCK_TRIES; i++) {
        uint64_t start = now();
        times[i] = now() - start;
    }
    return median(times, CLOCK_TRIES);
}

// Every event is taken, or what is timed is not what it seems.
static void check(const struct run *run) {
    for (size_t i = 0; i < run->events.count; i++) {
        const struct event *event = &run->events.items[i];
        run->candidate->take(event->text, event->length);
        if (!run->candidate->scan(event->length))
            die(3, "%s does not take line %zu of %s: it is no JSON", run->candidate->name, event->line,
                run->file);
        if (!run->candidate->found(event->text, event->length))
            die(3, "%s finds no audit event in line %zu of %s", run->candidate->name, event->line, run->file);
    }
}

static uint64_t time_event(const struct run *run, const struct event *event) {
    run->candidate->take(event->text, event->length);
    bool taken = true;
    uint64_t start = now();
    for (size_t i = 0; i < run->repeat; i++)
        taken &= run->candidate->scan(event->length);
    uint64_t time = now() - start;
    if (!taken)
        die(3, "%s took line %zu of %s once, and does not now", run->candidate->name, event->line, run->file);
    return time > run->clock ? time - run->clock : 0;
}

static void time_passes(void *context) {
    struct run *run = context;
    check(run);
    for (size_t pass = 0; pass < run->passes; pass++) {
        for (size_t i = 0; i < run->events.count; i++) {
            uint64_t time = time_event(run, &run->events.items[i]);
            run->times[pass] += time;
            if (pass == 0 || time < run->best[i])
                run->best[i] = time;
        }
        run->times[pass] /= run->repeat;
    }
}

static void print(const struct run *run) {
    printf("{\"candidate\":\"%s\",\"about\":\"%s\",\"events\":%zu,\"bytes\":%zu,\"repeat\":%zu,\"clock\":%lu,",
           run->candidate->name, run->about, run->events.count, run->events.bytes, run->repeat,
           (unsigned long)run->clock);
    printf("\"ns\":[");
    for (size_t i = 0; i < run->passes; i++)
        printf("%s%lu", i == 0 ? "" : ",", (unsigned long)run->times[i]);
    uint64_t best = 0;
    for (size_t i = 0; i < run->events.count; i++)
        best += run->best[i];
    uint64_t middle = median(run->times, run->passes);
    printf("],\"nsMedian\":%lu,\"nsMin\":%lu,\"nsBest\":%lu}\n", (unsigned long)middle,
           (unsigned long)run->times[0], (unsigned long)(best / run->repeat));
}

_Noreturn static void usage(const char *format, const char *what) {
    char names[256] = "";
    for (size_t i = 0; candidates[i] != NULL; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i == 0 ? "" : "|",
                 candidates[i]->name);
    fprintf(stderr, "%s: ", program_name);
    fprintf(stderr, format, what);
    fprintf(stderr, "\nusage: %s --candidate %s [--kernel NAME] [--passes N] [--repeat N] FILE.jsonl\n",
            program_name, names);
    exit(2);
}

static size_t number_of(const char *option, const char *text, size_t most) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || value == 0 || value > most)
        usage("%s wants a whole number that is not 0", option);
    return value;
}

static const struct candidate *candidate_of(const char *name) {
    for (size_t i = 0; candidates[i] != NULL; i++) {
        if (strcmp(candidates[i]->name, name) == 0)
            return candidates[i];
    }
    usage("there is no candidate %s", name);
}

static struct run read_arguments(int argc, char **argv) {
    struct run run = {.passes = 11, .repeat = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = argv[i + 1]; // argv ends with NULL
        if (strncmp(argv[i], "--", 2) != 0) {
            if (run.file != NULL)
                usage("one file is timed at a time; %s is one more", argv[i]);
            run.file = argv[i];
            continue;
        }
        if (value == NULL)
            usage("%s wants a value", argv[i]);
        if (strcmp(argv[i], "--candidate") == 0)
            run.candidate = candidate_of(value);
        else if (strcmp(argv[i], "--kernel") == 0)
            run.kernel = value;
        else if (strcmp(argv[i], "--passes") == 0)
            run.passes = number_of(argv[i], value, MAX_PASSES);
        else if (strcmp(argv[i], "--repeat") == 0)
            run.repeat = number_of(argv[i], value, MAX_REPEAT);
        else
            usage("there is no option %s", argv[i]);
        i++;
    }
    if (run.candidate == NULL || run.file == NULL)
        usage("%s", run.file == NULL ? "no file was given" : "no candidate was given");
    return run;
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    program_name = slash == NULL ? argv[0] : slash + 1;
    struct run run = read_arguments(argc, argv);
    run.events = events_read(run.file);
    run.times = calloc(run.passes, sizeof(*run.times));
    run.best = calloc(run.events.count, sizeof(*run.best));
    if (run.times == NULL || run.best == NULL)
        die(3, "no memory for the times of %zu passes over %zu events", run.passes, run.events.count);
    run.about = run.candidate->start(run.kernel, run.events.longest);
    run.clock = clock_cost();
    if (run.candidate->guard == NULL)
        time_passes(&run);
    else
        run.candidate->guard(time_passes, &run);
    print(&run);
    events_free(&run.events);
    free(run.times);
    free(run.best);
    return 0;
}
