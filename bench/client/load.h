// SPDX-License-Identifier: Apache-2.0
// What the client does. Each run prints one line of JSON with raw numbers; times are in nanoseconds.
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <time.h>

/** To whom what is sent. */
typedef struct {
    uint64_t port;
    const char *path;
    SSL_CTX *tls;         ///< NULL: plain
    const char *events;   ///< path of a file: see request_make
    uint64_t list;        ///< events in a request
    uint64_t connections; ///< that take part
    uint64_t warm;        ///< requests before those that count
    uint64_t requests;    ///< that count
    uint64_t gap;         ///< microseconds between the starts of two requests
    uint64_t server;      ///< process whose processor time is told; 0: none
} load;

/** Sends the requests as fast as they are answered, and tells from when to when, by the clocks of all
 * processes. */
void send_at_once(const load *l);

/** Sends one each `gap` over one connection, with the time as the id of its event, and tells their round
 * trips. */
void send_with_gaps(const load *l);

static inline uint64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

#endif
