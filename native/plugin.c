// SPDX-License-Identifier: Apache-2.0
// Falco's plugin API in front of the WASM. The only file that knows that API; no logic of its own but the
// recovery from traps.
#include <plugin/plugin_api.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalogue.h"
#include "host.h"
#include "k8saudit.h"

#define EXPORT __attribute__((visibility("default")))
#define REQUIRED_API_VERSION "3.11.0"
#define DESCRIPTION "Kubernetes audit events from kube-apiserver's webhook and log files"
#define EVENT_SOURCE "k8s_audit"
#define EVENT_SOURCES "[\"" EVENT_SOURCE "\"]"
#define PLUGIN_EVENT 322
#define NO_INDEX UINT64_MAX
// Offset of the parameter lengths in an event, and the count of parameters that ours have.
#define EVENT_PARAMETERS 26
#define EVENT_PARAMETER_COUNT 2
// What nextBatch gives instead of a count (assembly/plugin.ts).
#define BATCH_TIMEOUT (-1)
#define BATCH_END (-2)
// The counter that this file counts (assembly/counters.ts), and the counters' part of the survivor region
// (assembly/survivor.ts).
#define COUNTER_TRAPS 15
#define SURVIVOR_COUNTERS_SIZE (64 * 8)
#define SEVERITY_ERROR 3
// How long a state that could not take over after a trap rests before the next try.
#define RETRY_SECONDS 1
// A minute of them.
#define TRIES_BETWEEN_MESSAGES 60
#define TRAPS_LOGGED 20
#define TRAP_LOG_SECONDS 60
#define REST_NANOSECONDS (30 * 1000 * 1000)

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

// The plugin instance of Falco's API: it exists while a source is open.
struct capture {
    struct plugin *plugin;
};

struct plugin {
    struct w2c_host host;
    struct instance *instance;
    // An instance that a trap ended, while Falco may still read its batch, or the values it extracted.
    struct instance *batch_owner;
    struct instance *values_owner;

    ss_plugin_owner_t *owner;
    ss_plugin_log_fn_t log_fn;
    char *config;
    char *params; // of the open source
    struct capture *capture;
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

    // The copy of the payload that the WASM has selected, when it is not of our batch.
    bool foreign_selected;
    u32 foreign_at;
    u32 foreign_length;
    // The event whose extraction ended in a trap: it is not tried again.
    const ss_plugin_event *bad_event;
    uint64_t bad_event_number;
    bool has_bad_event;

    // For one extract_fields call.
    uint32_t *offset_starts;
    uint32_t *offset_lengths;
    uint32_t offset_capacity;

    char error[PLUGIN_MAX_ERRLEN];
    char progress[256];
    char *open_params;
    char *event_text;
    // Copies of the WASM's counters: get_metrics may come from another thread than next_batch.
    _Atomic uint64_t counters[METRIC_COUNT];
    ss_plugin_metric metrics[METRIC_COUNT];
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
    struct plugin *plugin = context;
    struct instance *instance = plugin->instance;
    wasm2c_k8saudit_instantiate(&instance->wasm, &instance->env, &plugin->host);
    // Asked now: after a trap, nothing is called in the dead instance any more.
    instance->survivor_at = w2c_k8saudit_survivorAddress(&instance->wasm);
    instance->survivor_size = w2c_k8saudit_survivorSize(&instance->wasm);
    host_bytes(&plugin->host, instance->survivor_at, instance->survivor_size);
}

// Makes plugin->instance anew; false when there is no memory for one.
static bool make_instance(struct plugin *plugin) {
    plugin->instance = calloc(1, sizeof(*plugin->instance));
    if (plugin->instance == NULL)
        return false;
    plugin->host.memory = &plugin->instance->wasm.w2c_memory;
    if (wasm_rt_try(instantiate, plugin) == WASM_RT_TRAP_NONE)
        return true;
    free_instance(plugin->instance);
    plugin->instance = NULL;
    return false;
}

static w2c_k8saudit *wasm_of(struct plugin *plugin) {
    return &plugin->instance->wasm;
}

static void *native(struct plugin *plugin, u32 at) {
    return plugin->instance->wasm.w2c_memory.data + at;
}

