// SPDX-License-Identifier: Apache-2.0
// Asks native/host's HTTP client as the WASM does, without the WASM: commands come in on stdin, a line each,
// their parts separated by tabs; what came of each is said on stdout. SIGPIPE is left at its default.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "k8saudit.h"

#define MEMORY_SIZE (16u * 1024 * 1024)
#define MAX_PARTS 16
// Where in the memory a command's structure, its texts, and what comes back stand.
#define STRUCTURE 64u
#define TEXTS 4096u
#define OUTPUT (8u * 1024 * 1024)
#define SHOWN 256

// Declared by k8saudit.h, too, for the imports that the WASM has.
u32 w2c_host_webSend(struct w2c_host *, u32);
void w2c_host_webStatus(struct w2c_host *, u32, u32);
u32 w2c_host_webRead(struct w2c_host *, u32, u32, u32);
u32 w2c_host_webHeader(struct w2c_host *, u32, u32, u32, u32, u32);
u32 w2c_host_webProblem(struct w2c_host *, u32, u32, u32);
void w2c_host_webClose(struct w2c_host *, u32);
u32 w2c_host_environmentText(struct w2c_host *, u32, u32, u32, u32);

static wasm_rt_memory_t memory = {.size = MEMORY_SIZE};
static struct w2c_host host = {.memory = &memory};

static void print_log(void *context, int severity, const char *message) {
    (void)context;
    printf("log %d %s\n", severity, message);
}

// Takes \n, \t and \\ in place; the length.
static size_t unescape(char *text) {
    char *out = text;
    for (const char *in = text; *in != 0; in++) {
        if (*in == '\\' && in[1] != 0) {
            in++;
            *out++ = *in == 'n' ? '\n' : *in == 't' ? '\t' : *in == '0' ? '\0' : *in == 'r' ? '\r' : *in;
        } else {
            *out++ = *in;
        }
    }
    return (size_t)(out - text);
}

static void store(uint32_t index, uint32_t value) {
    memcpy(memory.data + STRUCTURE + 4 * index, &value, sizeof(value));
}

// method url headers body authorities signing key secret | window connect total idle direct
static void send_request(char **parts) {
    uint32_t at = TEXTS;
    store(0, (uint32_t)atoi(parts[1]));
    for (uint32_t i = 0; i < 7; i++) {
        const size_t length = unescape(parts[2 + i]);
        memcpy(memory.data + at, parts[2 + i], length);
        store(1 + 2 * i, at);
        store(2 + 2 * i, (uint32_t)length);
        at += (uint32_t)length;
    }
    for (uint32_t i = 0; i < 5; i++)
        store(15 + i, (uint32_t)strtoul(parts[9 + i], NULL, 10));
    const int32_t number = (int32_t)w2c_host_webSend(&host, STRUCTURE);
    if (number > 0)
        printf("%d\n", number);
    else
        printf("%d %s\n", number, host.problem);
}

static void show_status(uint32_t number) {
    uint32_t facts[4];
    w2c_host_webStatus(&host, number, OUTPUT);
    memcpy(facts, memory.data + OUTPUT, sizeof(facts));
    printf("%" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", facts[0], facts[1], facts[2], facts[3]);
}

// The count, the sum of all bytes (FNV-1a), and the first bytes.
static void read_body(uint32_t number, uint32_t capacity) {
    const uint32_t count = w2c_host_webRead(&host, number, OUTPUT, capacity);
    printf("%" PRIu32 " %.*s\n", count, (int)(count < SHOWN ? count : SHOWN),
           (const char *)memory.data + OUTPUT);
}

// Reads until the request has ended, a part of at most `capacity` bytes after the other; bytes and their sum.
static void drain(uint32_t number, uint32_t capacity) {
    uint64_t sum = 0xcbf29ce484222325u;
    uint64_t total = 0;
    uint32_t facts[4];
    do {
        w2c_host_wait(&host, 10);
        w2c_host_webStatus(&host, number, OUTPUT);
        memcpy(facts, memory.data + OUTPUT, sizeof(facts));
        uint32_t count;
        while ((count = w2c_host_webRead(&host, number, OUTPUT, capacity)) > 0) {
            for (uint32_t i = 0; i < count; i++)
                sum = (sum ^ memory.data[OUTPUT + i]) * 0x100000001b3u;
            total += count;
        }
    } while (facts[0] < 2);
    printf("%" PRIu32 " %" PRIu64 " %016" PRIx64 "\n", facts[0], total, sum);
}

static void show_text(int32_t length) {
    if (length < 0)
        puts("-");
    else
        printf("=%.*s\n", (int)length, (const char *)memory.data + OUTPUT);
}

static void show_header(uint32_t number, const char *name) {
    const size_t length = strlen(name);
    memcpy(memory.data + TEXTS, name, length);
    show_text((int32_t)w2c_host_webHeader(&host, number, TEXTS, (uint32_t)length, OUTPUT, SHOWN));
}

static void show_variable(const char *name) {
    const size_t length = strlen(name);
    memcpy(memory.data + TEXTS, name, length);
    show_text((int32_t)w2c_host_environmentText(&host, TEXTS, (uint32_t)length, OUTPUT, SHOWN));
}

static void run(char **parts) {
    const char *command = parts[0];
    const uint32_t number = parts[1] != NULL ? (uint32_t)strtoul(parts[1], NULL, 10) : 0;
    if (strcmp(command, "send") == 0) {
        send_request(parts);
    } else if (strcmp(command, "wait") == 0) {
        w2c_host_wait(&host, number);
        printf("%u\n", host.waiting);
    } else if (strcmp(command, "status") == 0) {
        show_status(number);
    } else if (strcmp(command, "read") == 0) {
        read_body(number, (uint32_t)strtoul(parts[2], NULL, 10));
    } else if (strcmp(command, "drain") == 0) {
        drain(number, (uint32_t)strtoul(parts[2], NULL, 10));
    } else if (strcmp(command, "header") == 0) {
        show_header(number, parts[2]);
    } else if (strcmp(command, "problem") == 0) {
        show_text((int32_t)w2c_host_webProblem(&host, number, OUTPUT, SHOWN));
    } else if (strcmp(command, "environment") == 0) {
        show_variable(parts[1]);
    } else if (strcmp(command, "close") == 0) {
        w2c_host_webClose(&host, number);
        puts("closed");
    } else if (strcmp(command, "trap") == 0) {
        host_after_trap(&host);
        puts("trapped");
    } else {
        puts("?");
    }
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    memory.data = calloc(1, MEMORY_SIZE);
    host.log = print_log;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (getline(&line, &capacity, stdin) > 0) {
        char *parts[MAX_PARTS] = {NULL};
        line[strcspn(line, "\n")] = 0;
        char *rest = line;
        for (int i = 0; i < MAX_PARTS && rest != NULL; i++)
            parts[i] = strsep(&rest, "\t");
        run(parts);
    }
    host_free(&host);
    free(line);
    free(memory.data);
    return 0;
}
