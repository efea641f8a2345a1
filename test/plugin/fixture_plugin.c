// SPDX-License-Identifier: Apache-2.0
// A Falco plugin with no purpose but to test the addon: it does right, and on demand wrong, whatever a plugin
// can.
//
// init configuration: "refuse", "refuse without state", "forget rc"; anything else is accepted and kept.
// open parameters:    "fail", "malformed", "other id", "empty", "failing", "idle", "late" (events with the
// end), or
//                     a number: so many batches of two events ("a,b,c" and "") each, then the end.
#include <plugin/plugin_api.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLUGIN_ID 999
#define MAX_WORDS 16
#define EVENT_SIZE 256

typedef struct {
    char error[256];
    char config[128];
    ss_plugin_owner_t *owner;
    ss_plugin_log_fn_t log;
    const char *(*owner_error)(ss_plugin_owner_t *owner);
    ss_plugin_metric metrics[8];
    const ss_plugin_event *given[2]; ///< by the last batch
    // values of the last extraction
    char text[4096];
    const char *words[MAX_WORDS];
    uint64_t numbers[2];
    ss_plugin_bool flags[2];
    ss_plugin_byte_buffer addresses[2];
    uint32_t starts[MAX_WORDS];
    uint32_t lengths[MAX_WORDS];
} state;

typedef struct {
    char mode[32];
    unsigned batches;
    unsigned done;
    uint8_t memory[2][EVENT_SIZE];
    ss_plugin_event *events[2];
    char progress[32];
} instance;

static unsigned living_states;
static unsigned living_instances;

const char *plugin_get_required_api_version(void) {
    return "3.11.0";
}

const char *plugin_get_name(void) {
    return "fixture";
}

const char *plugin_get_description(void) {
    return "a plugin for tests";
}

const char *plugin_get_contact(void) {
    return "nobody";
}

const char *plugin_get_version(void) {
    return "1.2.3";
}

uint32_t plugin_get_id(void) {
    return PLUGIN_ID;
}

const char *plugin_get_event_source(void) {
    return "fixture_source";
}

const char *plugin_get_init_schema(ss_plugin_schema_type *type) {
    *type = SS_PLUGIN_SCHEMA_JSON;
    return "{\"type\":\"object\"}";
}

const char *plugin_get_extract_event_sources(void) {
    return "[\"fixture_source\",\"another\"]";
}

uint16_t *plugin_get_extract_event_types(uint32_t *count, ss_plugin_t *s) {
    static uint16_t types[] = {322, 402};
    *count = s == NULL ? 1 : 2;
    return types;
}

const char *plugin_get_fields(void) {
    return "[{\"name\":\"fix.payload\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.words\",\"type\":\"string\",\"desc\":\"d\",\"isList\":true},"
           "{\"name\":\"fix.num\",\"type\":\"uint64\",\"desc\":\"d\"},"
           "{\"name\":\"fix.numbers\",\"type\":\"uint64\",\"desc\":\"d\",\"isList\":true},"
           "{\"name\":\"fix.yes\",\"type\":\"bool\",\"desc\":\"d\"},"
           "{\"name\":\"fix.flags\",\"type\":\"bool\",\"desc\":\"d\",\"isList\":true},"
           "{\"name\":\"fix.time\",\"type\":\"abstime\",\"desc\":\"d\"},"
           "{\"name\":\"fix.span\",\"type\":\"reltime\",\"desc\":\"d\"},"
           "{\"name\":\"fix.ip\",\"type\":\"ipaddr\",\"desc\":\"d\"},"
           "{\"name\":\"fix.nets\",\"type\":\"ipnet\",\"desc\":\"d\",\"isList\":true},"
           "{\"name\":\"fix.key\",\"type\":\"string\",\"desc\":\"d\",\"arg\":{\"isRequired\":true,\"isKey\":"
           "true}},"
           "{\"name\":\"fix.index\",\"type\":\"string\",\"desc\":\"d\",\"arg\":{\"isIndex\":true}},"
           "{\"name\":\"fix.any\",\"type\":\"string\",\"desc\":\"d\",\"arg\":{\"isIndex\":true,\"isKey\":"
           "true}},"
           "{\"name\":\"fix.none\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.call\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.source\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.config\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.error\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.unset\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.two\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.null\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.lost\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.owner\",\"type\":\"string\",\"desc\":\"d\"},"
           "{\"name\":\"fix.given\",\"type\":\"bool\",\"desc\":\"d\"}]";
}

static ss_plugin_t *refuse(state *s, ss_plugin_rc *rc) {
    snprintf(s->error, sizeof(s->error), "configuration '%s' refused", s->config);
    *rc = SS_PLUGIN_FAILURE;
    return s;
}

