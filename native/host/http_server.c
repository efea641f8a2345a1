// SPDX-License-Identifier: Apache-2.0
// HTTP server, by libevent's evhttp. It takes whole requests, keeps them until they are answered, and knows
// nothing of audit events.
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/keyvalq_struct.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host.h"
#include "k8saudit.h"

#define BACKLOG 128
#define MAX_HEADERS_BYTES (64 * 1024)
// Seconds without a byte after which a connection is closed.
#define IDLE_SECONDS 300
// Bodies that wait for Falco; above it a request is told to come again.
#define MAX_WAITING_BYTES (64 * 1024 * 1024)
#define RETRY_AFTER_SECONDS "1"
#define MAX_ADDRESS 256
#define MAX_NAME 128
#define SEVERITY_ERROR 3
#define SEVERITY_DEBUG 7
// How long accepting rests when it fails, as without free descriptors.
#define ACCEPT_REST_SECONDS 1
// A minute, in such rests: how often that is told.
#define RESTS_BETWEEN_MESSAGES 60

// HttpRequest and HttpMethod of assembly/host.ts.
struct http_request {
    uint32_t id;
    uint32_t method;
    uint32_t body_length;
};
enum { METHOD_OTHER, METHOD_POST };

struct request {
    TAILQ_ENTRY(request) entry;
    struct evhttp_request *http;
    uint32_t id;
    uint32_t body_length;
    bool taken;
    int status; // 0: not answered
    struct evbuffer *text;
};

struct http_server {
    struct w2c_host *host;
    struct evhttp *http;
    char address[MAX_ADDRESS];
    int asked_port;
    int port;
    uint32_t last_id;
    size_t waiting_bytes;
    size_t max_waiting_bytes;
    struct evhttp_bound_socket *socket;
    struct event *accept_again;
    unsigned accept_rests;
    // True while one of our answers is written: what else is written is libevent's own refusal.
    bool answering;
    uint32_t refused;
    // In the order of their coming: those before the answer, whether offered to the WASM or not.
    TAILQ_HEAD(, request) requests;
};

static void send_answer(struct http_server *server, struct request *request) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request->http);
    evhttp_add_header(headers, "Content-Type", "text/plain; charset=utf-8");
    if (request->status == HTTP_BADMETHOD)
        evhttp_add_header(headers, "Allow", "POST");
    bool is_head = evhttp_request_get_command(request->http) == EVHTTP_REQ_HEAD;
    server->answering = true;
    // Without a connection any more, libevent frees the request and sends nothing.
    evhttp_send_reply(request->http, request->status, NULL, is_head ? NULL : request->text);
    server->answering = false;
    TAILQ_REMOVE(&server->requests, request, entry);
    server->waiting_bytes -= request->body_length;
    if (request->text != NULL)
        evbuffer_free(request->text);
    free(request);
}

// Counts the refusals that libevent writes by itself: 413 for a body above the limit, 400 for headers that
// are none.
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *context) {
    static const char refusal[] = "HTTP/1.1 4";
    struct http_server *server = context;
    char start[sizeof(refusal) - 1];
    if (server->answering || info->n_added == 0 || info->orig_size != 0)
        return;
    if (evbuffer_copyout(output, start, sizeof(start)) != (ev_ssize_t)sizeof(start))
        return;
    start[7] = '1'; // a client of HTTP 1.0 is answered in kind
    if (memcmp(start, refusal, sizeof(start)) == 0)
        server->refused++;
}

static struct bufferevent *make_connection(struct event_base *loop, void *context) {
    struct bufferevent *connection = bufferevent_socket_new(loop, -1, 0);
    if (connection != NULL)
        evbuffer_add_cb(bufferevent_get_output(connection), on_output, context);
    return connection;
}

static void refuse_for_now(struct evhttp_request *http) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(http);
    evhttp_add_header(headers, "Retry-After", RETRY_AFTER_SECONDS);
    evhttp_send_reply(http, 429, "Too Many Requests", NULL);
}

