// SPDX-License-Identifier: Apache-2.0
// The end of a program of ours for which something of its surroundings is missing or wrong.
#ifndef LOADER_DIE_H
#define LOADER_DIE_H

/** Prints the program's name and the message to standard error, and ends the program with status 3. */
__attribute__((format(printf, 1, 2), noreturn)) void die(const char *format, ...);

#endif