ss_plugin_t *plugin_init(const ss_plugin_init_input *in, ss_plugin_rc *rc) {
    const char *config = in->config == NULL ? "<null>" : in->config;
    in->log_fn(in->owner, NULL, "starting", SS_PLUGIN_LOG_SEV_INFO);
    in->log_fn(in->owner, "part", config, SS_PLUGIN_LOG_SEV_DEBUG);
    if (strcmp(config, "refuse without state") == 0) {
        *rc = SS_PLUGIN_FAILURE;
        return NULL;
    }
    state *s = calloc(1, sizeof(*s));
    living_states++;
    snprintf(s->config, sizeof(s->config), "%s", config);
    s->owner = in->owner;
    s->log = in->log_fn;
    s->owner_error = in->get_owner_last_error;
    if (strcmp(config, "refuse") == 0) {
        return refuse(s, rc);
    }
    if (in->tables == NULL || in->tables->get_table(in->owner, "threads", SS_PLUGIN_ST_INT64) != NULL) {
        return refuse(s, rc);
    }
    if (strcmp(config, "forget rc") != 0) {
        *rc = SS_PLUGIN_SUCCESS;
    }
    return s;
}

void plugin_destroy(ss_plugin_t *p) {
    state *s = p;
    s->log(s->owner, "part", "ending", SS_PLUGIN_LOG_SEV_TRACE);
    living_states--;
    free(s);
}

const char *plugin_get_last_error(ss_plugin_t *p) {
    return ((state *)p)->error;
}

ss_instance_t *plugin_open(ss_plugin_t *p, const char *params, ss_plugin_rc *rc) {
    state *s = p;
    if (strcmp(params, "fail") == 0) {
        snprintf(s->error, sizeof(s->error), "cannot open '%s'", params);
        *rc = SS_PLUGIN_FAILURE;
        return NULL;
    }
    instance *h = calloc(1, sizeof(*h));
    living_instances++;
    snprintf(h->mode, sizeof(h->mode), "%s", params);
    h->batches = (unsigned)strtoul(params, NULL, 10);
    *rc = SS_PLUGIN_SUCCESS;
    return h;
}

void plugin_close(ss_plugin_t *p, ss_instance_t *h) {
    state *s = p;
    s->log(s->owner, "part", h == NULL ? "closed nothing" : "closed", SS_PLUGIN_LOG_SEV_TRACE);
    if (h != NULL) {
        living_instances--;
        free(h);
    }
}

static ss_plugin_event *make_event(uint8_t *memory, const char *payload, uint32_t id) {
    const uint32_t sizes[2] = {4, (uint32_t)strlen(payload)};
    ss_plugin_event *event = (ss_plugin_event *)memory;
    event->ts = UINT64_MAX;
    event->tid = 7;
    event->type = 322;
    event->nparams = 2;
    event->len = PLUGIN_EVENT_PAYLOAD_OFFSET + sizes[1];
    memcpy(memory + sizeof(*event), sizes, sizeof(sizes));
    memcpy(memory + sizeof(*event) + sizeof(sizes), &id, sizeof(id));
    memcpy(memory + PLUGIN_EVENT_PAYLOAD_OFFSET, payload, sizes[1]);
    return event;
}

static ss_plugin_rc two_events(instance *h, ss_plugin_rc rc, uint32_t *count, ss_plugin_event ***events) {
    h->events[0] = make_event(h->memory[0], "a,b,c", 0);
    h->events[1] = make_event(h->memory[1], "", PLUGIN_ID);
    h->events[1]->ts = 1234567890123456789U;
    *events = h->events;
    *count = 2;
    return rc;
}

ss_plugin_rc plugin_next_batch(ss_plugin_t *p, ss_instance_t *i, uint32_t *count, ss_plugin_event ***events) {
    state *s = p;
    instance *h = i;
    if (strcmp(h->mode, "empty") == 0) {
        *count = 0;
        return SS_PLUGIN_SUCCESS;
    }
    if (strcmp(h->mode, "idle") == 0) {
        *count = 0;
        return SS_PLUGIN_TIMEOUT;
    }
    if (strcmp(h->mode, "failing") == 0) {
        *count = 0;
        snprintf(s->error, sizeof(s->error), "the source broke");
        return SS_PLUGIN_FAILURE;
    }
    if (strcmp(h->mode, "late") == 0) {
        return two_events(h, SS_PLUGIN_EOF, count, events);
    }
    if (h->done == h->batches && strcmp(h->mode, "malformed") != 0 && strcmp(h->mode, "other id") != 0) {
        *count = 0;
        return SS_PLUGIN_EOF;
    }
    h->done++;
    two_events(h, SS_PLUGIN_SUCCESS, count, events);
    memcpy(s->given, h->events, sizeof(s->given));
    if (strcmp(h->mode, "malformed") == 0) {
        h->events[0]->len++;
    }
    if (strcmp(h->mode, "other id") == 0) {
        make_event(h->memory[0], "x", PLUGIN_ID + 1);
    }
    return SS_PLUGIN_SUCCESS;
}

