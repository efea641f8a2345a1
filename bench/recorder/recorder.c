// SPDX-License-Identifier: Apache-2.0
// A Falco plugin around another one: it passes every call on, and writes down which fields of which event
// libsinsp asks for. The host that loads it sees the plugin inside, under its name and with its fields.
//
// Environment: RECORDER_PLUGIN    path of the plugin inside, which has to be a source of events
//              RECORDER_EXTRACTOR path of a second one, for its fields (optional). The host sees the fields
//              of
//                                 both as those of one plugin, so that their calls come in one row.
//              RECORDER_TRACE     where the calls are written; calls.h has the form
//
// What is wrong with them ends the host with a message: libsinsp asks for names and fields before it could
// take an error. Capabilities that bring no fields and no events (metrics, progress, parsing) are left out.
#include "calls.h"
#include "die.h"
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_PARTS 2

typedef struct {
    plugin_functions api;
    ss_plugin_t *state;
    uint32_t first_field; ///< number of its first field among all of them
} part;

typedef struct {
    part parts[MAX_PARTS];
    size_t count;
    uint32_t field_count;
    bytes fields; ///< JSON of the fields of all parts, with a NUL
    const char *error;
    calls calls;
    uint64_t events; ///< that the source has given
    bool at_end;     ///< of the source
} recorder;

// libsinsp asks for the name and the fields before there is a state.
static recorder the_recorder;

static const char *required_variable(const char *name) {
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0') {
        die("the recorder wants %s in its environment", name);
    }
    return value;
}

/** Joins two arrays of JSON. */
static void add_fields(recorder *r, const char *json) {
    const char *start = strchr(json, '[');
    const char *end = strrchr(json, ']');
    if (start == NULL || end == NULL || end < start) {
        die("plugin_get_fields: no array of fields");
    }
    bytes_add_text(&r->fields, r->fields.len == 0 ? "[" : ",");
    bytes_add(&r->fields, start + 1, (size_t)(end - start - 1));
}

static void add_part(recorder *r, const char *path, bool has_events) {
    part *p = &r->parts[r->count++];
    const plugin_abilities can = plugin_load(&p->api, path);
    if (has_events && !can.sources) {
        die("%s makes no events: RECORDER_PLUGIN is a source, and RECORDER_EXTRACTOR one that only extracts",
            path);
    }
    if (!can.extracts) {
        die("%s has no fields: there is nothing to record", path);
    }
    field_list fields = plugin_read_fields(&p->api);
    p->first_field = r->field_count;
    r->field_count += (uint32_t)fields.count;
    field_list_free(&fields);
    add_fields(r, p->api.get_fields());
}

/** The recorder, with its plugins loaded. */
static recorder *loaded(void) {
    recorder *r = &the_recorder;
    if (r->count == 0) {
        const char *extractor = getenv("RECORDER_EXTRACTOR");
        add_part(r, required_variable("RECORDER_PLUGIN"), true);
        if (extractor != NULL && extractor[0] != '\0') {
            add_part(r, extractor, false);
        }
        bytes_add(&r->fields, "]", 2);
    }
    return r;
}

static plugin_functions *inside(void) {
    return &loaded()->parts[0].api;
}

EXPORT const char *plugin_get_required_api_version(void) {
    return inside()->get_required_api_version();
}

EXPORT const char *plugin_get_name(void) {
    return inside()->get_name();
}

EXPORT const char *plugin_get_description(void) {
    return inside()->get_description();
}

EXPORT const char *plugin_get_contact(void) {
    return inside()->get_contact();
}

EXPORT const char *plugin_get_version(void) {
    return inside()->get_version();
}

EXPORT uint32_t plugin_get_id(void) {
    return inside()->get_id == NULL ? 0 : inside()->get_id();
}

EXPORT const char *plugin_get_event_source(void) {
    return inside()->get_event_source == NULL ? "" : inside()->get_event_source();
}

EXPORT const char *plugin_get_fields(void) {
    return (const char *)loaded()->fields.data;
}

