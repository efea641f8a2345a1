// SPDX-License-Identifier: Apache-2.0
#include "result.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/** Whether a member stands before the next one in the same object. */
static bool follows;

static void print_text(const char *text) {
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if (*c < 0x20) {
            printf("\\u%04x", *c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

static void print_name(const char *name) {
    printf("%s\"%s\":", follows ? "," : "", name);
    follows = true;
}

void result_begin(const char *mode, const host_plugin *plugin) {
    putchar('{');
    follows = false;
    result_text("mode", mode);
    if (plugin != NULL) {
        result_text("plugin", plugin->name);
        result_text("version", plugin->version);
    }
}

void result_number(const char *name, uint64_t value) {
    print_name(name);
    printf("%" PRIu64, value);
}

void result_text(const char *name, const char *value) {
    print_name(name);
    print_text(value);
}

void result_numbers(const char *name, const uint64_t *values, size_t count) {
    print_name(name);
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        printf("%s%" PRIu64, i == 0 ? "" : ",", values[i]);
    }
    putchar(']');
}

void result_time(bench_time time) {
    result_number("nanoseconds", time.wall);
    result_number("cpuNanoseconds", time.cpu);
}

void result_source(const host_source *source) {
    result_number("events", source->count);
    result_number("bytes", source->bytes);
    result_number("batches", source->batches);
    result_number("timeouts", source->timeouts);
}

void result_tally(const host_tally *tally) {
    result_number("calls", tally->calls);
    result_number("failures", tally->failures);
    result_number("values", tally->values);
    result_number("mark", tally->mark);
}

void result_json(const char *name, const char *json) {
    print_name(name);
    for (; *json != '\0'; json++) {
        putchar(*json == '\n' ? ' ' : *json);
    }
}

void result_list_begin(const char *name) {
    print_name(name);
    putchar('[');
    follows = false;
}

void result_object_begin(void) {
    fputs(follows ? ",{" : "{", stdout);
    follows = false;
}

void result_object_end(void) {
    putchar('}');
    follows = true;
}

void result_list_end(void) {
    putchar(']');
    follows = true;
}

void result_end(void) {
    puts("}");
    fflush(stdout);
}
