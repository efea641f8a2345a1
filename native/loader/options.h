// SPDX-License-Identifier: Apache-2.0
// Options of a command line, each with a value behind it.
#ifndef LOADER_OPTIONS_H
#define LOADER_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;  ///< such as --cpu
    const char **text; ///< gets the value as it is; NULL:
    uint64_t *number;  ///< gets it as a number
} option;

/**
 * Reads the arguments from `first` on. Something that is wrong is told to `usage`, in words and with the
 * argument that it is about; it ends the program.
 */
void options_read(int argc, char **argv, int first, const option *options, size_t count,
                  void (*usage)(const char *problem, const char *what));

#endif