static void log_to_falco(void *context, int severity, const char *message) {
    struct plugin *plugin = context;
    if (plugin->log_fn != NULL)
        plugin->log_fn(plugin->owner, NULL, message, (ss_plugin_log_severity)severity);
}

__attribute__((format(printf, 2, 3))) static void set_error(struct plugin *plugin, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(plugin->error, sizeof(plugin->error), format, arguments);
    va_end(arguments);
}

// A call into the WASM: `run` gets the call, which holds arguments and result.
struct call {
    struct plugin *plugin;
    const void *text;
    size_t text_length;
    uint64_t arguments[3];
    uint64_t result;
};

static void replace_instance(struct plugin *plugin, wasm_rt_trap_t trap, const char *doing);

static bool ensure_instance(struct plugin *plugin);

// False when a trap ended it; a new instance has then taken over.
static bool try_call(struct plugin *plugin, void (*run)(void *), struct call *call, const char *doing) {
    call->plugin = plugin;
    if (!ensure_instance(plugin))
        return false;
    wasm_rt_trap_t trap = wasm_rt_try(run, call);
    if (trap == WASM_RT_TRAP_NONE)
        return true;
    replace_instance(plugin, trap, doing);
    return false;
}

static void copy_packed_text(struct plugin *plugin, u64 packed, char *out, size_t capacity) {
    size_t length = packed >> 32;
    if (length >= capacity)
        length = capacity - 1;
    memcpy(out, host_bytes(&plugin->host, (u32)packed, (u32)length), length);
    out[length] = 0;
}

static void put_text(struct call *call) {
    struct plugin *plugin = call->plugin;
    u32 length = (u32)call->text_length;
    u32 at = w2c_k8saudit_textSpace(wasm_of(plugin), length);
    memcpy(host_bytes(&plugin->host, at, length), call->text, length);
}

// Keeps the reason of a refusal for plugin_get_last_error.
static void take_refusal(const struct call *call) {
    struct plugin *plugin = call->plugin;
    if (call->result == 0)
        copy_packed_text(plugin, w2c_k8saudit_lastError(wasm_of(plugin)), plugin->error,
                         sizeof(plugin->error));
}

static void run_init(void *context) {
    struct call *call = context;
    put_text(call);
    call->result = w2c_k8saudit_init(wasm_of(call->plugin), (u32)call->text_length);
    take_refusal(call);
}

static void run_open(void *context) {
    struct call *call = context;
    put_text(call);
    call->result = w2c_k8saudit_open(wasm_of(call->plugin), (u32)call->text_length);
    take_refusal(call);
}

static void run_close(void *context) {
    w2c_k8saudit_close(wasm_of(((struct call *)context)->plugin));
}

// --- traps ---

static uint8_t *survivor_of(const struct instance *instance) {
    return instance->wasm.w2c_memory.data + instance->survivor_at;
}

static void publish_counters(struct plugin *plugin, const uint8_t *region) {
    for (int i = 0; i < METRIC_COUNT; i++) {
        uint64_t value;
        memcpy(&value, region + 8 * i, sizeof(value));
        atomic_store_explicit(&plugin->counters[i], value, memory_order_relaxed);
    }
}

// Opens the source where the dead instance was. False when that ended in a trap: the instance is spoilt then.
static bool reopen(struct plugin *plugin) {
    struct call open = {.plugin = plugin, .text = plugin->params, .text_length = strlen(plugin->params)};
    if (wasm_rt_try(run_open, &open) != WASM_RT_TRAP_NONE)
        return false;
    plugin->source_lost = open.result == 0;
    if (plugin->source_lost)
        plugin->retry_at = time(NULL) + RETRY_SECONDS;
    if (plugin->source_lost && plugin->lost_tries++ % TRIES_BETWEEN_MESSAGES == 0)
        host_logf(&plugin->host, SEVERITY_ERROR,
                  "the source cannot be opened again now (%s); trying every %d s", plugin->error,
                  RETRY_SECONDS);
    return true;
}

// Configures plugin->instance as it was. False when the instance is spoilt by that.
static bool revive(struct plugin *plugin) {
    struct call init = {.plugin = plugin, .text = plugin->config, .text_length = strlen(plugin->config)};
    if (wasm_rt_try(run_init, &init) != WASM_RT_TRAP_NONE || init.result == 0)
        return false;
    return plugin->params == NULL || reopen(plugin);
}

