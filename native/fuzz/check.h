// SPDX-License-Identifier: Apache-2.0
// Calls of the plugin whose every answer is checked. A wrong answer is a finding: it ends the program.
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include "bytes.h"
#include "host.h"
#include "random.h"

typedef struct {
    uint64_t inputs;    ///< mutated events made
    uint64_t foreign;   ///< events extracted from memory of our own
    uint64_t delivered; ///< events that came out of next_batch
    uint64_t calls;     ///< of extract_fields
    uint64_t values;
    uint64_t value_bytes;
    uint64_t not_utf8;    ///< values
    uint64_t unsupported; ///< answers of extract_fields
    uint64_t digest;      ///< of all answers: the same run has the same
} counters;

typedef struct {
    host *plugin;
    prng *random;
    counters count;
    // where the run is, for the report of a finding and for its repetition
    uint64_t seed;
    uint64_t round;
    const bytes *input; ///< the event or file in work
    const char *dump;   ///< folder for the input of a finding
} checker;

/** Reports a finding, writes the input into the dump folder and ends the program with status 1. */
void finding(checker *c, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/** Makes crashes, sanitizer reports and hangs say which round and seed they belong to. */
void finding_on_crash(checker *c);

/** What is reported from now on, such as leaks, belongs to no round. */
void finding_after_run(void);

/** A list of fields to extract in one call. */
typedef struct {
    ss_plugin_extract_field *fields;
    size_t count;
    bool offsets;
} request;

/** Some random fields with random arguments. */
request request_random(checker *c);

/** All fields, with arguments that fit, as far as they take any. */
request request_all(checker *c);

/** Takes out the fields that a copy of an event does not have. */
void request_leave_out_own(request *q);
/** Fields first … first + count - 1 of another request. */
request request_part(const request *whole, size_t first, size_t count);

void request_free(request *q);

/** Extracts, checks the answer and returns a hash of the values; the same values give the same hash. */
uint64_t check_extract(checker *c, const ss_plugin_event_input *event, request *q);

void check_to_string(checker *c, const ss_plugin_event_input *event);

/** An event as next_batch returned it. */
void check_event(checker *c, const ss_plugin_event *event);

#endif
