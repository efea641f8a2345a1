// SPDX-License-Identifier: Apache-2.0
// Feeds mutated audit events to a whole plugin. scripts/fuzz.mjs builds and runs it.
//
// Standard output: one line of JSON with the results. Standard error: progress and findings.
// Status: 0 no finding, 1 a finding, 2 wrong usage, 3 something of the surroundings is missing.
#include "rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/** Rounds after which the state is destroyed and made anew, which must give all its memory back. */
#define STATE_ROUNDS 2048
#define MAX_GROWTH_KIB (512UL * 1024)

typedef struct {
    const char *plugin;
    const char *config;
    const char *folder;
    const char *dump;
    uint64_t seed;
    uint64_t from;
    uint64_t iterations;
    uint64_t seconds;
    uint64_t limit;
    uint64_t traps_expected;
} settings;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void usage(const char *problem) {
    fprintf(stderr,
            "fuzz: %s\n"
            "usage: fuzz --plugin SO --folder DIR [--iterations N] [--seconds T] [--seed S] [--from ROUND]\n"
            "            [--config JSON] [--limit BYTES] [--dump DIR] [--traps-expected 1] SEEDS.jsonl…\n",
            problem);
    exit(2);
}

static uint64_t number_of(const char *text) {
    char *end;
    const uint64_t value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0') {
        usage("a number is expected");
    }
    return value;
}

/** Reads options; the rest are files of seeds. */
static settings read_arguments(int argc, char **argv, corpus *seeds) {
    settings s = {
        .config = "{}", .seed = 1, .iterations = UINT64_MAX, .seconds = UINT64_MAX, .limit = 4194304};
    const struct {
        const char *name;
        const char **text;
        uint64_t *number;
    } options[] = {
        {"--plugin", &s.plugin, NULL},
        {"--config", &s.config, NULL},
        {"--folder", &s.folder, NULL},
        {"--dump", &s.dump, NULL},
        {"--seed", NULL, &s.seed},
        {"--from", NULL, &s.from},
        {"--iterations", NULL, &s.iterations},
        {"--seconds", NULL, &s.seconds},
        {"--limit", NULL, &s.limit},
        {"--traps-expected", NULL, &s.traps_expected},
    };
    const size_t count = sizeof(options) / sizeof(options[0]);
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < count && strcmp(argv[i], options[k].name) != 0) {
            k++;
        }
        if (k == count) {
            if (argv[i][0] == '-') {
                usage("unknown option");
            }
            corpus_add_file(seeds, argv[i]);
        } else if (++i == argc) {
            usage("the last option lacks its value");
        } else if (options[k].text != NULL) {
            *options[k].text = argv[i];
        } else {
            *options[k].number = number_of(argv[i]);
        }
    }
    if (s.plugin == NULL || s.folder == NULL || seeds->count == 0) {
        usage("--plugin, --folder and a file of seeds are needed");
    }
    return s;
}

/** A line of /proc/self/status in KiB. */
static unsigned long status_kib(const char *name) {
    char line[256];
    unsigned long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            value = strtoul(line + strlen(name) + 1, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

/** Memory that the plugin maps itself is invisible to a leak checker. Called when no state is alive. */
static void check_growth(checker *c) {
    static unsigned long first_virtual, first_resident;
    const unsigned long virtual = status_kib("VmSize"), resident = status_kib("VmRSS");
    if (first_virtual == 0) {
        first_virtual = virtual;
        first_resident = resident;
    }
    if (virtual > first_virtual + MAX_GROWTH_KIB || resident > first_resident + MAX_GROWTH_KIB) {
        finding(c, "memory grew from %lu to %lu KiB virtual, %lu to %lu KiB resident", first_virtual, virtual,
                first_resident, resident);
    }
}

static void renew_state(run *r, const char *config, metric_totals *totals) {
    host_add_metrics(r->check.plugin, totals);
    host_destroy(r->check.plugin);
    check_growth(&r->check);
    host_init(r->check.plugin, config);
}

static void print_result(const run *r, const settings *s, const metric_totals *totals, double seconds) {
    const counters *n = &r->check.count;
    const host *plugin = r->check.plugin;
    printf("{\"seed\":%lu,\"from\":%lu,\"rounds\":%lu,\"inputs\":%lu,\"seconds\":%.3f,\"foreign\":%lu,",
           (unsigned long)s->seed, (unsigned long)s->from, (unsigned long)(r->check.round + 1 - s->from),
           (unsigned long)n->inputs, seconds, (unsigned long)n->foreign);
    printf("\"delivered\":%lu,\"calls\":%lu,\"values\":%lu,\"valueBytes\":%lu,\"notUtf8\":%lu,"
           "\"unsupported\":%lu,",
           (unsigned long)n->delivered, (unsigned long)n->calls, (unsigned long)n->values,
           (unsigned long)n->value_bytes, (unsigned long)n->not_utf8, (unsigned long)n->unsupported);
    printf("\"digest\":\"%016lx\",\"peakKiB\":%lu,\"logged\":[", (unsigned long)n->digest,
           status_kib("VmHWM"));
    for (size_t i = 0; i < LOG_SEVERITIES; i++) {
        printf("%s%lu", i == 0 ? "" : ",", (unsigned long)plugin->logged[i]);
    }
    printf("],\"metrics\":{");
    for (size_t i = 0; i < totals->count; i++) {
        printf("%s\"%s\":%.17g", i == 0 ? "" : ",", totals->names[i], totals->values[i]);
    }
    printf("}}\n");
}

static void run_all(run *r, const settings *s, metric_totals *totals) {
    const double start = now();
    double reported = start;
    for (uint64_t round = s->from; r->check.count.inputs < s->iterations; round++) {
        run_round(r, round);
        const double time = now();
        if (time - reported >= 10) {
            fprintf(stderr, "fuzz: seed %lu: %lu inputs, %.0f/s\n", (unsigned long)s->seed,
                    (unsigned long)r->check.count.inputs, (double)r->check.count.inputs / (time - start));
            reported = time;
        }
        if (time - start >= (double)s->seconds) {
            break;
        }
        if ((round + 1) % STATE_ROUNDS == 0) {
            renew_state(r, s->config, totals);
        }
    }
    host_add_metrics(r->check.plugin, totals);
    host_destroy(r->check.plugin);
    check_growth(&r->check);
    print_result(r, s, totals, now() - start);
}

int main(int argc, char **argv) {
    static host plugin;
    static run r;
    static metric_totals totals;
    const settings s = read_arguments(argc, argv, &r.seeds);
    r.check = (checker){.plugin = &plugin, .seed = s.seed, .round = s.from, .dump = s.dump};
    r.mutate = (mutator){.seeds = &r.seeds, .limit = s.limit, .largest = 2 * s.limit};
    r.folder = s.folder;
    r.traps_expected = s.traps_expected != 0;
    finding_on_crash(&r.check);
    host_load(&plugin, s.plugin);
    host_init(&plugin, s.config);
    run_start(&r);
    run_all(&r, &s, &totals);
    finding_after_run();
    run_free(&r);
    host_free(&plugin);
    return 0;
}