static void drop_instance(struct plugin *plugin) {
    host_after_trap(&plugin->host);
    free_instance(plugin->instance);
    plugin->instance = NULL;
}

// Makes the instance that takes over after a trap, at most once in a while when that fails.
static bool ensure_instance(struct plugin *plugin) {
    if (plugin->instance != NULL)
        return true;
    if (time(NULL) < plugin->retry_at)
        return false;
    plugin->retry_at = time(NULL) + RETRY_SECONDS;
    if (!make_instance(plugin))
        return false;
    memcpy(survivor_of(plugin->instance), plugin->survivor, plugin->instance->survivor_size);
    if (!revive(plugin)) {
        drop_instance(plugin);
        return false;
    }
    if (!plugin->source_lost)
        plugin->retry_at = 0;
    return true;
}

// Whether there is a source to read from; tries to get back a lost one, once in a while. Fields of events
// that Falco still has can be read without it.
static bool ensure_source(struct plugin *plugin) {
    if (!ensure_instance(plugin))
        return false;
    if (!plugin->source_lost)
        return true;
    if (time(NULL) < plugin->retry_at)
        return false;
    if (!reopen(plugin))
        drop_instance(plugin);
    return plugin->instance != NULL && !plugin->source_lost;
}

// Keeps a dead instance while Falco may read what it gave out, frees those that nobody reads any more.
static void retire(struct plugin *plugin, struct instance *dead) {
    if (plugin->batch_owner == NULL) {
        plugin->batch_owner = dead;
    } else {
        free_instance(plugin->values_owner);
        plugin->values_owner = dead;
    }
}

// Without a source there is nothing to go on with after a trap.
static void forget_source(struct plugin *plugin) {
    if (plugin->survivor_size > SURVIVOR_COUNTERS_SIZE)
        memset(plugin->survivor + SURVIVOR_COUNTERS_SIZE, 0, plugin->survivor_size - SURVIVOR_COUNTERS_SIZE);
}

// Copies what outlives a trap out of the dead instance, and counts the trap.
static void save_survivor(struct plugin *plugin, const struct instance *dead) {
    uint64_t traps;
    memcpy(plugin->survivor, survivor_of(dead), dead->survivor_size);
    memcpy(&traps, plugin->survivor + 8 * COUNTER_TRAPS, sizeof(traps));
    traps++;
    memcpy(plugin->survivor + 8 * COUNTER_TRAPS, &traps, sizeof(traps));
    plugin->survivor_size = dead->survivor_size;
    if (plugin->params == NULL)
        forget_source(plugin);
    publish_counters(plugin, plugin->survivor);
}

// At most TRAPS_LOGGED in each TRAP_LOG_SECONDS: somebody may know how to cause them.
static void log_trap(struct plugin *plugin, wasm_rt_trap_t trap, const char *message, const char *doing) {
    time_t now = time(NULL);
    if (now >= plugin->trap_log_until) {
        plugin->trap_log_until = now + TRAP_LOG_SECONDS;
        plugin->traps_logged = 0;
    }
    if (plugin->traps_logged == TRAPS_LOGGED)
        return;
    const char *last =
        ++plugin->traps_logged == TRAPS_LOGGED ? " (more of them are only counted for a minute)" : "";
    host_logf(&plugin->host, SEVERITY_ERROR,
              "internal error while %s: %s%s%s; recovered, what caused it is skipped%s", doing,
              wasm_rt_strerror(trap), message[0] != 0 ? ": " : "", message, last);
}

static void replace_instance(struct plugin *plugin, wasm_rt_trap_t trap, const char *doing) {
    struct instance *dead = plugin->instance;
    log_trap(plugin, trap, dead->env.abort_message, doing);
    save_survivor(plugin, dead);
    host_after_trap(&plugin->host);
    plugin->foreign_selected = false;
    plugin->instance = NULL;
    retire(plugin, dead);
    ensure_instance(plugin);
}

// Before a batch or a close: nothing that a dead instance gave out is read any more.
static void free_retired(struct plugin *plugin) {
    free_instance(plugin->batch_owner);
    free_instance(plugin->values_owner);
    plugin->batch_owner = NULL;
    plugin->values_owner = NULL;
}

// --- identity ---

EXPORT const char *plugin_get_required_api_version(void) {
    return REQUIRED_API_VERSION;
}

