// SPDX-License-Identifier: Apache-2.0
// Falco's plugin API in front of the WASM. The only file that knows that API; no logic of its own.
#include <plugin/plugin_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build_info.h"
#include "catalogue.h"
#include "runtime.h"

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
// What extract gives when not even the field's place is there (assembly/fields/extract.ts).
#define NOTHING_THERE 1
#define REST_NANOSECONDS (30 * 1000 * 1000)

// How the file was made, for those who hold it: nothing reads it while it runs. The linker would leave it
// out.
__attribute__((used, retain)) static const char build_info[] = BUILD_INFO;

// The plugin instance of Falco's API: it exists while a source is open.
struct capture {
    struct plugin *plugin;
};

// The event that the WASM has selected.
struct selection {
    enum { SELECTED_NONE, SELECTED_OWN, SELECTED_FOREIGN } kind;
    unsigned generation; // of the instance
    // Of our batch: where it is, and its number.
    const ss_plugin_event *event;
    uint64_t number;
    // Any other: where the copy of its payload is, and the length.
    u32 at;
    u32 length;
    // The bodies that it may have (assembly/json/scan.ts).
    u32 bodies;
};

struct plugin {
    struct runtime runtime;
    struct capture *capture;
    ss_plugin_owner_t *owner;
    ss_plugin_log_fn_t log_fn;

    struct selection selection;
    // The answers to fields without argument, for the selected event: libsinsp asks for the same ones again
    // and again. Those of another selection do not count.
    uint64_t selections;
    struct {
        uint64_t selection;
        uint64_t answer;
    } answers[FIELD_COUNT];
    // By place: the last selected event that has nothing there.
    uint64_t absent[PLACE_COUNT];
    // The event whose extraction ended in a trap: it is not tried again.
    const ss_plugin_event *bad_event;
    uint64_t bad_event_number;
    bool has_bad_event;

    // For one extract_fields call.
    uint32_t *offset_starts;
    uint32_t *offset_lengths;
    uint32_t offset_capacity;

    char progress[256];
    char *open_params;
    char *event_text;
    ss_plugin_metric metrics[METRIC_COUNT];
};

static struct plugin *plugin_of(const struct call *call) {
    return (struct plugin *)((char *)call->runtime - offsetof(struct plugin, runtime));
}

static void log_to_falco(void *context, int severity, const char *message) {
    struct plugin *plugin = context;
    if (plugin->log_fn != NULL)
        plugin->log_fn(plugin->owner, NULL, message, (ss_plugin_log_severity)severity);
}

static void set_error(struct plugin *plugin, const char *message) {
    snprintf(plugin->runtime.error, sizeof(plugin->runtime.error), "%s", message);
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
    runtime_free(&plugin->runtime);
    free(plugin->capture);
    free(plugin->offset_starts);
    free(plugin->offset_lengths);
    free(plugin->open_params);
    free(plugin->event_text);
    free(plugin);
}

EXPORT ss_plugin_t *plugin_init(const ss_plugin_init_input *input, ss_plugin_rc *rc) {
    *rc = SS_PLUGIN_FAILURE;
    struct plugin *plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL)
        return NULL;
    plugin->owner = input->owner;
    plugin->log_fn = input->log_fn;
    plugin->runtime.host.log = log_to_falco;
    plugin->runtime.host.log_context = plugin;
    if (runtime_start(&plugin->runtime, input->config != NULL ? input->config : ""))
        *rc = SS_PLUGIN_SUCCESS;
    return plugin;
}

EXPORT const char *plugin_get_last_error(ss_plugin_t *state) {
    const struct plugin *plugin = state;
    return plugin != NULL ? plugin->runtime.error : "not enough memory for the plugin's state";
}

// --- sourcing ---

EXPORT ss_instance_t *plugin_open(ss_plugin_t *state, const char *params, ss_plugin_rc *rc) {
    struct plugin *plugin = state;
    *rc = SS_PLUGIN_FAILURE;
    if (plugin->capture != NULL) {
        set_error(plugin, "a source is open already; close it first");
        return NULL;
    }
    struct capture *capture = calloc(1, sizeof(*capture));
    if (capture == NULL) {
        set_error(plugin, "not enough memory to open the source");
        return NULL;
    }
    if (!runtime_open(&plugin->runtime, params != NULL ? params : "")) {
        free(capture);
        return NULL;
    }
    *rc = SS_PLUGIN_SUCCESS;
    capture->plugin = plugin;
    plugin->capture = capture;
    return capture;
}

