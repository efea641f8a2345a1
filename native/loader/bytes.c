// SPDX-License-Identifier: Apache-2.0
#include "bytes.h"

#include "die.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_alloc(void *old, size_t size) {
    void *memory = realloc(old, size == 0 ? 1 : size);
    if (memory == NULL) {
        die("no memory for %zu bytes", size);
    }
    return memory;
}

static void reserve(bytes *b, size_t more) {
    if (b->capacity - b->len < more) {
        b->capacity = (b->len + more) * 3 / 2 + 64;
        b->data = must_alloc(b->data, b->capacity);
    }
}

void bytes_free(bytes *b) {
    free(b->data);
    *b = (bytes){0};
}

void bytes_add(bytes *b, const void *data, size_t len) {
    reserve(b, len);
    if (len > 0) {
        memcpy(b->data + b->len, data, len);
    }
    b->len += len;
}

void bytes_set(bytes *b, const void *data, size_t len) {
    b->len = 0;
    bytes_add(b, data, len);
}

void bytes_add_text(bytes *b, const char *text) {
    bytes_add(b, text, strlen(text));
}

void bytes_fill(bytes *b, uint8_t value, size_t count) {
    reserve(b, count);
    memset(b->data + b->len, value, count);
    b->len += count;
}

void bytes_replace(bytes *b, size_t at, size_t removed, const void *data, size_t len) {
    if (at > b->len) {
        at = b->len;
    }
    if (removed > b->len - at) {
        removed = b->len - at;
    }
    reserve(b, len);
    memmove(b->data + at + len, b->data + at + removed, b->len - at - removed);
    if (len > 0) {
        memcpy(b->data + at, data, len);
    }
    b->len = b->len - removed + len;
}

bool bytes_add_file(bytes *b, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    size_t got;
    do {
        reserve(b, 65536);
        got = fread(b->data + b->len, 1, 65536, file);
        b->len += got;
    } while (got > 0);
    const bool ok = ferror(file) == 0;
    fclose(file);
    return ok;
}

bool bytes_write_file(const bytes *b, const char *path) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    const bool written = fwrite(b->data, 1, b->len, file) == b->len;
    return fclose(file) == 0 && written;
}

/** Length of the well-formed sequence at the start, or 0. */
static size_t utf8_sequence(const uint8_t *s, size_t len) {
    static const struct {
        uint8_t mask, lead, len, second_low, second_high;
    } forms[] = {
        {0x80, 0x00, 1, 0, 0},       {0xff, 0xe0, 3, 0xa0, 0xbf}, {0xff, 0xed, 3, 0x80, 0x9f},
        {0xf0, 0xe0, 3, 0x80, 0xbf}, {0xff, 0xf0, 4, 0x90, 0xbf}, {0xff, 0xf4, 4, 0x80, 0x8f},
        {0xfc, 0xf0, 4, 0x80, 0xbf}, {0xe0, 0xc0, 2, 0x80, 0xbf},
    };
    if (s[0] == 0xc0 || s[0] == 0xc1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if ((s[0] & forms[i].mask) != forms[i].lead) {
            continue;
        }
        if (len < forms[i].len ||
            (forms[i].len > 1 && (s[1] < forms[i].second_low || s[1] > forms[i].second_high))) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].len; k++) {
            if ((s[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].len;
    }
    return 0;
}

bool is_utf8(const uint8_t *data, size_t len) {
    for (size_t i = 0; i < len;) {
        const size_t sequence = utf8_sequence(data + i, len - i);
        if (sequence == 0) {
            return false;
        }
        i += sequence;
    }
    return true;
}
