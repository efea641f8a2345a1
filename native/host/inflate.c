// SPDX-License-Identifier: Apache-2.0
// gzip, by zlib.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "host.h"
#include "k8saudit.h"

// 15 bits of window, and 16 to ask for gzip.
#define GZIP_WINDOW (15 + 16)

struct inflater {
    z_stream stream;
    bool at_end;
    bool damaged;
};

void inflate_free(void *object) {
    struct inflater *inflater = object;
    inflateEnd(&inflater->stream);
    free(inflater);
}

u32 w2c_host_inflateOpen(struct w2c_host *host) {
    struct inflater *inflater = calloc(1, sizeof(*inflater));
    if (inflater == NULL)
        return (u32)-ENOMEM;
    if (inflateInit2(&inflater->stream, GZIP_WINDOW) != Z_OK) {
        free(inflater);
        return (u32)-ENOMEM;
    }
    int number = host_open_handle(host, (struct handle){.kind = HANDLE_INFLATE, .object = inflater});
    if (number < 0)
        inflate_free(inflater);
    return (u32)number;
}

u32 w2c_host_inflate(struct w2c_host *host, u32 number, u32 input, u32 input_length, u32 out, u32 capacity,
                     u32 consumed) {
    struct inflater *inflater = host_handle(host, number, HANDLE_INFLATE)->object;
    z_stream *stream = &inflater->stream;
    stream->next_in = host_bytes(host, input, input_length);
    stream->avail_in = input_length;
    stream->next_out = host_bytes(host, out, capacity);
    stream->avail_out = capacity;
    uint8_t *consumed_bytes = host_bytes(host, consumed, sizeof(u32));
    while (!inflater->damaged && !(inflater->at_end && stream->avail_in == 0)) {
        if (inflater->at_end)
            inflateReset(stream); // the next member of the file
        int result = inflate(stream, Z_NO_FLUSH);
        inflater->at_end = result == Z_STREAM_END;
        inflater->damaged = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR;
        if (result == Z_BUF_ERROR || stream->avail_in == 0 || stream->avail_out == 0)
            break;
    }
    u32 used = input_length - stream->avail_in;
    u32 produced = capacity - stream->avail_out;
    memcpy(consumed_bytes, &used, sizeof(used));
    return inflater->damaged && produced == 0 ? (u32)-EIO : produced;
}

u32 w2c_host_inflateAtEnd(struct w2c_host *host, u32 number) {
    return ((struct inflater *)host_handle(host, number, HANDLE_INFLATE)->object)->at_end;
}

void w2c_host_inflateClose(struct w2c_host *host, u32 number) {
    struct handle *handle = host_handle(host, number, HANDLE_INFLATE);
    inflate_free(handle->object);
    handle->kind = HANDLE_FREE;
}
