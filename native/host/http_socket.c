// SPDX-License-Identifier: Apache-2.0
// Sockets that listen: on an address, on all of them, or on a path.
#include "http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
// Where HttpOptions says that the address is a path.
#define PORT_OF_PATH (-1)

// The errno of a failure, with its text as the problem; `fd` is closed.
static int failed(struct w2c_host *host, int fd) {
    int error = errno;
    host_problem(host, "%s", strerror(error));
    if (fd >= 0)
        close(fd);
    return -error;
}

// --- addresses ---

static int listen_on(struct w2c_host *host, const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failed(host, fd);
    const int on = 1;
    const int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    // An answer is one small packet that the API server waits for; accepted sockets inherit this.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return failed(host, fd);
    return fd;
}

// Without an address: all of IPv6 and IPv4, or of IPv4 alone where there is no IPv6.
static int listen_by_name(struct w2c_host *host, const char *name, int port) {
    char service[8];
    snprintf(service, sizeof(service), "%d", port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(name[0] != 0 ? name : "::", service, &hints, &found);
    int fd = -EADDRNOTAVAIL;
    if (result != 0) {
        host_problem(host, "%s", gai_strerror(result));
    } else {
        for (const struct addrinfo *address = found; address != NULL && fd < 0; address = address->ai_next)
            fd = listen_on(host, address);
        freeaddrinfo(found);
    }
    if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && name[0] == 0)
        return listen_by_name(host, "0.0.0.0", port);
    return fd;
}

int http_port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    if (address.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
    return 0;
}

// --- paths ---

static bool is_served(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; // better not to take anything away
    bool is_refused =
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 && errno == ECONNREFUSED;
    close(fd);
    return !is_refused;
}

// Takes away the socket file that a process left behind when it was killed. 0 or -errno and the problem.
static int remove_stale(struct w2c_host *host, const struct sockaddr_un *address) {
    struct stat stat;
    if (lstat(address->sun_path, &stat) != 0)
        return errno == ENOENT ? 0 : failed(host, -1);
    if (!S_ISSOCK(stat.st_mode)) {
        host_problem(host, "there is a file that is not a socket");
        return -EEXIST;
    }
    if (is_served(address)) {
        host_problem(host, "another process listens there");
        return -EADDRINUSE;
    }
    return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : failed(host, -1);
}

static int listen_on_path(struct w2c_host *host, const char *path, uint32_t mode) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address.sun_path)) {
        host_problem(host, "the path of a Unix socket has 1 to %zu bytes", sizeof(address.sun_path) - 1);
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, length);
    int result = remove_stale(host, &address);
    if (result != 0)
        return result;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        return failed(host, fd);
    // Nobody can connect before listen, so nobody slips in before the permissions are set.
    if (chmod(path, (mode_t)mode & 0777) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        unlink(path);
        errno = error;
        return failed(host, fd);
    }
    return fd;
}

void http_note_path(struct http_server *server) {
    struct stat stat;
    if (server->options.port == PORT_OF_PATH && lstat(server->address, &stat) == 0) {
        server->device = stat.st_dev;
        server->inode = stat.st_ino;
    }
}

void http_remove_path(const struct http_server *server) {
    struct stat stat;
    if (server->options.port == PORT_OF_PATH && lstat(server->address, &stat) == 0 &&
        stat.st_dev == server->device && stat.st_ino == server->inode)
        unlink(server->address);
}

int http_listen(struct w2c_host *host, const char *address, int port, uint32_t mode) {
    return port == PORT_OF_PATH ? listen_on_path(host, address, mode) : listen_by_name(host, address, port);
}
