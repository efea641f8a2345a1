// SPDX-License-Identifier: Apache-2.0
// What libsinsp asks, as a text that bench/host replays (its trace.c reads it):
//
//   trace 1                    the form's version
//   plugin NAME VERSION        one or two lines: the source of the events, and the plugin that only extracts
//   ask FIELD[ARGUMENT]        a field that is asked from here on; they are numbered from 0 on
//   event NUMBER CALL CALL …   the calls for an event in their order, each as the number of what it asks
//   end EVENTS CALLS           how many there were
//
// Events that nothing is asked of have no line. The numbers of events are libsinsp's, from 1 on.
#ifndef RECORDER_CALLS_H
#define RECORDER_CALLS_H

#include "bytes.h"

#include <plugin/plugin_api.h>

#include <stdio.h>

/** Something that was asked: a field of one of the plugins, with its argument. */
typedef struct {
    const void *plugin;
    uint32_t field;
    bool has_argument;
    uint64_t index;
    char *key; ///< NULL: none
} asked;

typedef struct {
    const char *path;
    FILE *file;
    asked *all;
    size_t count;
    uint64_t event; ///< whose calls are in `line`; 0: none yet
    bytes line;
    uint64_t calls;
} calls;

/** Starts the file. One that cannot be written ends the program with a message. */
void calls_open(calls *c, const char *path);

void calls_add_plugin(calls *c, const char *name, const char *version);

/** Notes a call for an event. @param plugin who is asked; told apart by its address */
void calls_add(calls *c, uint64_t event, const void *plugin, const ss_plugin_extract_field *field);

/** Ends the file. @param events how many the source had; 0: as many as were asked something */
void calls_close(calls *c, uint64_t events);

#endif
