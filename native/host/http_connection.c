// SPDX-License-Identifier: Apache-2.0
// One connection: what it does in its state when the loop says that something can be done, and its answers.
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netdb.h>
#include <unistd.h>

#include "tls.h"

// How long what is left of a refused request is read, so that its sender sees the answer.
#define LINGER_TIME 5000
// A refused body with more than this to come is not read to its end.
#define MAX_DISCARD (1024 * 1024)
#define RETRY_AFTER "1"

static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

static bool reads(enum http_state state) {
    return state != STATE_OFFERED && state != STATE_ANSWERED && state != STATE_SENDING;
}

void http_set_state(struct http_connection *connection, enum http_state state, uint64_t milliseconds) {
    uint64_t now = connection->server->clock;
    connection->state = state;
    connection->since = now;
    connection->deadline = milliseconds > 0 ? now + milliseconds : 0;
}

void http_wake(struct http_connection *connection) {
    static const struct timeval now = {0, 0};
    event_add(&connection->again, &now);
}

// --- events of the loop ---

static void set_event(struct event *event, bool *is_set, bool wanted) {
    if (wanted != *is_set && (wanted ? event_add(event, NULL) : event_del(event)) == 0)
        *is_set = wanted;
}

static bool wants_input(const struct http_connection *connection) {
    return reads(connection->state) || connection->tls_wants_read;
}

// Input that is not wanted yet is looked for all the same until there is some: most clients send nothing
// before they have their answer, and to stop and to start again would be two calls of the system for each
// request.
static void watch(struct http_connection *connection, bool has_unwanted) {
    bool has_output = connection->sent < connection->out.length && connection->state != STATE_ANSWERED;
    bool keeps = connection->is_reading && !has_unwanted;
    set_event(&connection->input, &connection->is_reading, wants_input(connection) || keeps);
    set_event(&connection->output, &connection->is_writing, has_output || connection->tls_wants_write);
}

void http_drop(struct http_connection *connection) {
    struct http_server *server = connection->server;
    http_withdraw(connection);
    if (server->last_found == connection)
        server->last_found = NULL;
    event_del(&connection->input);
    event_del(&connection->output);
    event_del(&connection->again);
    http_free_request(connection);
    http_release_bytes(connection, &connection->pending);
    free(connection->out.start);
    free(connection->client_names);
    SSL_free(connection->ssl);
    close(connection->fd);
    TAILQ_REMOVE(&server->connections, connection, entry);
    server->connection_count--;
    free(connection);
}

// --- requests ---

void http_free_request(struct http_connection *connection) {
    http_release_bytes(connection, &connection->head);
    connection->url_length = 0;
    http_body_free(connection);
}

void http_begin_head(struct http_connection *connection) {
    uint64_t deadline = connection->deadline;
    http_set_state(connection, STATE_HEAD, connection->server->options.head_time);
    if (connection->is_fresh)
        connection->deadline = deadline;
    connection->is_fresh = false;
    connection->started = connection->server->clock;
}

void http_begin_body(struct http_connection *connection) {
    struct http_server *server = connection->server;
    // The URL stays, as after a trap it is asked for again.
    uint32_t capacity = connection->url_length + 1;
    char *url = realloc(connection->head.start, capacity);
    if (url != NULL) {
        http_hold(server, (int64_t)capacity - connection->head.capacity);
        connection->head.start = url;
        connection->head.capacity = capacity;
    }
    connection->head.length = connection->url_length;
    connection->phase = PHASE_BODY;
    connection->is_taken = false;
    http_set_state(connection, STATE_BODY, 0);
    connection->deadline = connection->started + server->options.request_time;
    if (connection->announced != HTTP_CHUNKED && connection->announced > connection->max_body) {
        http_fail_body(connection, PHASE_TOO_LARGE);
        return;
    }
    bool is_asked_for = connection->expects_continue && connection->pending.length == 0;
    connection->expects_continue = false;
    http_parse_pending(connection);
    if (connection->state != STATE_BODY)
        return; // all of it was there already
    if (is_asked_for) {
        // Without memory for it the client goes on by itself, after a while.
        char *bytes = malloc(sizeof(go_on) - 1);
        if (bytes != NULL) {
            memcpy(bytes, go_on, sizeof(go_on) - 1);
            free(connection->out.start);
            connection->out = (struct http_bytes){bytes, sizeof(go_on) - 1, sizeof(go_on) - 1};
            connection->sent = 0;
        }
    }
    http_wake(connection);
}

