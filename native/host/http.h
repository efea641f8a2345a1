// SPDX-License-Identifier: Apache-2.0
// The HTTP server's parts, for each other: http_server.c has connections as a whole and the bytes they hold,
// http_connection.c drives one, http_stream.c moves its bytes, http_parser.c reads its requests, http_body.c
// keeps bodies, http_socket.c listens, http_imports.c is what the WASM sees.
#ifndef K8SAUDIT_HTTP_H
#define K8SAUDIT_HTTP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "host.h"
#include "llhttp.h"

#define HTTP_MAX_ADDRESS 256
// Bytes of one read while a head is expected: what comes behind the head has to be kept.
#define HTTP_HEAD_READ (16 * 1024)
// Bytes of one read, and of the blocks that bodies consist of.
#define HTTP_READ (64 * 1024)
// Bytes that a connection may bring in one turn of the loop.
#define HTTP_TURN (256 * 1024)

// HttpOptions of assembly/host.ts.
struct http_options {
    uint32_t address;
    uint32_t address_length;
    int32_t port;
    int32_t tls;
    uint32_t max_connections;
    uint32_t max_head;
    uint32_t max_held;
    uint32_t head_time;
    uint32_t request_time;
    uint32_t idle_time;
    uint32_t mode;
};

// HttpPhase of assembly/host.ts.
enum http_phase { PHASE_HEAD, PHASE_BODY, PHASE_TOO_LARGE, PHASE_NO_ROOM };

// Those of a connection, in the order of a request. It reads in the states that say so.
enum http_state {
    STATE_HANDSHAKE,  // of TLS
    STATE_IDLE,       // reads; nothing of a request has come
    STATE_HEAD,       // reads
    STATE_OFFERED,    // waits for the WASM: for httpTake, httpRead or httpAnswer
    STATE_BODY,       // reads
    STATE_ANSWERED,   // the answer waits for httpRelease
    STATE_SENDING,    // the answer is on its way
    STATE_DISCARDING, // reads; the rest of a refused body goes nowhere
    STATE_LINGERING,  // reads; all is sent, so whatever comes before the client closes goes nowhere
};

struct http_block {
    struct http_block *next;
    uint32_t capacity;
    uint32_t length;
    char bytes[];
};

// A list of blocks.
struct http_body {
    struct http_block *first;
    struct http_block *last;
    uint32_t length;
    // What the blocks can take, all of them.
    uint32_t capacity;
};

// Bytes that grow.
struct http_bytes {
    char *start;
    uint32_t length;
    uint32_t capacity;
};

// A connection and its request: there is one at a time.
struct http_connection {
    TAILQ_ENTRY(http_connection) entry;
    TAILQ_ENTRY(http_connection) ready_entry;
    struct http_server *server;
    int fd;
    SSL *ssl;
    enum http_state state;
    // The server's clock when the state began, and when it ends the connection; 0: never.
    uint64_t since;
    uint64_t deadline;
    struct event input;
    struct event output;
    struct event again;
    // Whether the loop looks for input. It may do so where none is wanted: see watch.
    bool is_reading;
    bool is_writing;
    bool tls_wants_write;
    bool tls_wants_read;

    llhttp_t parser;
    // Of the request; 0: its head is not complete.
    uint32_t id;
    uint32_t tag;
    enum http_phase phase;
    // In the server's list of what was not offered, or offered and without an answer.
    bool is_ready;
    bool is_taken;
    bool keep_alive;
    bool expects_continue;
    bool is_complete;
    bool ignores_body;
    // The parser stopped in the middle of a body: what follows cannot be understood.
    bool is_lost;
    // The parser's callbacks ran out of memory or room.
    bool has_no_room;
    uint64_t started;
    // Of the request line and headers, as they came.
    uint32_t head_length;
    uint32_t url_length;
    uint64_t announced; // HTTP_CHUNKED when unknown
    uint64_t max_body;
    // The URL, then a NUL behind each name and each value; the URL alone once the body is read.
    struct http_bytes head;
    struct http_body body;
    // Read from the socket, but not parsed.
    struct http_bytes pending;
    // To be sent, from `sent` on.
    struct http_bytes out;
    uint32_t sent;
    char *client_names;
    bool has_client_names;
    // No request has come yet: the head's time runs from the start.
    bool is_fresh;
};

#define HTTP_CHUNKED UINT64_MAX

// What has happened since httpStatus was asked: the second half of HttpStatus.
struct http_counts {
    uint32_t accepted;
    uint32_t turned_away;
    uint32_t made_room;
    uint32_t bad_requests;
    uint32_t heads_too_large;
    uint32_t timeouts;
    uint32_t tls_failures;
    uint32_t accept_failures;
    uint32_t left;
    uint32_t heads_without_room;
};

TAILQ_HEAD(http_connections, http_connection);

