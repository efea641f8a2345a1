// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds of two clocks: of time that passes, and of the processor time of all threads of this process.
 */
typedef struct {
    uint64_t wall;
    uint64_t cpu;
} bench_time;

static inline uint64_t bench_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static inline bench_time bench_now(void) {
    return (bench_time){bench_clock(CLOCK_MONOTONIC), bench_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

// Reading the processor time takes the kernel's time, so it stands outside of the wall clock's span.

static inline bench_time bench_start(void) {
    const uint64_t cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
    return (bench_time){bench_clock(CLOCK_MONOTONIC), cpu};
}

/** Adds what has passed since `start` to `sum`. */
static inline void bench_stop(bench_time start, bench_time *sum) {
    sum->wall += bench_clock(CLOCK_MONOTONIC) - start.wall;
    sum->cpu += bench_clock(CLOCK_PROCESS_CPUTIME_ID) - start.cpu;
}

#endif
