// SPDX-License-Identifier: Apache-2.0
// Calls a plugin from C where Node cannot: it holds the plugin's own pointers across calls, as libsinsp does,
// writes to an event's memory, calls from two threads, and leaves SIGPIPE at its default. Ends with status 0
// and says on stdout what it saw; a broken promise ends it with status 1 and a sentence on stderr.
#include "plugin.h"
#include "values.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FIELDS 512
#define MAX_HELD 8192

static plugin_functions api;
static ss_plugin_t *plugin;

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static void print_log(ss_plugin_owner_t *owner, const char *component, const char *message,
                      ss_plugin_log_severity severity) {
    (void)owner;
    (void)component;
    printf("log %d %s\n", (int)severity, message);
    fflush(stdout);
}

static void init(const char *config) {
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    const ss_plugin_init_input input = {.config = config, .log_fn = print_log};
    plugin = api.init(&input, &rc);
    if (rc != SS_PLUGIN_SUCCESS)
        fail("init: %s", api.get_last_error(plugin));
}

static ss_instance_t *open_source(const char *params) {
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    ss_instance_t *instance = api.open(plugin, params, &rc);
    if (rc != SS_PLUGIN_SUCCESS)
        fail("open: %s", api.get_last_error(plugin));
    return instance;
}

// --- fields ---

struct field {
    uint32_t id;
    uint32_t type;
    bool is_list;
    bool has_argument;
    char name[96];
    char key[256];
    uint64_t index;
};

static struct field fields[MAX_FIELDS];
static uint32_t field_count;

static void add_field(uint32_t id, const field_info *info, const char *key) {
    if (field_count == MAX_FIELDS)
        fail("too many fields");
    struct field *field = &fields[field_count++];
    *field = (struct field){.id = id, .type = info->type, .is_list = info->is_list, .index = UINT64_MAX};
    field->has_argument = key != NULL;
    snprintf(field->name, sizeof(field->name), "%s", info->name);
    snprintf(field->key, sizeof(field->key), "%s", key != NULL ? key : "");
}

// A key field is asked with `key`.
static void read_fields(const char *key) {
    field_list list = plugin_read_fields(&api);
    for (uint32_t id = 0; id < list.count; id++)
        add_field(id, &list.items[id], list.items[id].key_arg ? key : NULL);
    field_list_free(&list);
    if (field_count < 100)
        fail("only %u fields", field_count);
}

