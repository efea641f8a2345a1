// SPDX-License-Identifier: Apache-2.0
// Our scanner, in the object files that the plugin is linked of; and memcpy, below which nothing can be. A
// text is read as the plugin reads an event that is not of its own batch: where the WASM wants it, by
// selectForeign. That scans it, tells whether it is an event, and forgets the values of the one before.
#include "candidate.h"

#include "bytes.h"
#include "die.h"
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

#define AUDIT_ID "\"name\": \"ka.auditid\""
#define NO_INDEX UINT64_MAX

static struct runtime runtime;
static uint32_t audit_id; // the number of the field

static void take_log(void *context, int severity, const char *message) {
    (void)context;
    die("severity %d: %s", severity, message);
}

static void guard(void (*body)(void *), void *context) {
    const wasm_rt_trap_t trap = wasm_rt_try(body, context);
    if (trap != WASM_RT_TRAP_NONE) {
        die("the WASM trapped: %s", wasm_rt_strerror(trap));
    }
}

static void find_audit_id(void *context) {
    (void)context;
    const u64 packed = w2c_k8saudit_describeFields(runtime_wasm(&runtime));
    const size_t size = (packed >> 32) + 1;
    char *fields = must_alloc(NULL, size);
    runtime_copy_text(&runtime, packed, fields, size);
    char *row = strstr(fields, AUDIT_ID);
    if (row == NULL) {
        die("the plugin has no field ka.auditid");
    }
    *row = '\0';
    for (const char *at = fields; (at = strstr(at, "\"name\": ")) != NULL; at++) {
        audit_id++;
    }
    free(fields);
}

static const char *start_scanner(const char *kernel, size_t longest) {
    (void)longest;
    if (kernel != NULL) {
        die("k8saudit-ts has one kernel; leave --kernel away");
    }
    runtime.host.log = take_log;
    if (!runtime_start(&runtime, "")) {
        die("the WASM does not start: %s", runtime.error);
    }
    guard(find_audit_id, NULL);
    return "k8saudit-ts, selectForeign";
}

static void take_text(const char *text, size_t length) {
    const u32 at = w2c_k8saudit_foreignSpace(runtime_wasm(&runtime), (u32)length);
    memcpy(host_bytes(&runtime.host, at, (u32)length), text, length);
}

// What it made of the text is asked behind the clock.
static bool scan_text(size_t length) {
    w2c_k8saudit_selectForeign(runtime_wasm(&runtime), (u32)length);
    return true;
}

static bool found_event(const char *text, size_t length) {
    const u64 packed = w2c_k8saudit_extract(runtime_wasm(&runtime), audit_id, NO_INDEX, 0);
    if (packed >> 32 != 1) {
        return false;
    }
    uint64_t address;
    memcpy(&address, host_bytes(&runtime.host, (u32)packed, sizeof(address)), sizeof(address));
    const char *id = (const char *)(uintptr_t)address;
    return memmem(text, length, id, strlen(id)) != NULL;
}

static const candidate scanner = {"k8saudit-ts", start_scanner, take_text, scan_text, found_event, guard};

static char *source;
static char *copy;

static const char *start_copy(const char *kernel, size_t longest) {
    if (kernel != NULL) {
        die("memcpy has one kernel; leave --kernel away");
    }
    source = must_alloc(NULL, longest);
    copy = must_alloc(NULL, longest);
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

static const candidate memory_copy = {"memcpy", start_copy, take_source, copy_text, found_copy, NULL};

const candidate *const candidates[] = {&scanner, &memory_copy, NULL};
