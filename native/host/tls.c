// SPDX-License-Identifier: Apache-2.0
// Makes TLS contexts out of PEM texts, and explains what is wrong with them. Handshakes and reading are in
// http_stream.c.
#include "tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host.h"
#include "k8saudit.h"

#define NANOSECONDS 1000000000ll
#define MAX_REASON 200
// Bytes of a client's certificates, which are kept before they are checked. OpenSSL would allow 100 KiB.
#define MAX_CLIENT_CERTIFICATES (32 * 1024)

// TlsOptions of assembly/host.ts.
struct tls_options {
    uint32_t certificate;
    uint32_t certificate_length;
    uint32_t key;
    uint32_t key_length;
    uint32_t client_ca;
    uint32_t client_ca_length;
};

struct tls {
    SSL_CTX *context;
    int64_t expires;
};

void tls_free(void *object) {
    struct tls *tls = object;
    SSL_CTX_free(tls->context);
    free(tls);
}

// Nothing of OpenSSL's may run when the host's process ends or the plugin is unloaded, and no file of the
// machine changes what we promise.
bool tls_start(void) {
    const uint64_t options = OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG;
    return OPENSSL_init_crypto(options, NULL) == 1 &&
           OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
                                OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                            NULL) == 1;
}

// The reason of the oldest error in OpenSSL's queue, which is emptied.
static const char *openssl_reason(char *out, size_t capacity) {
    unsigned long error = ERR_get_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;
    snprintf(out, capacity, "%s", reason != NULL ? reason : "unknown reason");
    ERR_clear_error();
    return out;
}

// --- PEM ---

// Instead of asking on the terminal; `asked` says that the key is encrypted.
static int no_password(char *buffer, int size, int writing, void *asked) {
    (void)buffer;
    (void)size;
    (void)writing;
    if (asked != NULL)
        *(bool *)asked = true;
    return -1;
}

// Whether the last PEM_read found no further object, which is how a file ends. Empties the queue.
static bool was_end_of_pem(void) {
    unsigned long error = ERR_peek_last_error();
    bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (end)
        ERR_clear_error();
    return end;
}

static void format_time(const ASN1_TIME *time, char *out, size_t capacity) {
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1 || strftime(out, capacity, "%Y-%m-%d %H:%M UTC", &parts) == 0)
        snprintf(out, capacity, "an unreadable time");
}

static int check_times(struct w2c_host *host, const X509 *certificate) {
    char when[32];
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
        format_time(X509_get0_notAfter(certificate), when, sizeof(when));
        host_problem(host, "the certificate ended on %s", when);
        return -EINVAL;
    }
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        format_time(X509_get0_notBefore(certificate), when, sizeof(when));
        host_problem(host, "the certificate is not valid before %s", when);
        return -EINVAL;
    }
    return 0;
}

