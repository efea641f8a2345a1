// SPDX-License-Identifier: Apache-2.0
// The WASM of one plugin state: its instance, and how a new one takes over after a trap. Nothing of Falco's
// API here.
#ifndef K8SAUDIT_RUNTIME_H
#define K8SAUDIT_RUNTIME_H

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "host.h"
#include "k8saudit.h"

// Counters at the start of the survivor region (assembly/survivor.ts).
#define RUNTIME_COUNTERS 64
#define RUNTIME_MAX_ERROR 1024

struct instance;

// Zeroed, then host.log and host.log_context set, then runtime_start.
struct runtime {
    struct w2c_host host;
    struct instance *instance;
    // Counts the instances: what one gave out is none of the next one's.
    unsigned generation;
    // An instance that a trap ended, while Falco may still read its batch, or the values it extracted.
    struct instance *batch_owner;
    struct instance *values_owner;

    char *config;
    char *params; // of the open source, or NULL
    // When an instance, or its source, that could not be had is tried for again.
    time_t retry_at;
    // Set while a replaced instance could not open the source again.
    bool source_lost;
    unsigned lost_tries;
    time_t trap_log_until;
    unsigned traps_logged;
    // The region that outlives a trap, as the last dead instance left it.
    uint8_t *survivor;
    u32 survivor_size; // 0 before the first trap

    // Why the last call was refused.
    char error[RUNTIME_MAX_ERROR];
    // Copies of the WASM's counters, for any thread.
    _Atomic uint64_t counters[RUNTIME_COUNTERS];
};

// A call into the WASM: `run` gets the call, which holds arguments and result.
struct call {
    struct runtime *runtime;
    const void *text;
    size_t text_length;
    uint64_t arguments[3];
    uint64_t result;
};

// Makes the first instance, configured with a copy of `config`; false, and `error`, when that is refused.
bool runtime_start(struct runtime *runtime, const char *config);
void runtime_free(struct runtime *runtime);

// Opens a source; false, and `error`, when it is refused.
bool runtime_open(struct runtime *runtime, const char *params);
void runtime_close(struct runtime *runtime);

// Makes the instance that takes over after a trap, if there is none; at most once in a while when that fails.
bool runtime_ensure_instance(struct runtime *runtime);
// Lets a new instance take over from the one that a trap has ended.
void runtime_replace_instance(struct runtime *runtime, wasm_rt_trap_t trap, const char *doing);

// Calls into the instance. False when a trap ended it: a new instance has then taken over, or will. `doing`
// is what the log says about it.
static inline bool runtime_call(struct runtime *runtime, void (*run)(void *), struct call *call,
                                const char *doing) {
    call->runtime = runtime;
    if (runtime->instance == NULL && !runtime_ensure_instance(runtime))
        return false;
    wasm_rt_trap_t trap = wasm_rt_try(run, call);
    if (trap == WASM_RT_TRAP_NONE)
        return true;
    runtime_replace_instance(runtime, trap, doing);
    return false;
}

// Whether there is a source to read from; tries to get back a lost one, once in a while.
bool runtime_has_source(struct runtime *runtime);

// Frees the dead instances: before a batch, nothing that they gave out is read any more.
void runtime_free_retired(struct runtime *runtime);
// The same for values alone: libsinsp keeps their addresses for as long as the event is the same.
void runtime_free_retired_values(struct runtime *runtime);

// Brings the copies of the counters up to date.
void runtime_publish(struct runtime *runtime);

// The WASM of the instance, which exists during a call.
w2c_k8saudit *runtime_wasm(struct runtime *runtime);
// The native address of an offset that the WASM gave; not checked.
static inline void *runtime_native(const struct runtime *runtime, u32 at) {
    return runtime->host.memory->data + at;
}
// Copies a text that the WASM gave as address and length in one number; a longer one is cut. NUL-terminated.
void runtime_copy_text(struct runtime *runtime, u64 packed, char *out, size_t capacity);

#endif
