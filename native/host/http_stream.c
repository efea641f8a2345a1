// SPDX-License-Identifier: Apache-2.0
// Bytes of a connection, through TLS or not. Writing to a connection whose client is gone would raise
// SIGPIPE, which ends Falco: each write says that it must not. The host's handling of signals is left alone.
#include "http.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

static ssize_t tls_result(struct http_connection *connection, int result, bool writing) {
    int error = SSL_get_error(connection->ssl, result);
    connection->tls_wants_read = writing && error == SSL_ERROR_WANT_READ;
    connection->tls_wants_write = !writing && error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return IO_LATER;
    bool is_end = error == SSL_ERROR_ZERO_RETURN;
    ERR_clear_error();
    return is_end && !writing ? 0 : IO_CLOSED;
}

static int socket_of(BIO *bio) {
    return (int)(intptr_t)BIO_get_data(bio);
}

static ssize_t plain_result(ssize_t count) {
    if (count >= 0)
        return count;
    return errno == EAGAIN || errno == EINTR || errno == EWOULDBLOCK ? IO_LATER : IO_CLOSED;
}

// --- the socket, as OpenSSL sees it ---

// OpenSSL's own writes without MSG_NOSIGNAL.
static int write_socket(BIO *bio, const char *bytes, int length) {
    ssize_t count = plain_result(send(socket_of(bio), bytes, (size_t)length, MSG_NOSIGNAL));
    BIO_clear_retry_flags(bio);
    if (count == IO_LATER)
        BIO_set_retry_write(bio);
    return count < 0 ? -1 : (int)count;
}

static int read_socket(BIO *bio, char *out, int capacity) {
    ssize_t count = plain_result(recv(socket_of(bio), out, (size_t)capacity, 0));
    BIO_clear_retry_flags(bio);
    if (count == IO_LATER)
        BIO_set_retry_read(bio);
    if (count == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return count < 0 ? -1 : (int)count;
}

static long control_socket(BIO *bio, int command, long number, void *place) {
    (void)number;
    (void)place;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1; // nothing is kept back
    case BIO_CTRL_EOF:
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:
        return 0;
    }
}

BIO_METHOD *http_socket_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket without signals");
    if (method == NULL || BIO_meth_set_write(method, write_socket) != 1 ||
        BIO_meth_set_read(method, read_socket) != 1 || BIO_meth_set_ctrl(method, control_socket) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

SSL *http_start_tls(struct http_server *server, int fd) {
    SSL *ssl = server->socket != NULL ? SSL_new(server->tls) : NULL;
    BIO *bio = ssl != NULL ? BIO_new(server->socket) : NULL;
    if (bio == NULL) {
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    SSL_set_bio(ssl, bio, bio);
    return ssl;
}

// --- what a connection does ---

ssize_t http_receive(struct http_connection *connection, char *out, size_t capacity) {
    // Behind the end of TLS there is nothing that counts.
    if (connection->ssl == NULL || connection->state == STATE_LINGERING)
        return plain_result(recv(connection->fd, out, capacity, 0));
    ERR_clear_error();
    connection->tls_wants_write = false;
    int count = SSL_read(connection->ssl, out, (int)capacity);
    return count > 0 ? count : tls_result(connection, count, false);
}

ssize_t http_transmit(struct http_connection *connection, const char *bytes, size_t length) {
    if (connection->ssl == NULL)
        return plain_result(send(connection->fd, bytes, length, MSG_NOSIGNAL));
    ERR_clear_error();
    connection->tls_wants_read = false;
    int count = SSL_write(connection->ssl, bytes, (int)length);
    return count > 0 ? count : tls_result(connection, count, true);
}

int http_handshake(struct http_connection *connection) {
    ERR_clear_error();
    connection->tls_wants_write = false;
    int result = SSL_accept(connection->ssl);
    if (result == 1)
        return 1;
    int error = SSL_get_error(connection->ssl, result);
    connection->tls_wants_write = error == SSL_ERROR_WANT_WRITE;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool http_has_buffered(const struct http_connection *connection) {
    return connection->ssl != NULL && SSL_has_pending(connection->ssl);
}

bool http_has_left(const struct http_connection *connection) {
    // The end of the client's direction alone is no event here: it may still wait for its answer.
    struct pollfd look = {.fd = connection->fd, .events = 0};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLERR | POLLHUP)) != 0;
}

void http_end_output(struct http_connection *connection) {
    if (connection->ssl != NULL && SSL_is_init_finished(connection->ssl)) {
        ERR_clear_error();
        SSL_shutdown(connection->ssl);
        ERR_clear_error();
    }
    shutdown(connection->fd, SHUT_WR);
}