static void begin_next(struct http_connection *connection) {
    http_free_request(connection);
    http_parser_reset(connection);
    connection->id = 0;
    connection->tag = 0;
    connection->is_taken = false;
    connection->is_complete = false;
    connection->ignores_body = false;
    connection->expects_continue = false;
    connection->has_no_room = false;
    connection->head_length = 0;
    http_set_state(connection, STATE_IDLE, connection->server->options.idle_time);
}

// Nothing more is sent. What still comes is read for a while: closing at once would reset the connection, and
// the client might lose its answer.
static void linger(struct http_connection *connection) {
    http_end_output(connection);
    http_release_bytes(connection, &connection->pending);
    http_set_state(connection, STATE_LINGERING, LINGER_TIME);
}

// The answer has been sent, or the rest of a refused body has come to its end.
static void end_request(struct http_connection *connection) {
    if (connection->is_lost || !connection->keep_alive) {
        linger(connection);
    } else if (connection->is_complete) {
        begin_next(connection);
    } else {
        connection->ignores_body = true;
        http_set_state(connection, STATE_DISCARDING, LINGER_TIME);
        // Also when nothing is there: a request without a body ends with its head.
        http_parse_pending(connection);
        if (connection->is_complete || connection->is_lost)
            end_request(connection);
    }
}

// --- answers ---

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "";
}

// Headers that belong to some answers only.
static const char *special_header(const struct http_connection *connection, int status) {
    switch (status) {
    case 401:
        return "WWW-Authenticate: Bearer\r\n";
    case 405:
        // What must not be posted to can only be read.
        return connection->parser.method == HTTP_POST ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n";
    case 429:
    case 503:
        return "Retry-After: " RETRY_AFTER "\r\n";
    default:
        return "";
    }
}

// Whether the connection can go on behind an answer that is given before the end of the request.
static bool is_worth_discarding(const struct http_connection *connection) {
    if (connection->is_complete)
        return true;
    if (connection->expects_continue)
        return false; // nobody knows whether the body comes
    return connection->announced == HTTP_CHUNKED ||
           connection->announced - connection->body.length <= MAX_DISCARD;
}

// The decimal digits of a number, written to the end of `out`.
static const char *digits(size_t number, char out[24]) {
    char *at = out + 23;
    *at = 0;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return at;
}

// Adds bytes, for which there is memory.
static void append(struct http_bytes *bytes, const char *more, size_t length) {
    memcpy(bytes->start + bytes->length, more, length);
    bytes->length += (uint32_t)length;
}

// Without printf: an answer is made before next_batch returns its events.
bool http_compose(struct http_connection *connection, int status, const char *text, size_t length) {
    if (!is_worth_discarding(connection))
        connection->keep_alive = false;
    bool has_body = connection->parser.method != HTTP_HEAD || connection->id == 0;
    bool ends = connection->is_lost || !connection->keep_alive;
    char status_digits[24], length_digits[24];
    const char *const head[] = {
        "HTTP/1.1 ",
        digits((size_t)status, status_digits),
        " ",
        reason_of(status),
        "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ",
        digits(length, length_digits),
        "\r\n",
        special_header(connection, status),
        ends                                 ? "Connection: close\r\n"
        : connection->parser.http_minor == 0 ? "Connection: keep-alive\r\n"
                                             : "",
        "\r\n",
    };
    const size_t parts = sizeof(head) / sizeof(head[0]);
    size_t unsent = connection->out.length - connection->sent;
    size_t size = unsent + (has_body ? length : 0);
    for (size_t i = 0; i < parts; i++)
        size += strlen(head[i]);
    struct http_bytes bytes = {malloc(size), 0, (uint32_t)size};
    if (bytes.start == NULL) {
        connection->is_lost = true;
        return false;
    }
    if (unsent > 0)
        append(&bytes, connection->out.start + connection->sent, unsent);
    for (size_t i = 0; i < parts; i++)
        append(&bytes, head[i], strlen(head[i]));
    if (has_body && length > 0)
        append(&bytes, text, length);
    free(connection->out.start);
    connection->out = bytes;
    connection->sent = 0;
    return true;
}

