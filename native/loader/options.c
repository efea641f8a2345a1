// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool read_number(const char *text, uint64_t *number) {
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

void options_read(int argc, char **argv, int first, const option *options, size_t count,
                  void (*usage)(const char *problem, const char *what)) {
    for (int i = first; i < argc; i += 2) {
        const option *found = options;
        while (found < options + count && strcmp(argv[i], found->name) != 0) {
            found++;
        }
        if (found == options + count) {
            usage("there is no option ", argv[i]);
        } else if (i + 1 == argc) {
            usage("the last option lacks its value: ", argv[i]);
        } else if (found->text != NULL) {
            *found->text = argv[i + 1];
        } else if (!read_number(argv[i + 1], found->number)) {
            usage("a number is expected behind ", argv[i]);
        }
    }
}
