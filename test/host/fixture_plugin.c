// SPDX-License-Identifier: Apache-2.0
// A Falco plugin for the tests of the libsinsp host: its events are texts that the open parameters hold.
//
// init configuration: {"number": 1} is fine; {"refuse": "text"} is refused with that text.
// open parameters:    "MODE:text|text|…"; %XX in a text is a byte. MODE is what comes after the texts: "end",
//                     "fail" (next_batch fails) or "wait" (nothing more, for ever). Anything else is refused.
//
// Compiled with EXTRACTS_ONLY, it is another plugin, which makes no events and has the same fields under
// other names.
#include <plugin/plugin_api.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef EXTRACTS_ONLY
#define NAME "second"
#define PREFIX "sec"
#else
#define NAME "fixture"
#define PREFIX "fix"
#endif
#define PLUGIN_ID 999999
#define FIRST_EVENT_TIME 1700000000123456789ULL
#define MAX_TEXT 1024
#define MAX_WORDS 16
#define TEXT_OFFSET (sizeof(ss_plugin_event) + 2 * sizeof(uint32_t) + sizeof(uint32_t))

typedef struct {
    char error[256];
    char text[MAX_TEXT];
    const char *strings[MAX_WORDS];
    uint64_t number;
    uint64_t events;
    ss_plugin_metric metrics[2];
    ss_plugin_log_fn_t log;
    ss_plugin_owner_t *owner;
} state;

typedef struct {
    char mode[8];
    char texts[MAX_TEXT];
    size_t length;
    size_t position;
    char progress[64];
    ss_plugin_event *events[1];
    uint8_t event[TEXT_OFFSET + MAX_TEXT];
} instance;

const char *plugin_get_required_api_version(void) {
    return "3.11.0";
}