void http_send(struct http_connection *connection) {
    http_set_state(connection, STATE_SENDING, connection->server->options.request_time);
    http_wake(connection);
}

void http_refuse(struct http_connection *connection, int status, const char *text) {
    http_withdraw(connection);
    http_free_request(connection);
    connection->is_taken = false;
    connection->is_lost = true;
    http_compose(connection, status, text, strlen(text));
    http_send(connection);
}

// --- what the loop calls ---

static void note_tls_failure(struct http_connection *connection) {
    struct http_server *server = connection->server;
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char name[64] = "";
    char reason[160];
    tls_explain(connection->ssl, reason, sizeof(reason));
    if (getpeername(connection->fd, (struct sockaddr *)&address, &length) == 0 &&
        getnameinfo((struct sockaddr *)&address, length, name, sizeof(name), NULL, 0, NI_NUMERICHOST) != 0)
        name[0] = 0;
    server->counts.tls_failures++;
    snprintf(server->failure, sizeof(server->failure), "%s%s%s", name, name[0] != 0 ? ": " : "", reason);
}

// False when the connection is gone.
static bool shake_hands(struct http_connection *connection) {
    int result = http_handshake(connection);
    if (result > 0)
        connection->state = STATE_IDLE; // its time goes on
    if (result >= 0)
        return true;
    // Who only looks whether the port is open has not failed.
    if (BIO_number_read(SSL_get_rbio(connection->ssl)) == 0) {
        http_drop(connection);
        return false;
    }
    note_tls_failure(connection);
    // It may hold much of what the client has sent.
    SSL_free(connection->ssl);
    connection->ssl = NULL;
    connection->tls_wants_write = false;
    linger(connection);
    return true;
}

// Sends what may be sent; false when the connection is gone.
static bool flush(struct http_connection *connection) {
    if (connection->state == STATE_ANSWERED)
        return true; // not before Falco has finished the events
    while (connection->sent < connection->out.length) {
        ssize_t count = http_transmit(connection, connection->out.start + connection->sent,
                                      connection->out.length - connection->sent);
        if (count == IO_LATER)
            return true;
        if (count <= 0) {
            connection->server->counts.left++;
            http_drop(connection);
            return false;
        }
        connection->sent += (uint32_t)count;
    }
    free(connection->out.start);
    connection->out = (struct http_bytes){NULL, 0, 0};
    connection->sent = 0;
    if (connection->state == STATE_SENDING)
        end_request(connection);
    return true;
}

static void end_of_input(struct http_connection *connection) {
    if (connection->state == STATE_HEAD || connection->state == STATE_BODY)
        connection->server->counts.left++;
    http_drop(connection);
}

static bool takes_in(const struct http_connection *connection) {
    return reads(connection->state) && connection->state != STATE_HANDSHAKE;
}

// Where the next bytes go, and how many.
static char *choose_place(struct http_connection *connection, size_t *size) {
    char *place = NULL;
    if (connection->state == STATE_BODY)
        *size = http_body_place(connection, &place);
    if (place != NULL)
        return place;
    bool is_head = connection->state == STATE_IDLE || connection->state == STATE_HEAD;
    *size = is_head ? HTTP_HEAD_READ : HTTP_READ;
    return connection->server->scratch;
}

