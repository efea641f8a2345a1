// SPDX-License-Identifier: Apache-2.0
// The HTTP client: what web.c and web_loop.c share. libcurl does the work within the host's event loop.
#ifndef K8SAUDIT_WEB_H
#define K8SAUDIT_WEB_H

#include <curl/curl.h>

#include "host.h"

// WebPhase and WebFailure of assembly/host.ts.
enum web_phase { WEB_WAITING, WEB_BODY, WEB_COMPLETE, WEB_FAILED };
enum web_failure {
    WEB_NO_FAILURE,
    WEB_NAME,
    WEB_CONNECT,
    WEB_TLS,
    WEB_TIME,
    WEB_CUT,
    WEB_OTHER,
};

struct web_request {
    struct w2c_host *host;
    CURL *easy;
    struct curl_slist *headers;
    enum web_phase phase;
    enum web_failure failure;
    // What webStatus was not asked for yet; counted in host->waiting.
    bool has_news;
    // The server waits until something is read.
    bool is_paused;
    // The empty line behind the answer's headers has come: to curl a head that is cut is a whole answer.
    bool has_head;
    // What has come of the body, from `start` to `end`.
    char *body;
    size_t start;
    size_t end;
    size_t capacity;
    size_t window;
    char problem[CURL_ERROR_SIZE];
};

// --- web_loop.c ---

// The host's client, made when first asked for; NULL without memory.
CURLM *web_multi(struct w2c_host *host);
// The request is over, or its connection is to be gone on with: lets the loop look.
void web_news(struct web_request *request);

#endif
