// SPDX-License-Identifier: Apache-2.0
#include "modes.h"

#include "bytes.h"
#include "die.h"

#include <stdlib.h>
#include <string.h>

static void read_questions(bench_run *r, const bench_options *options) {
    host_plugin *const plugins[] = {&r->plugin, &r->extractor};
    const size_t count = r->has_extractor ? 2 : 1;
    if (options->trace != NULL) {
        if (options->fields[0] != '\0') {
            die("--fields and --trace exclude each other: the trace says what is asked of each event");
        }
        trace_read(&r->trace, options->trace, plugins, count, &r->requests);
        return;
    }
    r->requests = host_read_requests(options->fields, plugins, count);
    uint16_t *order = must_alloc(NULL, r->requests.count * sizeof(*order));
    for (size_t i = 0; i < r->requests.count; i++) {
        order[i] = (uint16_t)i;
    }
    r->list = (trace_calls){order, r->requests.count};
}

void bench_begin(bench_run *r, const bench_options *options) {
    *r = (bench_run){.has_extractor = options->extractor != NULL};
    if (options->plugin == NULL) {
        die("which plugin? --plugin names its .so file");
    }
    host_load(&r->plugin, options->plugin);
    if (r->has_extractor) {
        host_load(&r->extractor, options->extractor);
    }
    host_init(&r->plugin, options->config);
    if (r->has_extractor) {
        host_init(&r->extractor, options->extractor_config);
    }
    read_questions(r, options);
    r->source.plugin = &r->plugin;
}

void bench_end(bench_run *r) {
    free(r->copy);
    host_free_requests(&r->requests);
    free((uint16_t *)r->list.items);
    trace_free(&r->trace);
    host_destroy(&r->plugin);
    if (r->has_extractor) {
        host_destroy(&r->extractor);
    }
}

void bench_open(bench_run *r, const bench_options *options, uint64_t round) {
    if (round == options->warm) {
        r->source = (host_source){.plugin = &r->plugin};
        r->tally = (host_tally){0};
    }
    bench_reopen(r, options);
}

void bench_reopen(bench_run *r, const bench_options *options) {
    r->before = r->source.count;
    host_open(&r->source, options->open);
}

void bench_close(bench_run *r, const bench_options *options) {
    if (r->trace.path != NULL && !bench_is_over(options, r)) {
        trace_check_end(&r->trace, r->source.count - r->before);
    }
    host_close(&r->source);
}

void bench_ask(bench_run *r, const bench_options *options, const ss_plugin_event *event, uint64_t number) {
    if (options->foreign != 0) {
        r->copy = must_alloc(r->copy, event->len);
        event = memcpy(r->copy, event, event->len);
    }
    const ss_plugin_event_input input = {.evt = event, .evtnum = number, .evtsrc = r->plugin.source};
    const trace_calls calls = bench_calls(r, number);
    for (uint64_t again = 0; again < options->repeat; again++) {
        for (size_t i = 0; i < calls.count; i++) {
            host_ask(&r->requests.items[calls.items[i]], &input, &r->tally);
        }
    }
}
