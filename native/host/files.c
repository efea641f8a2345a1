// SPDX-License-Identifier: Apache-2.0
// Reading files and directories.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "k8saudit.h"

// FileStat and FileKind of assembly/host.ts.
struct file_stat {
    int64_t size;
    int64_t modified;
    uint64_t device;
    uint64_t inode;
    uint32_t kind;
};
enum { KIND_OTHER, KIND_REGULAR, KIND_DIRECTORY };

u32 w2c_host_fileOpen(struct w2c_host *host, u32 path, u32 length) {
    char name[PATH_MAX];
    if (!host_text(host, path, length, name, sizeof(name)))
        return negative(ENAMETOOLONG);
    // Not blocking: a path may turn out to be a pipe without a writer. Regular files do not care.
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return negative(errno);
    struct stat stat;
    int error = fstat(fd, &stat) != 0   ? errno
                : S_ISDIR(stat.st_mode) ? EISDIR
                : S_ISREG(stat.st_mode) ? 0
                                        : EINVAL;
    int number = error != 0 ? -error : host_open_handle(host, (struct handle){.kind = HANDLE_FILE, .fd = fd});
    if (number < 0)
        close(fd);
    return (u32)number;
}

u32 w2c_host_fileRead(struct w2c_host *host, u32 file, u32 out, u32 capacity) {
    int fd = host_handle(host, file, HANDLE_FILE)->fd;
    ssize_t count;
    do {
        count = read(fd, host_bytes(host, out, capacity), capacity);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? negative(errno) : (u32)count;
}

u32 w2c_host_fileReadAt(struct w2c_host *host, u32 file, u64 offset, u32 out, u32 capacity) {
    int fd = host_handle(host, file, HANDLE_FILE)->fd;
    ssize_t count;
    do {
        count = pread(fd, host_bytes(host, out, capacity), capacity, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? negative(errno) : (u32)count;
}

u32 w2c_host_fileSeek(struct w2c_host *host, u32 file, u64 offset) {
    int fd = host_handle(host, file, HANDLE_FILE)->fd;
    return lseek(fd, (off_t)offset, SEEK_SET) < 0 ? negative(errno) : 0;
}

static u32 write_stat(struct w2c_host *host, u32 out, const struct stat *stat) {
    struct file_stat result = {
        .size = stat->st_size,
        .modified = (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec,
        .device = stat->st_dev,
        .inode = stat->st_ino,
        .kind = S_ISREG(stat->st_mode)   ? KIND_REGULAR
                : S_ISDIR(stat->st_mode) ? KIND_DIRECTORY
                                         : KIND_OTHER,
    };
    size_t size = offsetof(struct file_stat, kind) + sizeof(result.kind);
    memcpy(host_bytes(host, out, (u32)size), &result, size);
    return 0;
}

u32 w2c_host_fileStat(struct w2c_host *host, u32 path, u32 length, u32 out) {
    char name[PATH_MAX];
    struct stat result;
    if (!host_text(host, path, length, name, sizeof(name)))
        return negative(ENAMETOOLONG);
    return stat(name, &result) != 0 ? negative(errno) : write_stat(host, out, &result);
}

u32 w2c_host_fileStatOpen(struct w2c_host *host, u32 file, u32 out) {
    struct stat result;
    int fd = host_handle(host, file, HANDLE_FILE)->fd;
    return fstat(fd, &result) != 0 ? negative(errno) : write_stat(host, out, &result);
}

void w2c_host_fileClose(struct w2c_host *host, u32 file) {
    struct handle *handle = host_handle(host, file, HANDLE_FILE);
    close(handle->fd);
    handle->kind = HANDLE_FREE;
}

u32 w2c_host_dirOpen(struct w2c_host *host, u32 path, u32 length) {
    char name[PATH_MAX];
    if (!host_text(host, path, length, name, sizeof(name)))
        return negative(ENAMETOOLONG);
    DIR *dir = opendir(name);
    if (dir == NULL)
        return negative(errno);
    int number = host_open_handle(host, (struct handle){.kind = HANDLE_DIRECTORY, .object = dir});
    if (number < 0)
        closedir(dir);
    return (u32)number;
}

u32 w2c_host_dirNext(struct w2c_host *host, u32 number, u32 out, u32 capacity) {
    DIR *dir = host_handle(host, number, HANDLE_DIRECTORY)->object;
    const struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL)
            return negative(errno);
    } while (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    size_t length = strlen(entry->d_name);
    if (length > capacity)
        return negative(ENAMETOOLONG);
    memcpy(host_bytes(host, out, capacity), entry->d_name, length);
    return (u32)length;
}

void w2c_host_dirClose(struct w2c_host *host, u32 number) {
    struct handle *handle = host_handle(host, number, HANDLE_DIRECTORY);
    closedir(handle->object);
    handle->kind = HANDLE_FREE;
}
