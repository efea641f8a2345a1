// SPDX-License-Identifier: Apache-2.0
// Plugins, initialised, opened and asked as libsinsp and libscap do it: the same calls with the same
// arguments in the same order, the same changes to event headers, one field a call.
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "plugin.h"

#include <stdint.h>

typedef struct {
    plugin_functions api;
    plugin_abilities can;
    const char *path;
    const char *name;
    const char *version;
    uint32_t id;
    const char *source; ///< "" if it has no event source
    field_list fields;
    ss_plugin_t *state;
} host_plugin;

/** Opens the file and reads what the plugin says of itself. What does not fit ends the program with a
 * message. */
void host_load(host_plugin *p, const char *path);

/** Makes a state. A refusal ends the program with the plugin's message. */
void host_init(host_plugin *p, const char *config);

void host_destroy(host_plugin *p);

/** An event source, and the batch that is being handed out. Its counts go on when it is opened again. */
typedef struct {
    host_plugin *plugin;
    ss_instance_t *instance;
    ss_plugin_event **batch;
    uint32_t batch_count;
    uint32_t batch_at;
    ss_plugin_rc batch_rc;
    uint64_t count;    ///< of the events that were handed out; the number of the last one
    uint64_t bytes;    ///< of their payloads
    uint64_t batches;  ///< that were not empty
    uint64_t timeouts; ///< calls that brought nothing
} host_source;

/** Opens the source of `s->plugin`. A refusal ends the program with the plugin's message. */
void host_open(host_source *s, const char *params);

/**
 * The next event, with its header set right as libscap does; it stays until the next call. Waits through
 * time-outs. NULL at the end of the source. A failure, a malformed event, and a source that stays silent end
 * the program.
 */
const ss_plugin_event *host_next(host_source *s);

/**
 * The next events of one batch, as `host_next` gives them one by one: `s->batch[s->batch_at]` is the first.
 * They count as handed out.
 *
 * @return how many; 0 at the end of the source
 */
uint32_t host_next_batch(host_source *s);

/**
 * One call of next_batch, for a source that does not end by itself: the events that it brought, perhaps none,
 * which count as handed out. The end of the source ends the program.
 */
uint32_t host_poll(host_source *s);

void host_close(host_source *s);

/** A field, perhaps with an argument, ready to be asked for. */
typedef struct {
    host_plugin *plugin;
    ss_plugin_extract_field field;
    ss_plugin_field_extract_input input; ///< names `field`
    char *text;                          ///< as it was asked for
} host_request;

/** The requests stay where they are: the input of each names its field. */
typedef struct {
    host_request *items;
    size_t count;
} host_requests;

/** Makes a request's input, when the request has its place and its field. */
void host_prepare(host_request *request);

/**
 * Reads a list as `ka.verb,ka.uri.param[limit]`. A field belongs to the first plugin that has it. One that
 * none has, and an argument that is missing or too much, end the program with a message.
 */
host_requests host_read_requests(const char *list, host_plugin *const *plugins, size_t plugin_count);

/** Adds one of them, which is not prepared: the others may move. @param text `length` bytes long */
void host_add_request(host_requests *requests, const char *text, size_t length, host_plugin *const *plugins,
                      size_t plugin_count);

void host_prepare_all(host_requests *requests);

void host_free_requests(host_requests *requests);

/** What came of requests. */
typedef struct {
    uint64_t calls;
    uint64_t failures; ///< calls that the plugin did not answer with success
    uint64_t values;   ///< a list counts each of its elements
    uint64_t mark;     ///< sum of each value's first byte: it is there, and the same for the same values
} host_tally;

/** Asks for one field of an event. What is done here besides the call is in all times, so it is little. */
void host_ask(host_request *request, const ss_plugin_event_input *event, host_tally *tally);

/** A closer look at values. */
typedef struct {
    host_tally tally;
    uint64_t bytes; ///< of strings without their NUL, of addresses, and 8 of a number
    uint64_t hash;  ///< FNV-1a; starts with HOST_HASH_START
} host_digest;

/** The same, and looks at each byte of the values. */
void host_ask_closely(host_request *request, const ss_plugin_event_input *event, host_digest *digest);

#define HOST_HASH_START 0xcbf29ce484222325U

#endif
