// SPDX-License-Identifier: Apache-2.0
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "candidate.h"

static void add(struct events *events, const struct event *event) {
    // Doubles at each power of two.
    if ((events->count & (events->count - 1)) == 0) {
        size_t capacity = events->count == 0 ? 1 : 2 * events->count;
        events->items = realloc(events->items, capacity * sizeof(*events->items));
        if (events->items == NULL)
            die(3, "no memory for %zu events", capacity);
    }
    events->items[events->count++] = *event;
    events->bytes += event->length;
    if (event->length > events->longest)
        events->longest = event->length;
}

struct events events_read(const char *path) {
    struct events events = {0};
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die(3, "cannot read %s: %s; give a file of audit events, one a line", path, strerror(errno));
    struct event event = {.line = 1};
    size_t capacity = 0;
    for (ssize_t got; (got = getline(&event.text, &capacity, file)) >= 0; event.line++) {
        event.length = (size_t)got;
        while (event.length > 0 && strchr("\r\n", event.text[event.length - 1]) != NULL)
            event.length--;
        if (event.length == 0)
            continue;
        add(&events, &event);
        event.text = NULL;
        capacity = 0;
    }
    if (ferror(file))
        die(3, "cannot read %s: %s", path, strerror(errno));
    free(event.text);
    fclose(file);
    if (events.count == 0)
        die(3, "%s holds no event; give a file of audit events, one a line", path);
    return events;
}

void events_free(struct events *events) {
    for (size_t i = 0; i < events->count; i++)
        free(events->items[i].text);
    free(events->items);
}
