// SPDX-License-Identifier: Apache-2.0
// libcurl in libevent's loop: curl says for which sockets and until when it waits, the loop says when
// something is due.
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "web.h"

// Connections that are open at once, and those of them that are kept when nothing goes over them.
#define MAX_CONNECTIONS 32L
#define MAX_IDLE_CONNECTIONS 8L

struct web {
    struct w2c_host *host;
    CURLM *multi;
    struct event *timer;
};

// --- what has ended ---

static enum web_failure failure_of(CURLcode code) {
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return WEB_NAME;
    case CURLE_COULDNT_CONNECT:
        return WEB_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return WEB_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return WEB_TIME;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return WEB_CUT;
    default:
        return WEB_OTHER;
    }
}

static void finish(struct web_request *request, CURLcode code) {
    const char *problem = curl_easy_strerror(code);
    if (code == CURLE_OK && !request->has_head) {
        code = CURLE_PARTIAL_FILE;
        problem = "The connection ended within the headers";
    }
    request->phase = code == CURLE_OK ? WEB_COMPLETE : WEB_FAILED;
    request->failure = code == CURLE_OK ? WEB_NO_FAILURE : failure_of(code);
    if (code != CURLE_OK && request->problem[0] == 0)
        strncpy(request->problem, problem, sizeof(request->problem) - 1);
    web_news(request);
}

static void collect_ended(struct web *web) {
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(web->multi, &left)) != NULL) {
        struct web_request *request = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode code = message->data.result;
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request) == CURLE_OK)
            finish(request, code);
    }
}

void web_news(struct web_request *request) {
    if (request->has_news)
        return;
    request->has_news = true;
    request->host->waiting++;
}

// --- the loop ---

// curl writes without raising SIGPIPE; c-ares, when it asks by TCP, does not.
static void act(struct web *web, curl_socket_t fd, int what) {
    int running;
    const struct pipe_guard guard = host_hold_pipe();
    curl_multi_socket_action(web->multi, fd, what, &running);
    host_release_pipe(&guard);
    collect_ended(web);
}

static void on_socket(evutil_socket_t fd, short what, void *context) {
    const int readable = (what & EV_READ) != 0 ? CURL_CSELECT_IN : 0;
    const int writable = (what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
    act(context, fd, readable | writable);
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

// curl says for what it waits at a socket; `socket_event` is what was made for it before, or NULL.
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_event) {
    (void)easy;
    struct web *web = context;
    struct event *event = socket_event;
    if (event != NULL)
        event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        const short reading = (what & CURL_POLL_IN) != 0 ? EV_READ : 0;
        const short writing = (what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0;
        event = event_new(web->host->loop, fd, (short)(reading | writing | EV_PERSIST), on_socket, web);
        // Without memory the request runs into its time.
        if (event != NULL && event_add(event, NULL) != 0) {
            event_free(event);
            event = NULL;
        }
    }
    curl_multi_assign(web->multi, fd, event);
    return 0;
}

static int watch_time(CURLM *multi, long milliseconds, void *context) {
    (void)multi;
    struct web *web = context;
    if (milliseconds < 0) {
        event_del(web->timer);
    } else {
        const struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
        event_add(web->timer, &time);
    }
    return 0;
}

// --- beginning and end ---

void web_free(struct web *web) {
    if (web == NULL)
        return;
    const struct pipe_guard guard = host_hold_pipe();
    if (web->multi != NULL) {
        curl_multi_cleanup(web->multi);
        curl_global_cleanup();
    }
    host_release_pipe(&guard);
    if (web->timer != NULL)
        event_free(web->timer);
    free(web);
}

static bool start(struct web *web) {
    struct event_base *loop = host_loop(web->host);
    if (loop == NULL)
        return false;
    web->timer = event_new(loop, -1, 0, on_timer, web);
    // Counted by libcurl, which has a lock for it: each client of this process takes part.
    if (web->timer == NULL || curl_global_init(CURL_GLOBAL_SSL) != CURLE_OK)
        return false;
    web->multi = curl_multi_init();
    if (web->multi == NULL) {
        curl_global_cleanup();
        return false;
    }
    curl_multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web);
    curl_multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION, watch_time);
    curl_multi_setopt(web->multi, CURLMOPT_TIMERDATA, web);
    curl_multi_setopt(web->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, MAX_CONNECTIONS);
    curl_multi_setopt(web->multi, CURLMOPT_MAXCONNECTS, MAX_IDLE_CONNECTIONS);
    return true;
}

CURLM *web_multi(struct w2c_host *host) {
    if (host->web == NULL) {
        struct web *web = calloc(1, sizeof(*web));
        if (web == NULL)
            return NULL;
        web->host = host;
        if (!start(web)) {
            web_free(web);
            return NULL;
        }
        host->web = web;
    }
    return host->web->multi;
}
