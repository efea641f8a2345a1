// SPDX-License-Identifier: Apache-2.0
// The modes that read a source to its end.
#include "modes.h"

#include "bytes.h"
#include "die.h"
#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_over(const bench_options *options, const host_source *source) {
    return options->events != 0 && source->count >= options->events;
}

static void need_fields(const bench_setup *b) {
    if (b->requests.count == 0) {
        die("which fields? --fields names them");
    }
}

void mode_describe(const bench_options *options) {
    bench_setup b;
    bench_begin(&b, options);
    result_begin("describe", &b.plugin);
    result_text("apiVersion", b.plugin.api.get_required_api_version());
    result_number("id", b.plugin.id);
    result_text("source", b.plugin.source);
    if (b.plugin.can.extracts) {
        result_json("fields", b.plugin.api.get_fields());
    }
    result_end();
    bench_end(&b);
}

// The clock starts before the source is opened: a plugin may read ahead in threads of its own from then on.

void mode_sourcing(const bench_options *options) {
    bench_setup b;
    host_source source;
    bench_time time = {0};
    bench_begin(&b, options);
    const bench_time start = bench_start();
    host_open(&source, &b.plugin, options->open);
    while (!is_over(options, &source) && host_next(&source) != NULL) {
    }
    bench_stop(start, &time);
    result_begin("sourcing", &b.plugin);
    result_source(&source);
    result_time(time);
    result_end();
    host_close(&source);
    bench_end(&b);
}

void mode_inline(const bench_options *options) {
    bench_setup b;
    host_source source;
    host_tally tally = {0};
    bench_time time = {0};
    const ss_plugin_event *event;
    bench_begin(&b, options);
    need_fields(&b);
    const bench_time start = bench_start();
    host_open(&source, &b.plugin, options->open);
    while (!is_over(options, &source) && (event = host_next(&source)) != NULL) {
        const ss_plugin_event_input input = bench_input(&source, event, source.count);
        bench_ask_all(&b, &input, options->repeat, &tally);
    }
    bench_stop(start, &time);
    result_begin("inline", &b.plugin);
    result_source(&source);
    result_tally(&tally);
    result_time(time);
    result_end();
    host_close(&source);
    bench_end(&b);
}

/**
 * The clock runs once a batch, while its events are asked, each of them once: what a plugin keeps of an event
 * makes the fields behind the first cheaper, as in Falco, but no second visit is measured.
 */
void mode_extraction(const bench_options *options) {
    bench_setup b;
    host_source source;
    host_tally tally = {0};
    bench_time time = {0};
    uint32_t count;
    bench_begin(&b, options);
    need_fields(&b);
    host_open(&source, &b.plugin, options->open);
    while (!is_over(options, &source) && (count = host_next_batch(&source)) > 0) {
        const uint64_t first = source.count - count + 1;
        const bench_time start = bench_start();
        for (uint32_t i = 0; i < count; i++) {
            const ss_plugin_event_input input = bench_input(&source, source.batch[i], first + i);
            bench_ask_all(&b, &input, options->repeat, &tally);
        }
        bench_stop(start, &time);
    }
    result_begin("extraction", &b.plugin);
    result_source(&source);
    result_tally(&tally);
    result_time(time);
    result_end();
    host_close(&source);
    bench_end(&b);
}

void mode_values(const bench_options *options) {
    bench_setup b;
    host_source source;
    const ss_plugin_event *event;
    bench_begin(&b, options);
    need_fields(&b);
    const size_t count = b.requests.count;
    host_tally *tallies = must_alloc(NULL, count * sizeof(*tallies));
    uint64_t *hashes = must_alloc(NULL, count * sizeof(*hashes));
    for (size_t i = 0; i < count; i++) {
        tallies[i] = (host_tally){0};
        hashes[i] = HOST_HASH_START;
    }
    host_open(&source, &b.plugin, options->open);
    while (!is_over(options, &source) && (event = host_next(&source)) != NULL) {
        const ss_plugin_event_input input = bench_input(&source, event, source.count);
        for (size_t i = 0; i < count; i++) {
            hashes[i] = host_ask_and_hash(&b.requests.items[i], &input, &tallies[i], hashes[i]);
        }
    }
    result_begin("values", &b.plugin);
    result_source(&source);
    result_list_begin("fields");
    for (size_t i = 0; i < count; i++) {
        char hash[17];
        snprintf(hash, sizeof(hash), "%016" PRIx64, hashes[i]);
        result_object_begin();
        result_text("name", b.requests.items[i].text);
        result_tally(&tallies[i]);
        result_text("hash", hash);
        result_object_end();
    }
    result_list_end();
    result_end();
    free(hashes);
    free(tallies);
    host_close(&source);
    bench_end(&b);
}