const char *plugin_get_progress(ss_plugin_t *p, ss_instance_t *i, uint32_t *percent) {
    instance *h = i;
    (void)p;
    if (strcmp(h->mode, "idle") == 0) {
        return NULL;
    }
    *percent = h->batches == 0 ? 0 : 10000 * h->done / h->batches;
    snprintf(h->progress, sizeof(h->progress), "%u of %u", h->done, h->batches);
    return h->done == 0 ? NULL : h->progress;
}

const char *plugin_list_open_params(ss_plugin_t *p, ss_plugin_rc *rc) {
    (void)p;
    *rc = SS_PLUGIN_SUCCESS;
    return "[{\"value\":\"2\",\"desc\":\"two batches\"}]";
}

static uint32_t payload_length(const ss_plugin_event *event) {
    return event->len < PLUGIN_EVENT_PAYLOAD_OFFSET ? 0 : event->len - PLUGIN_EVENT_PAYLOAD_OFFSET;
}

const char *plugin_event_to_string(ss_plugin_t *p, const ss_plugin_event_input *in) {
    state *s = p;
    snprintf(s->text, sizeof(s->text), "%s %u: %.*s", in->evtsrc, (unsigned)in->evtnum,
             (int)payload_length(in->evt), (const char *)in->evt + PLUGIN_EVENT_PAYLOAD_OFFSET);
    return s->text;
}

static void give_words(state *s, ss_plugin_extract_field *field) {
    uint64_t count = 0;
    char *start = s->text;
    while (*start != '\0' && count < MAX_WORDS) {
        char *end = strchr(start, ',');
        size_t length = end == NULL ? strlen(start) : (size_t)(end - start);
        s->words[count] = start;
        s->starts[count] = PLUGIN_EVENT_PAYLOAD_OFFSET + (uint32_t)(start - s->text);
        s->lengths[count++] = (uint32_t)length;
        start += length;
        if (end != NULL) {
            *start++ = '\0';
        }
    }
    field->res.str = s->words;
    field->res_len = count;
}

static void give_text(state *s, ss_plugin_extract_field *field, const char *text) {
    s->words[0] = text;
    field->res.str = s->words;
    field->res_len = 1;
}

static void give_argument(state *s, ss_plugin_extract_field *field) {
    snprintf(s->text, sizeof(s->text), "%s %lld %s", field->arg_present ? "present" : "absent",
             (long long)field->arg_index, field->arg_key == NULL ? "<null>" : field->arg_key);
    give_text(s, field, s->text);
}

static void give_addresses(state *s, ss_plugin_extract_field *field, uint64_t count) {
    static const uint8_t v4[4] = {10, 0, 0, 1}, v6[16] = {0xfe, 0x80, [15] = 1};
    s->addresses[0] = (ss_plugin_byte_buffer){sizeof(v4), v4};
    s->addresses[1] = (ss_plugin_byte_buffer){sizeof(v6), v6};
    field->res.buf = s->addresses;
    field->res_len = count;
}

static void give_numbers(state *s, ss_plugin_extract_field *field, uint64_t first, uint64_t count) {
    s->numbers[0] = first;
    s->numbers[1] = UINT64_MAX;
    field->res.u64 = s->numbers;
    field->res_len = count;
}

static void give_wrong(state *s, ss_plugin_extract_field *field, const char *name) {
    if (strcmp(name, "unset") == 0) {
        return;
    }
    give_text(s, field, strcmp(name, "null") == 0 ? NULL : "x");
    if (strcmp(name, "two") == 0) {
        field->res_len = 2;
    }
    if (strcmp(name, "lost") == 0) {
        field->res.str = NULL;
    }
}

