// SPDX-License-Identifier: Apache-2.0
// Files that last over the end of the process: the only ones that are written to.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "k8saudit.h"

// Writes all of it; 0 or an errno.
static int write_all(int fd, const char *bytes, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t count = pwrite(fd, bytes, length, offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? errno : ENOSPC;
        bytes += count;
        length -= (size_t)count;
        offset += count;
    }
    return 0;
}

// Written, not only reserved: a full disk shows now rather than at the first state.
static int write_zeros(int fd, size_t size) {
    static const char zeros[4096];
    int error = 0;
    for (size_t at = 0; at < size && error == 0; at += sizeof(zeros)) {
        size_t length = size - at < sizeof(zeros) ? size - at : sizeof(zeros);
        error = write_all(fd, zeros, length, (off_t)at);
    }
    return error;
}

static void make_folder_of(char *path) {
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return;
    *slash = 0;
    mkdir(path, 0700); // what is wrong with the folder shows when the file is opened
    *slash = '/';
}

// An errno when this is no file to keep state in, or another process has it.
static int prepare(int fd, size_t size) {
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return errno;
    if (!S_ISREG(stat.st_mode))
        return EINVAL;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno;
    if (stat.st_size != 0)
        return 0;
    int error = write_zeros(fd, size);
    // Without the room that it needs it stays as it was, or the next start would take it for one that has it.
    if (error != 0 && ftruncate(fd, 0) != 0)
        return errno;
    return error;
}

u32 w2c_host_stateOpen(struct w2c_host *host, u32 path, u32 length, u32 size) {
    char name[PATH_MAX];
    if (!host_text(host, path, length, name, sizeof(name)))
        return negative(ENAMETOOLONG);
    make_folder_of(name);
    // No links: where others may write to the folder, one could lead to any file.
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW, 0600);
    if (fd < 0)
        return negative(errno);
    int error = prepare(fd, size);
    int number =
        error != 0 ? -error : host_open_handle(host, (struct handle){.kind = HANDLE_STATE, .fd = fd});
    if (number < 0)
        close(fd);
    return (u32)number;
}

u32 w2c_host_stateRead(struct w2c_host *host, u32 state, u32 offset, u32 out, u32 capacity) {
    int fd = host_handle(host, state, HANDLE_STATE)->fd;
    char *bytes = host_bytes(host, out, capacity);
    size_t done = 0;
    while (done < capacity) {
        ssize_t count = pread(fd, bytes + done, capacity - done, (off_t)offset + (off_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return negative(errno);
        if (count == 0)
            break;
        done += (size_t)count;
    }
    return (u32)done;
}

u32 w2c_host_stateWrite(struct w2c_host *host, u32 state, u32 offset, u32 bytes, u32 length) {
    int fd = host_handle(host, state, HANDLE_STATE)->fd;
    return negative(write_all(fd, host_bytes(host, bytes, length), length, (off_t)offset));
}

u32 w2c_host_stateSync(struct w2c_host *host, u32 state) {
    int fd = host_handle(host, state, HANDLE_STATE)->fd;
    int result;
    do {
        result = fdatasync(fd);
    } while (result != 0 && errno == EINTR);
    return result != 0 ? negative(errno) : 0;
}

void w2c_host_stateClose(struct w2c_host *host, u32 state) {
    struct handle *handle = host_handle(host, state, HANDLE_STATE);
    close(handle->fd);
    handle->kind = HANDLE_FREE;
}
