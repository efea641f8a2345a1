// SPDX-License-Identifier: Apache-2.0
// What is said when something is wrong, and how to see it again.
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static checker *crashing;

/** There only in a build with a sanitizer. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void say_where(const checker *c) {
    if (c == NULL) {
        fprintf(stderr, "fuzz: FINDING: after the last round, when everything was destroyed\n");
        return;
    }
    fprintf(stderr, "fuzz: in round %lu of seed %lu; to see it again: --seed %lu --from %lu --iterations 1\n",
            (unsigned long)c->round, (unsigned long)c->seed, (unsigned long)c->seed, (unsigned long)c->round);
    if (c->dump == NULL || c->input == NULL) {
        return;
    }
    char path[4096];
    snprintf(path, sizeof(path), "%s/finding-%lu-%lu.json", c->dump, (unsigned long)c->seed,
             (unsigned long)c->round);
    if (bytes_write_file(c->input, path)) {
        fprintf(stderr, "fuzz: its input (%zu bytes) is in %s\n", c->input->len, path);
    } else {
        fprintf(stderr, "fuzz: cannot write %s: %s\n", path, strerror(errno));
    }
}

void finding(checker *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "fuzz: FINDING: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    say_where(c);
    // Not exit(): the plugin is still open, which would be reported as a leak.
    _exit(1);
}

static void on_death(void) {
    say_where(crashing);
}

// Not async-signal-safe, but the process is lost anyway, and the report is worth the try.
static void on_signal(int number) {
    fprintf(stderr, "fuzz: FINDING: %s\n",
            number == SIGALRM ? "a round does not come to its end" : strsignal(number));
    say_where(crashing);
    _exit(1);
}

void finding_after_run(void) {
    crashing = NULL;
}

void finding_on_crash(checker *c) {
    crashing = c;
    // A stack of its own, for the case that the plugin has used up the other one.
    static uint8_t memory[65536];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    static const int deadly[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    // AddressSanitizer reports crashes better than we could, and UBSan ends with SIGABRT, if fuzz.mjs runs
    // this.
    const size_t ours = __sanitizer_set_death_callback == NULL ? sizeof(deadly) / sizeof(deadly[0]) : 2;
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(on_death);
    } else {
        sigaltstack(&stack, NULL);
    }
    for (size_t i = 0; i < ours; i++) {
        sigaction(deadly[i], &action, NULL);
    }
}
