// SPDX-License-Identifier: Apache-2.0
// The HTTP server as a whole: accepting, the limits that concern all connections, time, and what is to be
// offered. It knows nothing of audit events.
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SEVERITY_ERROR 3
// How long accepting rests when it fails, as without free descriptors.
#define ACCEPT_REST_SECONDS 1
// A minute, in such rests: how often that is told.
#define RESTS_BETWEEN_MESSAGES 60
// Connections accepted in one turn of the loop.
#define MAX_ACCEPTED 64
// TLS handshakes at once: each may make OpenSSL keep 160 KiB of a client that nobody knows yet.
#define MAX_HANDSHAKES 256
#define SWEEP_MILLISECONDS 250
// A request or an answer that is this old and not complete may have to make room, in milliseconds.
#define SLOW_AGE 1000

// --- what is held ---

void http_hold(struct http_server *server, int64_t change) {
    server->held = (uint64_t)((int64_t)server->held + change);
}

static uint64_t held_by(const struct http_connection *connection) {
    return (uint64_t)connection->body.capacity + connection->head.capacity + connection->pending.capacity;
}

static uint64_t age_of(const struct http_connection *connection) {
    return connection->server->clock - connection->started;
}

// Whether the client has been slow to take its answer.
static bool is_stuck(const struct http_connection *connection) {
    return connection->state == STATE_SENDING && connection->server->clock - connection->since > SLOW_AGE;
}

// Whether it may have to make room for `asking`. A body was let in: what was not does not make it yield.
static bool is_slow(const struct http_connection *connection, const struct http_connection *asking) {
    switch (connection->state) {
    case STATE_HEAD:
        return age_of(connection) > SLOW_AGE;
    case STATE_BODY:
        return age_of(connection) > SLOW_AGE &&
               (asking->state == STATE_OFFERED || asking->state == STATE_BODY);
    case STATE_SENDING:
        return connection->pending.capacity > 0 && is_stuck(connection);
    default:
        return false;
    }
}

// Whether it brings fewer bytes of a body a second: heads, and what is behind an answer, bring none.
static bool is_slower(const struct http_connection *one, const struct http_connection *other) {
    return one->body.length * age_of(other) < other->body.length * age_of(one);
}

static struct http_connection *find_slowest(struct http_server *server,
                                            const struct http_connection *asking) {
    struct http_connection *slowest = NULL;
    struct http_connection *one;
    TAILQ_FOREACH(one, &server->connections, entry) {
        if (!is_slow(one, asking))
            continue;
        if (slowest == NULL || is_slower(one, slowest))
            slowest = one;
    }
    return slowest;
}

// Whether giving up what is slow, and slower than the one that asks, can make so much room: none is given up
// in vain.
static bool can_make_room(const struct http_server *server, const struct http_connection *asking,
                          uint64_t size) {
    bool asking_is_slow = is_slow(asking, asking);
    uint64_t held = server->held;
    const struct http_connection *one;
    TAILQ_FOREACH(one, &server->connections, entry) {
        if (one != asking && is_slow(one, asking) && (!asking_is_slow || is_slower(one, asking)))
            held -= held_by(one);
    }
    return held + size <= server->options.max_held;
}

static void give_up(struct http_connection *connection) {
    connection->server->counts.timeouts++;
    if (connection->state == STATE_SENDING) {
        connection->is_lost = true;
        http_release_bytes(connection, &connection->pending);
    } else {
        http_refuse(connection, 408, "the request came too slowly while there was no room\n");
    }
}

bool http_make_room(struct http_server *server, const struct http_connection *asking, uint64_t size) {
    if (server->held + size <= server->options.max_held)
        return true;
    if (!can_make_room(server, asking, size))
        return false;
    while (server->held + size > server->options.max_held) {
        struct http_connection *slowest = find_slowest(server, asking);
        if (slowest == NULL || slowest == asking)
            return false;
        give_up(slowest);
    }
    return true;
}

// --- what is offered ---

