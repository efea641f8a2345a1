// SPDX-License-Identifier: Apache-2.0
#include "spans.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SPANS 65536
#define MAX_DEPTH 256

typedef struct {
    spans *found;
    const uint8_t *text;
    size_t len;
    size_t at;
    size_t key_start;
    size_t key_end;
    size_t open[MAX_DEPTH]; // indexes of the containers that have no end yet
    size_t depth;
} scanner;

static void reserve(spans *found, size_t count) {
    if (found->capacity < count) {
        found->capacity = count * 2 + 64;
        found->items = must_alloc(found->items, found->capacity * sizeof(span));
    }
}

static void add_span(scanner *s, size_t start, size_t end, uint8_t kind) {
    reserve(s->found, s->found->count + 1);
    s->found->items[s->found->count++] = (span){
        .start = (uint32_t)start,
        .end = (uint32_t)end,
        .key_start = (uint32_t)s->key_start,
        .key_end = (uint32_t)s->key_end,
        .depth = (uint16_t)s->depth,
        .kind = kind,
    };
    s->key_start = s->key_end = 0;
}

static size_t skip_string(const scanner *s, size_t i) {
    for (i++; i < s->len && s->text[i] != '"'; i++) {
        if (s->text[i] == '\\') {
            i++;
        }
    }
    return i < s->len ? i + 1 : s->len;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_word(const scanner *s, size_t i) {
    while (i < s->len && !is_space(s->text[i]) && memchr(",:{}[]\"", s->text[i], 7) == NULL) {
        i++;
    }
    return i;
}

static void take_string(scanner *s) {
    const size_t start = s->at, end = skip_string(s, start);
    size_t next = end;
    while (next < s->len && is_space(s->text[next])) {
        next++;
    }
    if (next < s->len && s->text[next] == ':') {
        s->key_start = start;
        s->key_end = end;
        s->at = next + 1;
        return;
    }
    add_span(s, start, end, '"');
    s->at = end;
}

static void open_container(scanner *s) {
    add_span(s, s->at, s->len, s->text[s->at]);
    if (s->depth < MAX_DEPTH) {
        s->open[s->depth] = s->found->count - 1;
    }
    s->depth++;
    s->at++;
}

static void close_container(scanner *s) {
    s->at++;
    s->key_start = s->key_end = 0;
    if (s->depth > 0 && --s->depth < MAX_DEPTH) {
        s->found->items[s->open[s->depth]].end = (uint32_t)s->at;
    }
}

void spans_scan(spans *found, const uint8_t *text, size_t len) {
    scanner s = {.found = found, .text = text, .len = len < UINT32_MAX ? len : UINT32_MAX};
    found->count = 0;
    while (s.at < s.len && found->count < MAX_SPANS) {
        const uint8_t c = text[s.at];
        if (c == '"') {
            take_string(&s);
        } else if (c == '{' || c == '[') {
            open_container(&s);
        } else if (c == '}' || c == ']') {
            close_container(&s);
        } else if (is_space(c) || c == ',' || c == ':') {
            s.at++;
        } else {
            const size_t start = s.at;
            s.at = skip_word(&s, start);
            add_span(&s, start, s.at, 0);
        }
    }
}

void spans_copy(spans *to, const spans *from) {
    reserve(to, from->count);
    to->count = from->count;
    if (from->count > 0) {
        memcpy(to->items, from->items, from->count * sizeof(span));
    }
}

void spans_free(spans *found) {
    free(found->items);
    *found = (spans){0};
}
