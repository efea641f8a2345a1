// SPDX-License-Identifier: Apache-2.0
#include "mutate.h"

#include <string.h>

static const span *pick_value(mutator *m) {
    return m->values.count == 0 ? NULL : &m->values.items[prng_below(m->random, m->values.count)];
}

/** Where a member or element ends, with the comma behind it or, failing that, the one in front of it. */
static void with_comma(const bytes *text, const span *value, size_t *start, size_t *end) {
    *start = span_whole_start(value);
    *end = value->end;
    if (*end < text->len && text->data[*end] == ',') {
        ++*end;
    } else if (*start > 0 && text->data[*start - 1] == ',') {
        --*start;
    }
}

static void delete_value(mutator *m, bytes *text, const span *value) {
    size_t start, end;
    (void)m;
    with_comma(text, value, &start, &end);
    bytes_replace(text, start, end - start, NULL, 0);
}

static void repeat_value(mutator *m, bytes *text, const span *value) {
    const size_t start = span_whole_start(value), len = value->end - start;
    size_t times = prng_few(m->random, 8);
    if (prng_one_in(m->random, 256)) {
        times = prng_between(m->random, 1, m->limit / (len + 1) + 2);
    }
    m->spare.len = 0;
    for (size_t i = 0; i < times && text->len + m->spare.len < m->largest; i++) {
        bytes_add_text(&m->spare, ",");
        bytes_add(&m->spare, text->data + start, len);
    }
    bytes_replace(text, value->end, 0, m->spare.data, m->spare.len);
}

static void swap_values(mutator *m, bytes *text, const span *value) {
    const span *other = pick_value(m);
    const span *first = value->start <= other->start ? value : other;
    const span *second = first == value ? other : value;
    if (first->end > second->start) {
        return;
    }
    bytes *spare = &m->spare;
    bytes_set(spare, text->data, first->start);
    bytes_add(spare, text->data + second->start, second->end - second->start);
    bytes_add(spare, text->data + first->end, second->start - first->end);
    bytes_add(spare, text->data + first->start, first->end - first->start);
    bytes_add(spare, text->data + second->end, text->len - second->end);
    bytes_set(text, spare->data, spare->len);
}

static void replace_with_odd(mutator *m, bytes *text, const span *value) {
    m->spare.len = 0;
    append_odd_value(m, &m->spare);
    bytes_replace(text, value->start, value->end - value->start, m->spare.data, m->spare.len);
}

static void replace_from_other(mutator *m, bytes *text, const span *value) {
    const seed_event *donor = corpus_pick(m->seeds, m->random);
    if (donor->values.count > 0) {
        const span *given = &donor->values.items[prng_below(m->random, donor->values.count)];
        bytes_replace(text, value->start, value->end - value->start, donor->text.data + given->start,
                      given->end - given->start);
    }
}

static void rename_key(mutator *m, bytes *text, const span *value) {
    if (!span_has_key(value)) {
        return;
    }
    m->spare.len = 0;
    bytes_add_text(&m->spare, "\"");
    const span *other = pick_value(m);
    if (prng_one_in(m->random, 3) && span_has_key(other)) {
        bytes_add(&m->spare, text->data + other->key_start + 1, other->key_end - other->key_start - 2);
    } else if (prng_one_in(m->random, 3)) {
        // The same name, written with an escape.
        const size_t len = value->key_end - value->key_start;
        bytes_add_text(&m->spare, "\\u0061");
        bytes_add(&m->spare, text->data + value->key_start + 1, len < 3 ? 0 : len - 2);
    } else {
        bytes_add_text(&m->spare, odd_word(m->random));
    }
    bytes_add_text(&m->spare, "\"");
    bytes_replace(text, value->key_start, value->key_end - value->key_start, m->spare.data, m->spare.len);
}

static void add_member(mutator *m, bytes *text, const span *value) {
    m->spare.len = 0;
    bytes_add_text(&m->spare, "\"");
    if (span_has_key(value) && prng_one_in(m->random, 2)) {
        bytes_add(&m->spare, text->data + value->key_start + 1, value->key_end - value->key_start - 2);
    } else {
        bytes_add_text(&m->spare, odd_word(m->random));
    }
    bytes_add_text(&m->spare, "\":");
    append_odd_value(m, &m->spare);
    bytes_add_text(&m->spare, ",");
    bytes_replace(text, span_whole_start(value), 0, m->spare.data, m->spare.len);
}

static void wrap_value(mutator *m, bytes *text, const span *value) {
    const size_t most = prng_one_in(m->random, 64) ? 2000 : 4;
    const size_t depth = prng_between(m->random, 1, most);
    const bool object = prng_one_in(m->random, 2);
    m->spare.len = 0;
    for (size_t i = 0; i < depth; i++) {
        bytes_add_text(&m->spare, object ? "{\"name\":" : "[");
    }
    bytes_add(&m->spare, text->data + value->start, value->end - value->start);
    bytes_fill(&m->spare, object ? '}' : ']', depth);
    bytes_replace(text, value->start, value->end - value->start, m->spare.data, m->spare.len);
}

