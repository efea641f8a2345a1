// SPDX-License-Identifier: Apache-2.0
// Memory for what comes in: all of it is counted, none of it is taken without room.
#include "http.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST_BLOCK (4 * 1024)
#define SMALLEST_BYTES 512
// Blocks of the largest size that are kept for the next bodies.
#define MAX_SPARE 32

bool http_keep(struct http_connection *connection, struct http_bytes *bytes, const char *more,
               size_t length) {
    if (length > bytes->capacity - bytes->length) {
        uint64_t capacity = bytes->capacity > 0 ? bytes->capacity : SMALLEST_BYTES;
        while (capacity < (uint64_t)bytes->length + length)
            capacity *= 2;
        uint64_t added = capacity - bytes->capacity;
        if (capacity > UINT32_MAX || !http_make_room(connection->server, connection, added))
            return false;
        char *start = realloc(bytes->start, capacity);
        if (start == NULL)
            return false;
        bytes->start = start;
        bytes->capacity = (uint32_t)capacity;
        http_hold(connection->server, (int64_t)added);
    }
    if (length > 0)
        memcpy(bytes->start + bytes->length, more, length);
    bytes->length += (uint32_t)length;
    return true;
}

void http_release_bytes(struct http_connection *connection, struct http_bytes *bytes) {
    http_hold(connection->server, -(int64_t)bytes->capacity);
    free(bytes->start);
    *bytes = (struct http_bytes){NULL, 0, 0};
}

static struct http_block *take_block(struct http_server *server, uint32_t capacity) {
    struct http_block *block = server->spare;
    if (capacity == HTTP_READ && block != NULL) {
        server->spare = block->next;
        server->spare_count--;
    } else {
        block = malloc(sizeof(*block) + capacity);
    }
    if (block != NULL)
        *block = (struct http_block){.capacity = capacity};
    return block;
}

static void give_block(struct http_server *server, struct http_block *block) {
    if (block->capacity == HTTP_READ && server->spare_count < MAX_SPARE) {
        block->next = server->spare;
        server->spare = block;
        server->spare_count++;
    } else {
        free(block);
    }
}

void http_free_spare(struct http_server *server) {
    while (server->spare != NULL) {
        struct http_block *block = server->spare;
        server->spare = block->next;
        free(block);
    }
    server->spare_count = 0;
}

// Each block has twice the size of the one before, so that at most half of what a body holds is empty; and
// not more than what is announced.
static uint32_t next_capacity(const struct http_connection *connection) {
    const struct http_body *body = &connection->body;
    uint64_t capacity = body->last != NULL ? 2ull * body->last->capacity : SMALLEST_BLOCK;
    if (capacity > HTTP_READ)
        capacity = HTTP_READ;
    if (connection->announced != HTTP_CHUNKED && capacity > connection->announced - body->length)
        capacity = connection->announced - body->length;
    return capacity > 0 ? (uint32_t)capacity : 1;
}

char *http_body_tail(struct http_connection *connection, size_t *room) {
    struct http_body *body = &connection->body;
    struct http_block *last = body->last;
    if (last == NULL || last->length == last->capacity) {
        uint32_t capacity = next_capacity(connection);
        struct http_block *block = NULL;
        if (http_make_room(connection->server, connection, capacity))
            block = take_block(connection->server, capacity);
        if (block == NULL)
            return NULL;
        http_hold(connection->server, capacity);
        body->capacity += capacity;
        if (last != NULL)
            last->next = block;
        else
            body->first = block;
        body->last = last = block;
    }
    *room = last->capacity - last->length;
    return last->bytes + last->length;
}

void http_body_grow(struct http_connection *connection, size_t length) {
    connection->body.last->length += (uint32_t)length;
    connection->body.length += (uint32_t)length;
}

bool http_body_add(struct http_connection *connection, const char *bytes, size_t length) {
    while (length > 0) {
        size_t room;
        char *tail = http_body_tail(connection, &room);
        if (tail == NULL)
            return false;
        size_t part = length < room ? length : room;
        // Bytes that were read into their place are there already.
        if (tail != bytes)
            memcpy(tail, bytes, part);
        http_body_grow(connection, part);
        bytes += part;
        length -= part;
    }
    return true;
}

void http_body_free(struct http_connection *connection) {
    struct http_block *next;
    for (struct http_block *block = connection->body.first; block != NULL; block = next) {
        next = block->next;
        give_block(connection->server, block);
    }
    http_hold(connection->server, -(int64_t)connection->body.capacity);
    connection->body = (struct http_body){NULL, NULL, 0, 0};
}