static const struct field *field_named(const char *name) {
    for (uint32_t i = 0; i < field_count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    fail("no field %s", name);
}

static void ask(const struct field *field, ss_plugin_extract_field *request) {
    *request = (ss_plugin_extract_field){
        .field_id = field->id,
        .field = field->name,
        .arg_key = field->has_argument ? field->key : NULL,
        .arg_index = field->index,
        .arg_present = field->has_argument,
        .ftype = field->type,
        .flist = field->is_list,
        .res_len = UINT64_MAX,
    };
}

static void extract(const ss_plugin_event *event, uint64_t number, ss_plugin_extract_field *requests,
                    uint32_t count) {
    const ss_plugin_event_input input = {.evt = event, .evtnum = number, .evtsrc = "k8s_audit"};
    ss_plugin_extract_value_offsets offsets = {NULL, NULL};
    const ss_plugin_field_extract_input extraction = {
        .num_fields = count, .fields = requests, .value_offsets = &offsets};
    if (api.extract_fields(plugin, &input, &extraction) != SS_PLUGIN_SUCCESS)
        fail("extract_fields failed: %s", api.get_last_error(plugin));
    for (uint32_t i = 0; i < count; i++)
        if (requests[i].res_len == UINT64_MAX)
            fail("%s: res_len is not set", requests[i].field);
}

// A pointer that the plugin gave out, and what it pointed to then.
struct held {
    const char *field;
    const void *pointer;
    size_t length;
    void *copy;
};

static struct held held[MAX_HELD];
static uint32_t held_count;

static void hold(const ss_plugin_extract_field *answer) {
    for (uint64_t i = 0; i < answer->res_len && held_count < MAX_HELD; i++) {
        const size_t end = answer->ftype == FTYPE_STRING;
        struct held value = {answer->field, value_at(answer, i), value_length(answer, i) + end, NULL};
        value.copy = malloc(value.length);
        if (value.copy == NULL)
            fail("not enough memory to hold a value of %s", value.field);
        memcpy(value.copy, value.pointer, value.length);
        held[held_count++] = value;
    }
}

// libsinsp keeps the pointers of one event's values across calls: its extraction cache copies nothing.
static void check_held(const char *when) {
    for (uint32_t i = 0; i < held_count; i++)
        if (memcmp(held[i].pointer, held[i].copy, held[i].length) != 0)
            fail("%s: a value of %s has changed from '%.60s' to '%.60s'", when, held[i].field,
                 (const char *)held[i].copy, (const char *)held[i].pointer);
}

static void release_held(void) {
    for (uint32_t i = 0; i < held_count; i++)
        free(held[i].copy);
    held_count = 0;
}

// Gives where the plugin put the answer; NULL when the field has no value.
static const void *ask_and_hold(const ss_plugin_event *event, uint64_t number, const struct field *field) {
    ss_plugin_extract_field request;
    ask(field, &request);
    extract(event, number, &request, 1);
    hold(&request);
    return request.res_len > 0 ? request.res.str : NULL;
}

// Every field twice: an answer is not made again, so that asking for ever takes no more memory.
static void ask_all_twice(const ss_plugin_event *event, uint64_t number) {
    const void *answers[MAX_FIELDS];
    for (uint32_t f = 0; f < field_count; f++)
        answers[f] = ask_and_hold(event, number, &fields[f]);
    for (uint32_t f = 0; f < field_count; f++)
        if (ask_and_hold(event, number, &fields[f]) != answers[f])
            fail("%s: asked again, the answer is at another place", fields[f].name);
}

// --- the commands ---

// Every field of every event, one a call and twice: all values of an event stay until the next event is asked
// about, all events of a batch stay as they are until the next batch.
static void command_lifetime(const char *params) {
    ss_instance_t *instance = open_source(params);
    uint64_t events = 0;
    uint64_t values = 0;
    while (true) {
        uint32_t count = 0;
        ss_plugin_event **batch = NULL;
        ss_plugin_rc rc = api.next_batch(plugin, instance, &count, &batch);
        if (rc == SS_PLUGIN_EOF)
            break;
        uint8_t **copies = calloc(count + 1, sizeof(*copies));
        for (uint32_t i = 0; i < count; i++) {
            copies[i] = malloc(batch[i]->len);
            memcpy(copies[i], batch[i], batch[i]->len);
        }
        for (uint32_t i = 0; i < count; i++) {
            const ss_plugin_event_input input = {.evt = batch[i], .evtnum = ++events};
            ask_all_twice(batch[i], events);
            api.event_to_string(plugin, &input);
            check_held("after all fields of an event");
            values += held_count;
            release_held();
        }
        for (uint32_t i = 0; i < count; i++) {
            if (memcmp(copies[i], batch[i], batch[i]->len) != 0)
                fail("event %u of a batch has changed", i);
            free(copies[i]);
        }
        free(copies);
    }
    api.close(plugin, instance);
    printf("%llu events, %llu values\n", (unsigned long long)events, (unsigned long long)values);
}

#define LEVELS 100

// Asks in one call for a large value and for each object around it (/requestObject/a/a/a…): their texts
// together do not fit into the WASM's memory.
static void exhaust(const ss_plugin_event *event, uint64_t number) {
    static struct field pointers[LEVELS];
    static ss_plugin_extract_field requests[LEVELS];
    char key[sizeof(pointers[0].key)] = "/requestObject";
    for (int i = 0; i < LEVELS; i++) {
        pointers[i] = *field_named("ka.value");
        pointers[i].has_argument = true;
        snprintf(pointers[i].key, sizeof(pointers[i].key), "%s", key);
        strcat(key, "/a");
        ask(&pointers[i], &requests[i]);
    }
    extract(event, number, requests, LEVELS);
}

// Each event of a batch makes the WASM trap in the middle of its fields: the values before the trap, and all
// events of the batch, stay.
static void command_traps(const char *params) {
    ss_instance_t *instance = open_source(params);
    uint32_t count = 0;
    ss_plugin_event **batch = NULL;
    for (int calls = 0; count == 0 && calls < 100; calls++)
        if (api.next_batch(plugin, instance, &count, &batch) == SS_PLUGIN_EOF)
            break;
    if (count < 2)
        fail("a batch of two events or more is needed, not %u", count);
    ss_plugin_event *events[256];
    uint8_t *copies[256];
    for (uint32_t i = 0; i < count; i++) {
        events[i] = batch[i];
        copies[i] = malloc(batch[i]->len);
        memcpy(copies[i], batch[i], batch[i]->len);
    }
    for (uint32_t i = 0; i < count; i++) {
        ask_and_hold(events[i], i + 1, field_named("ka.auditid"));
        ask_and_hold(events[i], i + 1, field_named("ka.verb"));
        if (held_count != 2)
            fail("event %u has no auditID or verb", i);
        exhaust(events[i], i + 1);
        check_held("after the call that trapped");
        ask_and_hold(events[i], i + 1, field_named("ka.uri"));
        const ss_plugin_event_input input = {.evt = events[i], .evtnum = i + 1};
        api.event_to_string(plugin, &input);
        check_held("in the calls after the one that trapped");
        release_held();
    }
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(copies[i], events[i], events[i]->len) != 0)
            fail("event %u of the batch has changed", i);
        free(copies[i]);
    }
    api.close(plugin, instance);
    printf("%u events\n", count);
}

