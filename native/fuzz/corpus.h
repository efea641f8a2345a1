// SPDX-License-Identifier: Apache-2.0
// The events that mutation starts from.
#ifndef FUZZ_CORPUS_H
#define FUZZ_CORPUS_H

#include "random.h"
#include "spans.h"

typedef struct {
    bytes text;
    spans values;
} seed_event;

typedef struct {
    seed_event *items;
    size_t count;
    size_t last_file; ///< index of the first event of the file that was added last
} corpus;

/**
 * Adds each line of a file, and for lines that hold a request or response body also a shorter event without
 * it, as small events are both common and fast to test. Ends the program with a message when the file cannot
 * be read.
 */
void corpus_add_file(corpus *c, const char *path);

/** Any event, small ones more often than large ones; a third of the time one of the last file. */
const seed_event *corpus_pick(const corpus *c, prng *r);

/** The first event that is an object with an auditID: what a sound plugin must go on to read. */
const seed_event *corpus_sound(const corpus *c);

void corpus_free(corpus *c);

#endif
