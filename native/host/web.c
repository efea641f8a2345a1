// SPDX-License-Identifier: Apache-2.0
// What the WASM sees of the HTTP client.
#include "web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "k8saudit.h"
#include "tls.h"

#define ABSENT ((u32)-1)
#define MAX_URL 8192
#define MAX_HEADERS (64 * 1024)
#define MAX_TEXT 4096
#define MAX_BODY (1024 * 1024)
#define MAX_WINDOW (64u * 1024 * 1024)
// Bytes of one read.
#define READ_SIZE (64L * 1024)

// WebRequest, WebStatus and WebMethod of assembly/host.ts.
struct text {
    uint32_t at;
    uint32_t length;
};

struct web_options {
    uint32_t method;
    struct text url;
    struct text headers;
    struct text body;
    struct text authorities;
    struct text signing;
    struct text key_id;
    struct text secret;
    uint32_t window;
    uint32_t connect_time;
    uint32_t total_time;
    uint32_t idle_time;
    uint32_t is_direct;
};

struct web_status {
    uint32_t phase;
    uint32_t status;
    uint32_t failure;
    uint32_t available;
};

static const char *const METHODS[] = {"GET", "PUT", "POST", "PATCH", "DELETE"};

// --- what comes in ---

// Room for `length` bytes behind the body, by moving what was not read to the front or by growing.
static bool make_room(struct web_request *request, size_t length) {
    if (request->capacity - request->end >= length)
        return true;
    const size_t kept = request->end - request->start;
    if (request->start > 0)
        memmove(request->body, request->body + request->start, kept);
    request->start = 0;
    request->end = kept;
    if (request->capacity - kept >= length)
        return true;
    const size_t capacity = kept + length > 2 * request->capacity ? kept + length : 2 * request->capacity;
    char *body = realloc(request->body, capacity);
    if (body == NULL)
        return false;
    request->body = body;
    request->capacity = capacity;
    return true;
}

// Called by curl, which calls again with the same bytes after a pause.
static size_t take_body(const char *bytes, size_t size, size_t count, void *context) {
    struct web_request *request = context;
    const size_t length = size * count;
    if (request->end - request->start >= request->window) {
        request->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    // Anything but the length fails the request, without memory for its answer.
    if (!make_room(request, length))
        return 0;
    memcpy(request->body + request->end, bytes, length);
    request->end += length;
    request->phase = WEB_BODY;
    web_news(request);
    return length;
}

// Called by curl for each line of a head, with its end, and of what may follow a body in chunks. There may be
// several heads: a proxy's, and 100 Continue.
static size_t note_head(const char *line, size_t size, size_t count, void *context) {
    struct web_request *request = context;
    const size_t length = size * count;
    if (length > 5 && memcmp(line, "HTTP/", 5) == 0)
        request->has_head = false;
    else if (length > 0 && length <= 2 && line[length - 1] == '\n')
        request->has_head = true;
    return length;
}

// --- beginning ---

// A text of the WASM as a NUL-terminated copy, to be freed; NULL, with the host's problem, when it is too
// long, holds a NUL, or there is no memory.
static char *copy(struct w2c_host *host, struct text text, size_t most, const char *what) {
    char *out = text.length < most ? malloc(text.length + 1) : NULL;
    if (out == NULL || !host_text(host, text.at, text.length, out, text.length + 1)) {
        host_problem(host, "%s cannot be sent", what);
        free(out);
        return NULL;
    }
    return out;
}

// Sets an option to a copy of a text; an empty one is left out.
static bool set_text(struct w2c_host *host, CURL *easy, CURLoption option, struct text text,
                     const char *what) {
    if (text.length == 0)
        return true;
    char *value = copy(host, text, MAX_TEXT, what);
    const bool done = value != NULL && curl_easy_setopt(easy, option, value) == CURLE_OK;
    free(value);
    return done;
}

// The lines of the headers, each as an item of the list that curl wants.
static bool set_headers(struct web_request *request, struct text text) {
    char *lines = copy(request->host, text, MAX_HEADERS, "a header");
    if (lines == NULL)
        return false;
    bool done = true;
    char *rest = lines;
    for (char *line = strsep(&rest, "\n"); done && line != NULL; line = strsep(&rest, "\n")) {
        if (*line == 0)
            continue;
        struct curl_slist *longer =
            strchr(line, '\r') == NULL ? curl_slist_append(request->headers, line) : NULL;
        done = longer != NULL;
        if (done)
            request->headers = longer;
        else
            host_problem(request->host, "a header cannot be sent");
    }
    free(lines);
    return done && curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers) == CURLE_OK;
}

static bool set_body(struct web_request *request, const struct web_options *options) {
    CURL *easy = request->easy;
    if (options->method >= sizeof(METHODS) / sizeof(METHODS[0]) || options->body.length > MAX_BODY) {
        host_problem(request->host, "there is no such method, or the body is too long");
        return false;
    }
    // A GET is curl's own; a body would make it something else.
    if (options->method == 0)
        return true;
    const void *body = host_bytes(request->host, options->body.at, options->body.length);
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)options->body.length) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, METHODS[options->method]) == CURLE_OK;
}

static bool set_signing(struct web_request *request, const struct web_options *options) {
    struct w2c_host *host = request->host;
    if (options->signing.length == 0)
        return true;
    return set_text(host, request->easy, CURLOPT_AWS_SIGV4, options->signing, "the signature's scope") &&
           set_text(host, request->easy, CURLOPT_USERNAME, options->key_id, "the access key's id") &&
           set_text(host, request->easy, CURLOPT_PASSWORD, options->secret, "the secret key");
}