// Two events that follow each other in the same buffer with the same number, as at the start of two captures.
static void command_reuse(const char *payloads) {
    static uint8_t buffer[4096];
    ss_plugin_event *event = (ss_plugin_event *)buffer;
    char *list = strdup(payloads);
    char *rest = NULL;
    for (char *payload = strtok_r(list, "\n", &rest); payload != NULL;
         payload = strtok_r(NULL, "\n", &rest)) {
        uint32_t lengths[3] = {4, (uint32_t)strlen(payload), 0};
        *event = (ss_plugin_event){
            .tid = UINT64_MAX, .len = PLUGIN_EVENT_PAYLOAD_OFFSET + lengths[1], .type = 322, .nparams = 2};
        memcpy(buffer + sizeof(*event), lengths, sizeof(lengths));
        memcpy(buffer + PLUGIN_EVENT_PAYLOAD_OFFSET, payload, lengths[1]);
        ss_plugin_extract_field request;
        ask(field_named("ka.auditid"), &request);
        extract(event, 1, &request, 1);
        printf("%s\n", request.res_len == 1 ? request.res.str[0] : "(none)");
    }
    free(list);
}

static atomic_bool done;

// Reads the metrics all the time: none that counts ever falls.
static void *watch_metrics(void *unused) {
    (void)unused;
    static uint64_t before[64];
    uint64_t rounds = 0;
    for (; !atomic_load(&done) || rounds == 0; rounds++) {
        uint32_t count = 0;
        const ss_plugin_metric *metrics = api.get_metrics(plugin, &count);
        for (uint32_t i = 0; i < count && i < 64; i++) {
            const bool fell =
                metrics[i].type == SS_PLUGIN_METRIC_TYPE_MONOTONIC && metrics[i].value.u64 < before[i];
            if (metrics[i].value_type != SS_PLUGIN_METRIC_VALUE_TYPE_U64 || fell)
                fail("metric %s fell from %llu to %llu", metrics[i].name, (unsigned long long)before[i],
                     (unsigned long long)metrics[i].value.u64);
            before[i] = metrics[i].value.u64;
        }
    }
    return NULL;
}

static void command_metrics(const char *params) {
    ss_instance_t *instance = open_source(params);
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch_metrics, NULL) != 0)
        fail("no thread");
    uint64_t events = 0;
    uint32_t count = 0;
    ss_plugin_event **batch = NULL;
    while (api.next_batch(plugin, instance, &count, &batch) != SS_PLUGIN_EOF) {
        for (uint32_t i = 0; i < count; i++) {
            ask_and_hold(batch[i], ++events, field_named("ka.verb"));
            release_held();
        }
    }
    atomic_store(&done, true);
    pthread_join(thread, NULL);
    uint32_t metric_count = 0;
    const ss_plugin_metric *metrics = api.get_metrics(plugin, &metric_count);
    for (uint32_t i = 0; i < metric_count; i++)
        printf("%s %llu\n", metrics[i].name, (unsigned long long)metrics[i].value.u64);
    printf("events %llu\n", (unsigned long long)events);
    api.close(plugin, instance);
}

// Reads until stdin ends; prints every payload as a line `event …`, and `poll` behind each call.
static void command_serve(const char *params) {
    ss_instance_t *instance = open_source(params);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 0) == 0) {
        uint32_t count = 0;
        ss_plugin_event **batch = NULL;
        ss_plugin_rc rc = api.next_batch(plugin, instance, &count, &batch);
        if (rc != SS_PLUGIN_SUCCESS && rc != SS_PLUGIN_TIMEOUT)
            fail("next_batch gave %d", (int)rc);
        for (uint32_t i = 0; i < count; i++)
            printf("event %.*s\n", (int)(batch[i]->len - PLUGIN_EVENT_PAYLOAD_OFFSET),
                   (const char *)batch[i] + PLUGIN_EVENT_PAYLOAD_OFFSET);
        printf("poll\n");
        fflush(stdout);
    }
    api.close(plugin, instance);
}

// usage: driver PLUGIN.so CONFIG COMMAND ARGUMENT
int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(const char *);
    } commands[] = {
        {"lifetime", command_lifetime}, {"traps", command_traps}, {"reuse", command_reuse},
        {"metrics", command_metrics},   {"serve", command_serve},
    };
    if (argc != 5)
        fail("usage: driver PLUGIN.so CONFIG COMMAND ARGUMENT");
    plugin_load(&api, argv[1]);
    init(argv[2]);
    read_fields("/requestObject");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[3], commands[i].name) != 0)
            continue;
        commands[i].run(argv[4]);
        api.destroy(plugin);
        return 0;
    }
    fail("no command %s", argv[3]);
}
