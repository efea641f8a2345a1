// SPDX-License-Identifier: Apache-2.0
// Measures a Falco plugin, called as libsinsp calls it. scripts/bench.mjs builds and runs it.
//
// Standard output: one line of JSON with raw numbers. Standard error: what went wrong.
// Status: 0 measured, 2 wrong usage, 3 the plugin or its surroundings failed.
#include "modes.h"

#include "die.h"
#include "options.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*run)(const bench_options *options);
    const char *purpose;
} mode;

static const mode modes[] = {
    {"describe", mode_describe, "what the plugin says of itself"},
    {"sourcing", mode_sourcing, "read a source to its end, --rounds times"},
    {"inline", mode_inline, "read it, and ask --fields of each event"},
    {"extraction", mode_extraction, "the same; the time of the extraction alone"},
    {"values", mode_values, "the same; a hash of each field's values"},
    {"load", mode_load, "load, initialise, open, and get the first event"},
    {"rss", mode_rss, "resident memory while events are read and asked"},
    {"serve", mode_serve, "serve a webhook until SIGTERM; how late --samples events come"},
    {"awake", mode_awake, "keep --cpu from sleeping until SIGTERM"},
};

#define MODE_COUNT (sizeof(modes) / sizeof(modes[0]))

static void usage(const char *problem, const char *what) {
    fprintf(stderr,
            "bench-host: %s%s\n"
            "usage: bench-host MODE --plugin SO [--open PARAMS] [--config TEXT] [--fields NAME[ARGUMENT],… | "
            "--trace FILE]\n"
            "                  [--warm N] [--rounds N] [--events N] [--repeat N] [--samples N] [--cpu N]\n"
            "                  [--foreign 1] [--extractor SO [--extractor-config TEXT]]\n",
            problem, what);
    for (size_t i = 0; i < MODE_COUNT; i++) {
        fprintf(stderr, "  %-10s  %s\n", modes[i].name, modes[i].purpose);
    }
    exit(2);
}

/** Before anything is loaded: a plugin's threads inherit it, and Go's runtime counts the processors that it
 * may use. */
static void pin(uint64_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu >= CPU_SETSIZE) {
        die("there is no processor %lu", (unsigned long)cpu);
    }
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        die("cannot run on processor %lu alone: it is not there, or not allowed", (unsigned long)cpu);
    }
}

int main(int argc, char **argv) {
    bench_options o = {.config = "",
                       .extractor_config = "",
                       .open = "",
                       .fields = "",
                       .rounds = 1,
                       .repeat = 1,
                       .samples = 100};
    uint64_t cpu = UINT64_MAX;
    const option options[] = {
        {"--plugin", &o.plugin, NULL},       {"--config", &o.config, NULL},
        {"--extractor", &o.extractor, NULL}, {"--extractor-config", &o.extractor_config, NULL},
        {"--open", &o.open, NULL},           {"--fields", &o.fields, NULL},
        {"--trace", &o.trace, NULL},         {"--warm", NULL, &o.warm},
        {"--rounds", NULL, &o.rounds},       {"--events", NULL, &o.events},
        {"--repeat", NULL, &o.repeat},       {"--samples", NULL, &o.samples},
        {"--foreign", NULL, &o.foreign},     {"--cpu", NULL, &cpu},
    };
    if (argc < 2) {
        usage("what to measure?", "");
    }
    const mode *chosen = modes;
    while (chosen < modes + MODE_COUNT && strcmp(chosen->name, argv[1]) != 0) {
        chosen++;
    }
    if (chosen == modes + MODE_COUNT) {
        usage("there is no mode ", argv[1]);
    }
    options_read(argc, argv, 2, options, sizeof(options) / sizeof(options[0]), usage);
    if (cpu != UINT64_MAX) {
        pin(cpu);
    }
    chosen->run(&o);
    return 0;
}
