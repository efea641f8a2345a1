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

typedef struct {
    connection connection;
    request request; ///< of its own: what is being sent must not change
} client;

typedef struct {
    client *items;
    struct pollfd *polls;
    size_t count;
    uint64_t next_id;
} clients;

static void open_all(clients *c, const load *l) {
    *c = (clients){
        .items = must_alloc(NULL, l->connections * sizeof(client)),
        .polls = must_alloc(NULL, l->connections * sizeof(struct pollfd)),
        .count = l->connections,
        // A plugin may know the ids of an earlier run.
        .next_id = nanoseconds(CLOCK_REALTIME),
    };
    request_make(&c->items[0].request, l->events, l->list, l->path);
    for (size_t i = 0; i < c->count; i++) {
        connection_open(&c->items[i].connection, (int)l->port, l->tls);
        if (i > 0) {
            request_copy(&c->items[i].request, &c->items[0].request);
        }
    }
}

static void close_all(clients *c) {
    for (size_t i = 0; i < c->count; i++) {
        connection_close(&c->items[i].connection);
        request_free(&c->items[i].request);
    }
    free(c->items);
    free(c->polls);
}

static void begin(clients *c, client *one) {
    request_number(&one->request, c->next_id);
    c->next_id += one->request.events;
    connection_send(&one->connection, &one->request);
}

static void wait_for_any(clients *c) {
    for (size_t i = 0; i < c->count; i++) {
        const connection *one = &c->items[i].connection;
        // poll passes over what is negative.
        c->polls[i].fd = one->request == NULL ? -1 : one->fd;
        c->polls[i].events = connection_events(one);
    }
    if (poll(c->polls, c->count, -1) < 0 && errno != EINTR) {
        die("cannot wait for answers: %s", strerror(errno));
    }
}

/** Sends so many requests, and returns when all of them are answered. */
static void send_all(clients *c, uint64_t requests) {
    uint64_t begun = 0, answered = 0;
    for (size_t i = 0; i < c->count && begun < requests; i++, begun++) {
        begin(c, &c->items[i]);
    }
    while (answered < requests) {
        for (size_t i = 0; i < c->count; i++) {
            client *one = &c->items[i];
            if (one->connection.request == NULL || !connection_go_on(&one->connection)) {
                continue;
            }
            answered++;
            if (begun < requests) {
                begin(c, one);
                begun++;
            }
        }
        if (answered < requests) {
            wait_for_any(c);
        }
    }
}

/** The clock that counts the processor time of all threads of the server. */
static clockid_t clock_of(uint64_t server) {
    clockid_t clock = CLOCK_MONOTONIC;
    if (server != 0 && clock_getcpuclockid((pid_t)server, &clock) != 0) {
        die("there is no process %lu whose processor time could be read", (unsigned long)server);
    }
    return clock;
}

void send_at_once(const load *l) {
    clients c;
    open_all(&c, l);
    send_all(&c, l->warm);
    const clockid_t server = clock_of(l->server);
    const uint64_t server_start = nanoseconds(server);
    const uint64_t own_start = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const uint64_t start = nanoseconds(CLOCK_MONOTONIC);
    send_all(&c, l->requests);
    const uint64_t end = nanoseconds(CLOCK_MONOTONIC);
    const uint64_t own_end = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const uint64_t server_end = nanoseconds(server);
    const struct {
        const char *name;
        uint64_t number;
    } results[] = {
        {"requests", l->requests},
        {"events", l->requests * l->list},
        {"bodyBytes", l->requests * c.items[0].request.body_len},
        {"start", start},
        {"end", end},
        {"clientCpuNanoseconds", own_end - own_start},
        {"serverCpuStart", server_start},
        {"serverCpuEnd", server_end},
    };
    const size_t count = sizeof(results) / sizeof(results[0]) - (l->server == 0 ? 2 : 0);
    for (size_t i = 0; i < count; i++) {
        printf("%s\"%s\":%lu", i == 0 ? "{" : ",", results[i].name, (unsigned long)results[i].number);
    }
    puts("}");
    close_all(&c);
}
