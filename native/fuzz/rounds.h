// SPDX-License-Identifier: Apache-2.0
// A round: some dozens of inputs, which go through extraction or through a file source, and depend on nothing
// but the seed and the round's number.
#ifndef FUZZ_ROUNDS_H
#define FUZZ_ROUNDS_H

#include "check.h"
#include "mutate.h"

#define ROUND_INPUTS 64

typedef struct {
    checker check;
    mutator mutate;
    corpus seeds;
    const char *folder; ///< where input files are written
    bytes event;        ///< the event in work
    bytes file;         ///< the file in work
    bytes spare;
    const seed_event *sound;
    uint64_t sound_hash; ///< what extraction of the sound event must give, always
    uint64_t event_number;
    bool traps_expected; ///< the plugin was built to fail: values may be missing, but nothing may break for
                         ///< good
} run;

/** Notes what the plugin makes of a sound event, to compare with later. Needs an initialised plugin. */
void run_start(run *r);

/** Runs one round. The plugin's state must be initialised and have no open source. */
void run_round(run *r, uint64_t round);

void run_free(run *r);

#endif
