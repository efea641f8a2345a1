// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include "die.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER "127.0.0.1"
/** In the order of kube-apiserver's, where the processor has instructions for AES. */
#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
/** Nothing can be sent or received without waiting. */
#define LATER (-1)

// --- opening ---

static void die_of_tls(const char *what) {
    char reason[256];
    ERR_error_string_n(ERR_peek_error(), reason, sizeof(reason));
    die("%s: %s", what, reason);
}

SSL_CTX *trust(const char *file) {
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || SSL_CTX_load_verify_locations(tls, file, NULL) != 1) {
        die_of_tls("the authority's certificate cannot be used");
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(tls, CIPHERS);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
    return tls;
}

static void shake_hands(connection *c, SSL_CTX *tls) {
    c->ssl = SSL_new(tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), SERVER) != 1) {
        die_of_tls("there is no TLS");
    }
    if (SSL_connect(c->ssl) != 1) {
        die_of_tls("the TLS handshake failed");
    }
}

void connection_open(connection *c, int port, SSL_CTX *tls) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int on = 1;
    *c = (connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        die("cannot connect to port %d of " SERVER ": %s", port, strerror(errno));
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    // BBR, the default of some machines, spaces out what is sent, and on loopback stalls for milliseconds.
    setsockopt(c->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", strlen("reno"));
    if (tls != NULL) {
        shake_hands(c, tls);
    }
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) {
        die("a socket cannot be made not to block: %s", strerror(errno));
    }
}

void connection_close(connection *c) {
    SSL_free(c->ssl);
    close(c->fd);
}

// --- bytes ---

/** Bytes that went or came, or LATER. */
static ssize_t moved_by_tls(const connection *c, int result) {
    if (result > 0) {
        return result;
    }
    const int error = SSL_get_error(c->ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        die_of_tls("the webhook has ended a TLS connection");
    }
    return LATER;
}

static ssize_t moved(ssize_t result) {
    if (result < 0 && (errno == EAGAIN || errno == EINTR)) {
        return LATER;
    }
    if (result <= 0) {
        die("the webhook has ended a connection: %s", result < 0 ? strerror(errno) : "it sends no more");
    }
    return result;
}

static ssize_t transmit(const connection *c, const uint8_t *data, size_t len) {
    if (c->ssl != NULL) {
        return moved_by_tls(c, SSL_write(c->ssl, data, (int)len));
    }
    return moved(send(c->fd, data, len, MSG_NOSIGNAL));
}

static ssize_t receive(const connection *c, char *out, size_t capacity) {
    if (c->ssl != NULL) {
        return moved_by_tls(c, SSL_read(c->ssl, out, (int)capacity));
    }
    return moved(recv(c->fd, out, capacity, 0));
}

// --- answers ---

/** The length of the body, from the headers. */
static size_t announced_length(const char *answer) {
    static const char name[] = "\r\ncontent-length:";
    const char *line = strcasestr(answer, name);
    if (line == NULL) {
        die("an answer has no Content-Length, and this client knows no other way to its end: %.200s", answer);
    }
    return strtoul(line + strlen(name), NULL, 10);
}

/** Whether all of the answer is there. */
static bool is_answered(const connection *c) {
    const char *body = strstr(c->answer, "\r\n\r\n");
    if (body == NULL) {
        if (c->received == MAX_ANSWER) {
            die("an answer has more than %d bytes of headers", MAX_ANSWER);
        }
        return false;
    }
    body += strlen("\r\n\r\n");
    const size_t length = announced_length(c->answer);
    if (length > (size_t)(c->answer + MAX_ANSWER - body)) {
        die("an answer has more than %d bytes", MAX_ANSWER);
    }
    if ((size_t)(c->answer + c->received - body) < length) {
        return false;
    }
    if (strncmp(c->answer, "HTTP/1.1 200 ", strlen("HTTP/1.1 200 ")) != 0) {
        die("the webhook did not answer 200, but %.*s: %s", (int)strcspn(c->answer, "\r\n"), c->answer, body);
    }
    return true;
}

// --- going on ---

void connection_send(connection *c, const request *r) {
    c->request = r;
    c->sent = 0;
    c->received = 0;
}

bool connection_go_on(connection *c) {
    while (c->sent < c->request->len) {
        const ssize_t count = transmit(c, c->request->data + c->sent, c->request->len - c->sent);
        if (count == LATER) {
            break;
        }
        c->sent += (size_t)count;
    }
    const ssize_t count = receive(c, c->answer + c->received, MAX_ANSWER - c->received);
    if (count == LATER) {
        return false;
    }
    c->received += (size_t)count;
    c->answer[c->received] = '\0';
    if (!is_answered(c)) {
        return false;
    }
    if (c->sent < c->request->len) {
        die("the webhook answered a request before it had all of it");
    }
    c->request = NULL;
    return true;
}

short connection_events(const connection *c) {
    if (c->request == NULL) {
        return 0;
    }
    return c->sent < c->request->len ? POLLIN | POLLOUT : POLLIN;
}
