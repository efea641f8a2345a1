// SPDX-License-Identifier: Apache-2.0
// What the WASM sees of the HTTP server.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "http.h"
#include "http_head.h"
#include "k8saudit.h"
#include "tls.h"

#define MAX_NAME 128
#define ABSENT ((u32)-1)
#define UNKNOWN_LENGTH UINT32_MAX
#define KEEP_TLS (-1)

// HttpRequest, HttpStatus, HttpMethod and HttpText of assembly/host.ts.
struct http_request {
    uint32_t id;
    uint32_t method;
    uint32_t phase;
    uint32_t body_length;
    uint32_t tag;
};

struct http_status {
    uint32_t connections;
    uint32_t held;
    struct http_counts counts;
};

enum { METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST };
enum { TEXT_PATH, TEXT_QUERY, TEXT_CLIENT_NAMES };

static struct http_server *server_of(struct w2c_host *host, u32 number) {
    return host_handle(host, number, HANDLE_HTTP_SERVER)->object;
}

// --- listening ---

// The server of this address that outlived a trap.
static int find_server(struct w2c_host *host, const char *address, int port) {
    for (int number = 1; number < HOST_MAX_HANDLES; number++) {
        const struct handle *handle = &host->handles[number];
        if (handle->kind != HANDLE_HTTP_SERVER)
            continue;
        const struct http_server *server = handle->object;
        if (server->options.port == port && strcmp(server->address, address) == 0)
            return number;
    }
    return 0;
}

static void use_tls(struct http_server *server, u32 handle) {
    SSL_CTX *context = tls_context(server->host, handle);
    SSL_CTX_free(server->tls);
    server->tls = context;
    if (context != NULL && server->socket == NULL)
        server->socket = http_socket_method();
}

static int make_server(struct w2c_host *host, const char *address, const struct http_options *options) {
    int fd = http_listen(host, address, options->port, options->mode);
    if (fd < 0)
        return fd;
    host_problem(host, "there is no memory");
    struct http_server *server = http_server_new(host);
    if (server == NULL) {
        close(fd);
        return -ENOMEM;
    }
    memcpy(server->address, address, strlen(address) + 1);
    server->options = *options;
    server->port = http_port_of(fd);
    http_note_path(server);
    int number = -ENOMEM;
    if (http_server_start(server, fd))
        number = host_open_handle(host, (struct handle){.kind = HANDLE_HTTP_SERVER, .object = server});
    if (number < 0)
        http_server_free(server);
    return number;
}

u32 w2c_host_httpListen(struct w2c_host *host, u32 at) {
    struct http_options options;
    char address[HTTP_MAX_ADDRESS];
    memcpy(&options, host_bytes(host, at, sizeof(options)), sizeof(options));
    if (!host_text(host, options.address, options.address_length, address, sizeof(address))) {
        host_problem(host, "the address is too long");
        return (u32)-ENAMETOOLONG;
    }
    // Checked before anything is open: a wrong handle traps.
    if (options.tls > 0)
        host_handle(host, (u32)options.tls, HANDLE_TLS);
    int number = find_server(host, address, options.port);
    if (number == 0 && options.tls == KEEP_TLS) {
        host_problem(host, "there is no certificate");
        return (u32)-EINVAL;
    }
    if (number == 0)
        number = make_server(host, address, &options);
    if (number < 0)
        return (u32)number;
    struct http_server *server = server_of(host, (u32)number);
    server->options = options;
    if (options.tls != KEEP_TLS)
        use_tls(server, (u32)options.tls);
    return (u32)number;
}

u32 w2c_host_httpPort(struct w2c_host *host, u32 number) {
    return (u32)server_of(host, number)->port;
}

void w2c_host_httpUseTls(struct w2c_host *host, u32 number, u32 tls) {
    use_tls(server_of(host, number), tls);
}

void w2c_host_httpClose(struct w2c_host *host, u32 number) {
    struct handle *handle = host_handle(host, number, HANDLE_HTTP_SERVER);
    handle->kind = HANDLE_FREE;
    http_server_free(handle->object);
}

// --- requests ---

static uint32_t method_of(const struct http_connection *connection) {
    switch (connection->parser.method) {
    case HTTP_GET:
        return METHOD_GET;
    case HTTP_HEAD:
        return METHOD_HEAD;
    case HTTP_POST:
        return METHOD_POST;
    default:
        return METHOD_OTHER;
    }
}

static uint32_t length_of(const struct http_connection *connection) {
    if (connection->phase != PHASE_HEAD)
        return connection->body.length;
    if (connection->announced == HTTP_CHUNKED)
        return UNKNOWN_LENGTH;
    return connection->announced < UNKNOWN_LENGTH ? (uint32_t)connection->announced : UNKNOWN_LENGTH - 1;
}

u32 w2c_host_httpTake(struct w2c_host *host, u32 number, u32 out) {
    struct http_server *server = server_of(host, number);
    uint8_t *place = host_bytes(host, out, sizeof(struct http_request));
    struct http_connection *connection;
    while ((connection = TAILQ_FIRST(&server->ready)) != NULL) {
        // Of a head, reading the body will tell.
        if (connection->phase != PHASE_HEAD && http_has_left(connection)) {
            // It got no answer and sends the request again, if it still cares.
            server->counts.left++;
            http_drop(connection);
            continue;
        }
        http_withdraw(connection);
        connection->is_taken = true;
        const struct http_request description = {
            .id = connection->id,
            .method = method_of(connection),
            .phase = connection->phase,
            .body_length = length_of(connection),
            .tag = connection->tag,
        };
        memcpy(place, &description, sizeof(description));
        server->last_found = connection;
        return 1;
    }
    return 0;
}

