// SPDX-License-Identifier: Apache-2.0
// A growing array of bytes. Running out of memory ends the program.
#ifndef LOADER_BYTES_H
#define LOADER_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data;
    size_t len;
    size_t capacity;
} bytes;

/** malloc or realloc that does not return NULL. */
void *must_alloc(void *old, size_t size);

void bytes_free(bytes *b);
void bytes_set(bytes *b, const void *data, size_t len);
void bytes_add(bytes *b, const void *data, size_t len);
void bytes_add_text(bytes *b, const char *text);
void bytes_fill(bytes *b, uint8_t value, size_t count);

/**
 * Replaces `removed` bytes from `at` on by `len` bytes of `data`, which must not be part of `b`. What lies
 * behind the end counts as nothing.
 */
void bytes_replace(bytes *b, size_t at, size_t removed, const void *data, size_t len);

/** Adds a file's content. False with errno set when it cannot be read. */
bool bytes_add_file(bytes *b, const char *path);

/** False with errno set when the file cannot be written. */
bool bytes_write_file(const bytes *b, const char *path);

bool is_utf8(const uint8_t *data, size_t len);

#endif
