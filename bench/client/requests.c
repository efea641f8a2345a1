// SPDX-License-Identifier: Apache-2.0
#include "requests.h"

#include "bytes.h"
#include "die.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_START "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":["
#define LIST_END "]}\n"

/** Where the digits of its id begin in the event from `start` to `end`; ends the program when there are none.
 */
static size_t find_id(const bytes *text, size_t start, size_t end, const char *file, size_t line) {
    const size_t prefix = strlen(ID_PREFIX);
    const uint8_t *found = memmem(text->data + start, end - start, ID_PREFIX, prefix);
    const size_t at = found == NULL ? end : (size_t)(found - text->data) + prefix;
    for (size_t i = 0; i < ID_DIGITS; i++) {
        if (at + i >= end || text->data[at + i] < '0' || text->data[at + i] > '9') {
            die("line %zu of %s has no %s and %d digits, in which the client writes numbers", line, file,
                ID_PREFIX, ID_DIGITS);
        }
    }
    return at;
}

/** Adds the events to `body`, and notes where their ids are in it. */
static void add_events(bytes *body, size_t *ids, size_t count, const bytes *text, const char *file) {
    size_t start = 0, line = 1;
    for (size_t i = 0; i < count; i++, line++) {
        if (start == text->len) {
            start = 0;
            line = 1;
        }
        const uint8_t *end = memchr(text->data + start, '\n', text->len - start);
        if (end == NULL) {
            die("line %zu of %s does not end with a line break", line, file);
        }
        const size_t stop = (size_t)(end - text->data);
        if (i > 0) {
            bytes_add_text(body, ",");
        }
        ids[i] = body->len + find_id(text, start, stop, file, line) - start;
        bytes_add(body, text->data + start, stop - start);
        start = stop + 1;
    }
}

void request_make(request *r, const char *file, size_t count, const char *path) {
    bytes text = {0}, body = {0}, whole = {0};
    if (!bytes_add_file(&text, file)) {
        die("cannot read the events in %s: %s", file, strerror(errno));
    }
    if (text.len == 0) {
        die("there is no event in %s", file);
    }
    size_t *ids = must_alloc(NULL, count * sizeof(*ids));
    bytes_add_text(&body, LIST_START);
    add_events(&body, ids, count, &text, file);
    bytes_add_text(&body, LIST_END);

    char length[32];
    snprintf(length, sizeof(length), "%zu", body.len);
    const char *const head[] = {
        "POST ",
        path,
        " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: k8saudit-ts-bench\r\n",
        "Accept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: ",
        length,
        "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
        bytes_add_text(&whole, head[i]);
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] += whole.len;
    }
    bytes_add(&whole, body.data, body.len);
    *r = (request){whole.data, whole.len, body.len, count, ids};
    bytes_free(&text);
    bytes_free(&body);
}

void request_copy(request *r, const request *from) {
    *r = *from;
    r->data = must_alloc(NULL, from->len);
    memcpy(r->data, from->data, from->len);
    r->ids = must_alloc(NULL, from->events * sizeof(*from->ids));
    memcpy(r->ids, from->ids, from->events * sizeof(*from->ids));
}

void request_free(request *r) {
    free(r->data);
    free(r->ids);
    *r = (request){0};
}

void request_number(request *r, uint64_t number) {
    for (size_t i = 0; i < r->events; i++) {
        uint64_t left = number + i;
        for (size_t place = ID_DIGITS; place-- > 0; left /= 10) {
            r->data[r->ids[i] + place] = (uint8_t)('0' + left % 10);
        }
    }
}
