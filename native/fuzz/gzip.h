// SPDX-License-Identifier: Apache-2.0
#ifndef FUZZ_GZIP_H
#define FUZZ_GZIP_H

#include "bytes.h"

/** Fills `out` with a gzip file that holds `data` uncompressed. */
void gzip_stored(bytes *out, const uint8_t *data, size_t len);

#endif
