// SPDX-License-Identifier: Apache-2.0
// What is timed: one way to read the JSON of an audit event. Each program has a few; a run times one of them,
// which may keep its state in variables of its own.
#ifndef BENCH_CANDIDATE_H
#define BENCH_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *name;
    /**
     * Makes it ready for texts of at most `longest` bytes. `kernel` is one of several ways to do the same,
     * NULL: the best of this machine. Gives what is timed, with version and kernel; what is missing ends the
     * program.
     */
    const char *(*start)(const char *kernel, size_t longest);
    /** Before the clock: puts a text where it is read, with what has to stand behind it. */
    void (*take)(const char *text, size_t length);
    /** In the clock: reads the `length` bytes that were taken last. False when they are refused. */
    bool (*scan)(size_t length);
    /** Behind the clock: whether what was read last is known to be this text. */
    bool (*found)(const char *text, size_t length);
    /** Calls `body`, in which the functions above may be called. NULL: they may be called anywhere. */
    void (*guard)(void (*body)(void *), void *context);
} candidate;

/** Those of this program, with NULL behind the last one. */
extern const candidate *const candidates[];

#ifdef __cplusplus
}
#endif

#endif
