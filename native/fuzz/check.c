// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <string.h>

#define MAX_ADDRESS 16

static uint64_t hash_add(uint64_t hash, const void *data, size_t len) {
    const uint8_t *b = data;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ b[i]) * 0x100000001b3U;
    }
    return hash;
}

/** Bytes behind the 38 of header and plugin id; malformed foreign events may have none. */
static size_t payload_size(const ss_plugin_event *event) {
    return event->len < PLUGIN_EVENT_PAYLOAD_OFFSET ? 0 : event->len - PLUGIN_EVENT_PAYLOAD_OFFSET;
}

/** No text that is made of an event is much longer than the event; reads each byte up to the NUL. */
static size_t checked_length(checker *c, const char *text, const ss_plugin_event *event, const char *what) {
    const size_t most = 4 * payload_size(event) + 65536;
    size_t len = 0;
    while (len <= most && text[len] != '\0') {
        len++;
    }
    if (len > most) {
        finding(c, "%s: a string of more than %zu bytes, or without its end", what, most);
    }
    return len;
}

static uint64_t check_string(checker *c, const ss_plugin_event *event, const ss_plugin_extract_field *field,
                             uint64_t i, uint64_t hash) {
    const char *text = field->res.str[i];
    if (text == NULL) {
        finding(c, "%s: value %lu of %lu is NULL", field->field, (unsigned long)i,
                (unsigned long)field->res_len);
    }
    const size_t len = checked_length(c, text, event, field->field);
    c->count.value_bytes += len;
    c->count.not_utf8 += is_utf8((const uint8_t *)text, len) ? 0 : 1;
    return hash_add(hash, text, len + 1);
}

static uint64_t check_address(checker *c, const ss_plugin_extract_field *field, uint64_t i, uint64_t hash) {
    const ss_plugin_byte_buffer *buffer = &field->res.buf[i];
    if (buffer->ptr == NULL || (buffer->len != 4 && buffer->len != MAX_ADDRESS)) {
        finding(c, "%s: an address of %u bytes at %p", field->field, buffer->len, buffer->ptr);
    }
    return hash_add(hash, buffer->ptr, buffer->len);
}

/** An event without a time has that of its arrival, which what is remembered of its user is counted from. */
static bool depends_on_the_clock(const char *field) {
    return strcmp(field, "ka.user.first_seen") == 0 || strcmp(field, "ka.user.denied_recently") == 0;
}

static uint64_t check_values(checker *c, const ss_plugin_event *event, const ss_plugin_extract_field *field,
                             uint64_t hash) {
    // Every element of a list comes from a byte of the payload at least.
    const uint64_t most = field->flist ? payload_size(event) + 1 : 1;
    if (field->res_len > most) {
        finding(c, "%s: %lu values, at most %lu are possible", field->field, (unsigned long)field->res_len,
                (unsigned long)most);
    }
    hash = hash_add(hash, &field->res_len, sizeof(field->res_len));
    c->count.values += field->res_len;
    for (uint64_t i = 0; i < field->res_len; i++) {
        switch (field->ftype) {
        case FTYPE_STRING:
            hash = check_string(c, event, field, i, hash);
            break;
        case FTYPE_BOOL:
            if (field->res.boolean[i] > 1) {
                finding(c, "%s: a boolean of %u", field->field, field->res.boolean[i]);
            }
            hash = hash_add(hash, &field->res.boolean[i], sizeof(ss_plugin_bool));
            break;
        case FTYPE_IPADDR:
        case FTYPE_IPNET:
            hash = check_address(c, field, i, hash);
            break;
        default:
            if (!depends_on_the_clock(field->field)) {
                hash = hash_add(hash, &field->res.u64[i], sizeof(uint64_t));
            }
        }
    }
    return hash;
}

/** Where a string has as many bytes as its span in the event, and that holds nothing to unescape, they are
 * equal. */
