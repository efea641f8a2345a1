// SPDX-License-Identifier: Apache-2.0
// Log, clocks, randomness, the wait of the event loop.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "k8saudit.h"

#define MAX_MESSAGE 4096
#define NANOSECONDS 1000000000ull

u64 w2c_host_memoryBase(struct w2c_host *host) {
    return (u64)(uintptr_t)host->memory->data;
}

void w2c_host_log(struct w2c_host *host, u32 severity, u32 text, u32 length) {
    char message[MAX_MESSAGE];
    const char *bytes = host_bytes(host, text, length);
    size_t size = length < sizeof(message) ? length : sizeof(message) - 1;
    for (size_t i = 0; i < size; i++) {
        // A log line stays a line, whatever a name in it holds.
        unsigned char byte = (unsigned char)bytes[i];
        message[i] = byte < 0x20 || byte == 0x7f ? ' ' : bytes[i];
    }
    message[size] = 0;
    host->log(host->log_context, (int)severity, message);
}

static u64 now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (u64)time.tv_sec * NANOSECONDS + (u64)time.tv_nsec;
}

u64 w2c_host_realtime(struct w2c_host *host) {
    (void)host;
    return now(CLOCK_REALTIME);
}

u64 w2c_host_monotonic(struct w2c_host *host) {
    (void)host;
    return now(CLOCK_MONOTONIC);
}

u32 w2c_host_errorText(struct w2c_host *host, u32 number, u32 out, u32 capacity) {
    char space[128];
    const char *text = strerror_r((int)number, space, sizeof(space));
    size_t length = strnlen(text, capacity);
    memcpy(host_bytes(host, out, capacity), text, length);
    return (u32)length;
}

u32 w2c_host_environmentText(struct w2c_host *host, u32 name, u32 name_length, u32 out, u32 capacity) {
    char variable[128];
    const char *value = NULL;
    if (host_text(host, name, name_length, variable, sizeof(variable)))
        value = getenv(variable);
    return value != NULL ? host_copy_text(host, value, strlen(value), out, capacity) : (u32)-1;
}

u32 w2c_host_problemText(struct w2c_host *host, u32 out, u32 capacity) {
    size_t length = strnlen(host->problem, capacity);
    return host_copy_text(host, host->problem, length, out, capacity);
}

void w2c_host_randomBytes(struct w2c_host *host, u32 out, u32 length) {
    uint8_t *bytes = host_bytes(host, out, length);
    for (u32 done = 0; done < length;) {
        ssize_t count = getrandom(bytes + done, length - done, 0);
        if (count < 0 && errno != EINTR)
            abort(); // predictable numbers would be worse; Linux has no such failure since 3.17
        done += count > 0 ? (u32)count : 0;
    }
}

void w2c_host_wait(struct w2c_host *host, u32 milliseconds) {
    if (host->loop == NULL) {
        usleep((useconds_t)milliseconds * 1000);
        return;
    }
    u64 time = now(CLOCK_MONOTONIC);
    const u64 deadline = time + (u64)milliseconds * 1000000;
    do {
        // Rounded up: the loop counts in microseconds.
        host_run_loop(host, host->waiting == 0 ? (int64_t)((deadline - time + 999) / 1000) : 0);
        time = now(CLOCK_MONOTONIC);
    } while (host->waiting == 0 && time < deadline);
}
