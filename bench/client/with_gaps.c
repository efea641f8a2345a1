// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include "bytes.h"
#include "connection.h"
#include "die.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void sleep_until(uint64_t time) {
    const struct timespec at = {(time_t)(time / 1000000000U), (long)(time % 1000000000U)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

/** How long it takes from before the first byte is sent to after the last one of the answer has come. */
static uint64_t exchange(connection *c, request *r) {
    const uint64_t start = nanoseconds(CLOCK_MONOTONIC);
    request_number(r, start);
    connection_send(c, r);
    while (!connection_go_on(c)) {
        struct pollfd look = {.fd = c->fd, .events = connection_events(c)};
        if (poll(&look, 1, -1) < 0 && errno != EINTR) {
            die("cannot wait for an answer: %s", strerror(errno));
        }
    }
    return nanoseconds(CLOCK_MONOTONIC) - start;
}

void send_with_gaps(const load *l) {
    connection c;
    request r;
    request_make(&r, l->events, l->list, l->path);
    connection_open(&c, (int)l->port, l->tls);
    for (uint64_t i = 0; i < l->warm; i++) {
        exchange(&c, &r);
    }
    uint64_t *times = must_alloc(NULL, l->requests * sizeof(*times));
    uint64_t late = 0;
    uint64_t next = nanoseconds(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < l->requests; i++) {
        next += l->gap * 1000;
        const uint64_t now = nanoseconds(CLOCK_MONOTONIC);
        if (now > next) {
            // The answer before took longer than the gap. What follows is later then, not closer together.
            late++;
            next = now;
        }
        sleep_until(next);
        times[i] = exchange(&c, &r);
    }
    printf("{\"requests\":%lu,\"late\":%lu,\"roundTrips\":[", (unsigned long)l->requests,
           (unsigned long)late);
    for (uint64_t i = 0; i < l->requests; i++) {
        printf("%s%lu", i == 0 ? "" : ",", (unsigned long)times[i]);
    }
    puts("]}");
    free(times);
    request_free(&r);
    connection_close(&c);
}