static void add_space(mutator *m, bytes *text, const span *value) {
    static const char kinds[] = {' ', '\t', '\r', ' ', '\n', '\f', '\v'};
    const size_t kind = prng_one_in(m->random, 8) ? prng_below(m->random, sizeof(kinds)) : 0;
    const size_t count = prng_one_in(m->random, 32) ? prng_below(m->random, 300) : prng_few(m->random, 4);
    m->spare.len = 0;
    bytes_fill(&m->spare, (uint8_t)kinds[kind], count);
    const size_t places[] = {value->start, value->end, value->key_start, value->key_end};
    bytes_replace(text, places[prng_below(m->random, 4)], 0, m->spare.data, m->spare.len);
}

/** Makes the text about as long as the size at which something changes: the limit, a page, a power of two. */
static void pad_to_border(mutator *m, bytes *text, const span *value) {
    const size_t borders[] = {m->limit, m->limit, 65536, 32768, 4096, 4096};
    const bool large = prng_one_in(m->random, 64);
    const size_t border = borders[prng_below(m->random, 4) + (large ? 0 : 2)];
    const size_t target = border + prng_below(m->random, 9) - 4;
    if (value->kind == '"' && text->len < target && value->end - value->start >= 2) {
        m->spare.len = 0;
        bytes_fill(&m->spare, 'p', target - text->len);
        bytes_replace(text, value->end - 1, 0, m->spare.data, m->spare.len);
    }
}

static void escape_into(mutator *m, bytes *text, const span *value) {
    static const char *const escapes[] = {
        "\\u0000", "\\ud83d\\ude00", "\\ud800",  "\\udc00", "\\q",  "\\u00", "\\", "\\\"",
        "\\n",     "\xc3",           "\xe2\x82", "\xf8",    "\x01", "\x7f"};
    if (value->kind == '"') {
        const char *escape = escapes[prng_below(m->random, sizeof(escapes) / sizeof(escapes[0]))];
        bytes_replace(text, prng_between(m->random, value->start + 1, value->end - 1), 0, escape,
                      strlen(escape));
    }
}

typedef void (*structural)(mutator *m, bytes *text, const span *value);

static void mutate_structure(mutator *m, bytes *text) {
    static const structural ways[] = {
        delete_value,     delete_value,     repeat_value,     repeat_value,       swap_values,
        replace_with_odd, replace_with_odd, replace_with_odd, replace_from_other, replace_from_other,
        rename_key,       rename_key,       add_member,       add_member,         wrap_value,
        add_space,        escape_into,      escape_into,
    };
    const span *value = pick_value(m);
    if (value == NULL) {
        return;
    }
    if (prng_one_in(m->random, 256)) {
        pad_to_border(m, text, value);
    } else {
        ways[prng_below(m->random, sizeof(ways) / sizeof(ways[0]))](m, text, value);
    }
}

static void splice(mutator *m, bytes *text) {
    const seed_event *other = corpus_pick(m->seeds, m->random);
    const size_t from = prng_below(m->random, other->text.len);
    text->len = prng_below(m->random, text->len + 1);
    bytes_add(text, other->text.data + from, other->text.len - from);
}

void mutate_bytes(mutator *m, bytes *text, size_t times) {
    static const uint8_t special[] = {0,   '"',  '\\', '{',  '}',  '[',  ']',  ',',
                                      ':', '\n', ' ',  0x1f, 0x7f, 0x80, 0xc0, 0xff};
    prng *r = m->random;
    for (; times > 0 && text->len > 0; times--) {
        const size_t at = prng_below(r, text->len), len = prng_between(r, 1, prng_one_in(r, 4) ? 300 : 8);
        const uint8_t byte = special[prng_below(r, sizeof(special))];
        switch (prng_below(r, 8)) {
        case 0:
            text->data[at] ^= (uint8_t)(1U << prng_below(r, 8));
            break;
        case 1:
            text->data[at] = byte;
            break;
        case 2:
            bytes_replace(text, at, 0, &byte, 1);
            break;
        case 3:
            bytes_replace(text, at, len, NULL, 0);
            break;
        case 4:
            bytes_set(&m->spare, text->data + at, len < text->len - at ? len : text->len - at);
            bytes_replace(text, prng_below(r, text->len), 0, m->spare.data, m->spare.len);
            break;
        case 5:
            text->data[at] = (uint8_t)prng_next(r);
            break;
        case 6:
            splice(m, text);
            break;
        default:
            text->len = at;
            if (prng_one_in(r, 4)) {
                bytes_add_text(text, "[Truncated...]"); // as EKS cuts
            }
        }
    }
}

void mutate_event(mutator *m, bytes *out) {
    prng *r = m->random;
    const seed_event *seed = corpus_pick(m->seeds, r);
    bytes_set(out, seed->text.data, seed->text.len);
    if (prng_one_in(r, 64)) {
        return;
    }
    const size_t structural_times = prng_one_in(r, 8) ? 0 : prng_few(r, 6);
    for (size_t i = 0; i < structural_times && out->len < m->largest; i++) {
        if (i == 0) {
            spans_copy(&m->values, &seed->values);
        } else {
            spans_scan(&m->values, out->data, out->len);
        }
        mutate_structure(m, out);
    }
    if (structural_times == 0 || prng_one_in(r, 4)) {
        mutate_bytes(m, out, prng_few(r, 8));
    }
}

void mutator_free(mutator *m) {
    spans_free(&m->values);
    bytes_free(&m->spare);
}
