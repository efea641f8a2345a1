// SPDX-License-Identifier: Apache-2.0
// Requests out of bytes, by llhttp in its strict mode. It stops behind each head and behind each request.
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_head.h"

// --- llhttp's callbacks ---

static bool is_head(const llhttp_t *parser) {
    return ((const struct http_connection *)parser->data)->id == 0;
}

// Keeps a part of the head; trailers, which come behind a body in chunks, are of no use.
static int keep_head(llhttp_t *parser, const char *bytes, size_t length) {
    struct http_connection *connection = parser->data;
    if (!is_head(parser) || http_keep(connection, &connection->head, bytes, length))
        return HPE_OK;
    connection->has_no_room = true;
    return HPE_USER;
}

static int end_head_text(llhttp_t *parser) {
    return keep_head(parser, "", 1) == HPE_OK ? 0 : -1;
}

static int on_url_complete(llhttp_t *parser) {
    struct http_connection *connection = parser->data;
    connection->url_length = connection->head.length;
    return 0;
}

// llhttp speaks RTSP and ICE as well; all letters of these that HTTP does not have.
static int on_protocol(llhttp_t *parser, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (memchr("HTP", bytes[i], 3) == NULL) {
            llhttp_set_error_reason(parser, "Expected HTTP/");
            return HPE_USER;
        }
    }
    return HPE_OK;
}

static bool says_continue(const struct http_connection *connection) {
    static const char word[] = "100-continue";
    size_t length;
    const char *value = http_header(connection, "expect", 6, &length);
    return value != NULL && length == sizeof(word) - 1 && strncasecmp(value, word, length) == 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct http_connection *connection = parser->data;
    if (parser->http_major != 1) {
        llhttp_set_error_reason(parser, "Invalid HTTP version");
        return -1;
    }
    // CONNECT and Upgrade are requests as any other: we never speak anything else.
    parser->upgrade = 0;
    connection->keep_alive = llhttp_should_keep_alive(parser);
    connection->announced = (parser->flags & F_CHUNKED) != 0 ? HTTP_CHUNKED : parser->content_length;
    connection->expects_continue = parser->http_minor > 0 && says_continue(connection);
    return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *bytes, size_t length) {
    struct http_connection *connection = parser->data;
    if (connection->ignores_body)
        return HPE_OK;
    if (length > connection->max_body - connection->body.length) {
        connection->phase = PHASE_TOO_LARGE;
        return HPE_USER;
    }
    if (http_body_add(connection, bytes, length))
        return HPE_OK;
    connection->has_no_room = true;
    connection->phase = PHASE_NO_ROOM;
    return HPE_USER;
}

