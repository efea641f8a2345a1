// SPDX-License-Identifier: Apache-2.0
// Watching folders with inotify. What happened is not told, only that something did: a queue that ran over is
// then no special case.
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "host.h"
#include "k8saudit.h"

// What may mean new content: IN_ATTRIB for a file that may be read from now on.
#define WATCHED                                                                                              \
    (IN_CREATE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_CLOSE_WRITE |          \
     IN_DELETE_SELF | IN_MOVE_SELF)

struct watch {
    struct w2c_host *host;
    struct event *event;
    int fd;
    bool changed; // and counted in host->waiting
};

static void note_changes(struct watch *watch) {
    char events[4096];
    ssize_t count;
    do {
        count = read(watch->fd, events, sizeof(events));
        if (count > 0 && !watch->changed) {
            watch->changed = true;
            watch->host->waiting++;
        }
    } while (count > 0 || (count < 0 && errno == EINTR));
}

static void on_readable(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    note_changes(context);
}

void watch_free(void *object) {
    struct watch *watch = object;
    if (watch->event != NULL)
        event_free(watch->event);
    if (watch->changed)
        watch->host->waiting--;
    close(watch->fd);
    free(watch);
}

// -errno when the loop cannot tell of changes.
static int listen_to(struct watch *watch) {
    struct event_base *loop = host_loop(watch->host);
    if (loop == NULL)
        return -ENOMEM;
    watch->event = event_new(loop, watch->fd, EV_READ | EV_PERSIST, on_readable, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0)
        return -ENOMEM;
    return host_open_handle(watch->host, (struct handle){.kind = HANDLE_WATCH, .object = watch});
}

u32 w2c_host_watchOpen(struct w2c_host *host) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return (u32)-errno;
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        close(fd);
        return (u32)-ENOMEM;
    }
    watch->host = host;
    watch->fd = fd;
    int number = listen_to(watch);
    if (number < 0)
        watch_free(watch);
    return (u32)number;
}

u32 w2c_host_watchAdd(struct w2c_host *host, u32 number, u32 path, u32 length) {
    char name[PATH_MAX];
    const struct watch *watch = host_handle(host, number, HANDLE_WATCH)->object;
    if (!host_text(host, path, length, name, sizeof(name)))
        return (u32)-ENAMETOOLONG;
    return inotify_add_watch(watch->fd, name, WATCHED | IN_ONLYDIR) < 0 ? (u32)-errno : 0;
}

u32 w2c_host_watchTake(struct w2c_host *host, u32 number) {
    struct watch *watch = host_handle(host, number, HANDLE_WATCH)->object;
    // The loop does not run while there is enough to read.
    note_changes(watch);
    if (!watch->changed)
        return 0;
    watch->changed = false;
    host->waiting--;
    return 1;
}

void w2c_host_watchClose(struct w2c_host *host, u32 number) {
    struct handle *handle = host_handle(host, number, HANDLE_WATCH);
    watch_free(handle->object);
    handle->kind = HANDLE_FREE;
}
