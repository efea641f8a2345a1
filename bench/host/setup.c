// SPDX-License-Identifier: Apache-2.0
#include "modes.h"

#include "die.h"

void bench_begin(bench_setup *b, const bench_options *options) {
    *b = (bench_setup){.has_extractor = options->extractor != NULL};
    if (options->plugin == NULL) {
        die("which plugin? --plugin names its .so file");
    }
    host_load(&b->plugin, options->plugin);
    host_plugin *plugins[] = {&b->plugin, &b->extractor};
    if (b->has_extractor) {
        host_load(&b->extractor, options->extractor);
    }
    host_init(&b->plugin, options->config);
    if (b->has_extractor) {
        host_init(&b->extractor, options->extractor_config);
    }
    b->requests = host_read_requests(options->fields, plugins, b->has_extractor ? 2 : 1);
}

void bench_end(bench_setup *b) {
    host_free_requests(&b->requests);
    host_destroy(&b->plugin);
    if (b->has_extractor) {
        host_destroy(&b->extractor);
    }
}

ss_plugin_event_input bench_input(const host_source *s, const ss_plugin_event *event, uint64_t number) {
    return (ss_plugin_event_input){.evt = event, .evtnum = number, .evtsrc = s->plugin->source};
}

void bench_ask_all(const bench_setup *b, const ss_plugin_event_input *event, uint64_t repeat,
                   host_tally *tally) {
    for (uint64_t round = 0; round < repeat; round++) {
        for (size_t i = 0; i < b->requests.count; i++) {
            host_ask(&b->requests.items[i], event, tally);
        }
    }
}