EXPORT const char *plugin_get_name(void) {
    return PLUGIN_NAME;
}

EXPORT const char *plugin_get_description(void) {
    return DESCRIPTION;
}

EXPORT const char *plugin_get_contact(void) {
    return PLUGIN_CONTACT;
}

EXPORT const char *plugin_get_version(void) {
    return PLUGIN_VERSION;
}

EXPORT uint32_t plugin_get_id(void) {
    return PLUGIN_ID;
}

EXPORT const char *plugin_get_event_source(void) {
    return EVENT_SOURCE;
}

EXPORT const char *plugin_get_extract_event_sources(void) {
    return EVENT_SOURCES;
}

EXPORT uint16_t *plugin_get_extract_event_types(uint32_t *count, ss_plugin_t *state) {
    static const uint16_t types[] = {PLUGIN_EVENT};
    (void)state;
    *count = 1;
    return (uint16_t *)types; // the API has no const; nobody writes to it
}

EXPORT const char *plugin_get_fields(void) {
    return catalogue_fields;
}

EXPORT const char *plugin_get_init_schema(ss_plugin_schema_type *type) {
    *type = SS_PLUGIN_SCHEMA_JSON;
    return catalogue_schema;
}

// --- life of a plugin state ---

EXPORT void plugin_destroy(ss_plugin_t *state) {
    struct plugin *plugin = state;
    if (plugin == NULL)
        return;
    host_free(&plugin->host);
    free_instance(plugin->instance);
    free_retired(plugin);
    free(plugin->config);
    free(plugin->params);
    free(plugin->capture);
    free(plugin->offset_starts);
    free(plugin->offset_lengths);
    free(plugin->open_params);
    free(plugin->event_text);
    free(plugin->survivor);
    free(plugin);
}

EXPORT ss_plugin_t *plugin_init(const ss_plugin_init_input *input, ss_plugin_rc *rc) {
    *rc = SS_PLUGIN_FAILURE;
    struct plugin *plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL)
        return NULL;
    plugin->owner = input->owner;
    plugin->log_fn = input->log_fn;
    plugin->host.log = log_to_falco;
    plugin->host.log_context = plugin;
    plugin->config = strdup(input->config != NULL ? input->config : "");
    if (plugin->config == NULL || !make_instance(plugin) ||
        (plugin->survivor = calloc(1, plugin->instance->survivor_size)) == NULL) {
        set_error(plugin, "not enough memory to start");
        return plugin;
    }
    struct call call = {.plugin = plugin, .text = plugin->config, .text_length = strlen(plugin->config)};
    wasm_rt_trap_t trap = wasm_rt_try(run_init, &call);
    if (trap != WASM_RT_TRAP_NONE) {
        set_error(plugin, "internal error while reading init_config: %s", wasm_rt_strerror(trap));
    } else if (call.result != 0) {
        *rc = SS_PLUGIN_SUCCESS;
    }
    return plugin;
}

EXPORT const char *plugin_get_last_error(ss_plugin_t *state) {
    const struct plugin *plugin = state;
    return plugin != NULL ? plugin->error : "not enough memory for the plugin's state";
}

// --- sourcing ---

EXPORT ss_instance_t *plugin_open(ss_plugin_t *state, const char *params, ss_plugin_rc *rc) {
    struct plugin *plugin = state;
    *rc = SS_PLUGIN_FAILURE;
    if (plugin->capture != NULL) {
        set_error(plugin, "a source is open already; close it first");
        return NULL;
    }
    char *kept = strdup(params != NULL ? params : "");
    struct capture *capture = calloc(1, sizeof(*capture));
    struct call call = {.text = kept, .text_length = kept != NULL ? strlen(kept) : 0};
    if (kept == NULL || capture == NULL) {
        set_error(plugin, "not enough memory to open the source");
    } else if (!try_call(plugin, run_open, &call, "opening the source")) {
        set_error(plugin, "internal error while opening the source; the log has more");
    } else if (call.result != 0) {
        *rc = SS_PLUGIN_SUCCESS;
        capture->plugin = plugin;
        plugin->params = kept;
        plugin->capture = capture;
        publish_counters(plugin, survivor_of(plugin->instance));
        return capture;
    }
    free(kept);
    free(capture);
    return NULL;
}

