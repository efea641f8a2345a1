// SPDX-License-Identifier: Apache-2.0
// The events of a .jsonl file, one a line.
#ifndef BENCH_EVENTS_H
#define BENCH_EVENTS_H

#include <stddef.h>

struct event {
    char *text; // not NUL-terminated for anybody: it has a length
    size_t length;
    size_t line; // in the file, from 1
};

struct events {
    struct event *items;
    size_t count;
    size_t bytes; // of all texts
    size_t longest;
};

// Reads a file; empty lines are left out. What cannot be read, or holds no event, ends the program with a message.
struct events events_read(const char *path);
void events_free(struct events *events);

#endif
