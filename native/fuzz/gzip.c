// SPDX-License-Identifier: Apache-2.0
#include "gzip.h"

static uint32_t crc32_of(const uint8_t *data, size_t len) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

static void add_little_endian(bytes *out, uint32_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(value >> 8 * i);
        bytes_add(out, &byte, 1);
    }
}

void gzip_stored(bytes *out, const uint8_t *data, size_t len) {
    static const uint8_t header[10] = {0x1f, 0x8b, 8, [9] = 0xff};
    bytes_set(out, header, sizeof(header));
    size_t at = 0;
    do {
        const size_t left = len - at, block = left < 0xffff ? left : 0xffff;
        add_little_endian(out, at + block == len, 1);
        add_little_endian(out, (uint32_t)block, 2);
        add_little_endian(out, ~(uint32_t)block, 2);
        bytes_add(out, data + at, block);
        at += block;
    } while (at < len);
    add_little_endian(out, crc32_of(data, len), 4);
    add_little_endian(out, (uint32_t)len, 4);
}