EXPORT void plugin_close(ss_plugin_t *state, ss_instance_t *instance) {
    struct plugin *plugin = state;
    if (plugin == NULL || instance == NULL || plugin->capture != instance)
        return;
    free(plugin->params);
    plugin->params = NULL;
    plugin->source_lost = false;
    plugin->foreign_selected = false;
    struct call call = {0};
    try_call(plugin, run_close, &call, "closing the source");
    forget_source(plugin);
    free_retired(plugin);
    free(plugin->capture);
    plugin->capture = NULL;
}

static void run_next_batch(void *context) {
    struct call *call = context;
    w2c_k8saudit *wasm = wasm_of(call->plugin);
    s32 count = (s32)w2c_k8saudit_nextBatch(wasm);
    call->result = (uint64_t)(int64_t)count;
    if (count > 0) {
        u32 pointers = w2c_k8saudit_batchPointers(wasm);
        call->arguments[0] = (uintptr_t)host_bytes(&call->plugin->host, pointers, (u32)count * 8);
    }
}

static void rest(void) {
    const struct timespec time = {0, REST_NANOSECONDS};
    nanosleep(&time, NULL);
}

EXPORT ss_plugin_rc plugin_next_batch(ss_plugin_t *state, ss_instance_t *instance, uint32_t *count,
                                      ss_plugin_event ***events) {
    struct plugin *plugin = state;
    (void)instance;
    *count = 0;
    *events = NULL;
    plugin->foreign_selected = false;
    plugin->has_bad_event = false;
    free_retired(plugin);
    if (!ensure_source(plugin)) {
        rest();
        return SS_PLUGIN_TIMEOUT;
    }
    struct call call = {0};
    if (!try_call(plugin, run_next_batch, &call, "reading events"))
        return SS_PLUGIN_TIMEOUT;
    publish_counters(plugin, survivor_of(plugin->instance));
    int64_t result = (int64_t)call.result;
    if (result == BATCH_END)
        return SS_PLUGIN_EOF;
    if (result <= 0)
        return SS_PLUGIN_TIMEOUT;
    *count = (uint32_t)result;
    *events = (ss_plugin_event **)(uintptr_t)call.arguments[0];
    return SS_PLUGIN_SUCCESS;
}

static void run_progress(void *context) {
    struct call *call = context;
    struct plugin *plugin = call->plugin;
    call->result = w2c_k8saudit_progress(wasm_of(plugin));
    copy_packed_text(plugin, w2c_k8saudit_progressText(wasm_of(plugin)), plugin->progress,
                     sizeof(plugin->progress));
}

EXPORT const char *plugin_get_progress(ss_plugin_t *state, ss_instance_t *instance, uint32_t *percent) {
    struct plugin *plugin = state;
    struct call call = {0};
    *percent = 0;
    if (plugin == NULL || instance == NULL || !try_call(plugin, run_progress, &call, "telling the progress"))
        return "";
    *percent = (uint32_t)call.result;
    return plugin->progress;
}

static void run_open_params(void *context) {
    struct call *call = context;
    struct plugin *plugin = call->plugin;
    u64 packed = w2c_k8saudit_openParams(wasm_of(plugin));
    size_t length = packed >> 32;
    plugin->open_params = malloc(length + 1);
    if (plugin->open_params != NULL)
        copy_packed_text(plugin, packed, plugin->open_params, length + 1);
}

EXPORT const char *plugin_list_open_params(ss_plugin_t *state, ss_plugin_rc *rc) {
    struct plugin *plugin = state;
    struct call call = {0};
    free(plugin->open_params);
    plugin->open_params = NULL;
    bool done =
        try_call(plugin, run_open_params, &call, "listing open parameters") && plugin->open_params != NULL;
    *rc = done ? SS_PLUGIN_SUCCESS : SS_PLUGIN_FAILURE;
    if (!done)
        set_error(plugin, "the open parameters cannot be listed");
    return plugin->open_params;
}

// --- extraction ---

