// SPDX-License-Identifier: Apache-2.0
// @ts-check

/**
 * What a build may know about its surroundings.
 *
 * @typedef {object} BuildContext
 * @property {string} prefix where the product is going to live (absolute)
 * @property {string} stage where `make install` has to put it: `<stage><prefix>/…`
 * @property {number} jobs how many compilers may run at once
 * @property {string} cflags flags for every compilation
 * @property {string[]} host options of configure that name another processor; empty for this machine's own
 * @property {string[]} search options of configure that say where Debian's static archives and headers for another
 *   processor are; empty for this machine's own
 */

/**
 * A command of a build, run in the unpacked source.
 *
 * @typedef {object} BuildCommand
 * @property {string} what as in "cannot <what>"
 * @property {string[]} argv
 * @property {Record<string, string>} [env] beside PATH, HOME and LC_ALL
 */

/**
 * A library that is built from Debian's source package, static and position-independent.
 *
 * @typedef {object} SourcePackage
 * @property {string} name of Debian's source package, and of the bootstrap step
 * @property {string} licence as an SPDX expression
 * @property {Record<string, string>} [files] path → text, written into the source before anything else
 * @property {(context: BuildContext) => BuildCommand[]} commands configure, build, install; a pure function, because
 *   what it returns is the recipe that decides whether to build anew
 * @property {string[]} archives file names in lib/ that are kept, in the order of linking
 * @property {string[]} headers paths in include/ that must be there
 * @property {string[]} links static libraries of the system that the archives need
 */

/**
 * Debian 12's glibc 2.36 declares arc4random, which would make the plugin need that glibc, and with the declaration in
 * sight libevent's own fallback (RC4, one state for all threads) does not compile. So libevent is told that
 * arc4random is there, and gets it on top of getrandom(2), which glibc has had since 2.25.
 */
const randomHeader = `/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

static inline void own_random_buf(void *buffer, size_t size) {
    unsigned char *next = buffer;
    while (size > 0) {
        ssize_t got = getrandom(next, size, 0);
        if (got < 0 && errno != EINTR) {
            abort(); /* predictable numbers would be worse */
        }
        if (got > 0) {
            next += got;
            size -= (size_t)got;
        }
    }
}

static inline uint32_t own_random(void) {
    uint32_t value;
    own_random_buf(&value, sizeof value);
    return value;
}

#define arc4random own_random
#define arc4random_buf own_random_buf
`;

/** Keeps make from running autoconf and automake, whose input Debian's patches have made newer than their output. */
const noRegeneration = ['AUTOCONF=:', 'AUTOMAKE=:', 'ACLOCAL=:', 'AUTOHEADER=:'];

/** @type {SourcePackage} */
const libevent = {
  name: 'libevent',
  licence: 'BSD-3-Clause',
  files: { 'own-random.h': randomHeader },
  commands: ({ prefix, stage, jobs, cflags, host }) => [
    {
      what: 'configure libevent',
      argv: [
        './configure',
        '--quiet',
        `--prefix=${prefix}`,
        `--libdir=${prefix}/lib`,
        '--disable-shared',
        '--enable-static',
        '--with-pic',
        // Loop and listener alone are used; TLS and HTTP are not libevent's here.
        '--disable-openssl',
        '--disable-samples',
        '--disable-libevent-regress',
        '--disable-debug-mode',
        // The plugin's event loop lives in one thread.
        '--disable-thread-support',
        '--disable-dependency-tracking',
        ...host,
        `CFLAGS=${cflags}`,
        'ac_cv_func_arc4random=yes',
        'ac_cv_func_arc4random_buf=yes',
        'ac_cv_func_arc4random_addrandom=no',
      ],
    },
    {
      what: 'compile libevent',
      argv: ['make', `-j${jobs}`, ...noRegeneration, 'CPPFLAGS=-include own-random.h'],
    },
    { what: 'install libevent', argv: ['make', 'install', `DESTDIR=${stage}`, ...noRegeneration] },
  ],
  archives: ['libevent_core.a'],
  headers: ['event2/event.h'],
  links: [],
};

/** What of curl the plugin has no use for: each would be code that strangers' bytes might reach. */
const curlWithout = [
  ...[
    'ftp',
    'file',
    'ldap',
    'ldaps',
    'rtsp',
    'dict',
    'telnet',
    'tftp',
    'pop3',
    'imap',
    'smb',
    'smtp',
    'gopher',
  ],
  ...[
    'mqtt',
    'manual',
    'libcurl-option',
    'ntlm',
    'tls-srp',
    'cookies',
    'doh',
    'mime',
    'netrc',
    'alt-svc',
    'hsts',
  ],
  ...['progress-meter', 'get-easy-options', 'unix-sockets', 'socketpair'],
].map((feature) => `--disable-${feature}`);

/** Libraries that configure would take if the machine happened to have them. */
const curlWithoutLibraries = [
  ...['zlib', 'brotli', 'zstd', 'libpsl', 'libgsasl', 'libidn2', 'nghttp2', 'librtmp', 'libssh2'],
  // Where the authorities' certificates are is looked for at run time: the plugin runs on many distributions.
  ...['ca-bundle', 'ca-path'],
].map((library) => `--without-${library}`);

/** @type {SourcePackage} */
const curl = {
  name: 'curl',
  licence: 'curl',
  commands: ({ prefix, stage, jobs, cflags, host, search }) => [
    {
      what: 'configure curl',
      argv: [
        './configure',
        '--quiet',
        `--prefix=${prefix}`,
        `--libdir=${prefix}/lib`,
        '--disable-shared',
        '--enable-static',
        '--with-pic',
        '--with-openssl',
        // No file of the machine's changes what OpenSSL does.
        '--disable-openssl-auto-load-config',
        // Names are resolved within the event loop: no threads, and nothing that waits when a server does not answer.
        '--enable-ares',
        '--disable-dependency-tracking',
        ...curlWithout,
        ...curlWithoutLibraries,
        ...host,
        ...search,
        `CFLAGS=${cflags}`,
        // What pkg-config finds is this machine's, and shared.
        'PKGCONFIG=no',
      ],
    },
    { what: 'compile curl', argv: ['make', `-j${jobs}`, '-C', 'lib', ...noRegeneration] },
    ...['lib', 'include'].map((folder) => ({
      what: `install curl's ${folder}`,
      argv: ['make', '-C', folder, 'install', `DESTDIR=${stage}`, ...noRegeneration],
    })),
  ],
  archives: ['libcurl.a'],
  headers: ['curl/curl.h'],
  links: ['libcares.a', 'libssl.a', 'libcrypto.a'],
};

/** Every library that comes from source, in the order in which they are built. */
export const sourcePackages = [libevent, curl];