static void refuse_at_end(struct evhttp_request *http, void *context) {
    (void)context;
    evhttp_send_reply(http, HTTP_SERVUNAVAIL, NULL, NULL);
}

static void on_request(struct evhttp_request *http, void *context) {
    struct http_server *server = context;
    size_t length = evbuffer_get_length(evhttp_request_get_input_buffer(http));
    struct request *request = NULL;
    if (server->waiting_bytes + length <= server->max_waiting_bytes)
        request = calloc(1, sizeof(*request));
    if (request == NULL) {
        refuse_for_now(http);
        return;
    }
    request->http = http;
    request->id = ++server->last_id;
    request->body_length = (uint32_t)length;
    TAILQ_INSERT_TAIL(&server->requests, request, entry);
    server->waiting_bytes += length;
    server->host->waiting++;
}

static void accept_again(evutil_socket_t fd, short events, void *context) {
    struct http_server *server = context;
    (void)fd;
    (void)events;
    evconnlistener_enable(evhttp_bound_socket_get_listener(server->socket));
}

static struct http_server *server_of_listener(const struct evconnlistener *listener) {
    for (int number = 1; host_in_loop != NULL && number < HOST_MAX_HANDLES; number++) {
        const struct handle *handle = &host_in_loop->handles[number];
        if (handle->kind != HANDLE_HTTP_SERVER)
            continue;
        struct http_server *server = handle->object;
        if (evhttp_bound_socket_get_listener(server->socket) == listener)
            return server;
    }
    return NULL;
}

// A connection that cannot be accepted stays ready: without a rest, the loop would spin on it. The context is
// evhttp's.
static void on_accept_error(struct evconnlistener *listener, void *context) {
    int error = EVUTIL_SOCKET_ERROR();
    const struct timeval rest = {ACCEPT_REST_SECONDS, 0};
    struct http_server *server = server_of_listener(listener);
    (void)context;
    if (server == NULL)
        return;
    if (server->accept_rests++ % RESTS_BETWEEN_MESSAGES == 0)
        host_logf(server->host, SEVERITY_ERROR,
                  "cannot accept webhook connections: %s; trying again every %d s", strerror(error),
                  ACCEPT_REST_SECONDS);
    evconnlistener_disable(listener);
    event_add(server->accept_again, &rest);
}