// The payload of an event of ours, and its length; NULL when the event is none.
static const uint8_t *payload_of(const ss_plugin_event *event, uint32_t *length) {
    const uint8_t *bytes = (const uint8_t *)event;
    uint32_t lengths[EVENT_PARAMETER_COUNT];
    if (event->type != PLUGIN_EVENT || event->nparams != EVENT_PARAMETER_COUNT ||
        event->len < PLUGIN_EVENT_PAYLOAD_OFFSET)
        return NULL;
    memcpy(lengths, bytes + EVENT_PARAMETERS, sizeof(lengths));
    if (lengths[0] != 4 || lengths[1] > event->len - PLUGIN_EVENT_PAYLOAD_OFFSET)
        return NULL;
    *length = lengths[1];
    return bytes + PLUGIN_EVENT_PAYLOAD_OFFSET;
}

// Whether this payload is the foreign one that is selected already. Address and number alone do not tell:
// another capture may have an event of the same number in the same buffer.
static bool is_selected_foreign(struct plugin *plugin, const uint8_t *payload, uint32_t length) {
    return plugin->foreign_selected && length == plugin->foreign_length &&
           memcmp(host_bytes(&plugin->host, plugin->foreign_at, length), payload, length) == 0;
}

static void select_foreign(struct plugin *plugin, const uint8_t *payload, uint32_t length) {
    plugin->foreign_selected = false;
    u32 at = w2c_k8saudit_foreignSpace(wasm_of(plugin), length);
    memcpy(host_bytes(&plugin->host, at, length), payload, length);
    w2c_k8saudit_selectForeign(wasm_of(plugin), length);
    plugin->foreign_selected = true;
    plugin->foreign_at = at;
    plugin->foreign_length = length;
}

// Makes an event current in the WASM: our own by its address, any other by its bytes. libscap hands
// extract_fields the very pointer that next_batch gave out, but the API does not promise it. Result 1, or 0:
// not an event of ours.
static void run_select(void *context) {
    struct call *call = context;
    struct plugin *plugin = call->plugin;
    const ss_plugin_event *event = call->text;
    const wasm_rt_memory_t *memory = plugin->host.memory;
    uintptr_t offset = (uintptr_t)event - (uintptr_t)memory->data;
    call->result = 1;
    if (offset < memory->size &&
        w2c_k8saudit_selectOwn(wasm_of(plugin), (u32)offset, call->arguments[0]) == 1) {
        plugin->foreign_selected = false;
        return;
    }
    uint32_t length = 0;
    const uint8_t *payload = payload_of(event, &length);
    call->result = payload != NULL;
    if (payload != NULL && !is_selected_foreign(plugin, payload, length))
        select_foreign(plugin, payload, length);
}

static void run_extract(void *context) {
    struct call *call = context;
    struct plugin *plugin = call->plugin;
    w2c_k8saudit *wasm = wasm_of(plugin);
    if (call->text != NULL) {
        u32 length = (u32)call->text_length;
        u32 at = w2c_k8saudit_keySpace(wasm, length);
        memcpy(host_bytes(&plugin->host, at, length), call->text, length);
    }
    call->result =
        w2c_k8saudit_extract(wasm, (u32)call->arguments[0], call->arguments[1], (u32)call->text_length);
    if (call->result != 0)
        host_bytes(&plugin->host, (u32)call->result, (u32)(call->result >> 32) * 16);
}

static void mark_bad(struct plugin *plugin, const ss_plugin_event_input *input) {
    plugin->bad_event = input->evt;
    plugin->bad_event_number = input->evtnum;
    plugin->has_bad_event = true;
}

static bool is_bad(const struct plugin *plugin, const ss_plugin_event_input *input) {
    return plugin->has_bad_event && plugin->bad_event == input->evt &&
           plugin->bad_event_number == input->evtnum;
}

static bool select_event(struct plugin *plugin, const ss_plugin_event_input *input) {
    if (is_bad(plugin, input))
        return false;
    struct call call = {.text = input->evt, .arguments = {input->evtnum}};
    if (try_call(plugin, run_select, &call, "reading an event's fields"))
        return call.result != 0;
    mark_bad(plugin, input);
    return false;
}

// Room for `count` value offsets; false without memory for it.
static bool reserve_offsets(struct plugin *plugin, uint32_t count) {
    if (count <= plugin->offset_capacity)
        return true;
    uint32_t *starts = realloc(plugin->offset_starts, count * sizeof(*starts));
    if (starts != NULL)
        plugin->offset_starts = starts;
    uint32_t *lengths = realloc(plugin->offset_lengths, count * sizeof(*lengths));
    if (lengths != NULL)
        plugin->offset_lengths = lengths;
    if (starts == NULL || lengths == NULL)
        return false;
    plugin->offset_capacity = count;
    return true;
}