static void give_value(state *s, const ss_plugin_event_input *event, ss_plugin_extract_field *field,
                       unsigned fields) {
    const char *name = field->field + strlen("fix.");
    s->flags[0] = 1;
    s->flags[1] = 0;
    field->res.boolean = s->flags;
    snprintf(s->text, sizeof(s->text), "%.*s", (int)payload_length(event->evt),
             (const char *)event->evt + PLUGIN_EVENT_PAYLOAD_OFFSET);
    if (strcmp(name, "payload") == 0) {
        s->starts[0] = PLUGIN_EVENT_PAYLOAD_OFFSET;
        s->lengths[0] = payload_length(event->evt);
        give_text(s, field, s->text);
    } else if (strcmp(name, "words") == 0) {
        give_words(s, field);
    } else if (strcmp(name, "num") == 0) {
        give_numbers(s, field, event->evtnum, 1);
    } else if (strcmp(name, "numbers") == 0) {
        give_numbers(s, field, 1, 2);
    } else if (strcmp(name, "time") == 0 || strcmp(name, "span") == 0) {
        give_numbers(s, field, event->evt->ts, 1);
    } else if (strcmp(name, "yes") == 0) {
        field->res_len = 1;
    } else if (strcmp(name, "given") == 0) {
        field->res_len = event->evt == s->given[0] || event->evt == s->given[1];
    } else if (strcmp(name, "flags") == 0) {
        field->res_len = 2;
    } else if (strcmp(name, "ip") == 0) {
        give_addresses(s, field, 1);
    } else if (strcmp(name, "nets") == 0) {
        give_addresses(s, field, 2);
    } else if (strcmp(name, "none") == 0) {
        field->res_len = 0;
    } else if (strcmp(name, "call") == 0) {
        snprintf(s->text, sizeof(s->text), "%u fields, id %u, type %u", fields, field->field_id,
                 field->ftype);
        give_text(s, field, s->text);
    } else if (strcmp(name, "source") == 0) {
        give_text(s, field, event->evtsrc);
    } else if (strcmp(name, "config") == 0) {
        give_text(s, field, s->config);
    } else if (strcmp(name, "owner") == 0) {
        give_text(s, field, s->owner_error(s->owner));
    } else if (strcmp(name, "key") == 0 || strcmp(name, "index") == 0 || strcmp(name, "any") == 0) {
        give_argument(s, field);
    } else {
        give_wrong(s, field, name);
    }
}

ss_plugin_rc plugin_extract_fields(ss_plugin_t *p, const ss_plugin_event_input *event,
                                   const ss_plugin_field_extract_input *in) {
    state *s = p;
    memset(s->starts, 0, sizeof(s->starts));
    memset(s->lengths, 0, sizeof(s->lengths));
    for (uint32_t i = 0; i < in->num_fields; i++) {
        if (strcmp(in->fields[i].field, "fix.error") == 0) {
            snprintf(s->error, sizeof(s->error), "cannot extract");
            return SS_PLUGIN_FAILURE;
        }
        give_value(s, event, &in->fields[i], in->num_fields);
    }
    if (in->value_offsets != NULL && s->starts[0] != 0) {
        in->value_offsets->start = s->starts;
        in->value_offsets->length = s->lengths;
    }
    return SS_PLUGIN_SUCCESS;
}

ss_plugin_metric *plugin_get_metrics(ss_plugin_t *p, uint32_t *count) {
    state *s = p;
    const ss_plugin_metric metrics[8] = {
        {"states",
         SS_PLUGIN_METRIC_TYPE_NON_MONOTONIC,
         {.u32 = living_states},
         SS_PLUGIN_METRIC_VALUE_TYPE_U32},
        {"instances",
         SS_PLUGIN_METRIC_TYPE_NON_MONOTONIC,
         {.u32 = living_instances},
         SS_PLUGIN_METRIC_VALUE_TYPE_U32},
        {"s32", SS_PLUGIN_METRIC_TYPE_MONOTONIC, {.s32 = -1}, SS_PLUGIN_METRIC_VALUE_TYPE_S32},
        {"u64", SS_PLUGIN_METRIC_TYPE_MONOTONIC, {.u64 = UINT64_MAX}, SS_PLUGIN_METRIC_VALUE_TYPE_U64},
        {"s64", SS_PLUGIN_METRIC_TYPE_MONOTONIC, {.s64 = -2}, SS_PLUGIN_METRIC_VALUE_TYPE_S64},
        {"d", SS_PLUGIN_METRIC_TYPE_MONOTONIC, {.d = 0.1}, SS_PLUGIN_METRIC_VALUE_TYPE_D},
        {"f", SS_PLUGIN_METRIC_TYPE_MONOTONIC, {.f = 0.5F}, SS_PLUGIN_METRIC_VALUE_TYPE_F},
        {"i", SS_PLUGIN_METRIC_TYPE_MONOTONIC, {.i = -3}, SS_PLUGIN_METRIC_VALUE_TYPE_I},
    };
    memcpy(s->metrics, metrics, sizeof(metrics));
    *count = 8;
    return s->metrics;
}
