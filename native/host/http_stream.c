// SPDX-License-Identifier: Apache-2.0
// Bytes of a connection, through TLS or not. OpenSSL writes only while the loop runs, where SIGPIPE is held
// back.
#include "http.h"

#include <errno.h>
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

static ssize_t plain_result(ssize_t count) {
    if (count >= 0)
        return count;
    return errno == EAGAIN || errno == EINTR || errno == EWOULDBLOCK ? IO_LATER : IO_CLOSED;
}

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
