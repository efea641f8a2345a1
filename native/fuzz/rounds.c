// SPDX-License-Identifier: Apache-2.0
#include "rounds.h"

#include "gzip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE 262144
#define MAX_IDLE 2000
#define MAX_ROUND_SECONDS 300

/** An event in a block of exactly its size, so that reading past its end is noticed. */
static ss_plugin_event *make_foreign(const run *r, const uint8_t *payload, size_t len, uint64_t ts) {
    const uint32_t sizes_and_id[3] = {4, (uint32_t)len, r->check.plugin->id};
    uint8_t *block = must_alloc(NULL, PLUGIN_EVENT_PAYLOAD_OFFSET + len);
    ss_plugin_event *event = (ss_plugin_event *)block;
    event->ts = ts;
    event->tid = UINT64_MAX;
    event->len = (uint32_t)(PLUGIN_EVENT_PAYLOAD_OFFSET + len);
    event->type = PLUGIN_EVENT_TYPE;
    event->nparams = 2;
    memcpy(block + sizeof(*event), sizes_and_id, sizeof(sizes_and_id));
    if (len > 0) {
        memcpy(block + PLUGIN_EVENT_PAYLOAD_OFFSET, payload, len);
    }
    return event;
}

/** A capture file may hold anything but a wrong total length, which its reader checks. */
static ss_plugin_event *damage_header(run *r, ss_plugin_event *event) {
    prng *random = r->check.random;
    static const uint32_t odd[] = {0, 1, 3, 5, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xffffffda};
    const uint32_t value = odd[prng_below(random, sizeof(odd) / sizeof(odd[0]))];
    uint8_t *block = (uint8_t *)event;
    switch (prng_below(random, 5)) {
    case 0:
        event->type = (uint16_t)value;
        break;
    case 1:
        event->nparams = value;
        break;
    case 2: // shorter than what it claims to hold
        event->len = (uint32_t)prng_between(random, sizeof(*event), event->len);
        event = must_alloc(event, event->len);
        break;
    default: // sizes of id and payload, and the id
        memcpy(block + sizeof(*event) + 4 * prng_below(random, 3), &value, sizeof(value));
    }
    return event;
}

static ss_plugin_event_input input_of(const run *r, const ss_plugin_event *event, uint64_t number) {
    return (ss_plugin_event_input){.evt = event, .evtnum = number, .evtsrc = r->check.plugin->source};
}

static uint64_t extract_all(run *r, const ss_plugin_event_input *input) {
    request all = request_all(&r->check);
    request_leave_out_own(&all);
    const uint64_t hash = check_extract(&r->check, input, &all);
    request_free(&all);
    return hash;
}

static void must_be_equal(run *r, uint64_t a, uint64_t b, const char *what) {
    if (a != b && !r->traps_expected) {
        finding(&r->check, "%s", what);
    }
}

static uint64_t extract_sound(run *r) {
    const seed_event *sound = r->sound;
    ss_plugin_event *event = make_foreign(r, sound->text.data, sound->text.len, 1);
    const ss_plugin_event_input input = input_of(r, event, ++r->event_number);
    const uint64_t hash = extract_all(r, &input);
    free(event);
    return hash;
}

/** Whatever happened before, a sound event is read as it was at the start; at the second try if the first
 * trapped. */
static void check_still_sound(run *r) {
    uint64_t hash = extract_sound(r);
    if (hash != r->sound_hash && r->traps_expected) {
        hash = extract_sound(r);
    }
    if (hash != r->sound_hash) {
        finding(&r->check, "after a round, the plugin reads a sound event differently");
    }
}

/** Random fields in one call; now and then the same again, in one call or field by field, with the same
 * result. */
static void extract_some(run *r, const ss_plugin_event_input *input) {
    checker *c = &r->check;
    request q = request_random(c);
    const uint64_t hash = check_extract(c, input, &q);
    if (prng_one_in(c->random, 16)) {
        request again = request_part(&q, 0, q.count);
        must_be_equal(r, check_extract(c, input, &again), hash,
                      "the second extraction differs from the first");
        request_free(&again);
    }
    if (q.count > 1 && prng_one_in(c->random, 16)) {
        for (size_t i = 0; i < q.count; i++) {
            request one = request_part(&q, i, 1);
            check_extract(c, input, &one);
            request_free(&one);
        }
    }
    request_free(&q);
}

