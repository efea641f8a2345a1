// SPDX-License-Identifier: Apache-2.0
// The capabilities that the WASM imports (assembly/host.ts says what each one promises). One file each; what
// they share stands here. Nothing of Falco's API in this folder.
#ifndef K8SAUDIT_HOST_H
#define K8SAUDIT_HOST_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wasm-rt.h"

// Open files, directories, gzip streams, state files, watches, TLS contexts, servers and requests at once.
#define HOST_MAX_HANDLES 128

enum handle_kind {
    HANDLE_FREE,
    HANDLE_FILE,
    HANDLE_DIRECTORY,
    HANDLE_INFLATE,
    HANDLE_TLS,
    HANDLE_HTTP_SERVER,
    HANDLE_STATE,
    HANDLE_WATCH,
    HANDLE_WEB_REQUEST
};

struct handle {
    enum handle_kind kind;
    union {
        int fd;
        void *object;
    };
};

struct event;
struct event_base;
struct web;

// A plugin state's share of the world. Zeroed, then host_init.
struct w2c_host {
    // Of the instance that runs now.
    wasm_rt_memory_t *memory;
    // `severity` as in assembly/log.ts; `message` is NUL-terminated UTF-8.
    void (*log)(void *context, int severity, const char *message);
    void *log_context;
    // Made when first needed.
    struct event_base *loop;
    // Made with it: ends a turn of the loop that waits.
    struct event *timer;
    // The HTTP client, made when first needed.
    struct web *web;
    // What was not offered to the WASM yet, watches with changes that were not taken, and requests with news:
    // what wait is for.
    unsigned waiting;
    uint32_t last_request;
    // Why the last tlsOpen, httpListen or webSend failed.
    char problem[512];
    struct handle handles[HOST_MAX_HANDLES];
};

void host_free(struct w2c_host *host);

// After a trap: closes files and streams, which the new instance opens again, and lets the servers offer
// again what has no answer.
void host_after_trap(struct w2c_host *host);

// The native address of `length` bytes at `at`; traps when they are not all inside the memory.
void *host_bytes(struct w2c_host *host, uint32_t at, uint32_t length);

// The same as a NUL-terminated copy in `out`; false when it does not fit or holds a NUL.
bool host_text(struct w2c_host *host, uint32_t at, uint32_t length, char *out, size_t capacity);

// An errno as the imports give it.
static inline uint32_t negative(int error) {
    return (uint32_t)-error;
}

// A number for an open thing, or -EMFILE.
int host_open_handle(struct w2c_host *host, struct handle handle);
// The open thing with this number; traps when it is none of this kind.
struct handle *host_handle(struct w2c_host *host, uint32_t number, enum handle_kind kind);

// The event loop, or NULL when there is no memory for it.
struct event_base *host_loop(struct w2c_host *host);

// One turn of the loop, which exists: waits at most so many microseconds for something to be due, and does
// it.
void host_run_loop(struct w2c_host *host, int64_t microseconds);

// Holds SIGPIPE back in this thread: writing to a connection whose other side is gone raises it, which would
// end Falco. For libraries that do not write with MSG_NOSIGNAL; the host's handling of it is left alone. To
// be released in the same thread.
struct pipe_guard {
    sigset_t before;
    bool was_pending;
};
struct pipe_guard host_hold_pipe(void);
void host_release_pipe(const struct pipe_guard *guard);

// In http_server.c, tls.c, inflate.c, watch.c and web.c.
void http_server_free(void *server);
void http_server_after_trap(struct w2c_host *host, void *server);
void tls_free(void *tls);
void inflate_free(void *stream);
void watch_free(void *watch);
void web_request_free(void *request);
// When its requests are gone.
void web_free(struct web *web);

// Keeps a sentence for problemText.
void host_problem(struct w2c_host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Copies a text to the WASM, as much as fits; its whole length.
uint32_t host_copy_text(struct w2c_host *host, const char *text, size_t length, uint32_t out,
                        uint32_t capacity);

void host_logf(struct w2c_host *host, int severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
