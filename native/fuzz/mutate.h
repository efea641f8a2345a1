// SPDX-License-Identifier: Apache-2.0
// Makes hostile audit events of sound ones.
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include "corpus.h"

typedef struct {
    prng *random;
    const corpus *seeds;
    spans values;   ///< of the text in work; scanned anew when needed
    bytes spare;    ///< scratch memory
    size_t largest; ///< bytes that no mutation grows a text beyond, but by little
    size_t limit;   ///< the size of event at which the plugin is expected to draw a line
} mutator;

/** Fills `out` with a mutation of some seed; now and then with the seed itself. */
void mutate_event(mutator *m, bytes *out);

/** Changes the bytes of `text` without regard to JSON, `times` times. */
void mutate_bytes(mutator *m, bytes *text, size_t times);

/** Appends a JSON value that was made up: a number, string, word or structure that tests a border. */
void append_odd_value(mutator *m, bytes *out);

/** A well-known member name or argument of a field, or something else. */
const char *odd_word(prng *r);

void mutator_free(mutator *m);

#endif
