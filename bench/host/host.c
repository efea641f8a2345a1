// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include "die.h"
#include "values.h"

#include <string.h>
#include <time.h>

/** Calls of next_batch in a row that may bring nothing; a plugin waits about 30 ms in each. */
#define MAX_SILENT_CALLS 1000

void host_load(host_plugin *p, const char *path) {
    *p = (host_plugin){.path = path, .source = ""};
    p->can = plugin_load(&p->api, path);
    p->name = p->api.get_name();
    p->api.get_description();
    p->api.get_contact();
    p->version = p->api.get_version();
    if (p->can.sources && p->api.get_id != NULL && p->api.get_id() != 0) {
        p->id = p->api.get_id();
        p->source = p->api.get_event_source();
    }
    if (p->can.extracts) {
        p->fields = plugin_read_fields(&p->api);
        if (p->api.get_extract_event_sources != NULL) {
            p->api.get_extract_event_sources();
        }
    }
}

// What the host offers to plugins: a log that nobody reads, and no tables.

static void drop_log(ss_plugin_owner_t *owner, const char *component, const char *message,
                     ss_plugin_log_severity severity) {
    (void)owner, (void)component, (void)message, (void)severity;
}

static const char *no_owner_error(ss_plugin_owner_t *owner) {
    (void)owner;
    return NULL;
}

static ss_plugin_table_info *list_no_tables(ss_plugin_owner_t *owner, uint32_t *count) {
    (void)owner;
    *count = 0;
    return NULL;
}

static ss_plugin_table_t *find_no_table(ss_plugin_owner_t *owner, const char *name,
                                        ss_plugin_state_type type) {
    (void)owner, (void)name, (void)type;
    return NULL;
}

static ss_plugin_rc add_no_table(ss_plugin_owner_t *owner, const ss_plugin_table_input *in) {
    (void)owner, (void)in;
    return SS_PLUGIN_NOT_SUPPORTED;
}

static ss_plugin_table_reader_vtable_ext table_reader;

void host_init(host_plugin *p, const char *config) {
    static ss_plugin_table_fields_vtable_ext table_fields;
    static ss_plugin_table_writer_vtable_ext table_writer;
    static const ss_plugin_init_tables_input tables = {
        .list_tables = list_no_tables,
        .get_table = find_no_table,
        .add_table = add_no_table,
        .fields_ext = &table_fields,
        .reader_ext = &table_reader,
        .writer_ext = &table_writer,
    };
    ss_plugin_schema_type schema = SS_PLUGIN_SCHEMA_NONE;
    if (p->api.get_init_schema != NULL) {
        p->api.get_init_schema(&schema);
    }
    // Falco checks the configuration against the schema; where there is none, it is an empty object.
    if (schema == SS_PLUGIN_SCHEMA_JSON && config[0] == '\0') {
        config = "{}";
    }
    const ss_plugin_init_input in = {
        .config = config,
        .owner = p,
        .get_owner_last_error = no_owner_error,
        .tables = p->can.extracts ? &tables : NULL,
        .log_fn = drop_log,
    };
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    p->state = p->api.init(&in, &rc);
    if (rc != SS_PLUGIN_SUCCESS) {
        die("%s refused its configuration %s: %s", p->name, config,
            p->state == NULL ? "it gave no reason" : p->api.get_last_error(p->state));
    }
    if (p->can.extracts && p->api.get_extract_event_types != NULL) {
        uint32_t count = 0;
        p->api.get_extract_event_types(&count, p->state);
    }
}

void host_destroy(host_plugin *p) {
    p->api.destroy(p->state);
    p->state = NULL;
    field_list_free(&p->fields);
}

// --- events ---

void host_open(host_source *s, const char *params) {
    const host_plugin *p = s->plugin;
    if (!p->can.sources) {
        die("%s makes no events: it can only extract fields", p->name);
    }
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    s->batch_at = s->batch_count = 0;
    s->batch_rc = SS_PLUGIN_SUCCESS;
    s->instance = p->api.open(p->state, params, &rc);
    if (rc != SS_PLUGIN_SUCCESS) {
        die("%s cannot open %s: %s", p->name, params, p->api.get_last_error(p->state));
    }
}

/** Checks an event's form and sets what plugins may leave open, as libscap does before it hands an event out.
 */
static void set_header(const host_plugin *p, ss_plugin_event *event) {
    // The sizes of the two parameters, and the first of them, which is the plugin's id.
    uint8_t *place = (uint8_t *)event + sizeof(*event) + 2 * sizeof(uint32_t);
    if (p->id != 0) {
        if (event->type != PLUGIN_EVENT_TYPE || event->nparams != 2 ||
            event->len < PLUGIN_EVENT_PAYLOAD_OFFSET) {
            die("%s made a malformed event: type %u, %u parameters, %u bytes", p->name, event->type,
                event->nparams, event->len);
        }
        uint32_t id;
        memcpy(&id, place, sizeof(id));
        if (id == 0) {
            memcpy(place, &p->id, sizeof(p->id));
        } else if (id != p->id) {
            die("%s, whose id is %u, made an event of plugin %u", p->name, p->id, id);
        }
    }
    if (event->type == PLUGIN_EVENT_TYPE) {
        event->tid = UINT64_MAX;
    }
    if (event->ts == UINT64_MAX) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        event->ts = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    }
}

