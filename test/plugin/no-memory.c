/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded, this lets each Nth allocation fail that the plugin itself asks for, OpenSSL and libevent in it
 * included. N is the first number in the file that NO_MEMORY names; 0: none fails. Libraries of the process
 * get what they ask for.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct request {
    int64_t every;
    /* Written here: how many have failed. */
    int64_t failed;
};

static volatile struct request *request;
static uint64_t count;
static uintptr_t first_address, last_address;
static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);

__attribute__((constructor)) static void map_request(void) {
    const char *path = getenv("NO_MEMORY");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped =
        file < 0 ? MAP_FAILED : mmap(NULL, sizeof(*request), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        abort();
    close(file);
    request = mapped;
}

static int find_plugin(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    if (strstr(info->dlpi_name, "libk8saudit-ts.so") == NULL)
        return 0;
    first_address = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > last_address)
            last_address = end;
    }
    return 1;
}

static int fails(const void *caller) {
    if (request == NULL || request->every == 0)
        return 0;
    if (last_address == 0)
        dl_iterate_phdr(find_plugin, NULL);
    if ((uintptr_t)caller < first_address || (uintptr_t)caller >= last_address)
        return 0;
    if (++count % (uint64_t)request->every != 0)
        return 0;
    request->failed++;
    errno = ENOMEM;
    return 1;
}

static void *next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

void *malloc(size_t size) {
    if (real_malloc == NULL)
        *(void **)&real_malloc = next("malloc");
    return fails(__builtin_return_address(0)) ? NULL : real_malloc(size);
}

void *calloc(size_t number, size_t size) {
    if (real_calloc == NULL)
        *(void **)&real_calloc = next("calloc");
    return fails(__builtin_return_address(0)) ? NULL : real_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    if (real_realloc == NULL)
        *(void **)&real_realloc = next("realloc");
    return fails(__builtin_return_address(0)) ? NULL : real_realloc(old, size);
}