// One field of the current event. Gives the WASM's packed result: see assembly/fields/values.ts.
static uint64_t extract_field(struct plugin *plugin, const ss_plugin_event_input *event,
                              ss_plugin_extract_field *field) {
    struct call call = {.arguments = {field->field_id, NO_INDEX}};
    if (field->arg_present && field->arg_key != NULL) {
        call.text = field->arg_key;
        call.text_length = strlen(field->arg_key);
    } else if (field->arg_present) {
        call.arguments[1] = field->arg_index;
    }
    if (!try_call(plugin, run_extract, &call, "reading a field")) {
        mark_bad(plugin, event);
        return 0;
    }
    field->res_len = call.result >> 32;
    field->res.str = (const char **)native(plugin, (u32)call.result);
    return call.result;
}

// libsinsp asks one field a call and reads an offset for each of its values; asked for several fields, there
// is an offset for each field: its first value's.
static void fill_offsets(struct plugin *plugin, const ss_plugin_field_extract_input *input, uint32_t field,
                         uint64_t values) {
    uint32_t count = (uint32_t)(values >> 32);
    uint32_t wanted = input->num_fields == 1 ? count : 1;
    uint32_t first = input->num_fields == 1 ? 0 : field;
    if (!reserve_offsets(plugin, first + wanted + input->num_fields))
        return;
    plugin->offset_starts[first] = 0;
    plugin->offset_lengths[first] = 0;
    if (count > 0) {
        const uint8_t *at = native(plugin, (u32)values);
        memcpy(plugin->offset_starts + first, at + 8ul * count, wanted * sizeof(uint32_t));
        memcpy(plugin->offset_lengths + first, at + 12ul * count, wanted * sizeof(uint32_t));
    }
    input->value_offsets->start = plugin->offset_starts;
    input->value_offsets->length = plugin->offset_lengths;
}

EXPORT ss_plugin_rc plugin_extract_fields(ss_plugin_t *state, const ss_plugin_event_input *event,
                                          const ss_plugin_field_extract_input *input) {
    struct plugin *plugin = state;
    // libsinsp keeps the addresses of values for as long as the event is the same.
    if (!is_bad(plugin, event)) {
        free_instance(plugin->values_owner);
        plugin->values_owner = NULL;
    }
    bool selected = select_event(plugin, event);
    for (uint32_t i = 0; i < input->num_fields; i++) {
        ss_plugin_extract_field *field = &input->fields[i];
        field->res_len = 0;
        uint64_t values = selected && !is_bad(plugin, event) ? extract_field(plugin, event, field) : 0;
        if (input->value_offsets != NULL)
            fill_offsets(plugin, input, i, values);
    }
    return SS_PLUGIN_SUCCESS;
}

static void run_summary(void *context) {
    struct call *call = context;
    struct plugin *plugin = call->plugin;
    u32 at = w2c_k8saudit_summary(wasm_of(plugin));
    free(plugin->event_text);
    plugin->event_text = strdup(host_bytes(&plugin->host, at, 1));
}

EXPORT const char *plugin_event_to_string(ss_plugin_t *state, const ss_plugin_event_input *event) {
    struct plugin *plugin = state;
    struct call call = {0};
    if (!select_event(plugin, event))
        return "(no audit event)";
    if (!try_call(plugin, run_summary, &call, "describing an event")) {
        mark_bad(plugin, event);
        return "(internal error; the log has more)";
    }
    return plugin->event_text != NULL ? plugin->event_text : "";
}

// --- metrics ---

EXPORT ss_plugin_metric *plugin_get_metrics(ss_plugin_t *state, uint32_t *count) {
    struct plugin *plugin = state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        plugin->metrics[i] = (ss_plugin_metric){
            .name = catalogue_metrics[i],
            .type = SS_PLUGIN_METRIC_TYPE_MONOTONIC,
            .value.u64 = atomic_load_explicit(&plugin->counters[i], memory_order_relaxed),
            .value_type = SS_PLUGIN_METRIC_VALUE_TYPE_U64,
        };
    }
    *count = METRIC_COUNT;
    return plugin->metrics;
}
