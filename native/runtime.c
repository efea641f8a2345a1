// SPDX-License-Identifier: Apache-2.0
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The counter that this file counts (assembly/counters.ts).
#define COUNTER_TRAPS 15
#define SEVERITY_ERROR 3
// How long a state that could not take over after a trap rests before the next try.
#define RETRY_SECONDS 1
// A minute of them.
#define TRIES_BETWEEN_MESSAGES 60
#define TRAPS_LOGGED 20
#define TRAP_LOG_SECONDS 60

struct w2c_env {
    char abort_message[256];
};

// What the abort of AssemblyScript calls. The texts are UTF-16 with their byte length before them.
static void copy_utf16(const wasm_rt_memory_t *memory, u32 at, char *out, size_t capacity) {
    uint32_t length = 0;
    out[0] = 0;
    if (at < 4 || at > memory->size)
        return;
    memcpy(&length, memory->data + at - 4, sizeof(length));
    if (length > 2 * (capacity - 1) || at + (uint64_t)length > memory->size)
        return;
    for (uint32_t i = 0; i < length / 2; i++)
        out[i] = (char)memory->data[at + 2 * i];
    out[length / 2] = 0;
}

// One instance of the WASM.
struct instance {
    w2c_k8saudit wasm;
    struct w2c_env env;
    // The region that outlives a trap (assembly/survivor.ts).
    u32 survivor_at;
    u32 survivor_size;
};

// --- instances ---

void w2c_env_abort(struct w2c_env *env, u32 message, u32 file, u32 line, u32 column) {
    struct instance *instance = (struct instance *)((char *)env - offsetof(struct instance, env));
    char text[128];
    char place[64];
    (void)column;
    copy_utf16(&instance->wasm.w2c_memory, message, text, sizeof(text));
    copy_utf16(&instance->wasm.w2c_memory, file, place, sizeof(place));
    snprintf(env->abort_message, sizeof(env->abort_message), "%s (%s:%u)", text, place, line);
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}

static void free_instance(struct instance *instance) {
    if (instance == NULL)
        return;
    wasm2c_k8saudit_free(&instance->wasm);
    free(instance);
}

static void instantiate(void *context) {
    struct runtime *runtime = context;
    struct instance *instance = runtime->instance;
    wasm2c_k8saudit_instantiate(&instance->wasm, &instance->env, &runtime->host);
    // Asked now: after a trap, nothing is called in the dead instance any more.
    instance->survivor_at = w2c_k8saudit_survivorAddress(&instance->wasm);
    instance->survivor_size = w2c_k8saudit_survivorSize(&instance->wasm);
    host_bytes(&runtime->host, instance->survivor_at, instance->survivor_size);
}

// Makes runtime->instance anew; false when there is no memory for one.
static bool make_instance(struct runtime *runtime) {
    runtime->instance = calloc(1, sizeof(*runtime->instance));
    if (runtime->instance == NULL)
        return false;
    runtime->host.memory = &runtime->instance->wasm.w2c_memory;
    runtime->generation++;
    if (wasm_rt_try(instantiate, runtime) == WASM_RT_TRAP_NONE)
        return true;
    free_instance(runtime->instance);
    runtime->instance = NULL;
    return false;
}

w2c_k8saudit *runtime_wasm(struct runtime *runtime) {
    return &runtime->instance->wasm;
}

void runtime_copy_text(struct runtime *runtime, u64 packed, char *out, size_t capacity) {
    size_t length = packed >> 32;
    if (length >= capacity)
        length = capacity - 1;
    memcpy(out, host_bytes(&runtime->host, (u32)packed, (u32)length), length);
    out[length] = 0;
}

static void put_text(struct call *call) {
    struct runtime *runtime = call->runtime;
    u32 length = (u32)call->text_length;
    u32 at = w2c_k8saudit_textSpace(runtime_wasm(runtime), length);
    memcpy(host_bytes(&runtime->host, at, length), call->text, length);
}

// Keeps the reason of a refusal.
static void take_refusal(const struct call *call) {
    struct runtime *runtime = call->runtime;
    if (call->result == 0)
        runtime_copy_text(runtime, w2c_k8saudit_lastError(runtime_wasm(runtime)), runtime->error,
                          sizeof(runtime->error));
}