void http_offer(struct http_connection *connection, bool first) {
    struct http_server *server = connection->server;
    connection->is_ready = true;
    connection->is_taken = false;
    server->host->waiting++;
    if (first)
        TAILQ_INSERT_HEAD(&server->ready, connection, ready_entry);
    else
        TAILQ_INSERT_TAIL(&server->ready, connection, ready_entry);
}

void http_withdraw(struct http_connection *connection) {
    if (!connection->is_ready)
        return;
    connection->is_ready = false;
    connection->server->host->waiting--;
    TAILQ_REMOVE(&connection->server->ready, connection, ready_entry);
}

static struct http_connection *find_in(struct http_server *server, uint32_t id) {
    struct http_connection *one = server->last_found;
    if (one != NULL && one->id == id)
        return one;
    TAILQ_FOREACH(one, &server->connections, entry) {
        if (one->id == id)
            break;
    }
    server->last_found = one;
    return one;
}

struct http_connection *http_find(struct w2c_host *host, uint32_t id) {
    for (int number = 1; id != 0 && number < HOST_MAX_HANDLES; number++) {
        if (host->handles[number].kind != HANDLE_HTTP_SERVER)
            continue;
        struct http_connection *found = find_in(host->handles[number].object, id);
        if (found != NULL)
            return found;
    }
    return NULL;
}

// The newest of those that were taken and have no answer.
static struct http_connection *find_taken(struct http_server *server) {
    struct http_connection *newest = NULL;
    struct http_connection *one;
    TAILQ_FOREACH(one, &server->connections, entry) {
        if (one->is_taken && one->state == STATE_OFFERED && (newest == NULL || one->id > newest->id))
            newest = one;
    }
    return newest;
}

void http_server_after_trap(struct w2c_host *host, void *object) {
    struct http_server *server = object;
    struct http_connection *newest;
    (void)host;
    // From the newest to the oldest, each in front of those before.
    while ((newest = find_taken(server)) != NULL)
        http_offer(newest, true);
}

// --- time ---

static uint64_t milliseconds_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void on_sweep(evutil_socket_t fd, short events, void *context) {
    struct http_server *server = context;
    uint64_t now = milliseconds_now();
    uint64_t elapsed = now - server->swept;
    struct http_connection *next;
    (void)fd;
    (void)events;
    server->swept = now;
    server->clock += elapsed < 2 * SWEEP_MILLISECONDS ? elapsed : 2 * SWEEP_MILLISECONDS;
    for (struct http_connection *one = TAILQ_FIRST(&server->connections); one != NULL; one = next) {
        next = TAILQ_NEXT(one, entry);
        if (one->deadline != 0 && one->deadline <= server->clock)
            http_time_out(one);
    }
}

// --- accepting ---

static void accept_again(evutil_socket_t fd, short events, void *context) {
    struct http_server *server = context;
    (void)fd;
    (void)events;
    event_add(&server->listener, NULL);
}

// A connection that cannot be accepted stays ready: without a rest, the loop would spin on it.
static void rest(struct http_server *server, int error) {
    const struct timeval pause = {ACCEPT_REST_SECONDS, 0};
    server->counts.accept_failures++;
    snprintf(server->failure, sizeof(server->failure), "cannot accept a connection: %s", strerror(error));
    if (server->accept_rests++ % RESTS_BETWEEN_MESSAGES == 0)
        host_logf(server->host, SEVERITY_ERROR,
                  "cannot accept webhook connections: %s; trying again every %d s", strerror(error),
                  ACCEPT_REST_SECONDS);
    event_del(&server->listener);
    event_add(&server->accept_again, &pause);
}

static bool can_make_place(const struct http_connection *connection) {
    switch (connection->state) {
    case STATE_HANDSHAKE:
    case STATE_IDLE:
    case STATE_HEAD:
    case STATE_DISCARDING:
    case STATE_LINGERING:
        return true;
    default:
        // Who does not take answers must not keep a place.
        return is_stuck(connection);
    }
}

static bool is_shaking_hands(const struct http_connection *connection) {
    return connection->state == STATE_HANDSHAKE;
}

