// SPDX-License-Identifier: Apache-2.0
#include "calls.h"

#include "die.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/** Distinct fields and arguments of a rules file; bench/host numbers them with 16 bits. */
#define MAX_ASKED 65536

void calls_open(calls *c, const char *path) {
    *c = (calls){.path = path, .file = fopen(path, "w")};
    if (c->file == NULL) {
        die("cannot write the trace %s: %s", path, strerror(errno));
    }
    fprintf(c->file, "trace 1\n");
}

void calls_add_plugin(calls *c, const char *name, const char *version) {
    fprintf(c->file, "plugin %s %s\n", name, version);
}

static bool is_same(const asked *a, const void *plugin, const ss_plugin_extract_field *field) {
    if (a->plugin != plugin || a->field != field->field_id || a->has_argument != (field->arg_present != 0) ||
        a->index != field->arg_index) {
        return false;
    }
    if (a->key == NULL || field->arg_key == NULL) {
        return a->key == field->arg_key;
    }
    return strcmp(a->key, field->arg_key) == 0;
}

static void write_asked(calls *c, const ss_plugin_extract_field *field) {
    fprintf(c->file, "ask %s", field->field);
    if (field->arg_present) {
        if (field->arg_key == NULL) {
            fprintf(c->file, "[%" PRIu64 "]", field->arg_index);
        } else if (strpbrk(field->arg_key, "]\n") != NULL) {
            die("the argument of %s has a character that a trace cannot hold: %s", field->field,
                field->arg_key);
        } else {
            fprintf(c->file, "[%s]", field->arg_key);
        }
    }
    putc('\n', c->file);
}

/** The number of what is asked; something new is written down. */
static size_t number_of(calls *c, const void *plugin, const ss_plugin_extract_field *field) {
    size_t i = 0;
    while (i < c->count && !is_same(&c->all[i], plugin, field)) {
        i++;
    }
    if (i < c->count) {
        return i;
    }
    if (i == MAX_ASKED) {
        die("more than %d different fields and arguments are asked, which a trace cannot hold", MAX_ASKED);
    }
    c->all = must_alloc(c->all, (c->count + 1) * sizeof(*c->all));
    c->all[c->count++] = (asked){
        .plugin = plugin,
        .field = field->field_id,
        .has_argument = field->arg_present != 0,
        .index = field->arg_index,
        .key = field->arg_key == NULL ? NULL : strdup(field->arg_key),
    };
    write_asked(c, field);
    return i;
}

static void write_event(calls *c) {
    if (c->event != 0) {
        fprintf(c->file, "event %" PRIu64 "%.*s\n", c->event, (int)c->line.len, (const char *)c->line.data);
    }
    c->line.len = 0;
}

void calls_add(calls *c, uint64_t event, const void *plugin, const ss_plugin_extract_field *field) {
    char number[24];
    if (event < c->event) {
        die("event %" PRIu64 " is asked after event %" PRIu64 ": a trace holds one pass over a source", event,
            c->event);
    }
    if (event != c->event) {
        write_event(c);
        c->event = event;
    }
    snprintf(number, sizeof(number), " %zu", number_of(c, plugin, field));
    bytes_add_text(&c->line, number);
    c->calls++;
}

void calls_close(calls *c, uint64_t events) {
    write_event(c);
    fprintf(c->file, "end %" PRIu64 " %" PRIu64 "\n", events == 0 ? c->event : events, c->calls);
    const bool failed = ferror(c->file) != 0;
    if (fclose(c->file) != 0 || failed) {
        die("cannot write the trace %s: %s", c->path, strerror(errno));
    }
    for (size_t i = 0; i < c->count; i++) {
        free(c->all[i].key);
    }
    free(c->all);
    bytes_free(&c->line);
    *c = (calls){0};
}
