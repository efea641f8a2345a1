// SPDX-License-Identifier: Apache-2.0
// The modes that look at the process: how long it takes to load a plugin, and how much memory it holds.
#include "modes.h"

#include "bytes.h"
#include "die.h"
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mode_load(const bench_options *options) {
    host_plugin plugin;
    host_source source = {.plugin = &plugin};
    bench_time load = {0}, init = {0}, open = {0}, first = {0};
    if (options->plugin == NULL) {
        die("which plugin? --plugin names its .so file");
    }
    bench_time start = bench_start();
    host_load(&plugin, options->plugin);
    bench_stop(start, &load);
    start = bench_start();
    host_init(&plugin, options->config);
    bench_stop(start, &init);
    start = bench_start();
    host_open(&source, options->open);
    bench_stop(start, &open);
    start = bench_start();
    host_next(&source);
    bench_stop(start, &first);
    result_begin("load", &plugin);
    result_number("loadNanoseconds", load.wall);
    result_number("initNanoseconds", init.wall);
    result_number("openNanoseconds", open.wall);
    result_number("firstEventNanoseconds", first.wall);
    result_number("events", source.count);
    result_time((bench_time){load.wall + init.wall, load.cpu + init.cpu});
    result_end();
    host_close(&source);
    host_destroy(&plugin);
}

/** Bytes of the line of /proc/self/status that begins with `name`. */
static uint64_t status_bytes(const char *name) {
    char line[256];
    uint64_t value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL) {
        die("cannot read /proc/self/status");
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            value = strtoull(line + strlen(name), NULL, 10) * 1024;
        }
    }
    fclose(file);
    return value;
}

static void print_memory(const uint64_t *samples, size_t count) {
    result_numbers("resident", samples, count);
    result_number("peak", status_bytes("VmHWM:"));
}

void mode_rss(const bench_options *options) {
    bench_run r;
    const ss_plugin_event *event;
    if (options->plugin == NULL) {
        const uint64_t resident = status_bytes("VmRSS:");
        result_begin("rss", NULL);
        print_memory(&resident, 1);
        result_end();
        return;
    }
    if (options->events == 0 || options->samples == 0) {
        die("memory over how many events, in how many samples? --events and --samples say so");
    }
    bench_begin(&r, options);
    uint64_t *samples = must_alloc(NULL, options->samples * sizeof(*samples));
    uint64_t count = 0;
    host_source *source = &r.source;
    while (source->count < options->events) {
        bench_reopen(&r, options);
        while (source->count < options->events && (event = host_next(source)) != NULL) {
            bench_ask(&r, options, event, source->count);
            if (source->count * options->samples >= (count + 1) * options->events) {
                samples[count++] = status_bytes("VmRSS:");
            }
        }
        host_close(source);
        if (source->count == r.before) {
            die("there are no events in %s", options->open);
        }
    }
    result_begin("rss", &r.plugin);
    result_source(source);
    result_tally(&r.tally);
    print_memory(samples, count);
    result_end();
    free(samples);
    bench_end(&r);
}