// The certificates behind the first one.
static int use_chain(struct w2c_host *host, SSL_CTX *context, BIO *text) {
    char reason[MAX_REASON];
    X509 *next;
    while ((next = PEM_read_bio_X509(text, NULL, no_password, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            host_problem(host, "the certificate's chain cannot be used: %s",
                         openssl_reason(reason, sizeof(reason)));
            return -EINVAL;
        }
    }
    if (was_end_of_pem())
        return 0;
    host_problem(host, "the certificate's chain is damaged: %s", openssl_reason(reason, sizeof(reason)));
    return -EINVAL;
}

static int use_certificate(struct w2c_host *host, struct tls *tls, BIO *text) {
    char reason[MAX_REASON];
    X509 *certificate = PEM_read_bio_X509_AUX(text, NULL, no_password, NULL);
    if (certificate == NULL) {
        if (was_end_of_pem())
            host_problem(host, "there is no certificate in PEM");
        else
            host_problem(host, "the certificate is damaged: %s", openssl_reason(reason, sizeof(reason)));
        return -EINVAL;
    }
    struct tm end;
    int result = check_times(host, certificate);
    if (result == 0 && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1)
        tls->expires = (int64_t)timegm(&end) * NANOSECONDS;
    if (result == 0 && SSL_CTX_use_certificate(tls->context, certificate) != 1) {
        host_problem(host, "the certificate cannot be used: %s", openssl_reason(reason, sizeof(reason)));
        result = -EINVAL;
    }
    X509_free(certificate);
    return result == 0 ? use_chain(host, tls->context, text) : result;
}

// Whether there is a key of any kind; OpenSSL's error is the same for none and for a damaged one.
static bool has_key(BIO *text) {
    static const char mark[] = "PRIVATE KEY-----";
    char *bytes;
    long length = BIO_get_mem_data(text, &bytes);
    return length > 0 && memmem(bytes, (size_t)length, mark, sizeof(mark) - 1) != NULL;
}

static int use_key(struct w2c_host *host, SSL_CTX *context, BIO *text) {
    char reason[MAX_REASON];
    bool asked = false;
    if (!has_key(text)) {
        host_problem(host, "there is no key in PEM");
        return -EINVAL;
    }
    EVP_PKEY *key = PEM_read_bio_PrivateKey(text, NULL, no_password, &asked);
    if (key == NULL) {
        if (asked)
            host_problem(host, "the key is protected by a password, which is not supported");
        else
            host_problem(host, "the key is damaged: %s", openssl_reason(reason, sizeof(reason)));
        ERR_clear_error();
        return -EINVAL;
    }
    int result = 0;
    if (X509_check_private_key(SSL_CTX_get0_certificate(context), key) != 1) {
        host_problem(host, "the key does not belong to the certificate");
        result = -EINVAL;
    } else if (SSL_CTX_use_PrivateKey(context, key) != 1) {
        host_problem(host, "the key cannot be used: %s", openssl_reason(reason, sizeof(reason)));
        result = -EINVAL;
    }
    ERR_clear_error();
    EVP_PKEY_free(key);
    return result;
}

static int add_authorities(struct w2c_host *host, SSL_CTX *context, BIO *text) {
    char reason[MAX_REASON];
    int count = 0;
    X509 *authority;
    while ((authority = PEM_read_bio_X509_AUX(text, NULL, no_password, NULL)) != NULL) {
        bool added = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1 &&
                     SSL_CTX_add_client_CA(context, authority) == 1;
        X509_free(authority);
        if (!added) {
            host_problem(host, "a certificate of the client CA cannot be used: %s",
                         openssl_reason(reason, sizeof(reason)));
            return -EINVAL;
        }
        count++;
    }
    if (!was_end_of_pem()) {
        host_problem(host, "a certificate of the client CA is damaged: %s",
                     openssl_reason(reason, sizeof(reason)));
        return -EINVAL;
    }
    if (count == 0) {
        host_problem(host, "the client CA holds no certificate in PEM");
        return -EINVAL;
    }
    return 0;
}

// A client without a certificate gets in here: whether that is allowed depends on what it asks for. Nothing
// of a session is kept, so that a new CA counts at the next connection.
static int ask_clients(struct w2c_host *host, SSL_CTX *context, BIO *text) {
    int result = add_authorities(host, context, text);
    if (result != 0)
        return result;
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return 0;
}

// --- contexts ---

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned int offered_length, void *context) {
    static const unsigned char http[] = "\x08http/1.1\x08http/1.0";
    (void)ssl;
    (void)context;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_length, http, sizeof(http) - 1, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(void) {
    static const unsigned char session_context[] = "k8saudit-ts";
    SSL_CTX *context = tls_start() ? SSL_CTX_new(TLS_server_method()) : NULL;
    if (context == NULL)
        return NULL;
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // A read is one record: a client that sends nothing but changes of its keys does not hold up the others.
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_max_cert_list(context, MAX_CLIENT_CERTIFICATES);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

// A PEM text and what is done with it.
static int read_pem(struct w2c_host *host, const void *bytes, uint32_t length, struct tls *tls,
                    int (*use)(struct w2c_host *, struct tls *, BIO *)) {
    BIO *text = length <= INT_MAX ? BIO_new_mem_buf(length > 0 ? bytes : "", (int)length) : NULL;
    if (text == NULL) {
        host_problem(host, "there is no memory");
        return -ENOMEM;
    }
    int result = use(host, tls, text);
    BIO_free(text);
    return result;
}

static int use_key_of(struct w2c_host *host, struct tls *tls, BIO *text) {
    return use_key(host, tls->context, text);
}

static int ask_clients_of(struct w2c_host *host, struct tls *tls, BIO *text) {
    return ask_clients(host, tls->context, text);
}

u32 w2c_host_tlsOpen(struct w2c_host *host, u32 at) {
    struct tls_options options;
    memcpy(&options, host_bytes(host, at, sizeof(options)), sizeof(options));
    const void *certificate = host_bytes(host, options.certificate, options.certificate_length);
    const void *key = host_bytes(host, options.key, options.key_length);
    const void *client_ca = host_bytes(host, options.client_ca, options.client_ca_length);
    host_problem(host, "there is no memory");
    struct tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return (u32)-ENOMEM;
    tls->context = make_context();
    int result = tls->context != NULL ? 0 : -ENOMEM;
    if (result == 0)
        result = read_pem(host, certificate, options.certificate_length, tls, use_certificate);
    if (result == 0)
        result = read_pem(host, key, options.key_length, tls, use_key_of);
    if (result == 0 && options.client_ca_length > 0)
        result = read_pem(host, client_ca, options.client_ca_length, tls, ask_clients_of);
    if (result == 0)
        result = host_open_handle(host, (struct handle){.kind = HANDLE_TLS, .object = tls});
    if (result < 0)
        tls_free(tls);
    return (u32)result;
}

u64 w2c_host_tlsExpires(struct w2c_host *host, u32 number) {
    return (u64)((struct tls *)host_handle(host, number, HANDLE_TLS)->object)->expires;
}

void w2c_host_tlsClose(struct w2c_host *host, u32 number) {
    struct handle *handle = host_handle(host, number, HANDLE_TLS);
    tls_free(handle->object);
    handle->kind = HANDLE_FREE;
}

SSL_CTX *tls_context(struct w2c_host *host, uint32_t handle) {
    if (handle == 0)
        return NULL;
    SSL_CTX *context = ((struct tls *)host_handle(host, handle, HANDLE_TLS)->object)->context;
    SSL_CTX_up_ref(context);
    return context;
}

// --- of a connection ---

// Adds `prefix` and a name as a line, unless control characters in it could forge another line.
static void add_name(FILE *out, const char *prefix, const ASN1_STRING *name) {
    unsigned char *text;
    int length = ASN1_STRING_to_UTF8(&text, name);
    if (length < 0) {
        ERR_clear_error();
        return;
    }
    bool is_plain = true;
    for (int i = 0; i < length && is_plain; i++)
        is_plain = text[i] >= 0x20 && text[i] != 0x7f;
    if (is_plain)
        fprintf(out, "%s%.*s\n", prefix, length, (const char *)text);
    OPENSSL_free(text);
}

static void add_common_names(FILE *out, const X509 *certificate) {
    const X509_NAME *subject = X509_get_subject_name(certificate);
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        add_name(out, "CN=", X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static void add_alternative_names(FILE *out, const X509 *certificate) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        const char *prefix = type == GEN_DNS     ? "DNS:"
                             : type == GEN_URI   ? "URI:"
                             : type == GEN_EMAIL ? "email:"
                                                 : NULL;
        if (prefix != NULL)
            add_name(out, prefix, value);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}

char *tls_client_names(const SSL *ssl) {
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    char *text = NULL;
    size_t length = 0;
    if (certificate == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return NULL;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    add_common_names(out, certificate);
    add_alternative_names(out, certificate);
    // Half a list, for want of memory, is none.
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

void tls_explain(const SSL *ssl, char *out, size_t capacity) {
    unsigned long error = ERR_peek_error();
    long checked = SSL_get_verify_result(ssl);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST)
        snprintf(out, capacity, "the client speaks HTTP without TLS");
    else if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        snprintf(out, capacity, "the client's certificate is refused: %s",
                 X509_verify_cert_error_string(checked));
    else if (error == 0)
        snprintf(out, capacity, "the client left during the TLS handshake");
    else
        openssl_reason(out, capacity);
    ERR_clear_error();
}
