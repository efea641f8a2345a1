// SPDX-License-Identifier: Apache-2.0
// The mode that serves a webhook.
#include "modes.h"

#include "bytes.h"
#include "die.h"
#include "result.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/** In front of the time at which an event of bench/client was sent. */
#define SENT "\"bench-"
/** Above this a number is no time of sending, in nanoseconds. */
#define LONGEST_DELAY UINT64_C(60000000000)
/** Calls of next_batch in a row that bring nothing, about 30 ms each: then what has not come is lost. */
#define MOST_SILENT_CALLS 33

static volatile sig_atomic_t is_over;

static void end(int signal) {
    (void)signal;
    is_over = 1;
}

/** How long before `now` an event was sent; false when it does not say so. */
static bool delay_of(const ss_plugin_event *event, uint64_t now, uint64_t *delay) {
    const char *payload = (const char *)event + PLUGIN_EVENT_PAYLOAD_OFFSET;
    const size_t length = event->len - PLUGIN_EVENT_PAYLOAD_OFFSET;
    const char *sent = memmem(payload, length, SENT, strlen(SENT));
    if (sent == NULL) {
        return false;
    }
    uint64_t time = 0;
    for (const char *digit = sent + strlen(SENT); digit < payload + length; digit++) {
        if (*digit < '0' || *digit > '9') {
            break;
        }
        time = time * 10 + (uint64_t)(*digit - '0');
    }
    *delay = now - time;
    return *delay < LONGEST_DELAY;
}

void mode_serve(const bench_options *options) {
    bench_run r;
    uint64_t *delays = must_alloc(NULL, options->samples * sizeof(*delays));
    uint64_t count = 0;
    bench_time last = {0};
    // On a stack of its own, where there is one: those of Go are too small.
    const struct sigaction action = {.sa_handler = end, .sa_flags = SA_ONSTACK};
    bench_begin(&r, options);
    host_open(&r.source, options->open);
    // A plugin may have a handler of its own up to here.
    if (sigaction(SIGTERM, &action, NULL) != 0) {
        die("SIGTERM cannot be caught");
    }
    // A plugin that answers before it delivers may have much left to deliver behind the last answer.
    for (unsigned silent = 0; !is_over || (r.source.count < options->events && silent < MOST_SILENT_CALLS);) {
        const uint32_t events = host_poll(&r.source);
        const uint64_t now = bench_clock(CLOCK_MONOTONIC);
        silent = events == 0 ? silent + 1 : 0;
        if (events > 0 && (is_over || (options->events > 0 && r.source.count >= options->events))) {
            last = bench_now();
        }
        for (uint32_t i = 0; i < events && count < options->samples; i++) {
            count += delay_of(r.source.batch[i], now, &delays[count]);
        }
    }
    result_begin("serve", &r.plugin);
    result_source(&r.source);
    result_number("lastNanoseconds", last.wall);
    result_number("lastCpuNanoseconds", last.cpu);
    result_numbers("delays", delays, count);
    result_end();
    free(delays);
    host_close(&r.source);
    bench_end(&r);
}
