// SPDX-License-Identifier: Apache-2.0
// Three calls of the system for each request: one that waits, one that reads, one that answers.
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/** Milliseconds that next_batch waits for a request, as ours does. */
#define PATIENCE 30
#define MAX_REQUEST 65536
#define NONE (-1)

static struct {
    int loop;
    int listener;
    int client;
    size_t received;
    bool owes_answer;
    struct __attribute__((packed)) {
        event_head head;
        char bytes[MAX_REQUEST + 1];
    } request;
} webhook;

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n"
                             "Content-Length: 3\r\n"
                             "\r\n"
                             "ok\n";

static bool watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(webhook.loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool start(uint16_t port) {
    const int on = 1;
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    webhook.loop = epoll_create1(EPOLL_CLOEXEC);
    webhook.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    webhook.client = NONE;
    return webhook.loop >= 0 && webhook.listener >= 0 &&
           setsockopt(webhook.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           bind(webhook.listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           listen(webhook.listener, 16) == 0 && watch(webhook.listener);
}

static const char *open_webhook(const char *params) {
    unsigned port;
    if (sscanf(params, "http://127.0.0.1:%u", &port) != 1 || port == 0 || port > UINT16_MAX) {
        return "it wants http://127.0.0.1:PORT";
    }
    return start((uint16_t)port) ? NULL : strerror(errno);
}

static void drop_client(void) {
    if (webhook.client != NONE) {
        close(webhook.client);
    }
    webhook.client = NONE;
    webhook.received = 0;
    webhook.owes_answer = false;
}

static void close_webhook(void) {
    drop_client();
    close(webhook.listener);
    close(webhook.loop);
}

/** The one before is dropped: there is one at a time. */
static void accept_client(void) {
    const int client = accept4(webhook.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
        return;
    }
    drop_client();
    webhook.client = client;
    if (!watch(client)) {
        drop_client();
    }
}

/** Whether all of the request is there: its length stands in it. */
static bool is_complete(void) {
    static const char name[] = "\r\nContent-Length:";
    const char *bytes = webhook.request.bytes;
    const char *body = strstr(bytes, "\r\n\r\n");
    const char *line = strcasestr(bytes, name);
    if (body == NULL || line == NULL) {
        return false;
    }
    body += strlen("\r\n\r\n");
    return webhook.received >= (size_t)(body - bytes) + strtoul(line + strlen(name), NULL, 10);
}

static bool read_request(void) {
    char *bytes = webhook.request.bytes;
    const ssize_t count = recv(webhook.client, bytes + webhook.received, MAX_REQUEST - webhook.received, 0);
    if (count <= 0) {
        drop_client();
        return false;
    }
    webhook.received += (size_t)count;
    bytes[webhook.received] = '\0';
    return is_complete();
}

static bool poll_webhook(event_batch *batch) {
    struct epoll_event ready;
    if (webhook.owes_answer && send(webhook.client, answer, strlen(answer), MSG_NOSIGNAL) < 0) {
        drop_client();
    }
    webhook.owes_answer = false;
    if (epoll_wait(webhook.loop, &ready, 1, PATIENCE) <= 0) {
        return true;
    }
    if (ready.data.fd == webhook.listener) {
        accept_client();
    } else if (read_request()) {
        batch_add(batch, &webhook.request, webhook.received);
        webhook.received = 0;
        webhook.owes_answer = true;
    }
    return true;
}

const floor_source webhook_source = {open_webhook, poll_webhook, close_webhook};
