// SPDX-License-Identifier: Apache-2.0
// TLS for servers, by OpenSSL: what tls.c gives to the HTTP server.
#ifndef K8SAUDIT_TLS_H
#define K8SAUDIT_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct w2c_host;

// Makes OpenSSL ready: nothing of it runs when the host's process ends, and no file of the machine changes
// it.
bool tls_start(void);

// The context of a TLS handle, with a reference for the caller; NULL for handle 0. Traps for any other
// number.
SSL_CTX *tls_context(struct w2c_host *host, uint32_t handle);

// The names in the client's certificate, a line each, to be freed; NULL when there is no checked certificate
// or no memory.
char *tls_client_names(const SSL *ssl);

// In words, why the last operation on `ssl` in this thread failed. Forgets it.
void tls_explain(const SSL *ssl, char *out, size_t capacity);

#endif
