// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include "die.h"

#include <stdio.h>
#include <string.h>

void host_load(host *h, const char *path) {
    const plugin_abilities can = plugin_load(&h->api, path);
    if (!can.sources || !can.extracts || h->api.event_to_string == NULL || h->api.get_metrics == NULL) {
        die("%s lacks an ability that is fuzzed: sourcing, extraction, event_to_string or metrics", path);
    }
    h->id = h->api.get_id();
    h->source = h->api.get_event_source();
    h->fields = plugin_read_fields(&h->api);
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
        die("plugin_init failed: %s", h->state == NULL ? "no state" : h->api.get_last_error(h->state));
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
    field_list_free(&h->fields);
}