static int listen_on(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const int on = 1;
    const int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    // An answer is one small packet that the API server waits for.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// Without an address: all of IPv6 and IPv4, or of IPv4 alone where there is no IPv6.
static int listen_by_name(const char *name, int port) {
    char service[8];
    snprintf(service, sizeof(service), "%d", port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(name[0] != 0 ? name : "::", service, &hints, &found);
    int fd = -EADDRNOTAVAIL;
    if (result == 0) {
        for (const struct addrinfo *address = found; address != NULL && fd < 0; address = address->ai_next)
            fd = listen_on(address);
        freeaddrinfo(found);
    }
    if (fd == -EAFNOSUPPORT && name[0] == 0)
        return listen_by_name("0.0.0.0", port);
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

static struct http_server *make_server(struct w2c_host *host, int max_body) {
    struct event_base *loop = host_loop(host);
    struct evhttp *http = loop != NULL ? evhttp_new(loop) : NULL;
    struct http_server *server = http != NULL ? calloc(1, sizeof(*server)) : NULL;
    if (server == NULL) {
        if (http != NULL)
            evhttp_free(http);
        return NULL;
    }
    server->host = host;
    server->http = http;
    server->max_waiting_bytes = max_body > MAX_WAITING_BYTES ? (size_t)max_body : MAX_WAITING_BYTES;
    TAILQ_INIT(&server->requests);
    server->accept_again = evtimer_new(loop, accept_again, server);
    if (server->accept_again == NULL) {
        evhttp_free(http);
        free(server);
        return NULL;
    }
    evhttp_set_bevcb(http, make_connection, server);
    // All of them, so that the WASM answers 405 and not libevent 501.
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                         EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                         EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(http, MAX_HEADERS_BYTES);
    evhttp_set_max_body_size(http, max_body);
    evhttp_set_timeout(http, IDLE_SECONDS);
    evhttp_set_default_content_type(http, NULL);
    // The rest of a body that is too large is read, so that its sender sees the 413.
    evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_gencb(http, on_request, server);
    return server;
}

// The server of this address that outlived a trap.
static int find_server(struct w2c_host *host, const char *address, int port) {
    for (int number = 1; number < HOST_MAX_HANDLES; number++) {
        const struct handle *handle = &host->handles[number];
        if (handle->kind != HANDLE_HTTP_SERVER)
            continue;
        const struct http_server *server = handle->object;
        if (server->asked_port == port && strcmp(server->address, address) == 0)
            return number;
    }
    return 0;
}

u32 w2c_host_httpListen(struct w2c_host *host, u32 address, u32 length, u32 port, u32 max_body) {
    char name[MAX_ADDRESS];
    if (!host_text(host, address, length, name, sizeof(name)))
        return (u32)-ENAMETOOLONG;
    int number = find_server(host, name, (int)port);
    if (number > 0)
        return (u32)number;
    int fd = listen_by_name(name, (int)port);
    if (fd < 0)
        return (u32)fd;
    struct http_server *server = make_server(host, (int)max_body);
    if (server != NULL)
        server->socket = evhttp_accept_socket_with_handle(server->http, fd);
    if (server == NULL || server->socket == NULL) {
        close(fd);
        if (server != NULL)
            http_server_free(server);
        return (u32)-ENOMEM;
    }
    struct evconnlistener *listener = evhttp_bound_socket_get_listener(server->socket);
    evconnlistener_set_error_cb(listener, on_accept_error);
    memcpy(server->address, name, sizeof(name));
    server->asked_port = (int)port;
    server->port = port_of(fd);
    number = host_open_handle(host, (struct handle){.kind = HANDLE_HTTP_SERVER, .object = server});
    if (number < 0)
        http_server_free(server);
    return (u32)number;
}

u32 w2c_host_httpPort(struct w2c_host *host, u32 number) {
    return (u32)((struct http_server *)host_handle(host, number, HANDLE_HTTP_SERVER)->object)->port;
}

// Forgets a request whose client is gone: it got no answer and sends it again, if it still cares.
static void forget(struct http_server *server, struct request *request) {
    host_logf(server->host, SEVERITY_DEBUG, "a webhook client left before its request was read");
    request->status = HTTP_SERVUNAVAIL;
    send_answer(server, request);
}

u32 w2c_host_httpRefused(struct w2c_host *host, u32 number) {
    struct http_server *server = host_handle(host, number, HANDLE_HTTP_SERVER)->object;
    u32 count = server->refused;
    server->refused = 0;
    return count;
}

u32 w2c_host_httpTake(struct w2c_host *host, u32 number, u32 out) {
    struct http_server *server = host_handle(host, number, HANDLE_HTTP_SERVER)->object;
    uint8_t *place = host_bytes(host, out, sizeof(struct http_request));
    struct request *next;
    for (struct request *request = TAILQ_FIRST(&server->requests); request != NULL; request = next) {
        next = TAILQ_NEXT(request, entry);
        if (request->taken)
            continue;
        request->taken = true;
        host->waiting--;
        if (evhttp_request_get_connection(request->http) == NULL) {
            forget(server, request);
            continue;
        }
        struct http_request description = {
            .id = request->id,
            .method =
                evhttp_request_get_command(request->http) == EVHTTP_REQ_POST ? METHOD_POST : METHOD_OTHER,
            .body_length = request->body_length,
        };
        memcpy(place, &description, sizeof(description));
        return 1;
    }
    return 0;
}

// The request with this id on any server; traps when there is none.
static struct request *find_request(struct w2c_host *host, uint32_t id, struct http_server **server) {
    for (int number = 1; number < HOST_MAX_HANDLES; number++) {
        if (host->handles[number].kind != HANDLE_HTTP_SERVER)
            continue;
        *server = host->handles[number].object;
        struct request *request;
        TAILQ_FOREACH(request, &(*server)->requests, entry) {
            if (request->id == id)
                return request;
        }
    }
    wasm_rt_trap(WASM_RT_TRAP_OOB);
}

static u32 copy_text(struct w2c_host *host, const char *text, u32 out, u32 capacity) {
    size_t length = strlen(text);
    memcpy(host_bytes(host, out, capacity), text, length < capacity ? length : capacity);
    return (u32)length;
}

u32 w2c_host_httpPath(struct w2c_host *host, u32 id, u32 out, u32 capacity) {
    struct http_server *server;
    struct request *request = find_request(host, id, &server);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request->http);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    return copy_text(host, path != NULL ? path : "", out, capacity);
}

u32 w2c_host_httpHeader(struct w2c_host *host, u32 id, u32 name, u32 name_length, u32 out, u32 capacity) {
    struct http_server *server;
    struct request *request = find_request(host, id, &server);
    char header[MAX_NAME];
    if (!host_text(host, name, name_length, header, sizeof(header)))
        return (u32)-1;
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request->http), header);
    return value != NULL ? copy_text(host, value, out, capacity) : (u32)-1;
}

