// SPDX-License-Identifier: Apache-2.0
// Loads a webhook as kube-apiserver does, only harder: EventLists over kept connections, each event with an
// id of its own, the next request when the one before was answered 200. scripts/bench.mjs builds and runs it.
//
// Standard output: one line of JSON with raw numbers. Standard error: what went wrong.
// Status: 0 measured, 2 wrong usage, 3 a request could not be sent, or was not answered 200.
#include "connection.h"
#include "load.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

static void usage(const char *problem, const char *what) {
    fprintf(stderr,
            "bench-client: %s%s\n"
            "usage: bench-client --port N --events FILE [--path PATH] [--authority FILE] [--list N]\n"
            "                    [--connections N] [--warm N] [--requests N] [--gap N] [--server PID]\n"
            "  --port         of 127.0.0.1\n"
            "  --events       JSON Lines, each with the auditID bench- and %d digits\n"
            "  --authority    PEM; then by TLS 1.3, to a server whose certificate it has signed\n"
            "  --list         events in a request (400)\n"
            "  --connections  requests at a time (4)\n"
            "  --warm         requests before those that count (10)\n"
            "  --requests     that count (100)\n"
            "  --gap          microseconds: not all at once but one each so many, over one connection; its\n"
            "                 first event's id is the time, in nanoseconds of CLOCK_MONOTONIC\n"
            "  --server       process whose processor time is told\n",
            problem, what, ID_DIGITS);
    exit(2);
}

static bool is_count(uint64_t number) {
    return number >= 1 && number <= 1000000;
}

int main(int argc, char **argv) {
    load l = {.path = "/k8s-audit", .list = 400, .connections = 4, .warm = 10, .requests = 100};
    const char *authority = NULL;
    const option options[] = {
        {"--port", NULL, &l.port}, {"--events", &l.events, NULL},
        {"--path", &l.path, NULL}, {"--authority", &authority, NULL},
        {"--list", NULL, &l.list}, {"--connections", NULL, &l.connections},
        {"--warm", NULL, &l.warm}, {"--requests", NULL, &l.requests},
        {"--gap", NULL, &l.gap},   {"--server", NULL, &l.server},
    };
    options_read(argc, argv, 1, options, sizeof(options) / sizeof(options[0]), usage);
    if (l.port == 0 || l.port > 65535 || l.events == NULL) {
        usage("--port and --events are needed", "");
    }
    if (!is_count(l.list) || !is_count(l.connections) || !is_count(l.requests)) {
        usage("--list, --connections and --requests are numbers from 1 to a million", "");
    }
    l.tls = authority == NULL ? NULL : trust(authority);
    if (l.gap > 0) {
        send_with_gaps(&l);
    } else {
        send_at_once(&l);
    }
    SSL_CTX_free(l.tls);
    return 0;
}
