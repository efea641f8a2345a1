// SPDX-License-Identifier: Apache-2.0
// A list of fields in words, such as `ka.verb,ka.uri.param[limit]`, made ready for the calls.
#include "host.h"

#include "bytes.h"
#include "die.h"

#include <stdlib.h>
#include <string.h>

/** As libsinsp reads it: digits alone, and no zero in front. */
static bool read_index(const char *text, uint64_t *index) {
    char *end;
    if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1] != '\0')) {
        return false;
    }
    *index = strtoull(text, &end, 10);
    return *end == '\0';
}

static void set_argument(host_request *request, const field_info *info, char *argument) {
    ss_plugin_extract_field *field = &request->field;
    field->arg_present = 1;
    const bool is_index = info->index_arg && read_index(argument, &field->arg_index);
    if (info->key_arg) {
        field->arg_key = argument;
    } else if (!is_index) {
        die("field %s: its argument has to be %s", request->text,
            info->index_arg ? "an index, such as [0]" : "left out");
    }
}

/** @param text the field as it was written; kept */
static host_request read_request(char *text, host_plugin *const *plugins, size_t plugin_count) {
    host_request request = {.text = text};
    const char *bracket = strchr(text, '[');
    const size_t length = bracket == NULL ? strlen(text) : (size_t)(bracket - text);
    for (size_t i = 0; i < plugin_count; i++) {
        const size_t id = field_find(&plugins[i]->fields, text, length);
        if (id == plugins[i]->fields.count) {
            continue;
        }
        const field_info *info = &plugins[i]->fields.items[id];
        request.plugin = plugins[i];
        request.field = (ss_plugin_extract_field){
            .field_id = (uint32_t)id,
            .field = info->name,
            .arg_index = UINT64_MAX, // as libsinsp has it without an index
            .ftype = info->type,
            .flist = info->is_list,
        };
        if (bracket != NULL) {
            char *argument = strdup(bracket + 1);
            argument[strcspn(argument, "]")] = '\0';
            set_argument(&request, info, argument);
            if (request.field.arg_key != argument) {
                free(argument);
            }
        } else if (info->needs_arg) {
            die("field %s: it needs an argument, as in %s[…]", text, text);
        }
        return request;
    }
    die("no plugin has a field %.*s", (int)length, text);
}

/** Where the field that starts at `text` ends: at a comma that is not in brackets. */
static size_t field_length(const char *text) {
    size_t i = 0;
    for (bool inside = false; text[i] != '\0' && (inside || text[i] != ','); i++) {
        inside = text[i] == '[' || (inside && text[i] != ']');
    }
    return i;
}

void host_add_request(host_requests *requests, const char *text, size_t length, host_plugin *const *plugins,
                      size_t plugin_count) {
    requests->items = must_alloc(requests->items, (requests->count + 1) * sizeof(host_request));
    requests->items[requests->count++] = read_request(strndup(text, length), plugins, plugin_count);
}

host_requests host_read_requests(const char *list, host_plugin *const *plugins, size_t plugin_count) {
    host_requests requests = {0};
    while (*list != '\0') {
        const size_t length = field_length(list);
        host_add_request(&requests, list, length, plugins, plugin_count);
        list += length + (list[length] == ',');
    }
    host_prepare_all(&requests);
    return requests;
}

void host_prepare_all(host_requests *requests) {
    for (size_t i = 0; i < requests->count; i++) {
        host_prepare(&requests->items[i]);
    }
}

void host_free_requests(host_requests *requests) {
    for (size_t i = 0; i < requests->count; i++) {
        free((char *)requests->items[i].field.arg_key);
        free(requests->items[i].text);
    }
    free(requests->items);
    *requests = (host_requests){0};
}