EXPORT void plugin_close(ss_plugin_t *state, ss_instance_t *instance) {
    struct plugin *plugin = state;
    if (plugin == NULL || instance == NULL || plugin->capture != instance)
        return;
    plugin->selection.kind = SELECTED_NONE;
    runtime_close(&plugin->runtime);
    free(plugin->capture);
    plugin->capture = NULL;
}

static void run_next_batch(void *context) {
    struct call *call = context;
    w2c_k8saudit *wasm = runtime_wasm(call->runtime);
    s32 count = (s32)w2c_k8saudit_nextBatch(wasm);
    call->result = (uint64_t)(int64_t)count;
    if (count > 0) {
        u32 pointers = w2c_k8saudit_batchPointers(wasm);
        call->arguments[0] = (uintptr_t)host_bytes(&call->runtime->host, pointers, (u32)count * 8);
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
    plugin->selection.kind = SELECTED_NONE;
    plugin->has_bad_event = false;
    runtime_free_retired(&plugin->runtime);
    if (!runtime_has_source(&plugin->runtime)) {
        rest();
        return SS_PLUGIN_TIMEOUT;
    }
    struct call call = {0};
    if (!runtime_call(&plugin->runtime, run_next_batch, &call, "reading events"))
        return SS_PLUGIN_TIMEOUT;
    runtime_publish(&plugin->runtime);
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
    struct plugin *plugin = plugin_of(call);
    call->result = w2c_k8saudit_progress(runtime_wasm(&plugin->runtime));
    runtime_copy_text(&plugin->runtime, w2c_k8saudit_progressText(runtime_wasm(&plugin->runtime)),
                      plugin->progress, sizeof(plugin->progress));
}

EXPORT const char *plugin_get_progress(ss_plugin_t *state, ss_instance_t *instance, uint32_t *percent) {
    struct plugin *plugin = state;
    struct call call = {0};
    *percent = 0;
    if (plugin == NULL || instance == NULL ||
        !runtime_call(&plugin->runtime, run_progress, &call, "telling the progress"))
        return "";
    *percent = (uint32_t)call.result;
    return plugin->progress;
}

static void run_open_params(void *context) {
    struct call *call = context;
    struct plugin *plugin = plugin_of(call);
    u64 packed = w2c_k8saudit_openParams(runtime_wasm(&plugin->runtime));
    size_t length = packed >> 32;
    plugin->open_params = malloc(length + 1);
    if (plugin->open_params != NULL)
        runtime_copy_text(&plugin->runtime, packed, plugin->open_params, length + 1);
}

EXPORT const char *plugin_list_open_params(ss_plugin_t *state, ss_plugin_rc *rc) {
    struct plugin *plugin = state;
    struct call call = {0};
    free(plugin->open_params);
    plugin->open_params = NULL;
    bool done = runtime_call(&plugin->runtime, run_open_params, &call, "listing open parameters") &&
                plugin->open_params != NULL;
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

// Whether the event can be one of our batch: libscap hands extract_fields the very pointer that next_batch
// gave out, but the API does not promise it.
static bool is_in_memory(const struct plugin *plugin, const ss_plugin_event *event, u32 *offset) {
    const wasm_rt_memory_t *memory = plugin->runtime.host.memory;
    uintptr_t distance = (uintptr_t)event - (uintptr_t)memory->data;
    *offset = (u32)distance;
    return distance < memory->size;
}

// Address and number alone do not tell a foreign event: another capture may have one of the same number in
// the same buffer.
static bool is_selected_foreign(const struct plugin *plugin, const ss_plugin_event_input *input) {
    const struct selection *selection = &plugin->selection;
    u32 offset;
    uint32_t length = 0;
    const uint8_t *payload = payload_of(input->evt, &length);
    return selection->kind == SELECTED_FOREIGN && payload != NULL &&
           !is_in_memory(plugin, input->evt, &offset) && length == selection->length &&
           memcmp(runtime_native(&plugin->runtime, selection->at), payload, length) == 0;
}

static inline bool is_selected(const struct plugin *plugin, const ss_plugin_event_input *input) {
    const struct selection *selection = &plugin->selection;
    if (selection->generation != plugin->runtime.generation)
        return false;
    if (selection->kind == SELECTED_OWN)
        return selection->event == input->evt && selection->number == input->evtnum;
    return is_selected_foreign(plugin, input);
}

// Makes an event current in the WASM: our own by its address, any other by its bytes. False: it is no event
// of ours.
static bool select_event(struct plugin *plugin, const ss_plugin_event_input *input) {
    w2c_k8saudit *wasm = runtime_wasm(&plugin->runtime);
    struct selection selection = {.generation = plugin->runtime.generation};
    plugin->selection.kind = SELECTED_NONE;
    plugin->selections++;
    u32 offset;
    s32 bodies = -1;
    if (is_in_memory(plugin, input->evt, &offset))
        bodies = (s32)w2c_k8saudit_selectOwn(wasm, offset);
    if (bodies >= 0) {
        selection.kind = SELECTED_OWN;
        selection.event = input->evt;
        selection.number = input->evtnum;
    } else {
        const uint8_t *payload = payload_of(input->evt, &selection.length);
        if (payload == NULL)
            return false;
        selection.kind = SELECTED_FOREIGN;
        selection.at = w2c_k8saudit_foreignSpace(wasm, selection.length);
        memcpy(host_bytes(&plugin->runtime.host, selection.at, selection.length), payload, selection.length);
        bodies = (s32)w2c_k8saudit_selectForeign(wasm, selection.length);
    }
    selection.bodies = (u32)bodies;
    plugin->selection = selection;
    return true;
}

static bool is_bad(const struct plugin *plugin, const ss_plugin_event_input *input) {
    return plugin->has_bad_event && plugin->bad_event == input->evt &&
           plugin->bad_event_number == input->evtnum;
}

// Whether the WASM can be asked about an event.
static bool may_ask(struct plugin *plugin, const ss_plugin_event_input *event) {
    return !is_bad(plugin, event) &&
           (plugin->runtime.instance != NULL || runtime_ensure_instance(&plugin->runtime));
}

// After a trap, the event is not asked about again.
static void give_up(struct plugin *plugin, const ss_plugin_event_input *event, wasm_rt_trap_t trap,
                    const char *doing) {
    runtime_replace_instance(&plugin->runtime, trap, doing);
    plugin->bad_event = event->evt;
    plugin->bad_event_number = event->evtnum;
    plugin->has_bad_event = true;
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

// The WASM's packed answer: see assembly/fields/values.ts.
static inline uint64_t run_extract(struct plugin *plugin, const ss_plugin_event_input *event,
                                   const ss_plugin_extract_field *field, bool is_selected) {
    if (!is_selected && !select_event(plugin, event))
        return 0;
    w2c_k8saudit *wasm = runtime_wasm(&plugin->runtime);
    u64 index = NO_INDEX;
    u32 length = 0;
    if (field->arg_present && field->arg_key != NULL) {
        length = (u32)strlen(field->arg_key);
        u32 at = w2c_k8saudit_keySpace(wasm, length);
        memcpy(host_bytes(&plugin->runtime.host, at, length), field->arg_key, length);
    } else if (field->arg_present) {
        index = field->arg_index;
    }
    u64 answer = w2c_k8saudit_extract(wasm, field->field_id, index, length);
    if (answer >> 32 != 0)
        host_bytes(&plugin->runtime.host, (u32)answer - 8 * (u32)(answer >> 32), 16 * (u32)(answer >> 32));
    return answer;
}

// One field of an event, asked of the WASM; not inlined, so that what is known already is a short way.
__attribute__((noinline)) static uint64_t extract_field(struct plugin *plugin,
                                                        const ss_plugin_event_input *event,
                                                        const ss_plugin_extract_field *field,
                                                        bool is_selected) {
    if (!may_ask(plugin, event))
        return 0;
    uint64_t answer = 0;
    wasm_rt_trap_t trap;
    WASM_RT_TRY(trap, answer = run_extract(plugin, event, field, is_selected));
    if (trap != WASM_RT_TRAP_NONE) {
        give_up(plugin, event, trap, "reading a field");
        return 0;
    }
    if (field->field_id >= FIELD_COUNT)
        return 0;
    if (answer == NOTHING_THERE) {
        plugin->absent[catalogue_places[field->field_id]] = plugin->selections;
        return 0;
    }
    if (!field->arg_present) {
        plugin->answers[field->field_id].selection = plugin->selections;
        plugin->answers[field->field_id].answer = answer;
    }
    return answer;
}

// The same, where it can be told without the WASM: the event lacks the body or the place that the field is
// at, or the same was asked before.
static inline uint64_t field_of(struct plugin *plugin, const ss_plugin_event_input *event,
                                const ss_plugin_extract_field *field) {
    const bool selected = is_selected(plugin, event);
    const uint32_t id = field->field_id;
    if (selected && id < FIELD_COUNT) {
        if ((catalogue_needs[id] & ~plugin->selection.bodies) != 0 ||
            plugin->absent[catalogue_places[id]] == plugin->selections)
            return 0;
        if (!field->arg_present && plugin->answers[id].selection == plugin->selections)
            return plugin->answers[id].answer;
    }
    return extract_field(plugin, event, field, selected);
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
        const uint8_t *at = runtime_native(&plugin->runtime, (u32)values);
        memcpy(plugin->offset_starts + first, at - 8ul * count, wanted * sizeof(uint32_t));
        memcpy(plugin->offset_lengths + first, at - 4ul * count, wanted * sizeof(uint32_t));
    }
    input->value_offsets->start = plugin->offset_starts;
    input->value_offsets->length = plugin->offset_lengths;
}

EXPORT ss_plugin_rc plugin_extract_fields(ss_plugin_t *state, const ss_plugin_event_input *event,
                                          const ss_plugin_field_extract_input *input) {
    struct plugin *plugin = state;
    // libsinsp keeps the addresses of values for as long as the event is the same.
    if (plugin->runtime.values_owner != NULL && !is_bad(plugin, event))
        runtime_free_retired_values(&plugin->runtime);
    for (uint32_t i = 0; i < input->num_fields; i++) {
        ss_plugin_extract_field *field = &input->fields[i];
        const uint64_t values = field_of(plugin, event, field);
        field->res_len = values >> 32;
        // Whatever the type is: the WASM lays values out as Falco reads them.
        if (values != 0)
            field->res.str = (const char **)runtime_native(&plugin->runtime, (u32)values);
        if (input->value_offsets != NULL)
            fill_offsets(plugin, input, i, values);
    }
    return SS_PLUGIN_SUCCESS;
}

// Whether the event is one of ours; event_text is then a line about it, or NULL without memory for it.
static bool run_summary(struct plugin *plugin, const ss_plugin_event_input *event) {
    if (!is_selected(plugin, event) && !select_event(plugin, event))
        return false;
    u32 at = w2c_k8saudit_summary(runtime_wasm(&plugin->runtime));
    free(plugin->event_text);
    plugin->event_text = strdup(host_bytes(&plugin->runtime.host, at, 1));
    return true;
}

EXPORT const char *plugin_event_to_string(ss_plugin_t *state, const ss_plugin_event_input *event) {
    struct plugin *plugin = state;
    bool is_ours = false;
    wasm_rt_trap_t trap = WASM_RT_TRAP_UNREACHABLE;
    if (may_ask(plugin, event)) {
        WASM_RT_TRY(trap, is_ours = run_summary(plugin, event));
        if (trap != WASM_RT_TRAP_NONE)
            give_up(plugin, event, trap, "describing an event");
    }
    if (trap != WASM_RT_TRAP_NONE)
        return "(internal error; the log has more)";
    if (!is_ours)
        return "(no audit event)";
    return plugin->event_text != NULL ? plugin->event_text : "";
}

// --- metrics ---

EXPORT ss_plugin_metric *plugin_get_metrics(ss_plugin_t *state, uint32_t *count) {
    struct plugin *plugin = state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        plugin->metrics[i] = (ss_plugin_metric){
            .name = catalogue_metrics[i].name,
            .type = catalogue_metrics[i].is_gauge ? SS_PLUGIN_METRIC_TYPE_NON_MONOTONIC
                                                  : SS_PLUGIN_METRIC_TYPE_MONOTONIC,
            .value.u64 = atomic_load_explicit(&plugin->runtime.counters[i], memory_order_relaxed),
            .value_type = SS_PLUGIN_METRIC_VALUE_TYPE_U64,
        };
    }
    *count = METRIC_COUNT;
    return plugin->metrics;
}