static void set_rest(struct web_request *request, const struct web_options *options) {
    CURL *easy = request->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->problem);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, note_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_SIZE);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "k8saudit-ts");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    // Signals are the host's.
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_time);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->total_time);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, ((long)options->idle_time + 999) / 1000);
    if (options->is_direct != 0)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

static bool prepare(struct web_request *request, const struct web_options *options) {
    struct w2c_host *host = request->host;
    char *url = copy(host, options->url, MAX_URL, "the URL");
    const bool has_url = url != NULL && curl_easy_setopt(request->easy, CURLOPT_URL, url) == CURLE_OK;
    free(url);
    set_rest(request, options);
    return has_url && set_headers(request, options->headers) && set_body(request, options) &&
           set_text(host, request->easy, CURLOPT_CAINFO, options->authorities, "the authorities' path") &&
           set_signing(request, options);
}

void web_request_free(void *object) {
    struct web_request *request = object;
    if (request->has_news)
        request->host->waiting--;
    if (request->easy != NULL) {
        // A connection that is closed here is told so.
        const struct pipe_guard guard = host_hold_pipe();
        curl_multi_remove_handle(web_multi(request->host), request->easy);
        curl_easy_cleanup(request->easy);
        host_release_pipe(&guard);
    }
    curl_slist_free_all(request->headers);
    free(request->body);
    free(request);
}

static int begin(struct web_request *request, CURLM *multi, const struct web_options *options) {
    request->easy = curl_easy_init();
    if (request->easy == NULL)
        return -ENOMEM;
    if (!prepare(request, options))
        return -EINVAL;
    const struct pipe_guard guard = host_hold_pipe();
    const CURLMcode added = curl_multi_add_handle(multi, request->easy);
    host_release_pipe(&guard);
    if (added != CURLM_OK)
        return -ENOMEM;
    return host_open_handle(request->host, (struct handle){.kind = HANDLE_WEB_REQUEST, .object = request});
}

u32 w2c_host_webSend(struct w2c_host *host, u32 at) {
    struct web_options options;
    memcpy(&options, host_bytes(host, at, sizeof(options)), sizeof(options));
    // Before anything is made: what is not in the memory traps.
    const struct text texts[] = {options.url,     options.headers, options.body,  options.authorities,
                                 options.signing, options.key_id,  options.secret};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        host_bytes(host, texts[i].at, texts[i].length);
    host_problem(host, "there is no memory");
    if (!tls_start())
        return negative(ENOMEM);
    CURLM *multi = web_multi(host);
    struct web_request *request = multi != NULL ? calloc(1, sizeof(*request)) : NULL;
    if (request == NULL)
        return negative(ENOMEM);
    request->host = host;
    request->window = options.window < MAX_WINDOW ? options.window : MAX_WINDOW;
    const int number = begin(request, multi, &options);
    if (number < 0)
        web_request_free(request);
    return (u32)number;
}

// --- while it goes on ---

static struct web_request *request_of(struct w2c_host *host, u32 number) {
    return host_handle(host, number, HANDLE_WEB_REQUEST)->object;
}

void w2c_host_webStatus(struct w2c_host *host, u32 number, u32 out) {
    struct web_request *request = request_of(host, number);
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    const struct web_status described = {
        .phase = request->phase,
        .status = request->phase == WEB_WAITING ? 0 : (uint32_t)status,
        .failure = request->failure,
        .available = (uint32_t)(request->end - request->start),
    };
    memcpy(host_bytes(host, out, sizeof(described)), &described, sizeof(described));
    if (request->has_news)
        host->waiting--;
    request->has_news = false;
}

u32 w2c_host_webRead(struct w2c_host *host, u32 number, u32 out, u32 capacity) {
    struct web_request *request = request_of(host, number);
    const size_t kept = request->end - request->start;
    const size_t length = kept < capacity ? kept : capacity;
    char *place = host_bytes(host, out, capacity);
    if (length > 0)
        memcpy(place, request->body + request->start, length);
    request->start += length;
    if (request->start == request->end)
        request->start = request->end = 0;
    if (request->is_paused && request->end - request->start < request->window) {
        request->is_paused = false;
        const struct pipe_guard guard = host_hold_pipe();
        curl_easy_pause(request->easy, CURLPAUSE_CONT);
        host_release_pipe(&guard);
    }
    return (u32)length;
}

u32 w2c_host_webHeader(struct w2c_host *host, u32 number, u32 name, u32 name_length, u32 out, u32 capacity) {
    const struct web_request *request = request_of(host, number);
    char wanted[128];
    struct curl_header *header;
    if (!host_text(host, name, name_length, wanted, sizeof(wanted)) || request->phase == WEB_WAITING)
        return ABSENT;
    // The last of those with this name: the first one says how many there are.
    if (curl_easy_header(request->easy, wanted, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        curl_easy_header(request->easy, wanted, header->amount - 1, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return ABSENT;
    return host_copy_text(host, header->value, strlen(header->value), out, capacity);
}

u32 w2c_host_webProblem(struct w2c_host *host, u32 number, u32 out, u32 capacity) {
    const struct web_request *request = request_of(host, number);
    return host_copy_text(host, request->problem, strnlen(request->problem, capacity), out, capacity);
}

void w2c_host_webClose(struct w2c_host *host, u32 number) {
    struct handle *handle = host_handle(host, number, HANDLE_WEB_REQUEST);
    handle->kind = HANDLE_FREE;
    web_request_free(handle->object);
}