u32 w2c_host_httpBody(struct w2c_host *host, u32 id, u32 out, u32 capacity) {
    struct http_server *server;
    struct request *request = find_request(host, id, &server);
    // A copy: after a trap the body is read again.
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    ev_ssize_t copied = evbuffer_copyout(body, host_bytes(host, out, capacity), capacity);
    return copied < 0 ? 0 : (u32)copied;
}

void w2c_host_httpAnswer(struct w2c_host *host, u32 id, u32 status, u32 text, u32 length, u32 now) {
    struct http_server *server;
    struct request *request = find_request(host, id, &server);
    const void *bytes = host_bytes(host, text, length);
    request->status = (int)status;
    request->text = evbuffer_new();
    // Without memory for the text, the status alone is sent.
    if (request->text != NULL)
        evbuffer_add(request->text, bytes, length);
    if (now)
        send_answer(server, request);
}

static void send_answers(struct http_server *server) {
    struct request *next;
    for (struct request *request = TAILQ_FIRST(&server->requests); request != NULL; request = next) {
        next = TAILQ_NEXT(request, entry);
        if (request->status != 0)
            send_answer(server, request);
    }
}

void w2c_host_httpRelease(struct w2c_host *host, u32 number) {
    send_answers(host_handle(host, number, HANDLE_HTTP_SERVER)->object);
}

void http_server_after_trap(struct w2c_host *host, void *object) {
    struct http_server *server = object;
    struct request *request;
    TAILQ_FOREACH(request, &server->requests, entry) {
        if (request->taken && request->status == 0) {
            request->taken = false;
            host->waiting++;
        }
    }
}

void http_server_free(void *object) {
    struct http_server *server = object;
    struct request *request;
    if (server->socket != NULL)
        evhttp_del_accept_socket(server->http, server->socket);
    // What still comes in while the last answers are written.
    evhttp_set_gencb(server->http, refuse_at_end, NULL);
    TAILQ_FOREACH(request, &server->requests, entry) {
        if (!request->taken)
            server->host->waiting--;
        // Also for an answer that waits to be released: nobody has said that Falco is done with its events.
        request->status = HTTP_SERVUNAVAIL;
        if (request->text != NULL)
            evbuffer_drain(request->text, evbuffer_get_length(request->text));
    }
    send_answers(server);
    // One turn to write the answers; whoever does not get one sends its request again.
    host_run_loop(server->host, false);
    evhttp_free(server->http);
    event_free(server->accept_again);
    free(server);
}

void w2c_host_httpClose(struct w2c_host *host, u32 number) {
    struct handle *handle = host_handle(host, number, HANDLE_HTTP_SERVER);
    handle->kind = HANDLE_FREE;
    http_server_free(handle->object);
}
