/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before everything else (-include). libscap's headers call strlcpy, which the glibc that runs the
 * host has (2.38 and later), but the headers of the compiling machine may not declare yet.
 */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

size_t strlcpy(char *to, const char *from, size_t size);

#ifdef __cplusplus
}
#endif
