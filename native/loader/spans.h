// SPDX-License-Identifier: Apache-2.0
// Where the values of a JSON text are. Made for texts that were broken on purpose: it finds what it can.
#ifndef LOADER_SPANS_H
#define LOADER_SPANS_H

#include "bytes.h"

typedef struct {
    uint32_t start;     ///< of the value
    uint32_t end;       ///< behind the value
    uint32_t key_start; ///< of the member's name with its quotes; both 0 for an element of an array
    uint32_t key_end;
    uint16_t depth;
    uint8_t kind; ///< '{', '[', '"', or 0 for a number or a word
} span;

typedef struct {
    span *items; ///< in the order of their starts
    size_t count;
    size_t capacity;
} spans;

/** Finds at most 65536 values, in at most 256 levels. */
void spans_scan(spans *found, const uint8_t *text, size_t len);

void spans_copy(spans *to, const spans *from);
void spans_free(spans *found);

static inline bool span_has_key(const span *s) {
    return s->key_end > s->key_start;
}

/** Where the member or element starts: with its name if it has one. */
static inline size_t span_whole_start(const span *s) {
    return span_has_key(s) ? s->key_start : s->start;
}

#endif