// Closes the connection that has been for the longest time as `is_meant` says, when there are `limit` of them
// or more; false when there is none.
static bool close_longest(struct http_server *server, bool (*is_meant)(const struct http_connection *),
                          unsigned limit) {
    struct http_connection *longest = NULL;
    struct http_connection *one;
    unsigned count = 0;
    TAILQ_FOREACH(one, &server->connections, entry) {
        if (!is_meant(one))
            continue;
        count++;
        if (longest == NULL || one->since < longest->since)
            longest = one;
    }
    if (longest == NULL || count < limit)
        return false;
    server->counts.made_room++;
    http_drop(longest);
    return true;
}

// Whether there is a place for one connection more, which may have to be made.
static bool make_place(struct http_server *server) {
    if (server->tls != NULL)
        close_longest(server, is_shaking_hands, MAX_HANDSHAKES);
    return server->connection_count < server->options.max_connections ||
           close_longest(server, can_make_place, 1);
}

// Of that one connection, not of accepting: the next may be all right.
static bool is_passing(int error) {
    return error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH;
}

static void on_connection(evutil_socket_t fd, short events, void *context) {
    struct http_server *server = context;
    (void)events;
    for (int count = 0; count < MAX_ACCEPTED; count++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (accepted < 0 && (errno == EINTR || is_passing(errno)))
            continue;
        if (accepted < 0) {
            rest(server, errno);
            return;
        }
        if (make_place(server)) {
            server->counts.accepted++;
            http_connection_new(server, accepted);
        } else {
            server->counts.turned_away++;
            close(accepted);
        }
    }
}

// --- life ---

struct http_server *http_server_new(struct w2c_host *host) {
    struct http_server *server = host_loop(host) != NULL ? calloc(1, sizeof(*server)) : NULL;
    if (server == NULL)
        return NULL;
    server->host = host;
    server->fd = -1;
    server->clock = 1; // 0 is "never" for a deadline
    server->swept = milliseconds_now();
    TAILQ_INIT(&server->connections);
    TAILQ_INIT(&server->ready);
    return server;
}

bool http_server_start(struct http_server *server, int fd) {
    const struct timeval interval = {0, SWEEP_MILLISECONDS * 1000};
    struct event_base *loop = server->host->loop;
    event_assign(&server->listener, loop, fd, EV_READ | EV_PERSIST, on_connection, server);
    event_assign(&server->accept_again, loop, -1, 0, accept_again, server);
    event_assign(&server->sweep, loop, -1, EV_PERSIST, on_sweep, server);
    server->fd = fd;
    return event_add(&server->listener, NULL) == 0 && event_add(&server->sweep, &interval) == 0;
}

// An answer that waits to be released is not sent either: nobody has said that Falco is done with its events.
static void answer_at_end(struct http_connection *connection) {
    switch (connection->state) {
    case STATE_ANSWERED:
        connection->out.length = connection->sent;
        // fall through
    case STATE_OFFERED:
    case STATE_HEAD:
    case STATE_BODY:
        http_refuse(connection, 503, "");
        break;
    default:
        break;
    }
}

// Closing a socket with bytes in it resets the connection, and the client might lose its answer.
static void empty_socket(struct http_server *server, int fd) {
    for (int i = 0; i < HTTP_TURN / HTTP_READ; i++) {
        if (recv(fd, server->scratch, sizeof(server->scratch), MSG_DONTWAIT) <= 0)
            return;
    }
}

void http_server_free(void *object) {
    struct http_server *server = object;
    struct http_connection *one;
    if (server->fd >= 0) {
        event_del(&server->listener);
        event_del(&server->accept_again);
        event_del(&server->sweep);
        close(server->fd);
        http_remove_path(server);
        TAILQ_FOREACH(one, &server->connections, entry)
        answer_at_end(one);
        // One turn to write the answers; whoever does not get one sends its request again.
        host_run_loop(server->host, 0);
    }
    while ((one = TAILQ_FIRST(&server->connections)) != NULL) {
        empty_socket(server, one->fd);
        http_drop(one);
    }
    http_free_spare(server);
    SSL_CTX_free(server->tls);
    BIO_meth_free(server->socket);
    free(server);
}
