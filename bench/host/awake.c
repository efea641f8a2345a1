// SPDX-License-Identifier: Apache-2.0
// The mode that keeps a processor from sleeping.
#include "modes.h"

#include "die.h"
#include "result.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

static volatile sig_atomic_t is_over;

static void end(int signal) {
    (void)signal;
    is_over = 1;
}

void mode_awake(const bench_options *options) {
    const struct sched_param none = {0};
    (void)options;
    // It must not go on for ever, whatever becomes of who started it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, end);
    // Everything else comes first: a process that wakes up has the processor at once.
    if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) {
        die("cannot run at idle priority: %s", strerror(errno));
    }
    while (!is_over) {
    }
    result_begin("awake", NULL);
    result_end();
}
