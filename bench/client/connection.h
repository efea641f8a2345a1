// SPDX-License-Identifier: Apache-2.0
// A kept connection to the webhook, plain or TLS, on which one request at a time is sent and answered.
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include "requests.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/** Bytes that an answer may have, with its headers. */
#define MAX_ANSWER 4096

typedef struct {
    int fd;
    SSL *ssl;               ///< NULL: plain
    const request *request; ///< what is being sent or answered; NULL: nothing
    size_t sent;
    size_t received;
    char answer[MAX_ANSWER + 1];
} connection;

/** What makes TLS connections trust the authority in this file of PEM. */
SSL_CTX *trust(const char *file);

/** Connects to this port of 127.0.0.1, with `tls` by TLS 1.3. What fails ends the program with a message. */
void connection_open(connection *c, int port, SSL_CTX *tls);

void connection_close(connection *c);

/** Begins to send. The request must stay as it is until the answer is there. */
void connection_send(connection *c, const request *r);

/**
 * Sends and receives what can be without waiting. An answer other than 200, and a broken connection, end the
 * program with a message.
 *
 * @return whether the answer is there
 */
bool connection_go_on(connection *c);

/** What poll is to wait for. */
short connection_events(const connection *c);

#endif