const char *plugin_get_name(void) {
    return NAME;
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

const char *plugin_get_extract_event_sources(void) {
    return "[\"fixture_source\"]";
}

const char *plugin_get_init_schema(ss_plugin_schema_type *type) {
    *type = SS_PLUGIN_SCHEMA_JSON;
    return "{\"type\":\"object\",\"additionalProperties\":false,"
           "\"properties\":{\"number\":{\"type\":\"integer\"},\"refuse\":{\"type\":\"string\"}}}";
}

ss_plugin_t *plugin_init(const ss_plugin_init_input *in, ss_plugin_rc *rc) {
    state *s = calloc(1, sizeof(*s));
    s->log = in->log_fn;
    s->owner = in->owner;
    s->log(s->owner, NULL, "starting", SS_PLUGIN_LOG_SEV_INFO);
    s->log(s->owner, NULL, in->config, SS_PLUGIN_LOG_SEV_DEBUG);
    const bool refused = strstr(in->config, "refuse") != NULL;
    if (refused) {
        snprintf(s->error, sizeof(s->error), "refused: %s", in->config);
    }
    *rc = refused ? SS_PLUGIN_FAILURE : SS_PLUGIN_SUCCESS;
    return s;
}

void plugin_destroy(ss_plugin_t *s) {
    free(s);
}

const char *plugin_get_last_error(ss_plugin_t *s) {
    return ((state *)s)->error;
}

#ifndef EXTRACTS_ONLY
uint32_t plugin_get_id(void) {
    return PLUGIN_ID;
}

const char *plugin_get_event_source(void) {
    return "fixture_source";
}

ss_instance_t *plugin_open(ss_plugin_t *s, const char *params, ss_plugin_rc *rc) {
    const char *colon = strchr(params, ':');
    if (colon == NULL || colon - params > 7 || strlen(colon) > MAX_TEXT) {
        snprintf(((state *)s)->error, sizeof(((state *)s)->error), "cannot open '%s'", params);
        *rc = SS_PLUGIN_FAILURE;
        return NULL;
    }
    instance *i = calloc(1, sizeof(*i));
    snprintf(i->mode, sizeof(i->mode), "%.*s", (int)(colon - params), params);
    snprintf(i->texts, sizeof(i->texts), "%s", colon + 1);
    i->length = strlen(i->texts);
    *rc = SS_PLUGIN_SUCCESS;
    return i;
}

// libscap closes what it could not open, too: then `i` is NULL.
void plugin_close(ss_plugin_t *s, ss_instance_t *i) {
    (void)s;
    free(i);
}

const char *plugin_get_progress(ss_plugin_t *s, ss_instance_t *h, uint32_t *hundredths) {
    (void)s;
    instance *i = h;
    *hundredths = i->length == 0 ? 10000 : (uint32_t)(i->position * 10000 / i->length);
    snprintf(i->progress, sizeof(i->progress), "%zu of %zu bytes", i->position, i->length);
    return i->progress;
}

static ss_plugin_rc after_texts(state *s, const char *mode) {
    if (strcmp(mode, "fail") == 0) {
        snprintf(s->error, sizeof(s->error), "the texts are broken");
        return SS_PLUGIN_FAILURE;
    }
    if (strcmp(mode, "wait") == 0) {
        usleep(20000);
        return SS_PLUGIN_TIMEOUT;
    }
    return SS_PLUGIN_EOF;
}

/** Copies a text and turns every %XX into a byte. Returns its new length. */
static size_t decode(uint8_t *to, const char *text, size_t length) {
    size_t size = 0;
    for (size_t n = 0; n < length; n++) {
        unsigned byte = (uint8_t)text[n];
        if (text[n] == '%' && sscanf(text + n, "%%%2x", &byte) == 1) {
            n += 2;
        }
        to[size++] = (uint8_t)byte;
    }
    return size;
}

static ss_plugin_event *make_event(instance *i, uint64_t time, const char *text, size_t length) {
    const size_t size = decode(i->event + TEXT_OFFSET, text, length);
    const uint32_t lengths[] = {sizeof(uint32_t), (uint32_t)size};
    const uint32_t id = PLUGIN_ID;
    const ss_plugin_event header = {
        .ts = time, .tid = (uint64_t)-1, .len = (uint32_t)(TEXT_OFFSET + size), .type = 322, .nparams = 2};
    memcpy(i->event, &header, sizeof(header));
    memcpy(i->event + sizeof(header), lengths, sizeof(lengths));
    memcpy(i->event + sizeof(header) + sizeof(lengths), &id, sizeof(id));
    return (ss_plugin_event *)i->event;
}

ss_plugin_rc plugin_next_batch(ss_plugin_t *h, ss_instance_t *hi, uint32_t *count,
                               ss_plugin_event ***events) {
    state *s = h;
    instance *i = hi;
    *count = 0;
    if (i->position >= i->length) {
        return after_texts(s, i->mode);
    }
    const char *text = i->texts + i->position;
    const size_t length = strcspn(text, "|");
    i->events[0] = make_event(i, FIRST_EVENT_TIME + s->events++, text, length);
    i->position += length + 1 <= i->length - i->position ? length + 1 : i->length - i->position;
    *events = i->events;
    *count = 1;
    return SS_PLUGIN_SUCCESS;
}

#endif

const char *plugin_event_to_string(ss_plugin_t *s, const ss_plugin_event_input *input) {
    snprintf(((state *)s)->text, MAX_TEXT, "event number %llu", (unsigned long long)input->evtnum);
    return ((state *)s)->text;
}

enum { FIELD_TEXT, FIELD_WORDS, FIELD_LENGTH, FIELD_KEY };

const char *plugin_get_fields(void) {
    return "[{\"name\":\"" PREFIX ".text\",\"type\":\"string\",\"desc\":\"the text; none if it is empty\"},"
           "{\"name\":\"" PREFIX ".words\",\"type\":\"string\",\"isList\":true,\"desc\":\"its words\"},"
           "{\"name\":\"" PREFIX ".length\",\"type\":\"uint64\",\"desc\":\"its length in bytes\"},"
           "{\"name\":\"" PREFIX ".key\",\"type\":\"string\",\"desc\":\"the argument\","
           "\"arg\":{\"isRequired\":true,\"isKey\":true}}]";
}

static void extract(state *s, ss_plugin_extract_field *field) {
    field->res.str = s->strings;
    field->res_len = 0;
    switch (field->field_id) {
    case FIELD_TEXT:
        s->strings[0] = s->text;
        field->res_len = s->text[0] == '\0' ? 0 : 1;
        break;
    case FIELD_WORDS:
        for (char *word = strtok(s->text, " "); word != NULL && field->res_len < MAX_WORDS;
             word = strtok(NULL, " ")) {
            s->strings[field->res_len++] = word;
        }
        break;
    case FIELD_LENGTH:
        s->number = strlen(s->text);
        field->res.u64 = &s->number;
        field->res_len = 1;
        break;
    default:
        s->strings[0] = field->arg_key;
        field->res_len = 1;
        break;
    }
}

ss_plugin_rc plugin_extract_fields(ss_plugin_t *h, const ss_plugin_event_input *event,
                                   const ss_plugin_field_extract_input *in) {
    state *s = h;
    const size_t length = event->evt->len - TEXT_OFFSET;
    for (uint32_t n = 0; n < in->num_fields; n++) {
        memcpy(s->text, (const uint8_t *)event->evt + TEXT_OFFSET, length);
        s->text[length] = '\0';
        extract(s, &in->fields[n]);
    }
    return SS_PLUGIN_SUCCESS;
}

ss_plugin_metric *plugin_get_metrics(ss_plugin_t *h, uint32_t *count) {
    state *s = h;
    s->metrics[0] = (ss_plugin_metric){
        "events", SS_PLUGIN_METRIC_TYPE_MONOTONIC, {.u64 = s->events}, SS_PLUGIN_METRIC_VALUE_TYPE_U64};
    s->metrics[1] = (ss_plugin_metric){
        "load", SS_PLUGIN_METRIC_TYPE_NON_MONOTONIC, {.d = 0.5}, SS_PLUGIN_METRIC_VALUE_TYPE_D};
    *count = 2;
    return s->metrics;
}
