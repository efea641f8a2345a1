/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine may do to a process, on demand. Preloaded, this sets the wall clock back, lets no name be
 * resolved any more, and makes the disk refuse checkpoints, as the file says that FAULTS names: the test
 * writes there while the process runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults {
    int64_t clock_seconds; /* added to the wall clock */
    int64_t no_names;
    int64_t write_error; /* errno of each write at an offset, or 0 */
};

static const volatile struct faults *faults;

__attribute__((constructor)) static void map_faults(void) {
    const char *path = getenv("FAULTS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(*faults), PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        abort();
    close(file);
    faults = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    int result = (int)syscall(SYS_clock_gettime, clock, out);
    if (result == 0 && clock == CLOCK_REALTIME && faults)
        out->tv_sec += faults->clock_seconds;
    return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
    if (faults->no_names)
        return EAI_AGAIN;
    union {
        void *symbol;
        resolver *call;
    } real = {dlsym(RTLD_NEXT, "getaddrinfo")};
    return real.call(name, service, hints, out);
}

static ssize_t write_or_fail(int file, const void *bytes, size_t count, off_t offset) {
    if (faults->write_error != 0) {
        errno = (int)faults->write_error;
        return -1;
    }
    return syscall(SYS_pwrite64, file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return write_or_fail(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    return write_or_fail(file, bytes, count, offset);
}
