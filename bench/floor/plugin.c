// SPDX-License-Identifier: Apache-2.0
#include "floor.h"

#include <string.h>

#define PLUGIN_EVENT_TYPE 322
#define HTTP "http://"

static struct {
    const floor_source *source;
    event_batch batch;
    const char *error;
} state;

const char *plugin_get_required_api_version(void) {
    return "3.11.0";
}

const char *plugin_get_name(void) {
    return "floor";
}

const char *plugin_get_description(void) {
    return "does the least that a plugin can do";
}

const char *plugin_get_contact(void) {
    return "";
}

const char *plugin_get_version(void) {
    return "1.0.0";
}

const char *plugin_get_last_error(ss_plugin_t *s) {
    (void)s;
    return state.error;
}

ss_plugin_t *plugin_init(const ss_plugin_init_input *in, ss_plugin_rc *rc) {
    (void)in;
    state.error = "";
    *rc = SS_PLUGIN_SUCCESS;
    return (ss_plugin_t *)&state;
}

void plugin_destroy(ss_plugin_t *s) {
    (void)s;
}

ss_instance_t *plugin_open(ss_plugin_t *s, const char *params, ss_plugin_rc *rc) {
    state.source = strncmp(params, HTTP, strlen(HTTP)) == 0 ? &webhook_source : &file_source;
    const char *problem = state.source->open(params);
    state.error = problem == NULL ? "" : problem;
    *rc = problem == NULL ? SS_PLUGIN_SUCCESS : SS_PLUGIN_FAILURE;
    return (ss_instance_t *)s;
}

void plugin_close(ss_plugin_t *s, ss_instance_t *instance) {
    (void)s, (void)instance;
    state.source->close();
}

void batch_add(event_batch *batch, void *place, size_t length) {
    event_head *head = place;
    *head = (event_head){
        .header =
            {
                .ts = UINT64_MAX,
                .tid = UINT64_MAX,
                .len = (uint32_t)(sizeof(*head) + length),
                .type = PLUGIN_EVENT_TYPE,
                .nparams = 2,
            },
        .id_length = sizeof(head->id),
        .payload_length = (uint32_t)length,
    };
    batch->events[batch->count++] = &head->header;
}

ss_plugin_rc plugin_next_batch(ss_plugin_t *s, ss_instance_t *instance, uint32_t *count,
                               ss_plugin_event ***events) {
    (void)s, (void)instance;
    state.batch.count = 0;
    const bool goes_on = state.source->poll(&state.batch);
    *events = state.batch.events;
    *count = state.batch.count;
    if (state.batch.count > 0) {
        return SS_PLUGIN_SUCCESS;
    }
    return goes_on ? SS_PLUGIN_TIMEOUT : SS_PLUGIN_EOF;
}
