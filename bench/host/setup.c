// SPDX-License-Identifier: Apache-2.0
#include "modes.h"

#include "bytes.h"
#include "die.h"

#include <stdlib.h>
#include <string.h>

void bench_begin(bench_run *r, const bench_options *options) {
    *r = (bench_run){.has_extractor = options->extractor != NULL};
    if (options->plugin == NULL) {
        die("which plugin? --plugin names its .so file");
    }
    host_load(&r->plugin, options->plugin);
    host_plugin *plugins[] = {&r->plugin, &r->extractor};
    if (r->has_extractor) {
        host_load(&r->extractor, options->extractor);
    }
    host_init(&r->plugin, options->config);
    if (r->has_extractor) {
        host_init(&r->extractor, options->extractor_config);
    }
    r->requests = host_read_requests(options->fields, plugins, r->has_extractor ? 2 : 1);
    r->source.plugin = &r->plugin;
}

void bench_end(bench_run *r) {
    free(r->copy);
    host_free_requests(&r->requests);
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
    host_open(&r->source, options->open);
}

void bench_ask(bench_run *r, const bench_options *options, const ss_plugin_event *event, uint64_t number) {
    if (options->foreign != 0) {
        r->copy = must_alloc(r->copy, event->len);
        event = memcpy(r->copy, event, event->len);
    }
    const ss_plugin_event_input input = {.evt = event, .evtnum = number, .evtsrc = r->plugin.source};
    for (uint64_t again = 0; again < options->repeat; again++) {
        for (size_t i = 0; i < r->requests.count; i++) {
            host_ask(&r->requests.items[i], &input, &r->tally);
        }
    }
}
