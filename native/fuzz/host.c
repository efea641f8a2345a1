// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include "spans.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *why) {
    fprintf(stderr, "fuzz: %s: %s\n", what, why);
    exit(3);
}

static void resolve(void *library, const char *name, void *slot) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        die("the plugin lacks a symbol", name);
    }
    memcpy(slot, &symbol, sizeof(symbol));
}

static bool text_is(const uint8_t *json, size_t start, size_t end, const char *text) {
    return end - start == strlen(text) && memcmp(json + start, text, end - start) == 0;
}

static uint32_t type_code(const uint8_t *json, const span *value) {
    static const struct {
        const char *name;
        uint32_t code;
    } types[] = {
        {"\"string\"", FTYPE_STRING},   {"\"uint64\"", FTYPE_UINT64},   {"\"bool\"", FTYPE_BOOL},
        {"\"reltime\"", FTYPE_RELTIME}, {"\"abstime\"", FTYPE_ABSTIME}, {"\"ipaddr\"", FTYPE_IPADDR},
        {"\"ipnet\"", FTYPE_IPNET},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (text_is(json, value->start, value->end, types[i].name)) {
            return types[i].code;
        }
    }
    die("plugin_get_fields", "a field has an unknown type");
    return 0;
}

static void read_member(field_info *field, const uint8_t *json, const span *value) {
    const bool is_true = text_is(json, value->start, value->end, "true");
    const size_t start = value->key_start + 1, end = value->key_end - 1;
    if (value->depth == 2 && text_is(json, start, end, "name")) {
        field->name = must_alloc(NULL, value->end - value->start);
        memcpy(field->name, json + value->start + 1, value->end - value->start - 2);
        field->name[value->end - value->start - 2] = '\0';
    } else if (value->depth == 2 && text_is(json, start, end, "type")) {
        field->type = type_code(json, value);
    } else if (text_is(json, start, end, "isList")) {
        field->is_list = is_true;
    } else if (text_is(json, start, end, "isKey")) {
        field->key_arg = is_true;
    } else if (text_is(json, start, end, "isIndex")) {
        field->index_arg = is_true;
    } else if (text_is(json, start, end, "isRequired")) {
        field->needs_arg = is_true;
    }
}

/** The list is an array of objects; field names need no unescaping. */
static void read_fields(host *h) {
    const char *json = h->api.get_fields();
    spans found = {0};
    spans_scan(&found, (const uint8_t *)json, strlen(json));
    for (size_t i = 0; i < found.count; i++) {
        const span *value = &found.items[i];
        if (value->depth == 1 && value->kind == '{') {
            h->fields = must_alloc(h->fields, (h->field_count + 1) * sizeof(field_info));
            h->fields[h->field_count++] = (field_info){0};
        } else if (h->field_count > 0 && span_has_key(value)) {
            read_member(&h->fields[h->field_count - 1], (const uint8_t *)json, value);
        }
    }
    spans_free(&found);
    for (size_t i = 0; i < h->field_count; i++) {
        if (h->fields[i].name == NULL || h->fields[i].type == 0) {
            die("plugin_get_fields", "a field has no name or no type");
        }
    }
    if (h->field_count == 0) {
        die("plugin_get_fields", "there are no fields");
    }
}

void host_load(host *h, const char *path) {
    // Never closed: a leak could not be traced to the functions of a closed library.
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        die("cannot load the plugin", dlerror());
    }
    plugin_functions *api = &h->api;
    resolve(library, "plugin_get_last_error", &api->get_last_error);
    resolve(library, "plugin_init", &api->init);
    resolve(library, "plugin_destroy", &api->destroy);
    resolve(library, "plugin_get_id", &api->get_id);
    resolve(library, "plugin_get_event_source", &api->get_event_source);
    resolve(library, "plugin_get_fields", &api->get_fields);
    resolve(library, "plugin_open", &api->open);
    resolve(library, "plugin_close", &api->close);
    resolve(library, "plugin_next_batch", &api->next_batch);
    resolve(library, "plugin_extract_fields", &api->extract_fields);
    resolve(library, "plugin_event_to_string", &api->event_to_string);
    resolve(library, "plugin_get_metrics", &api->get_metrics);
    h->id = api->get_id();
    h->source = api->get_event_source();
    read_fields(h);
}

static void take_log(ss_plugin_owner_t *owner, const char *component, const char *message,
                     ss_plugin_log_severity severity) {
    host *h = owner;
    const unsigned slot = (unsigned)severity < LOG_SEVERITIES ? (unsigned)severity : 0;
    h->logged[slot]++;
    h->log_bytes += strlen(message) + (component == NULL ? 0 : strlen(component));
    if (severity <= SS_PLUGIN_LOG_SEV_ERROR) {
        snprintf(h->last_log, sizeof(h->last_log), "%s", message);
    }
}

static const char *no_owner_error(ss_plugin_owner_t *owner) {
    (void)owner;
    return NULL;
}

void host_init(host *h, const char *config) {
    const ss_plugin_init_input in = {
        .config = config,
        .owner = h,
        .get_owner_last_error = no_owner_error,
        .log_fn = take_log,
    };
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    h->state = h->api.init(&in, &rc);
    if (h->state == NULL || rc != SS_PLUGIN_SUCCESS) {
        die("plugin_init failed", h->state == NULL ? "no state" : h->api.get_last_error(h->state));
    }
}

void host_destroy(host *h) {
    h->api.destroy(h->state);
    h->state = NULL;
}

static double metric_value(const ss_plugin_metric *metric) {
    switch (metric->value_type) {
    case SS_PLUGIN_METRIC_VALUE_TYPE_U32:
        return metric->value.u32;
    case SS_PLUGIN_METRIC_VALUE_TYPE_S32:
        return metric->value.s32;
    case SS_PLUGIN_METRIC_VALUE_TYPE_U64:
        return (double)metric->value.u64;
    case SS_PLUGIN_METRIC_VALUE_TYPE_S64:
        return (double)metric->value.s64;
    case SS_PLUGIN_METRIC_VALUE_TYPE_D:
        return metric->value.d;
    case SS_PLUGIN_METRIC_VALUE_TYPE_F:
        return (double)metric->value.f;
    default:
        return metric->value.i;
    }
}

void host_add_metrics(host *h, metric_totals *totals) {
    const size_t most = sizeof(totals->values) / sizeof(totals->values[0]);
    uint32_t count = 0;
    const ss_plugin_metric *metrics = h->api.get_metrics(h->state, &count);
    for (uint32_t i = 0; i < count; i++) {
        size_t slot = 0;
        while (slot < totals->count && strcmp(totals->names[slot], metrics[i].name) != 0) {
            slot++;
        }
        if (slot == most) {
            continue;
        }
        if (slot == totals->count) {
            snprintf(totals->names[slot], sizeof(totals->names[slot]), "%s", metrics[i].name);
            totals->values[totals->count++] = 0;
        }
        const double value = metric_value(&metrics[i]);
        totals->values[slot] =
            metrics[i].type == SS_PLUGIN_METRIC_TYPE_MONOTONIC ? totals->values[slot] + value : value;
    }
}

void host_free(host *h) {
    for (size_t i = 0; i < h->field_count; i++) {
        free(h->fields[i].name);
    }
    free(h->fields);
}
