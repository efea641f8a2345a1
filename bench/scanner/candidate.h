// SPDX-License-Identifier: Apache-2.0
// What is timed: one way to read the JSON of an audit event. Each program has a few, and main.c times one of
// them. They keep their state in variables of their own: one candidate, one run, one process.
#ifndef BENCH_CANDIDATE_H
#define BENCH_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct candidate {
    const char *name;
    // Makes it ready for texts of at most `longest` bytes; `kernel` is NULL for the best one of this machine.
    // Gives what runs: library, version and kernel. What is missing ends the program with a message.
    const char *(*start)(const char *kernel, size_t longest);
    // Before the clock: puts a text where it is scanned, with what it wants to have behind the text.
    void (*take)(const char *text, size_t length);
    // In the clock: reads the `length` bytes that were taken last; false when they are refused.
    bool (*scan)(size_t length);
    // Behind the clock: whether what was scanned last is known to be this text.
    bool (*found)(const char *text, size_t length);
    // Calls `body`, in which the functions above are called, or NULL: they can be called anywhere.
    void (*guard)(void (*body)(void *), void *context);
};

// The candidates of this program, NULL behind them.
extern const struct candidate *const candidates[];

// Ends the program with a sentence on standard error: 2 is wrong usage, 3 what is missing or wrong outside.
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
