// SPDX-License-Identifier: Apache-2.0
// The list of fields that a plugin gives, which is an array of objects in JSON.
#include "die.h"
#include "plugin.h"
#include "spans.h"

#include <stdlib.h>
#include <string.h>

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
    die("plugin_get_fields: a field has the unknown type %.*s", (int)(value->end - value->start),
        (const char *)json + value->start);
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

field_list plugin_read_fields(const plugin_functions *api) {
    const char *json = api->get_fields();
    field_list fields = {0};
    spans found = {0};
    spans_scan(&found, (const uint8_t *)json, strlen(json));
    for (size_t i = 0; i < found.count; i++) {
        const span *value = &found.items[i];
        if (value->depth == 1 && value->kind == '{') {
            fields.items = must_alloc(fields.items, (fields.count + 1) * sizeof(field_info));
            fields.items[fields.count++] = (field_info){0};
        } else if (fields.count > 0 && span_has_key(value)) {
            // Field names need no unescaping.
            read_member(&fields.items[fields.count - 1], (const uint8_t *)json, value);
        }
    }
    spans_free(&found);
    for (size_t i = 0; i < fields.count; i++) {
        if (fields.items[i].name == NULL || fields.items[i].type == 0) {
            die("plugin_get_fields: field %zu has no name or no type", i);
        }
    }
    if (fields.count == 0) {
        die("plugin_get_fields: there are no fields");
    }
    return fields;
}

size_t field_find(const field_list *fields, const char *name, size_t length) {
    size_t i = 0;
    while (i < fields->count &&
           (strlen(fields->items[i].name) != length || memcmp(fields->items[i].name, name, length) != 0)) {
        i++;
    }
    return i;
}

void field_list_free(field_list *fields) {
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->items[i].name);
    }
    free(fields->items);
    *fields = (field_list){0};
}
