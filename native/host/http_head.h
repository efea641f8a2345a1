// SPDX-License-Identifier: Apache-2.0
// What was kept of a request's head.
#ifndef K8SAUDIT_HTTP_HEAD_H
#define K8SAUDIT_HTTP_HEAD_H

#include <stddef.h>

struct http_connection;

// Parts of the URL as sent; `query` is NULL when there is no question mark.
struct http_url {
    const char *path;
    size_t path_length;
    const char *query;
    size_t query_length;
};

void http_split_url(const struct http_connection *connection, struct http_url *url);

// The value of the first header with this name, in any case, without spaces behind it; NULL when it is
// absent.
const char *http_header(const struct http_connection *connection, const char *name, size_t name_length,
                        size_t *length);

#endif
