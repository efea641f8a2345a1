// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void *host_bytes(struct w2c_host *host, uint32_t at, uint32_t length) {
    if ((uint64_t)at + length > host->memory->size)
        wasm_rt_trap(WASM_RT_TRAP_OOB);
    return host->memory->data + at;
}

bool host_text(struct w2c_host *host, uint32_t at, uint32_t length, char *out, size_t capacity) {
    const char *text = host_bytes(host, at, length);
    if (length >= capacity || memchr(text, 0, length) != NULL)
        return false;
    memcpy(out, text, length);
    out[length] = 0;
    return true;
}

int host_open_handle(struct w2c_host *host, struct handle handle) {
    for (int number = 1; number < HOST_MAX_HANDLES; number++) {
        if (host->handles[number].kind == HANDLE_FREE) {
            host->handles[number] = handle;
            return number;
        }
    }
    return -EMFILE;
}

struct handle *host_handle(struct w2c_host *host, uint32_t number, enum handle_kind kind) {
    if (number >= HOST_MAX_HANDLES || host->handles[number].kind != kind)
        wasm_rt_trap(WASM_RT_TRAP_OOB);
    return &host->handles[number];
}

// What goes wrong is told through Falco's log by those who see the error; nothing goes to standard error.
static void swallow_message(int severity, const char *message) {
    (void)severity;
    (void)message;
}

static void do_nothing(evutil_socket_t fd, short events, void *context) {
    (void)fd;
    (void)events;
    (void)context;
}

static void free_loop(struct w2c_host *host) {
    if (host->timer != NULL)
        event_free(host->timer);
    if (host->loop != NULL)
        event_base_free(host->loop);
    host->timer = NULL;
    host->loop = NULL;
}

struct event_base *host_loop(struct w2c_host *host) {
    if (host->loop != NULL)
        return host->loop;
    event_set_log_callback(swallow_message);
    host->loop = event_base_new();
    if (host->loop != NULL)
        host->timer = event_new(host->loop, -1, 0, do_nothing, NULL);
    if (host->timer == NULL)
        free_loop(host);
    return host->loop;
}

// The timer is taken back at once: those of waits that something else has ended would wake the loop again and
// again. Without memory for it, nothing is waited for.
void host_run_loop(struct w2c_host *host, int64_t microseconds) {
    const struct timeval most = {microseconds / 1000000, microseconds % 1000000};
    bool waits = microseconds > 0 && event_add(host->timer, &most) == 0;
    // ONCE as well: without it, NONBLOCK goes on for as long as anything is ready, which a client can make
    // for ever.
    event_base_loop(host->loop, waits ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (waits)
        event_del(host->timer);
}

struct pipe_guard host_hold_pipe(void) {
    struct pipe_guard guard;
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    guard.was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &guard.before);
    return guard;
}

// The signal is taken out of the queue, unless it stood there before.
void host_release_pipe(const struct pipe_guard *guard) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (!guard->was_pending) {
        const struct timespec none = {0, 0};
        sigtimedwait(&pipe, NULL, &none);
    }
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

static void close_handle(struct handle *handle) {
    switch (handle->kind) {
    case HANDLE_FILE:
    case HANDLE_STATE:
        close(handle->fd);
        break;
    case HANDLE_DIRECTORY:
        closedir(handle->object);
        break;
    case HANDLE_INFLATE:
        inflate_free(handle->object);
        break;
    case HANDLE_TLS:
        tls_free(handle->object);
        break;
    case HANDLE_HTTP_SERVER:
        http_server_free(handle->object);
        break;
    case HANDLE_WATCH:
        watch_free(handle->object);
        break;
    case HANDLE_WEB_REQUEST:
        web_request_free(handle->object);
        break;
    case HANDLE_FREE:
        break;
    }
    handle->kind = HANDLE_FREE;
}

void host_free(struct w2c_host *host) {
    for (int number = 0; number < HOST_MAX_HANDLES; number++)
        close_handle(&host->handles[number]);
    web_free(host->web);
    host->web = NULL;
    free_loop(host);
}

void host_after_trap(struct w2c_host *host) {
    for (int number = 0; number < HOST_MAX_HANDLES; number++) {
        struct handle *handle = &host->handles[number];
        if (handle->kind == HANDLE_HTTP_SERVER)
            http_server_after_trap(host, handle->object);
        else
            close_handle(handle);
    }
}

void host_logf(struct w2c_host *host, int severity, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    host->log(host->log_context, severity, message);
}

void host_problem(struct w2c_host *host, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(host->problem, sizeof(host->problem), format, arguments);
    va_end(arguments);
}

uint32_t host_copy_text(struct w2c_host *host, const char *text, size_t length, uint32_t out,
                        uint32_t capacity) {
    if (length > 0)
        memcpy(host_bytes(host, out, capacity), text, length < capacity ? length : capacity);
    return (uint32_t)length;
}