// One read and what follows from it; false when there is nothing more to read now. *dropped when the
// connection is gone.
static bool read_once(struct http_connection *connection, size_t *budget, bool *dropped) {
    size_t size;
    char *place = choose_place(connection, &size);
    if (!takes_in(connection))
        return false; // there is no room for the body
    size_t most = size < *budget ? size : *budget;
    ssize_t count = http_receive(connection, place, most);
    if (count == IO_LATER)
        return false;
    if (count <= 0) {
        *dropped = true;
        end_of_input(connection);
        return false;
    }
    *budget -= (size_t)count;
    if (connection->state != STATE_LINGERING)
        http_parse(connection, place, (size_t)count);
    if (connection->state == STATE_DISCARDING && (connection->is_complete || connection->is_lost))
        end_request(connection);
    // A short read has emptied the socket.
    return connection->ssl != NULL || (size_t)count == most;
}

// False when the connection is gone.
static bool take_in(struct http_connection *connection) {
    size_t budget = HTTP_TURN;
    bool dropped = false;
    bool is_empty = false;
    while (takes_in(connection) && budget > 0 && !(is_empty && connection->pending.length == 0)) {
        if (connection->pending.length > 0)
            http_parse_pending(connection);
        else
            is_empty = !read_once(connection, &budget, &dropped);
        if (dropped)
            return false;
    }
    // The others have their turn. The socket does not tell what was read from it already.
    if (takes_in(connection) &&
        (connection->pending.length > 0 || (budget == 0 && http_has_buffered(connection))))
        http_wake(connection);
    return true;
}

static void on_event(evutil_socket_t fd, short events, void *context) {
    struct http_connection *connection = context;
    bool has_unwanted = (events & EV_READ) != 0 && !wants_input(connection);
    (void)fd;
    if (connection->state == STATE_HANDSHAKE && !shake_hands(connection))
        return;
    if (flush(connection) && take_in(connection))
        watch(connection, has_unwanted);
}

void http_send_now(struct http_connection *connection) {
    http_set_state(connection, STATE_SENDING, connection->server->options.request_time);
    if (!flush(connection))
        return;
    watch(connection, false);
    // Of what the socket does not show, the loop is told.
    if (takes_in(connection) && (connection->pending.length > 0 || http_has_buffered(connection)))
        http_wake(connection);
}

void http_time_out(struct http_connection *connection) {
    struct http_counts *counts = &connection->server->counts;
    bool is_request = connection->state == STATE_HEAD || connection->state == STATE_BODY;
    bool is_slow = is_request || connection->is_fresh || connection->state == STATE_SENDING;
    if (is_slow && connection->state != STATE_LINGERING)
        counts->timeouts++;
    if (is_request)
        http_refuse(connection, 408, "the request took too long\n");
    else
        http_drop(connection);
}

// Without memory for a connection, it is closed: the client tries again.
void http_connection_new(struct http_server *server, int fd) {
    struct event_base *loop = server->host->loop;
    struct http_connection *connection = calloc(1, sizeof(*connection));
    SSL *ssl = connection != NULL && server->tls != NULL ? http_start_tls(server, fd) : NULL;
    if (connection == NULL || (server->tls != NULL && ssl == NULL)) {
        free(connection);
        close(fd);
        return;
    }
    connection->server = server;
    connection->fd = fd;
    connection->ssl = ssl;
    connection->is_fresh = true;
    event_assign(&connection->input, loop, fd, EV_READ | EV_PERSIST, on_event, connection);
    event_assign(&connection->output, loop, fd, EV_WRITE | EV_PERSIST, on_event, connection);
    event_assign(&connection->again, loop, -1, 0, on_event, connection);
    TAILQ_INSERT_TAIL(&server->connections, connection, entry);
    server->connection_count++;
    http_parser_reset(connection);
    http_set_state(connection, ssl != NULL ? STATE_HANDSHAKE : STATE_IDLE, server->options.head_time);
    watch(connection, false);
}