static void run_init(void *context) {
    struct call *call = context;
    put_text(call);
    call->result = w2c_k8saudit_init(runtime_wasm(call->runtime), (u32)call->text_length);
    take_refusal(call);
}

static void run_open(void *context) {
    struct call *call = context;
    put_text(call);
    call->result = w2c_k8saudit_open(runtime_wasm(call->runtime), (u32)call->text_length);
    take_refusal(call);
}

static void run_close(void *context) {
    w2c_k8saudit_close(runtime_wasm(((struct call *)context)->runtime));
}

// --- traps ---

static uint8_t *survivor_of(const struct instance *instance) {
    return instance->wasm.w2c_memory.data + instance->survivor_at;
}

static void publish_counters(struct runtime *runtime, const uint8_t *region) {
    for (int i = 0; i < RUNTIME_COUNTERS; i++) {
        uint64_t value;
        memcpy(&value, region + 8 * i, sizeof(value));
        atomic_store_explicit(&runtime->counters[i], value, memory_order_relaxed);
    }
}

// Opens the source where the dead instance was. False when that ended in a trap: the instance is spoilt then.
static bool reopen(struct runtime *runtime) {
    struct call open = {.runtime = runtime, .text = runtime->params, .text_length = strlen(runtime->params)};
    if (wasm_rt_try(run_open, &open) != WASM_RT_TRAP_NONE)
        return false;
    runtime->source_lost = open.result == 0;
    if (runtime->source_lost)
        runtime->retry_at = time(NULL) + RETRY_SECONDS;
    if (runtime->source_lost && runtime->lost_tries++ % TRIES_BETWEEN_MESSAGES == 0)
        host_logf(&runtime->host, SEVERITY_ERROR,
                  "the source cannot be opened again now (%s); trying every %d s", runtime->error,
                  RETRY_SECONDS);
    return true;
}

// Configures runtime->instance as it was. False when the instance is spoilt by that.
static bool revive(struct runtime *runtime) {
    struct call init = {.runtime = runtime, .text = runtime->config, .text_length = strlen(runtime->config)};
    if (wasm_rt_try(run_init, &init) != WASM_RT_TRAP_NONE || init.result == 0)
        return false;
    return runtime->params == NULL || reopen(runtime);
}

static void drop_instance(struct runtime *runtime) {
    host_after_trap(&runtime->host);
    free_instance(runtime->instance);
    runtime->instance = NULL;
}

bool runtime_ensure_instance(struct runtime *runtime) {
    if (runtime->instance != NULL)
        return true;
    if (time(NULL) < runtime->retry_at)
        return false;
    runtime->retry_at = time(NULL) + RETRY_SECONDS;
    if (!make_instance(runtime))
        return false;
    memcpy(survivor_of(runtime->instance), runtime->survivor, runtime->instance->survivor_size);
    if (!revive(runtime)) {
        drop_instance(runtime);
        return false;
    }
    if (!runtime->source_lost)
        runtime->retry_at = 0;
    return true;
}

// Fields of events that Falco still has can be read without a source.
bool runtime_has_source(struct runtime *runtime) {
    if (!runtime_ensure_instance(runtime))
        return false;
    if (!runtime->source_lost)
        return true;
    if (time(NULL) < runtime->retry_at)
        return false;
    if (!reopen(runtime))
        drop_instance(runtime);
    return runtime->instance != NULL && !runtime->source_lost;
}

// Keeps a dead instance while Falco may read what it gave out, frees those that nobody reads any more.
static void retire(struct runtime *runtime, struct instance *dead) {
    if (runtime->batch_owner == NULL) {
        runtime->batch_owner = dead;
    } else {
        free_instance(runtime->values_owner);
        runtime->values_owner = dead;
    }
}

// Without a source there is nothing to go on with after a trap.
static void forget_source(struct runtime *runtime) {
    if (runtime->survivor_size > (RUNTIME_COUNTERS * 8))
        memset(runtime->survivor + (RUNTIME_COUNTERS * 8), 0,
               runtime->survivor_size - (RUNTIME_COUNTERS * 8));
}

