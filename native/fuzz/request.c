// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

static char *copy_text(const char *text) {
    // A block of its own: reading past its end is noticed.
    const size_t size = strlen(text) + 1;
    return memcpy(must_alloc(NULL, size), text, size);
}

static char *random_key(prng *r) {
    static const char *const keys[] = {"name", "limit", "command", "container", "/etc", "/*", "x"};
    if (prng_one_in(r, 64)) {
        const size_t len = prng_below(r, 5000);
        char *key = must_alloc(NULL, len + 1);
        memset(key, 'k', len);
        key[len] = '\0';
        return key;
    }
    return copy_text(prng_one_in(r, 2) ? keys[prng_below(r, sizeof(keys) / sizeof(keys[0]))] : odd_word(r));
}

static uint64_t random_index(prng *r) {
    static const uint64_t large[] = {9, 1000, UINT32_MAX, 1ULL << 32, INT64_MAX, 1ULL << 63, UINT64_MAX};
    return prng_one_in(r, 8) ? large[prng_below(r, sizeof(large) / sizeof(large[0]))] : prng_below(r, 4);
}

/** Output members hold what an uninitialised struct may hold, as in libsinsp. */
static ss_plugin_extract_field blank(const host *plugin, size_t id) {
    const field_info *info = &plugin->fields.items[id];
    ss_plugin_extract_field field;
    memset(&field, 0xa5, sizeof(field));
    field.field_id = (uint32_t)id;
    field.field = info->name;
    field.arg_key = NULL;
    field.arg_index = UINT64_MAX;
    field.arg_present = 0;
    field.ftype = info->type;
    field.flist = info->is_list;
    return field;
}

static void add_argument(ss_plugin_extract_field *field, const field_info *info, prng *r) {
    if (info->index_arg) {
        field->arg_index = random_index(r);
        field->arg_present = 1;
    }
    if (info->key_arg) {
        field->arg_key = random_key(r);
        field->arg_present = 1;
    }
}

request request_random(checker *c) {
    prng *r = c->random;
    const host *plugin = c->plugin;
    // Falco asks for one field a call; neighbours read the same part of an event.
    const bool neighbours = prng_one_in(r, 4);
    size_t count = neighbours ? prng_between(r, 2, 24) : prng_one_in(r, 2) ? 1 : prng_few(r, 12);
    if (prng_one_in(r, 256)) {
        count = prng_between(r, 1, 2 * plugin->fields.count);
    }
    request q = {must_alloc(NULL, count * sizeof(*q.fields)), count, prng_one_in(r, 2)};
    size_t id = prng_below(r, plugin->fields.count);
    for (size_t i = 0; i < count; i++) {
        id = (neighbours ? id + 1 : prng_next(r)) % plugin->fields.count;
        const field_info *info = &plugin->fields.items[id];
        q.fields[i] = blank(plugin, id);
        if (info->needs_arg || prng_one_in(r, 2)) {
            add_argument(&q.fields[i], info, r);
        }
    }
    return q;
}

/** Whether the plugin knows a field of its own events alone: what brought them, and what came before them. */
static bool is_of_own_events(const char *name) {
    static const char pod[] = "ka.target.pod.";
    const bool is_pod = strncmp(name, pod, sizeof(pod) - 1) == 0 && strcmp(name, "ka.target.pod.name") != 0;
    return is_pod || strcmp(name, "ka.provider") == 0 || strcmp(name, "ka.user.first_seen") == 0 ||
           strcmp(name, "ka.user.denied_recently") == 0;
}

void request_leave_out_own(request *q) {
    size_t count = 0;
    for (size_t i = 0; i < q->count; i++) {
        if (is_of_own_events(q->fields[i].field)) {
            free((char *)(uintptr_t)q->fields[i].arg_key);
        } else {
            q->fields[count++] = q->fields[i];
        }
    }
    q->count = count;
}

request request_all(checker *c) {
    const host *plugin = c->plugin;
    request q = {must_alloc(NULL, plugin->fields.count * sizeof(*q.fields)), plugin->fields.count, false};
    for (size_t i = 0; i < q.count; i++) {
        q.fields[i] = blank(plugin, i);
        if (plugin->fields.items[i].needs_arg) {
            q.fields[i].arg_present = 1;
            q.fields[i].arg_index = 0;
            q.fields[i].arg_key = plugin->fields.items[i].key_arg ? copy_text("name") : NULL;
        }
    }
    return q;
}

request request_part(const request *whole, size_t first, size_t count) {
    request q = {must_alloc(NULL, count * sizeof(*q.fields)), count, whole->offsets};
    for (size_t i = 0; i < count; i++) {
        const ss_plugin_extract_field *from = &whole->fields[first + i];
        q.fields[i] = *from;
        memset(&q.fields[i].res, 0xa5, sizeof(q.fields[i].res));
        memset(&q.fields[i].res_len, 0xa5, sizeof(q.fields[i].res_len));
        q.fields[i].arg_key = from->arg_key == NULL ? NULL : copy_text(from->arg_key);
    }
    return q;
}

void request_free(request *q) {
    for (size_t i = 0; i < q->count; i++) {
        free((char *)(uintptr_t)q->fields[i].arg_key);
    }
    free(q->fields);
    *q = (request){0};
}