EXPORT const char *plugin_get_init_schema(ss_plugin_schema_type *type) {
    *type = SS_PLUGIN_SCHEMA_NONE;
    return inside()->get_init_schema == NULL ? NULL : inside()->get_init_schema(type);
}

static bool init_part(recorder *r, part *p, const ss_plugin_init_input *in) {
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    p->state = p->api.init(in, &rc);
    if (rc != SS_PLUGIN_SUCCESS) {
        r->error = p->state == NULL ? "the plugin inside gave no reason" : p->api.get_last_error(p->state);
    }
    return rc == SS_PLUGIN_SUCCESS;
}

EXPORT ss_plugin_t *plugin_init(const ss_plugin_init_input *in, ss_plugin_rc *rc) {
    recorder *r = loaded();
    ss_plugin_init_input second = *in;
    ss_plugin_schema_type schema = SS_PLUGIN_SCHEMA_NONE;
    *rc = SS_PLUGIN_FAILURE;
    if (!init_part(r, &r->parts[0], in)) {
        return r;
    }
    if (r->count > 1) {
        if (r->parts[1].api.get_init_schema != NULL) {
            r->parts[1].api.get_init_schema(&schema);
        }
        second.config = schema == SS_PLUGIN_SCHEMA_JSON ? "{}" : "";
        if (!init_part(r, &r->parts[1], &second)) {
            return r;
        }
    }
    calls_open(&r->calls, required_variable("RECORDER_TRACE"));
    for (size_t i = 0; i < r->count; i++) {
        calls_add_plugin(&r->calls, r->parts[i].api.get_name(), r->parts[i].api.get_version());
    }
    *rc = SS_PLUGIN_SUCCESS;
    return r;
}

EXPORT void plugin_destroy(ss_plugin_t *state) {
    recorder *r = state;
    if (r->calls.file != NULL) {
        calls_close(&r->calls, r->at_end ? r->events : 0);
    }
    for (size_t i = 0; i < r->count; i++) {
        if (r->parts[i].state != NULL) {
            r->parts[i].api.destroy(r->parts[i].state);
        }
    }
    bytes_free(&r->fields);
    *r = (recorder){0};
}

EXPORT const char *plugin_get_last_error(ss_plugin_t *state) {
    recorder *r = state;
    return r->error != NULL ? r->error : r->parts[0].api.get_last_error(r->parts[0].state);
}

EXPORT ss_instance_t *plugin_open(ss_plugin_t *state, const char *params, ss_plugin_rc *rc) {
    recorder *r = state;
    return r->parts[0].api.open(r->parts[0].state, params, rc);
}

EXPORT void plugin_close(ss_plugin_t *state, ss_instance_t *instance) {
    recorder *r = state;
    r->parts[0].api.close(r->parts[0].state, instance);
}

EXPORT ss_plugin_rc plugin_next_batch(ss_plugin_t *state, ss_instance_t *instance, uint32_t *count,
                                      ss_plugin_event ***events) {
    recorder *r = state;
    const ss_plugin_rc rc = r->parts[0].api.next_batch(r->parts[0].state, instance, count, events);
    r->events += *count;
    r->at_end = rc == SS_PLUGIN_EOF;
    return rc;
}

EXPORT ss_plugin_rc plugin_extract_fields(ss_plugin_t *state, const ss_plugin_event_input *event,
                                          const ss_plugin_field_extract_input *in) {
    recorder *r = state;
    if (in->num_fields != 1) {
        r->error = "the recorder takes one field a call, which is how libsinsp asks";
        return SS_PLUGIN_FAILURE;
    }
    ss_plugin_extract_field *field = &in->fields[0];
    const uint32_t number = field->field_id;
    part *p = &r->parts[r->count > 1 && number >= r->parts[1].first_field ? 1 : 0];
    field->field_id = number - p->first_field;
    calls_add(&r->calls, event->evtnum, p, field);
    const ss_plugin_rc rc = p->api.extract_fields(p->state, event, in);
    field->field_id = number;
    if (rc != SS_PLUGIN_SUCCESS) {
        r->error = p->api.get_last_error(p->state);
    }
    return rc;
}