static int on_message_complete(llhttp_t *parser) {
    ((struct http_connection *)parser->data)->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_protocol = on_protocol,
    .on_url = keep_head,
    .on_url_complete = on_url_complete,
    .on_header_field = keep_head,
    .on_header_field_complete = end_head_text,
    .on_header_value = keep_head,
    .on_header_value_complete = end_head_text,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_parser_reset(struct http_connection *connection) {
    llhttp_init(&connection->parser, HTTP_REQUEST, &settings);
    connection->parser.data = connection;
}

// --- what was kept of the head ---

const char *http_header(const struct http_connection *connection, const char *name, size_t name_length,
                        size_t *length) {
    const char *at = connection->head.start + connection->url_length;
    const char *end = connection->head.start + connection->head.length;
    while (connection->head.start != NULL && at < end) {
        size_t this_name = strlen(at);
        const char *value = at + this_name + 1;
        size_t size = strlen(value);
        if (this_name == name_length && strncasecmp(at, name, name_length) == 0) {
            while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
                size--;
            *length = size;
            return value;
        }
        at = value + size + 1;
    }
    return NULL;
}

static const char *find(const char *at, const char *end, char byte) {
    const char *found = at < end ? memchr(at, byte, (size_t)(end - at)) : NULL;
    return found != NULL ? found : end;
}

void http_split_url(const struct http_connection *connection, struct http_url *url) {
    const char *at = connection->head.start;
    const char *end = at + connection->url_length;
    end = find(at, end, '#');
    const char *query = find(at, end, '?');
    const char *colon = find(at, query, ':');
    // An absolute URI: the path begins behind the authority.
    if (at < query && *at != '/' && query - colon >= 3 && memcmp(colon, "://", 3) == 0)
        at = find(colon + 3, query, '/');
    *url = (struct http_url){
        .path = at,
        .path_length = (size_t)(query - at),
        .query = query < end ? query + 1 : NULL,
        .query_length = query < end ? (size_t)(end - query - 1) : 0,
    };
}

// --- parsing ---

// Keeps what is behind the part that was understood; without room for it the connection ends with the answer.
static bool keep_rest(struct http_connection *connection, const char *rest, size_t length) {
    if (length == 0 || http_keep(connection, &connection->pending, rest, length))
        return true;
    connection->is_lost = true;
    return false;
}

static void refuse_parse(struct http_connection *connection) {
    char text[160];
    const char *reason = llhttp_get_error_reason(&connection->parser);
    connection->server->counts.bad_requests++;
    snprintf(text, sizeof(text), "bad request: %s\n", reason != NULL ? reason : "no HTTP");
    http_refuse(connection, 400, text);
}

static void refuse_for_room(struct http_connection *connection) {
    connection->server->counts.heads_without_room++;
    http_refuse(connection, 429, "too much is waiting; send it again\n");
}

static void refuse_head_size(struct http_connection *connection) {
    connection->server->counts.heads_too_large++;
    http_refuse(connection, 431, "the request line and headers are too large\n");
}

static void end_head(struct http_connection *connection, const char *rest, size_t length) {
    struct w2c_host *host = connection->server->host;
    if (!keep_rest(connection, rest, length)) {
        refuse_for_room(connection);
        return;
    }
    // 0 is no id.
    if (++host->last_request == 0)
        host->last_request = 1;
    connection->id = host->last_request;
    connection->phase = PHASE_HEAD;
    http_set_state(connection, STATE_OFFERED, 0);
    http_offer(connection, false);
}

static void parse_head(struct http_connection *connection, const char *bytes, size_t length) {
    uint32_t limit = connection->server->options.max_head;
    size_t most = (size_t)limit + 1 - connection->head_length;
    size_t part = length < most ? length : most;
    llhttp_errno_t error = llhttp_execute(&connection->parser, bytes, part);
    bool has_ended = error == HPE_PAUSED;
    if (error != HPE_OK && !has_ended) {
        if (connection->has_no_room)
            refuse_for_room(connection);
        else
            refuse_parse(connection);
        return;
    }
    size_t used = has_ended ? (size_t)(llhttp_get_error_pos(&connection->parser) - bytes) : part;
    connection->head_length += (uint32_t)used;
    if (connection->head_length > limit)
        refuse_head_size(connection);
    else if (has_ended)
        end_head(connection, bytes + used, length - used);
}

// The body has come to its end, or to ours.
static void end_body(struct http_connection *connection) {
    if (connection->phase != PHASE_BODY) {
        connection->is_lost = true;
        http_body_free(connection);
    }
    http_set_state(connection, STATE_OFFERED, 0);
    http_offer(connection, false);
}

static void parse_body(struct http_connection *connection, const char *bytes, size_t length) {
    llhttp_t *parser = &connection->parser;
    bool is_wanted = connection->state == STATE_BODY;
    if (llhttp_get_errno(parser) == HPE_PAUSED)
        llhttp_resume(parser);
    llhttp_errno_t error = llhttp_execute(parser, bytes, length);
    if (error == HPE_OK)
        return;
    if (error == HPE_PAUSED && connection->is_complete) {
        const char *end = llhttp_get_error_pos(parser);
        keep_rest(connection, end, (size_t)(bytes + length - end));
        if (is_wanted)
            end_body(connection);
    } else if (is_wanted && connection->phase != PHASE_BODY) {
        end_body(connection);
    } else if (is_wanted) {
        refuse_parse(connection);
    } else {
        connection->is_lost = true;
    }
}

void http_parse(struct http_connection *connection, const char *bytes, size_t length) {
    if (connection->state == STATE_IDLE) {
        // Some clients end a body with a line break that is not counted.
        while (length > 0 && (*bytes == '\r' || *bytes == '\n')) {
            bytes++;
            length--;
        }
        if (length == 0)
            return;
        http_begin_head(connection);
    }
    if (connection->state == STATE_HEAD)
        parse_head(connection, bytes, length);
    else
        parse_body(connection, bytes, length);
}

void http_parse_pending(struct http_connection *connection) {
    struct http_bytes bytes = connection->pending;
    connection->pending = (struct http_bytes){NULL, 0, 0};
    // Not counted twice when a part of them is kept again.
    http_hold(connection->server, -(int64_t)bytes.capacity);
    http_parse(connection, bytes.start != NULL ? bytes.start : "", bytes.length);
    free(bytes.start);
}

void http_fail_body(struct http_connection *connection, enum http_phase phase) {
    connection->phase = phase;
    end_body(connection);
}

size_t http_body_place(struct http_connection *connection, char **out) {
    *out = NULL;
    if (connection->announced == HTTP_CHUNKED || connection->announced <= connection->body.length)
        return 0;
    uint64_t left = connection->announced - connection->body.length;
    size_t room;
    *out = http_body_tail(connection, &room);
    if (*out == NULL) {
        http_fail_body(connection, PHASE_NO_ROOM);
        return 0;
    }
    return left < room ? (size_t)left : room;
}
