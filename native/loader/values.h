// SPDX-License-Identifier: Apache-2.0
// The values of an extracted field, whatever its type.
#ifndef LOADER_VALUES_H
#define LOADER_VALUES_H

#include <plugin/plugin_api.h>

#include <stddef.h>
#include <string.h>

/** Where a value begins. */
static inline const void *value_at(const ss_plugin_extract_field *field, uint64_t i) {
    switch (field->ftype) {
    case FTYPE_STRING:
        return field->res.str[i];
    case FTYPE_IPADDR:
    case FTYPE_IPNET:
        return field->res.buf[i].ptr;
    case FTYPE_BOOL:
        return &field->res.boolean[i];
    default:
        return &field->res.u64[i];
    }
}

/** Bytes of a value, a string's without its end. */
static inline size_t value_length(const ss_plugin_extract_field *field, uint64_t i) {
    switch (field->ftype) {
    case FTYPE_STRING:
        return strlen(field->res.str[i]);
    case FTYPE_IPADDR:
    case FTYPE_IPNET:
        return field->res.buf[i].len;
    case FTYPE_BOOL:
        return sizeof(ss_plugin_bool);
    default:
        return sizeof(uint64_t);
    }
}

#endif
