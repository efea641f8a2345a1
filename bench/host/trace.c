// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include "bytes.h"
#include "die.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CALLS (1U << 25)
#define MAX_EVENTS (1U << 22)
#define MAX_REQUESTS 65536

typedef struct {
    trace *trace;
    host_plugin *const *plugins;
    size_t plugin_count;
    size_t plugins_seen;
    host_requests *requests;
    uint64_t line_number;
    bool has_ended;
} reader;

static void refuse(const reader *r, const char *why) {
    die("line %" PRIu64 " of the trace %s: %s", r->line_number, r->trace->path, why);
}

/** Reads a number and moves behind it. What is none, or more than `most`, ends the program. */
static uint64_t read_number(const reader *r, const char **text, uint64_t most) {
    char *end;
    errno = 0;
    const uint64_t value = strtoull(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno != 0 || value > most || (*end != ' ' && *end != '\0')) {
        refuse(r, "a number is wrong");
    }
    *text = end + (*end == ' ');
    return value;
}

static void read_plugin(reader *r, const char *text) {
    const size_t length = strcspn(text, " ");
    if (r->plugins_seen == r->plugin_count) {
        die("the trace %s also has calls of a plugin %s: --extractor names its .so file", r->trace->path,
            text);
    }
    const host_plugin *plugin = r->plugins[r->plugins_seen++];
    if (strlen(plugin->name) != length || strncmp(plugin->name, text, length) != 0) {
        die("the trace %s was made with a plugin %s, and this one is %s: record its own", r->trace->path,
            text, plugin->name);
    }
}

/** Makes the calls of an event begin here, and of those before it that have none. */
static void begin_event(reader *r, uint64_t event) {
    trace *t = r->trace;
    if (event >= t->start_capacity) {
        t->start_capacity = event + event / 2 + 1024;
        t->starts = must_alloc(t->starts, t->start_capacity * sizeof(*t->starts));
    }
    while (t->events <= event) {
        t->starts[t->events++] = (uint32_t)t->call_count;
    }
}

static void read_event(reader *r, const char *text) {
    trace *t = r->trace;
    const uint64_t event = read_number(r, &text, MAX_EVENTS);
    if (event <= t->events) {
        refuse(r, "its event comes too late");
    }
    begin_event(r, event - 1);
    while (*text != '\0') {
        const uint64_t call = read_number(r, &text, MAX_REQUESTS - 1);
        if (call >= r->requests->count) {
            refuse(r, "a call asks what no line before names");
        }
        if (t->call_count == MAX_CALLS) {
            die("the trace %s has more than %u calls: record fewer events", t->path, MAX_CALLS);
        }
        if ((t->call_count & (t->call_count - 1)) == 0) {
            t->calls = must_alloc(t->calls, (2 * t->call_count + 1) * sizeof(*t->calls));
        }
        t->calls[t->call_count++] = (uint16_t)call;
    }
}

static void read_end(reader *r, const char *text) {
    const uint64_t events = read_number(r, &text, MAX_EVENTS);
    const uint64_t calls = read_number(r, &text, MAX_CALLS);
    if (events < r->trace->events || calls != r->trace->call_count) {
        refuse(r, "it counts otherwise than the lines before");
    }
    if (r->plugins_seen < r->plugin_count) {
        die("the trace %s has no calls of a plugin %s: it was made without", r->trace->path,
            r->plugins[r->plugins_seen]->name);
    }
    begin_event(r, events);
    r->trace->events = events;
    r->has_ended = true;
}

static void read_line(reader *r, const char *line) {
    static const struct {
        const char *word;
        void (*read)(reader *r, const char *text);
    } forms[] = {{"plugin ", read_plugin}, {"event ", read_event}, {"end ", read_end}};
    if (r->line_number == 1) {
        if (strcmp(line, "trace 1") != 0) {
            die("%s is no trace of calls, or of another version", r->trace->path);
        }
        return;
    }
    if (r->has_ended) {
        refuse(r, "it stands behind the end");
    }
    if (strncmp(line, "ask ", 4) == 0) {
        if (r->requests->count == MAX_REQUESTS) {
            refuse(r, "too many fields and arguments");
        }
        host_add_request(r->requests, line + 4, strlen(line + 4), r->plugins, r->plugin_count);
        return;
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const size_t length = strlen(forms[i].word);
        if (strncmp(line, forms[i].word, length) == 0) {
            forms[i].read(r, line + length);
            return;
        }
    }
    refuse(r, "it is not understood");
}

void trace_read(trace *t, const char *path, host_plugin *const *plugins, size_t plugin_count,
                host_requests *requests) {
    *t = (trace){.path = path};
    reader r = {.trace = t, .plugins = plugins, .plugin_count = plugin_count, .requests = requests};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        die("cannot read the trace %s: %s", path, strerror(errno));
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) > 0) {
        r.line_number++;
        if (line[length - 1] != '\n') {
            break;
        }
        line[length - 1] = '\0';
        read_line(&r, line);
    }
    free(line);
    fclose(file);
    if (!r.has_ended) {
        die("the trace %s ends early, behind line %" PRIu64 ": record it again", path, r.line_number);
    }
    host_prepare_all(requests);
}

trace_calls trace_at(const trace *t, uint64_t event) {
    if (event >= t->events) {
        die("the source has more than the %" PRIu64
            " events of the trace %s: it is not the one that was recorded",
            t->events, t->path);
    }
    const uint32_t start = t->starts[event];
    return (trace_calls){.items = t->calls + start, .count = t->starts[event + 1] - start};
}

void trace_check_end(const trace *t, uint64_t events) {
    if (events != t->events) {
        die("the source has %" PRIu64 " events, and the trace %s %" PRIu64
            ": it is not the one that was recorded",
            events, t->path, t->events);
    }
}

void trace_free(trace *t) {
    free(t->calls);
    free(t->starts);
    *t = (trace){0};
}
