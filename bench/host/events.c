// SPDX-License-Identifier: Apache-2.0
// The modes that read a source to its end.
#include "modes.h"

#include "bytes.h"
#include "die.h"
#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void need_fields(const bench_run *r) {
    if (r->requests.count == 0) {
        die("which fields? --fields names them, or --trace a file of recorded calls");
    }
}

static void print_result(const char *mode, const bench_options *options, const bench_run *r,
                         bench_time time) {
    result_begin(mode, &r->plugin);
    result_number("rounds", options->rounds);
    result_source(&r->source);
    result_tally(&r->tally);
    result_time(time);
    result_end();
}

void mode_describe(const bench_options *options) {
    bench_run r;
    bench_begin(&r, options);
    result_begin("describe", &r.plugin);
    result_text("apiVersion", r.plugin.api.get_required_api_version());
    result_number("id", r.plugin.id);
    result_text("source", r.plugin.source);
    if (r.plugin.can.extracts) {
        result_json("fields", r.plugin.api.get_fields());
    }
    result_end();
    bench_end(&r);
}

/** The clock starts before the source is opened: a plugin may read ahead in threads of its own from then on.
 */
static bench_time read_and_ask(bench_run *r, const bench_options *options) {
    const ss_plugin_event *event;
    bench_time time = {0};
    for (uint64_t round = 0; round < options->warm + options->rounds; round++) {
        const bench_time start = bench_start();
        bench_open(r, options, round);
        while (!bench_is_over(options, r) && (event = host_next(&r->source)) != NULL) {
            bench_ask(r, options, event, r->source.count);
        }
        if (round >= options->warm) {
            bench_stop(start, &time);
        }
        bench_close(r, options);
    }
    return time;
}

void mode_sourcing(const bench_options *options) {
    bench_run r;
    bench_begin(&r, options);
    if (r.requests.count != 0) {
        die("the mode sourcing asks nothing: --fields and --trace are for the mode inline");
    }
    const bench_time time = read_and_ask(&r, options);
    print_result("sourcing", options, &r, time);
    bench_end(&r);
}

void mode_inline(const bench_options *options) {
    bench_run r;
    bench_begin(&r, options);
    need_fields(&r);
    const bench_time time = read_and_ask(&r, options);
    print_result("inline", options, &r, time);
    bench_end(&r);
}

/**
 * The clock runs once a batch, while its events are asked, each of them once: what a plugin keeps of an event
 * makes the fields behind the first cheaper, as in Falco, but no second visit is measured.
 */
void mode_extraction(const bench_options *options) {
    bench_run r;
    bench_time time = {0};
    uint32_t count;
    bench_begin(&r, options);
    need_fields(&r);
    for (uint64_t round = 0; round < options->warm + options->rounds; round++) {
        bench_open(&r, options, round);
        while (!bench_is_over(options, &r) && (count = host_next_batch(&r.source)) > 0) {
            const uint64_t before = r.source.count - count;
            const bench_time start = bench_start();
            for (uint32_t i = 0; i < count; i++) {
                bench_ask(&r, options, r.source.batch[i], before + i + 1);
            }
            if (round >= options->warm) {
                bench_stop(start, &time);
            }
        }
        bench_close(&r, options);
    }
    print_result("extraction", options, &r, time);
    bench_end(&r);
}

void mode_values(const bench_options *options) {
    bench_run r;
    const ss_plugin_event *event;
    bench_begin(&r, options);
    need_fields(&r);
    const size_t count = r.requests.count;
    host_digest *digests = must_alloc(NULL, count * sizeof(*digests));
    for (size_t i = 0; i < count; i++) {
        digests[i] = (host_digest){.hash = HOST_HASH_START};
    }
    bench_open(&r, options, options->warm);
    while (!bench_is_over(options, &r) && (event = host_next(&r.source)) != NULL) {
        const ss_plugin_event_input input = {event, r.source.count, r.plugin.source};
        const trace_calls calls = bench_calls(&r, r.source.count);
        for (size_t i = 0; i < calls.count; i++) {
            const size_t k = calls.items[i];
            host_ask_closely(&r.requests.items[k], &input, &digests[k]);
        }
    }
    bench_close(&r, options);
    result_begin("values", &r.plugin);
    result_source(&r.source);
    result_list_begin("fields");
    for (size_t i = 0; i < count; i++) {
        char hash[17];
        snprintf(hash, sizeof(hash), "%016" PRIx64, digests[i].hash);
        result_object_begin();
        result_text("name", r.requests.items[i].text);
        result_tally(&digests[i].tally);
        result_number("valueBytes", digests[i].bytes);
        result_text("hash", hash);
        result_object_end();
    }
    result_list_end();
    result_end();
    free(digests);
    bench_end(&r);
}
