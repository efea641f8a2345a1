// SPDX-License-Identifier: Apache-2.0
#include "corpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_event(corpus *c, const uint8_t *text, size_t len) {
    c->items = must_alloc(c->items, (c->count + 1) * sizeof(seed_event));
    seed_event *added = &c->items[c->count++];
    *added = (seed_event){0};
    bytes_set(&added->text, text, len);
    spans_scan(&added->values, added->text.data, len);
}

static bool is_body(const uint8_t *text, const span *value) {
    static const char *const names[] = {"\"requestObject\"", "\"responseObject\""};
    for (size_t i = 0; i < 2; i++) {
        const size_t len = strlen(names[i]);
        if (value->key_end - value->key_start == len && memcmp(text + value->key_start, names[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/** Replaces each body by an empty object. */
static void add_without_bodies(corpus *c, const seed_event *event) {
    bytes shorter = {0};
    size_t copied = 0;
    for (size_t i = 0; i < event->values.count; i++) {
        const span *value = &event->values.items[i];
        if (value->start >= copied && value->kind == '{' && is_body(event->text.data, value)) {
            bytes_add(&shorter, event->text.data + copied, value->start - copied);
            bytes_add_text(&shorter, "{}");
            copied = value->end;
        }
    }
    if (copied > 0) {
        bytes_add(&shorter, event->text.data + copied, event->text.len - copied);
        add_event(c, shorter.data, shorter.len);
    }
    bytes_free(&shorter);
}

void corpus_add_file(corpus *c, const char *path) {
    bytes content = {0};
    c->last_file = c->count;
    if (!bytes_add_file(&content, path)) {
        fprintf(stderr, "fuzz: cannot read %s: %s\n", path, strerror(errno));
        exit(3);
    }
    for (size_t start = 0; start < content.len;) {
        const uint8_t *newline = memchr(content.data + start, '\n', content.len - start);
        const size_t end = newline == NULL ? content.len : (size_t)(newline - content.data);
        if (end > start) {
            add_event(c, content.data + start, end - start);
            const seed_event whole = c->items[c->count - 1];
            add_without_bodies(c, &whole);
        }
        start = end + 1;
    }
    bytes_free(&content);
}

const seed_event *corpus_pick(const corpus *c, prng *r) {
    if (prng_one_in(r, 3)) {
        return &c->items[prng_between(r, c->last_file, c->count - 1)];
    }
    const seed_event *picked = &c->items[prng_below(r, c->count)];
    for (size_t tries = prng_below(r, 3); tries > 0; tries--) {
        const seed_event *other = &c->items[prng_below(r, c->count)];
        if (other->text.len < picked->text.len) {
            picked = other;
        }
    }
    return picked;
}

static bool has_audit_id(const seed_event *event) {
    for (size_t i = 0; i < event->values.count; i++) {
        const span *value = &event->values.items[i];
        const size_t len = value->key_end - value->key_start;
        if (value->depth == 1 && value->kind == '"' && len == strlen("\"auditID\"") &&
            memcmp(event->text.data + value->key_start, "\"auditID\"", len) == 0) {
            return event->text.data[0] == '{';
        }
    }
    return false;
}

const seed_event *corpus_sound(const corpus *c) {
    for (size_t i = 0; i < c->count; i++) {
        if (has_audit_id(&c->items[i])) {
            return &c->items[i];
        }
    }
    fprintf(stderr, "fuzz: no seed is an audit event\n");
    exit(3);
}

void corpus_free(corpus *c) {
    for (size_t i = 0; i < c->count; i++) {
        bytes_free(&c->items[i].text);
        spans_free(&c->items[i].values);
    }
    free(c->items);
    *c = (corpus){0};
}