// Copies what outlives a trap out of the dead instance, and counts the trap.
static void save_survivor(struct runtime *runtime, const struct instance *dead) {
    uint64_t traps;
    memcpy(runtime->survivor, survivor_of(dead), dead->survivor_size);
    memcpy(&traps, runtime->survivor + 8 * COUNTER_TRAPS, sizeof(traps));
    traps++;
    memcpy(runtime->survivor + 8 * COUNTER_TRAPS, &traps, sizeof(traps));
    runtime->survivor_size = dead->survivor_size;
    if (runtime->params == NULL)
        forget_source(runtime);
    publish_counters(runtime, runtime->survivor);
}

// At most TRAPS_LOGGED in each TRAP_LOG_SECONDS: somebody may know how to cause them.
static void log_trap(struct runtime *runtime, wasm_rt_trap_t trap, const char *message, const char *doing) {
    time_t now = time(NULL);
    if (now >= runtime->trap_log_until) {
        runtime->trap_log_until = now + TRAP_LOG_SECONDS;
        runtime->traps_logged = 0;
    }
    if (runtime->traps_logged == TRAPS_LOGGED)
        return;
    const char *last =
        ++runtime->traps_logged == TRAPS_LOGGED ? " (more of them are only counted for a minute)" : "";
    host_logf(&runtime->host, SEVERITY_ERROR,
              "internal error while %s: %s%s%s; recovered, what caused it is skipped%s", doing,
              wasm_rt_strerror(trap), message[0] != 0 ? ": " : "", message, last);
}

void runtime_replace_instance(struct runtime *runtime, wasm_rt_trap_t trap, const char *doing) {
    struct instance *dead = runtime->instance;
    log_trap(runtime, trap, dead->env.abort_message, doing);
    save_survivor(runtime, dead);
    host_after_trap(&runtime->host);
    runtime->instance = NULL;
    runtime->generation++; // also when no instance takes over yet
    retire(runtime, dead);
    runtime_ensure_instance(runtime);
}

void runtime_free_retired(struct runtime *runtime) {
    free_instance(runtime->batch_owner);
    free_instance(runtime->values_owner);
    runtime->batch_owner = NULL;
    runtime->values_owner = NULL;
}

void runtime_free_retired_values(struct runtime *runtime) {
    free_instance(runtime->values_owner);
    runtime->values_owner = NULL;
}

void runtime_publish(struct runtime *runtime) {
    publish_counters(runtime, survivor_of(runtime->instance));
}

// --- life ---

static bool refuse(struct runtime *runtime, const char *reason) {
    snprintf(runtime->error, sizeof(runtime->error), "%s", reason);
    return false;
}

bool runtime_start(struct runtime *runtime, const char *config) {
    runtime->config = strdup(config);
    if (runtime->config == NULL || !make_instance(runtime) ||
        (runtime->survivor = calloc(1, runtime->instance->survivor_size)) == NULL)
        return refuse(runtime, "not enough memory to start");
    struct call call = {.runtime = runtime, .text = runtime->config, .text_length = strlen(runtime->config)};
    wasm_rt_trap_t trap = wasm_rt_try(run_init, &call);
    if (trap == WASM_RT_TRAP_NONE)
        return call.result != 0;
    snprintf(runtime->error, sizeof(runtime->error), "internal error while reading init_config: %s",
             wasm_rt_strerror(trap));
    return false;
}

void runtime_free(struct runtime *runtime) {
    host_free(&runtime->host);
    free_instance(runtime->instance);
    runtime_free_retired(runtime);
    free(runtime->config);
    free(runtime->params);
    free(runtime->survivor);
}

bool runtime_open(struct runtime *runtime, const char *params) {
    char *kept = strdup(params);
    if (kept == NULL)
        return refuse(runtime, "not enough memory to open the source");
    struct call call = {.text = kept, .text_length = strlen(kept)};
    bool returned = runtime_call(runtime, run_open, &call, "opening the source");
    if (!returned)
        refuse(runtime, "internal error while opening the source; the log has more");
    if (!returned || call.result == 0) {
        free(kept);
        return false;
    }
    runtime->params = kept;
    runtime_publish(runtime);
    return true;
}

void runtime_close(struct runtime *runtime) {
    free(runtime->params);
    runtime->params = NULL;
    runtime->source_lost = false;
    struct call call = {0};
    runtime_call(runtime, run_close, &call, "closing the source");
    forget_source(runtime);
    runtime_free_retired(runtime);
}
