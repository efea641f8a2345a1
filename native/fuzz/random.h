// SPDX-License-Identifier: Apache-2.0
// Pseudo-random numbers that a seed reproduces on every machine (splitmix64).
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t state;
} prng;

static inline uint64_t prng_next(prng *r) {
    uint64_t z = (r->state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/** A generator for part `part` of the run with that seed, independent of all other parts. */
static inline prng prng_of(uint64_t seed, uint64_t part) {
    prng r = {seed * 0xd1342543de82ef95U ^ part};
    r.state = prng_next(&r) ^ part << 1;
    return r;
}

/** 0 … n - 1; 0 for n = 0. The bias of the modulo does not matter here. */
static inline size_t prng_below(prng *r, size_t n) {
    return n == 0 ? 0 : (size_t)(prng_next(r) % n);
}

/** lowest … highest */
static inline size_t prng_between(prng *r, size_t lowest, size_t highest) {
    return lowest + prng_below(r, highest - lowest + 1);
}

/** True once in n times. */
static inline bool prng_one_in(prng *r, size_t n) {
    return prng_below(r, n) == 0;
}

/** 1 half of the time, 2 a quarter of the time, …; at most `highest`. */
static inline size_t prng_few(prng *r, size_t highest) {
    size_t n = 1;
    while (n < highest && prng_one_in(r, 2)) {
        n++;
    }
    return n;
}

#endif