// The request, while it is offered; NULL when its client is gone, or when it has its answer.
static struct http_connection *find_offered(struct w2c_host *host, u32 id) {
    struct http_connection *connection = http_find(host, id);
    return connection != NULL && connection->state == STATE_OFFERED ? connection : NULL;
}

u32 w2c_host_httpRead(struct w2c_host *host, u32 id, u32 max_body, u32 tag) {
    struct http_connection *connection = find_offered(host, id);
    if (connection == NULL || connection->phase != PHASE_HEAD)
        return (u32)-ENOENT;
    uint64_t announced = connection->announced == HTTP_CHUNKED ? 0 : connection->announced;
    // What came with the head is held already.
    uint64_t more = announced > connection->pending.length ? announced - connection->pending.length : 0;
    if (announced <= max_body && !http_make_room(connection->server, connection, more))
        return (u32)-ENOBUFS;
    connection->tag = tag;
    connection->max_body = max_body;
    http_begin_body(connection);
    return 0;
}

u32 w2c_host_httpText(struct w2c_host *host, u32 id, u32 which, u32 out, u32 capacity) {
    struct http_connection *connection = http_find(host, id);
    if (connection == NULL || connection->url_length == 0)
        return ABSENT;
    struct http_url url;
    http_split_url(connection, &url);
    switch (which) {
    case TEXT_PATH:
        return host_copy_text(host, url.path, url.path_length, out, capacity);
    case TEXT_QUERY:
        return url.query != NULL ? host_copy_text(host, url.query, url.query_length, out, capacity) : ABSENT;
    default:
        break;
    }
    if (!connection->has_client_names && connection->ssl != NULL) {
        connection->client_names = tls_client_names(connection->ssl);
        connection->has_client_names = true;
    }
    const char *names = connection->client_names;
    return names != NULL ? host_copy_text(host, names, strlen(names), out, capacity) : ABSENT;
}

u32 w2c_host_httpHeader(struct w2c_host *host, u32 id, u32 name, u32 name_length, u32 out, u32 capacity) {
    const struct http_connection *connection = find_offered(host, id);
    char text[MAX_NAME];
    size_t length;
    if (connection == NULL || !host_text(host, name, name_length, text, sizeof(text)))
        return ABSENT;
    const char *value = http_header(connection, text, name_length, &length);
    return value != NULL ? host_copy_text(host, value, length, out, capacity) : ABSENT;
}

u32 w2c_host_httpBody(struct w2c_host *host, u32 id, u32 out, u32 capacity) {
    // A copy: after a trap the body is read again.
    const struct http_connection *connection = find_offered(host, id);
    char *place = host_bytes(host, out, capacity);
    u32 copied = 0;
    if (connection == NULL || connection->phase != PHASE_BODY)
        return 0;
    for (const struct http_block *block = connection->body.first; block != NULL; block = block->next) {
        u32 part = block->length < capacity - copied ? block->length : capacity - copied;
        memcpy(place + copied, block->bytes, part);
        copied += part;
    }
    return copied;
}

// --- answers ---

void w2c_host_httpAnswer(struct w2c_host *host, u32 id, u32 status, u32 text, u32 length, u32 now) {
    const char *bytes = host_bytes(host, text, length);
    struct http_connection *connection = http_find(host, id);
    if (connection == NULL || (connection->state != STATE_OFFERED && connection->state != STATE_BODY))
        return; // the client is gone, or was told to come again
    // A body that is still coming ends here.
    if (connection->state == STATE_BODY)
        connection->is_lost = true;
    http_withdraw(connection);
    connection->is_taken = false;
    http_compose(connection, (int)status, bytes, length);
    http_free_request(connection);
    if (now)
        http_send(connection);
    else
        http_set_state(connection, STATE_ANSWERED, 0);
}

void w2c_host_httpRelease(struct w2c_host *host, u32 number) {
    struct http_server *server = server_of(host, number);
    struct http_connection *next;
    // At once: to have the loop do it takes a turn of its own.
    for (struct http_connection *one = TAILQ_FIRST(&server->connections); one != NULL; one = next) {
        next = TAILQ_NEXT(one, entry);
        if (one->state == STATE_ANSWERED)
            http_send_now(one);
    }
}

// --- what is told ---

void w2c_host_httpStatus(struct w2c_host *host, u32 number, u32 out) {
    struct http_server *server = server_of(host, number);
    const struct http_status status = {
        .connections = server->connection_count,
        .held = server->held < UINT32_MAX ? (uint32_t)server->held : UINT32_MAX,
        .counts = server->counts,
    };
    memcpy(host_bytes(host, out, sizeof(status)), &status, sizeof(status));
    server->counts = (struct http_counts){0};
}

u32 w2c_host_httpFailureText(struct w2c_host *host, u32 number, u32 out, u32 capacity) {
    const struct http_server *server = server_of(host, number);
    size_t length = strnlen(server->failure, capacity);
    return host_copy_text(host, server->failure, length, out, capacity);
}
