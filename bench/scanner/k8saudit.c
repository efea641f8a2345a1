// SPDX-License-Identifier: Apache-2.0
// Our scanner, in the object files that the plugin is linked of, and memcpy as the floor. A text is scanned as the
// plugin scans an event that is not its own: in the place that the WASM gives for it, by selectForeign. That also
// tells whether it is an event and forgets the values of the one before.
#include "candidate.h"
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUDIT_ID "\"name\": \"ka.auditid\""
#define NO_INDEX UINT64_MAX

static struct runtime runtime;
static uint32_t audit_id; // the number of the field

static void log_message(void *context, int severity, const char *message) {
    (void)context;
    fprintf(stderr, "severity %d: %s\n", severity, message);
}

static void find_audit_id(void *context) {
    (void)context;
    u64 packed = w2c_k8saudit_describeFields(runtime_wasm(&runtime));
    u32 length = (u32)(packed >> 32);
    char *fields = malloc(length + 1);
    if (fields == NULL)
        die(3, "no memory for the list of fields");
    runtime_copy_text(&runtime, packed, fields, length + 1);
    char *row = strstr(fields, AUDIT_ID);
    if (row == NULL)
        die(3, "the plugin has no field ka.auditid");
    *row = 0;
    for (const char *at = fields; (at = strstr(at, "\"name\": ")) != NULL; at++)
        audit_id++;
    free(fields);
}

static void guard(void (*body)(void *), void *context) {
    wasm_rt_trap_t trap = wasm_rt_try(body, context);
    if (trap != WASM_RT_TRAP_NONE)
        die(3, "the WASM trapped: %s", wasm_rt_strerror(trap));
}

static const char *start_scanner(const char *kernel, size_t longest) {
    (void)longest;
    if (kernel != NULL)
        die(2, "k8saudit-ts has one kernel only; leave --kernel out");
    runtime.host.log = log_message;
    if (!runtime_start(&runtime, ""))
        die(3, "cannot start the WASM: %s", runtime.error);
    guard(find_audit_id, NULL);
    return "k8saudit-ts, selectForeign";
}

static void take_text(const char *text, size_t length) {
    u32 at = w2c_k8saudit_foreignSpace(runtime_wasm(&runtime), (u32)length);
    memcpy(host_bytes(&runtime.host, at, (u32)length), text, length);
}

// What selectForeign makes of the text is seen by `found`.
static bool scan_text(size_t length) {
    w2c_k8saudit_selectForeign(runtime_wasm(&runtime), (u32)length);
    return true;
}

static bool found_event(const char *text, size_t length) {
    u64 packed = w2c_k8saudit_extract(runtime_wasm(&runtime), audit_id, NO_INDEX, 0);
    if (packed >> 32 != 1)
        return false;
    uint64_t value;
    memcpy(&value, host_bytes(&runtime.host, (u32)packed, sizeof(value)), sizeof(value));
    const char *id = (const char *)(uintptr_t)value;
    return memmem(text, length, id, strlen(id)) != NULL;
}

static const struct candidate scanner = {
    .name = "k8saudit-ts",
    .start = start_scanner,
    .take = take_text,
    .scan = scan_text,
    .found = found_event,
    .guard = guard,
};

static char *source;
static char *copy;

static const char *start_copy(const char *kernel, size_t longest) {
    if (kernel != NULL)
        die(2, "memcpy is the C library's; leave --kernel out");
    source = malloc(longest);
    copy = malloc(longest);
    if (source == NULL || copy == NULL)
        die(3, "no memory for two texts of %zu bytes", longest);
    return "memcpy of the C library";
}

static void take_source(const char *text, size_t length) {
    memcpy(source, text, length);
}

static bool copy_text(size_t length) {
    memcpy(copy, source, length);
    // The compiler has to believe that somebody reads it.
    __asm__ volatile("" : : "r"(copy) : "memory");
    return true;
}

static bool found_copy(const char *text, size_t length) {
    return memcmp(copy, text, length) == 0;
}

static const struct candidate memory_copy = {
    .name = "memcpy",
    .start = start_copy,
    .take = take_source,
    .scan = copy_text,
    .found = found_copy,
};

const struct candidate *const candidates[] = {&scanner, &memory_copy, NULL};