static void foreign_input(run *r) {
    checker *c = &r->check;
    mutate_event(&r->mutate, &r->event);
    c->input = &r->event;
    c->count.inputs++;
    c->count.foreign++;
    ss_plugin_event *event = make_foreign(r, r->event.data, r->event.len, prng_next(c->random));
    if (prng_one_in(c->random, 64)) {
        event = damage_header(r, event);
    }
    const ss_plugin_event_input input = input_of(r, event, ++r->event_number);
    for (size_t calls = prng_few(c->random, 4); calls > 0; calls--) {
        extract_some(r, &input);
    }
    if (prng_one_in(c->random, 4)) {
        check_to_string(c, &input);
    }
    free(event);
}

static void append_list(run *r, const char *before, const char *after) {
    const size_t count = prng_few(r->check.random, 8);
    bytes_add_text(&r->file, before);
    for (size_t i = 0; i < count; i++) {
        bytes_add_text(&r->file, i == 0 ? "" : ",");
        mutate_event(&r->mutate, &r->event);
        r->check.count.inputs++;
        bytes_add(&r->file, r->event.data, r->event.len);
    }
    bytes_add_text(&r->file, after);
}

static void append_line(run *r) {
    prng *random = r->check.random;
    const size_t start = r->file.len;
    switch (prng_below(random, 8)) {
    case 0:
        append_list(r,
                    "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":[",
                    "]}");
        break;
    case 1:
        append_list(r, "[", "]");
        break;
    case 2:
        append_list(r, "{\"items\":[", prng_one_in(random, 2) ? "],\"kind\":\"EventList\"}" : "]");
        break;
    case 3: // more than one on a line, without anything between them
        append_list(r, "", "");
        break;
    default:
        mutate_event(&r->mutate, &r->event);
        r->check.count.inputs++;
        bytes_add(&r->file, r->event.data, r->event.len);
    }
    if (prng_one_in(random, 32)) {
        bytes_set(&r->spare, r->file.data + start, r->file.len - start);
        mutate_bytes(&r->mutate, &r->spare, prng_few(random, 4));
        bytes_replace(&r->file, start, r->file.len - start, r->spare.data, r->spare.len);
    }
    bytes_add_text(&r->file, prng_one_in(random, 16) ? "\r\n" : prng_one_in(random, 16) ? "\n\n \n" : "\n");
}

static void path_of(const run *r, char *path, size_t size) {
    if ((size_t)snprintf(path, size, "%s/input.jsonl", r->folder) >= size) {
        fprintf(stderr, "fuzz: the path of the folder for files is too long: %s\n", r->folder);
        exit(3);
    }
}

/** A file of lines. True if the sound event in its last line must arrive. */
static bool make_file(run *r, char *path, size_t path_size) {
    prng *random = r->check.random;
    const uint64_t first = r->check.count.inputs;
    const size_t size_limit = prng_one_in(random, 64) ? 4 * FILE_SIZE : FILE_SIZE;
    r->file.len = 0;
    while (r->check.count.inputs < first + ROUND_INPUTS && r->file.len < size_limit) {
        append_line(r);
    }
    bytes_add(&r->file, r->sound->text.data, r->sound->text.len);
    bytes_add_text(&r->file, prng_one_in(random, 2) ? "\n" : "");
    bool sound_arrives = true;
    if (prng_one_in(random, 16)) {
        bytes_set(&r->spare, r->file.data, r->file.len);
        gzip_stored(&r->file, r->spare.data, r->spare.len);
        if (prng_one_in(random, 2)) {
            mutate_bytes(&r->mutate, &r->file, prng_few(random, 4));
            sound_arrives = false;
        }
    }
    path_of(r, path, path_size);
    r->check.input = &r->file;
    if (!bytes_write_file(&r->file, path)) {
        fprintf(stderr, "fuzz: cannot write %s: %s\n", path, strerror(errno));
        exit(3);
    }
    return sound_arrives;
}

/** The plugin must read an event of its own and a copy of it alike. */
static void compare_with_copy(run *r, const ss_plugin_event_input *own) {
    checker *c = &r->check;
    const uint8_t *payload = (const uint8_t *)own->evt + PLUGIN_EVENT_PAYLOAD_OFFSET;
    request q = request_random(c);
    request_leave_out_own(&q);
    request same = request_part(&q, 0, q.count);
    ss_plugin_event *copy =
        make_foreign(r, payload, own->evt->len - PLUGIN_EVENT_PAYLOAD_OFFSET, own->evt->ts);
    const ss_plugin_event_input foreign = input_of(r, copy, ++r->event_number);
    const uint64_t own_hash = check_extract(c, own, &q);
    must_be_equal(r, check_extract(c, &foreign, &same), own_hash,
                  "an event and a copy of it have different values");
    free(copy);
    request_free(&q);
    request_free(&same);
}

/** Checks and extracts an event of a batch. True if it is the sound one. */
static bool own_event(run *r, const ss_plugin_event *event, uint64_t number) {
    checker *c = &r->check;
    check_event(c, event);
    c->count.delivered++;
    const ss_plugin_event_input input = input_of(r, event, number);
    for (size_t calls = prng_below(c->random, 4); calls > 0; calls--) {
        extract_some(r, &input);
    }
    if (prng_one_in(c->random, 8)) {
        check_to_string(c, &input);
    }
    if (prng_one_in(c->random, 8)) {
        compare_with_copy(r, &input);
    }
    const bytes *sound = &r->sound->text;
    const uint8_t *payload = (const uint8_t *)event + PLUGIN_EVENT_PAYLOAD_OFFSET;
    if (event->len != PLUGIN_EVENT_PAYLOAD_OFFSET + sound->len ||
        memcmp(payload, sound->data, sound->len) != 0) {
        return false;
    }
    must_be_equal(r, extract_all(r, &input), r->sound_hash, "a sound event from a file is read differently");
    return true;
}

/** True if the sound event came. */
static bool read_to_end(run *r, ss_instance_t *instance) {
    host *plugin = r->check.plugin;
    bool sound_came = false;
    uint64_t number = 0;
    for (size_t idle = 0; idle < MAX_IDLE; idle++) {
        uint32_t count = 0;
        ss_plugin_event **events = NULL;
        const ss_plugin_rc rc = plugin->api.next_batch(plugin->state, instance, &count, &events);
        if (rc != SS_PLUGIN_SUCCESS && rc != SS_PLUGIN_TIMEOUT && rc != SS_PLUGIN_EOF) {
            finding(&r->check, "next_batch returned %d: %s", rc, plugin->api.get_last_error(plugin->state));
        }
        if (rc == SS_PLUGIN_SUCCESS && count == 0) {
            finding(&r->check, "next_batch: success without an event");
        }
        for (uint32_t i = 0; i < count; i++) {
            sound_came |= own_event(r, events[i], ++number);
        }
        if (rc == SS_PLUGIN_EOF) {
            return sound_came;
        }
        idle = count > 0 ? 0 : idle;
    }
    finding(&r->check, "next_batch: %d batches without an event and without the end of the file", MAX_IDLE);
}

static void file_round(run *r) {
    host *plugin = r->check.plugin;
    char path[4096];
    const bool sound_arrives = make_file(r, path, sizeof(path));
    ss_plugin_rc rc = SS_PLUGIN_FAILURE;
    ss_instance_t *instance = plugin->api.open(plugin->state, path, &rc);
    if (rc != SS_PLUGIN_SUCCESS || instance == NULL) {
        finding(&r->check, "open(%s) returned %d: %s", path, rc, plugin->api.get_last_error(plugin->state));
    }
    const bool whole = !prng_one_in(r->check.random, 64);
    if (!whole) { // closed before its end, and before it is asked for anything
        plugin->api.close(plugin->state, instance);
        return;
    }
    const bool sound_came = read_to_end(r, instance);
    plugin->api.close(plugin->state, instance);
    if (sound_arrives && !sound_came && !r->traps_expected) {
        finding(&r->check, "the sound event in the file's last line did not arrive");
    }
}

void run_start(run *r) {
    r->sound = corpus_sound(&r->seeds);
    r->check.input = &r->sound->text;
    r->sound_hash = extract_sound(r);
}

void run_round(run *r, uint64_t round) {
    prng random = prng_of(r->check.seed, round);
    r->check.random = r->mutate.random = &random;
    r->check.round = round;
    alarm(MAX_ROUND_SECONDS);
    if (prng_one_in(&random, 2)) {
        file_round(r);
    } else {
        for (size_t i = 0; i < ROUND_INPUTS; i++) {
            foreign_input(r);
        }
    }
    check_still_sound(r);
    alarm(0);
}

void run_free(run *r) {
    mutator_free(&r->mutate);
    corpus_free(&r->seeds);
    bytes_free(&r->event);
    bytes_free(&r->file);
    bytes_free(&r->spare);
}