static void fail_batch(const host_plugin *p) {
    die("%s failed after its source was open: %s", p->name, p->api.get_last_error(p->state));
}

/** Calls next_batch until there are events. @return false at the end of the source */
static bool fetch_batch(host_source *s) {
    const host_plugin *p = s->plugin;
    // A result that came together with events counts when they are handed out.
    ss_plugin_rc rc = s->batch_rc;
    s->batch_rc = SS_PLUGIN_SUCCESS;
    for (unsigned silent = 0; silent < MAX_SILENT_CALLS; silent++) {
        if (rc == SS_PLUGIN_EOF) {
            return false;
        }
        if (rc != SS_PLUGIN_SUCCESS && rc != SS_PLUGIN_TIMEOUT) {
            fail_batch(p);
        }
        s->batch_at = 0;
        s->batch_count = 0;
        rc = p->api.next_batch(p->state, s->instance, &s->batch_count, &s->batch);
        if (s->batch_count > 0) {
            s->batch_rc = rc;
            s->batches++;
            return true;
        }
        if (rc == SS_PLUGIN_SUCCESS) {
            die("%s returned a batch without events", p->name);
        }
        s->timeouts += rc == SS_PLUGIN_TIMEOUT;
    }
    die("%s brought no event in %d calls of plugin_next_batch", p->name, MAX_SILENT_CALLS);
}

static const ss_plugin_event *hand_out(host_source *s, uint32_t at) {
    ss_plugin_event *event = s->batch[at];
    set_header(s->plugin, event);
    s->count++;
    s->bytes += event->len - PLUGIN_EVENT_PAYLOAD_OFFSET;
    return event;
}

const ss_plugin_event *host_next(host_source *s) {
    if (s->batch_at >= s->batch_count && !fetch_batch(s)) {
        return NULL;
    }
    return hand_out(s, s->batch_at++);
}

uint32_t host_next_batch(host_source *s) {
    s->batch_at = s->batch_count;
    if (!fetch_batch(s)) {
        return 0;
    }
    for (uint32_t i = 0; i < s->batch_count; i++) {
        hand_out(s, i);
    }
    return s->batch_count;
}

uint32_t host_poll(host_source *s) {
    const host_plugin *p = s->plugin;
    s->batch_at = s->batch_count = 0;
    const ss_plugin_rc rc = p->api.next_batch(p->state, s->instance, &s->batch_count, &s->batch);
    if (rc == SS_PLUGIN_EOF) {
        die("%s has ended its source", p->name);
    }
    if (rc != SS_PLUGIN_SUCCESS && rc != SS_PLUGIN_TIMEOUT) {
        fail_batch(p);
    }
    s->batches += s->batch_count > 0;
    s->timeouts += rc == SS_PLUGIN_TIMEOUT;
    for (uint32_t i = 0; i < s->batch_count; i++) {
        hand_out(s, i);
    }
    return s->batch_count;
}

void host_close(host_source *s) {
    s->plugin->api.close(s->plugin->state, s->instance);
    s->instance = NULL;
}

// --- values ---

void host_prepare(host_request *request) {
    request->input = (ss_plugin_field_extract_input){
        .owner = request->plugin,
        .get_owner_last_error = no_owner_error,
        .num_fields = 1,
        .fields = &request->field,
        .table_reader_ext = &table_reader,
    };
}

/** @return false if the plugin did not answer */
static inline bool extract(host_request *request, const ss_plugin_event_input *event, host_tally *tally) {
    const host_plugin *p = request->plugin;
    request->field.res_len = 0;
    tally->calls++;
    if (p->api.extract_fields(p->state, event, &request->input) != SS_PLUGIN_SUCCESS) {
        tally->failures++;
        return false;
    }
    tally->values += request->field.res_len;
    return true;
}

void host_ask(host_request *request, const ss_plugin_event_input *event, host_tally *tally) {
    if (extract(request, event, tally)) {
        for (uint64_t i = 0; i < request->field.res_len; i++) {
            tally->mark += *(const uint8_t *)value_at(&request->field, i);
        }
    }
}

static uint64_t add_to_hash(uint64_t hash, const void *data, size_t length) {
    const uint8_t *b = data;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ b[i]) * 0x100000001b3U;
    }
    return hash;
}

void host_ask_closely(host_request *request, const ss_plugin_event_input *event, host_digest *digest) {
    if (!extract(request, event, &digest->tally)) {
        return;
    }
    const ss_plugin_extract_field *field = &request->field;
    digest->hash = add_to_hash(digest->hash, &field->res_len, sizeof(field->res_len));
    for (uint64_t i = 0; i < field->res_len; i++) {
        const uint8_t *value = value_at(field, i);
        const size_t length = value_length(field, i);
        digest->tally.mark += *value;
        digest->bytes += length;
        digest->hash = add_to_hash(add_to_hash(digest->hash, &length, sizeof(length)), value, length);
    }
}
