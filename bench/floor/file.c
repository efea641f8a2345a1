// SPDX-License-Identifier: Apache-2.0
// Reads as ours does, looks for the ends of lines, and copies each line into the batch.
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Bytes of one read, as ours. */
#define CHUNK (256 * 1024)

typedef struct {
    char *data;
    size_t capacity;
} block;

/** Where a line's event begins among the events, and the line's bytes. */
typedef struct {
    size_t at;
    size_t length;
} line;

static struct {
    int fd;
    block text;
    size_t from;     ///< where the line begins
    size_t searched; ///< up to where it does not end
    size_t filled;
    block events;
    size_t used;
    line lines[MAX_EVENTS]; ///< of the batch
    size_t count;
} file;

/** Makes room for `size` bytes and keeps the content. */
static void reserve(block *b, size_t size) {
    if (size > b->capacity) {
        b->capacity = 2 * size;
        b->data = realloc(b->data, b->capacity);
        if (b->data == NULL) {
            abort();
        }
    }
}

static const char *open_file(const char *params) {
    file.fd = open(params, O_RDONLY | O_CLOEXEC);
    file.from = file.searched = file.filled = 0;
    return file.fd >= 0 ? NULL : strerror(errno);
}

static void close_file(void) {
    close(file.fd);
}

static bool fill(void) {
    const size_t rest = file.filled - file.from;
    if (file.from > 0) {
        memmove(file.text.data, file.text.data + file.from, rest);
    }
    file.searched -= file.from;
    file.from = 0;
    reserve(&file.text, rest + CHUNK);
    const ssize_t count = read(file.fd, file.text.data + rest, CHUNK);
    file.filled = rest + (size_t)(count > 0 ? count : 0);
    return count > 0;
}

/** Copies the line that ends at `end` behind those before it, which may move. */
static void add_line(size_t end) {
    const size_t length = end - file.from;
    reserve(&file.events, file.used + sizeof(event_head) + length);
    memcpy(file.events.data + file.used + sizeof(event_head), file.text.data + file.from, length);
    file.lines[file.count++] = (line){file.used, length};
    file.used += sizeof(event_head) + length;
    file.from = file.searched = end + 1;
}

/** Adds the next line; false at the end. What stands behind the last line break is no line. */
static bool next_line(void) {
    while (true) {
        const size_t unseen = file.filled - file.searched;
        const char *end = unseen > 0 ? memchr(file.text.data + file.searched, '\n', unseen) : NULL;
        if (end != NULL) {
            add_line((size_t)(end - file.text.data));
            return true;
        }
        file.searched = file.filled;
        if (!fill()) {
            return false;
        }
    }
}

static bool poll_file(event_batch *batch) {
    bool goes_on = true;
    file.count = 0;
    file.used = 0;
    while (goes_on && file.count < MAX_EVENTS && file.used < FULL_BYTES) {
        goes_on = next_line();
    }
    for (size_t i = 0; i < file.count; i++) {
        batch_add(batch, file.events.data + file.lines[i].at, file.lines[i].length);
    }
    return goes_on;
}

const floor_source file_source = {open_file, poll_file, close_file};
