// SPDX-License-Identifier: Apache-2.0
// A Falco plugin that does the least with which events get from where they are to Falco: the kernel's part,
// one copy of what comes from a file, and nothing else. No byte is understood. What a plugin takes less than
// this was measured wrongly; what it takes more is its own.
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <plugin/plugin_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Events of a batch, and their bytes, as ours has them. One event may go over. */
#define MAX_EVENTS 256
#define FULL_BYTES (1024 * 1024)

/** In front of a payload: the header, the sizes of two parameters, and the plugin's id. */
typedef struct __attribute__((packed)) {
    ss_plugin_event header;
    uint32_t id_length;
    uint32_t payload_length;
    uint32_t id;
} event_head;

/** What next_batch hands out; each call of a source begins it anew. */
typedef struct {
    ss_plugin_event *events[MAX_EVENTS];
    uint32_t count;
} event_batch;

/** Adds the event whose head is at `place`, with `length` bytes behind it. */
void batch_add(event_batch *batch, void *place, size_t length);

/** Functions of a source. `open` gives why it cannot be opened, or NULL; `poll` false at the end. */
typedef struct {
    const char *(*open)(const char *params);
    bool (*poll)(event_batch *batch);
    void (*close)(void);
} floor_source;

/** One connection of a webhook, `http://127.0.0.1:PORT/`; each request is an event, as it came. */
extern const floor_source webhook_source;

/** A file; each line is an event. */
extern const floor_source file_source;

#endif