static void check_span(checker *c, const ss_plugin_event *event, const ss_plugin_extract_field *field,
                       uint64_t i, uint32_t start, uint32_t length) {
    if (start == 0 && length == 0) {
        return;
    }
    if (start < PLUGIN_EVENT_PAYLOAD_OFFSET || start > event->len || length > event->len - start) {
        finding(c, "%s: value at %u, %u bytes, in an event of %u", field->field, start, length, event->len);
    }
    const uint8_t *there = (const uint8_t *)event + start;
    if (field->ftype == FTYPE_STRING && strlen(field->res.str[i]) == length && length > 0 &&
        memchr(there, '\\', length) == NULL && is_utf8(there, length) &&
        memcmp(there, field->res.str[i], length) != 0) {
        finding(c, "%s: its span at %u, %u bytes, holds something else than '%s'", field->field, start,
                length, field->res.str[i]);
    }
}

/** libsinsp reads as many entries as there are values; in a call for several fields there is one for each. */
static void check_offsets(checker *c, const ss_plugin_event *event, const request *q,
                          const ss_plugin_extract_value_offsets *offsets) {
    if (offsets->start == NULL || offsets->length == NULL) {
        return;
    }
    for (size_t i = 0; i < q->count; i++) {
        const ss_plugin_extract_field *field = &q->fields[i];
        if (q->count == 1) {
            for (uint64_t k = 0; k < field->res_len; k++) {
                check_span(c, event, field, k, offsets->start[k], offsets->length[k]);
            }
        } else if (field->res_len == 1) {
            check_span(c, event, field, 0, offsets->start[i], offsets->length[i]);
        }
    }
}

uint64_t check_extract(checker *c, const ss_plugin_event_input *event, request *q) {
    host *plugin = c->plugin;
    ss_plugin_extract_value_offsets offsets = {NULL, NULL};
    const ss_plugin_field_extract_input in = {
        .owner = plugin,
        .num_fields = (uint32_t)q->count,
        .fields = q->fields,
        .value_offsets = q->offsets ? &offsets : NULL,
    };
    const ss_plugin_rc rc = plugin->api.extract_fields(plugin->state, event, &in);
    c->count.calls++;
    if (rc == SS_PLUGIN_NOT_SUPPORTED) {
        c->count.unsupported++;
        return 0;
    }
    if (rc != SS_PLUGIN_SUCCESS) {
        finding(c, "extract_fields returned %d: %s", rc, plugin->api.get_last_error(plugin->state));
    }
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < q->count; i++) {
        hash = check_values(c, event->evt, &q->fields[i], hash);
    }
    check_offsets(c, event->evt, q, &offsets);
    c->count.digest = hash_add(c->count.digest, &hash, sizeof(hash));
    return hash;
}

void check_to_string(checker *c, const ss_plugin_event_input *event) {
    const char *text = c->plugin->api.event_to_string(c->plugin->state, event);
    if (text == NULL) {
        return;
    }
    const size_t len = checked_length(c, text, event->evt, "event_to_string");
    c->count.not_utf8 += is_utf8((const uint8_t *)text, len) ? 0 : 1;
    if (memchr(text, '\n', len) != NULL) {
        finding(c, "event_to_string: more than one line");
    }
}

void check_event(checker *c, const ss_plugin_event *event) {
    if (event == NULL) {
        finding(c, "next_batch: a NULL event");
    }
    if (event->type != PLUGIN_EVENT_TYPE || event->nparams != 2 || event->len < PLUGIN_EVENT_PAYLOAD_OFFSET) {
        finding(c, "next_batch: type %u, %u parameters, %u bytes", event->type, event->nparams, event->len);
    }
    uint32_t sizes_and_id[3];
    memcpy(sizes_and_id, (const uint8_t *)event + sizeof(*event), sizeof(sizes_and_id));
    if (sizes_and_id[0] != 4 || sizes_and_id[1] != event->len - PLUGIN_EVENT_PAYLOAD_OFFSET) {
        finding(c, "next_batch: %u bytes with an id of %u and a payload of %u", event->len, sizes_and_id[0],
                sizes_and_id[1]);
    }
    if (sizes_and_id[2] != 0 && sizes_and_id[2] != c->plugin->id) {
        finding(c, "next_batch: plugin id %u", sizes_and_id[2]);
    }
    // Reads every byte but the time, which may be the time of arrival.
    c->count.digest =
        hash_add(c->count.digest, (const uint8_t *)event + sizeof(event->ts), event->len - sizeof(event->ts));
}
