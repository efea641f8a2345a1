// SPDX-License-Identifier: Apache-2.0
// The requests that are sent: EventLists that are made once, in which only the ids of the events are written
// anew.
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

/** What stands in the file for the id of each event: digits, behind this prefix. */
#define ID_PREFIX "\"auditID\":\"bench-"
#define ID_DIGITS 20

/** An HTTP request. */
typedef struct {
    uint8_t *data;
    size_t len;
    size_t body_len;
    size_t events;
    size_t *ids; ///< where the digits of each event's id begin in `data`
} request;

/**
 * A POST to `path` of an EventList with `count` events: those of the file, JSON Lines, over and over. A file
 * that cannot be read, or has other events, ends the program with a message.
 */
void request_make(request *r, const char *file, size_t count, const char *path);

/** Another one with the same content. */
void request_copy(request *r, const request *from);

void request_free(request *r);

/** Gives its events the ids `number`, `number` + 1 and so on. */
void request_number(request *r, uint64_t number);

#endif