struct http_server {
    struct w2c_host *host;
    struct http_options options;
    char address[HTTP_MAX_ADDRESS];
    int port;
    int fd;
    // Of a Unix socket: which file it is.
    dev_t device;
    ino_t inode;
    SSL_CTX *tls;
    // What TLS connections write to; NULL while there were none.
    BIO_METHOD *socket;
    struct event listener;
    struct event accept_again;
    struct event sweep;
    unsigned accept_rests;
    // Milliseconds of the loop's own time: it hardly moves while the host does not run the loop, so that a
    // Falco that stalls times nobody out.
    uint64_t clock;
    uint64_t swept;
    uint32_t connection_count;
    uint64_t held;
    struct http_counts counts;
    char failure[256];
    struct http_connections connections;
    // Not offered yet, the oldest first.
    struct http_connections ready;
    struct http_connection *last_found;
    struct http_block *spare;
    unsigned spare_count;
    char scratch[HTTP_READ];
};

// --- http_server.c ---

struct http_server *http_server_new(struct w2c_host *host);
// Opens the door: `fd` listens, and now belongs to the server. False without memory.
bool http_server_start(struct http_server *server, int fd);
// Makes sure that `size` bytes more may be held, giving up what is slow on connections other than `asking`.
bool http_make_room(struct http_server *server, const struct http_connection *asking, uint64_t size);
void http_hold(struct http_server *server, int64_t change);
void http_offer(struct http_connection *connection, bool first);
void http_withdraw(struct http_connection *connection);
// The connection whose request has this id, or NULL.
struct http_connection *http_find(struct w2c_host *host, uint32_t id);

// --- http_connection.c ---

void http_connection_new(struct http_server *server, int fd);
// Closes and frees it.
void http_drop(struct http_connection *connection);
void http_set_state(struct http_connection *connection, enum http_state state, uint64_t milliseconds);
// Lets the loop look at it in its next turn.
void http_wake(struct http_connection *connection);
// An answer of the server itself; the connection ends behind it.
void http_refuse(struct http_connection *connection, int status, const char *text);
// Makes the answer; it is not sent before http_send. False without memory.
bool http_compose(struct http_connection *connection, int status, const char *text, size_t length);
void http_send(struct http_connection *connection);
// The same, and sends what the socket takes at once. The connection may be gone afterwards.
void http_send_now(struct http_connection *connection);
// The first byte of a request is there.
void http_begin_head(struct http_connection *connection);
// Lets the body come.
void http_begin_body(struct http_connection *connection);
void http_free_request(struct http_connection *connection);
// Its deadline has passed.
void http_time_out(struct http_connection *connection);

// --- http_stream.c ---

enum http_io { IO_CLOSED = -2, IO_LATER = -1 };

// How OpenSSL is to read and write sockets; NULL without memory.
BIO_METHOD *http_socket_method(void);
// TLS over the socket, as the server has it; NULL without memory.
SSL *http_start_tls(struct http_server *server, int fd);

// Bytes that came, 0 at the end, or an http_io.
ssize_t http_receive(struct http_connection *connection, char *out, size_t capacity);
// Bytes that were taken, or an http_io.
ssize_t http_transmit(struct http_connection *connection, const char *bytes, size_t length);
// 1 when the handshake is done, 0 when it goes on, -1 when it has failed.
int http_handshake(struct http_connection *connection);
// Whether there are bytes that the socket does not show.
bool http_has_buffered(const struct http_connection *connection);
// Whether the connection is broken, or closed in both directions.
bool http_has_left(const struct http_connection *connection);
// Tells the client that nothing more comes.
void http_end_output(struct http_connection *connection);

// --- http_parser.c ---

void http_parser_reset(struct http_connection *connection);
// Parses what came in the states IDLE, HEAD, BODY and DISCARDING, and keeps what is behind the request's head
// or end. Never frees the connection.
void http_parse(struct http_connection *connection, const char *bytes, size_t length);
// The same for what was kept.
void http_parse_pending(struct http_connection *connection);
// The body cannot come further, and is offered as failed.
void http_fail_body(struct http_connection *connection, enum http_phase phase);
// Bytes that may be read into the body itself, without a copy; *out is NULL when there is no such place.
size_t http_body_place(struct http_connection *connection, char **out);

// --- http_body.c ---

// Adds to `bytes`, which is counted as held; false without memory or room.
bool http_keep(struct http_connection *connection, struct http_bytes *bytes, const char *more, size_t length);
void http_release_bytes(struct http_connection *connection, struct http_bytes *bytes);
// A place for the next bytes of the body, at least one; NULL without memory or room.
char *http_body_tail(struct http_connection *connection, size_t *room);
void http_body_grow(struct http_connection *connection, size_t length);
bool http_body_add(struct http_connection *connection, const char *bytes, size_t length);
void http_body_free(struct http_connection *connection);
void http_free_spare(struct http_server *server);

// --- http_socket.c ---

// A socket that listens, or -errno and the host's problem.
int http_listen(struct w2c_host *host, const char *address, int port, uint32_t mode);
int http_port_of(int fd);
// Notes which file a Unix socket is, and takes it away again if it still is that one.
void http_note_path(struct http_server *server);
void http_remove_path(const struct http_server *server);

#endif
