// SPDX-License-Identifier: Apache-2.0
// Made-up JSON values and words for mutate.c.
#include "mutate.h"

#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const words[] = {
    "kind",
    "items",
    "auditID",
    "stage",
    "stageTimestamp",
    "requestReceivedTimestamp",
    "timestamp",
    "verb",
    "user",
    "username",
    "groups",
    "impersonatedUser",
    "objectRef",
    "resource",
    "subresource",
    "namespace",
    "name",
    "requestURI",
    "requestObject",
    "responseObject",
    "responseStatus",
    "code",
    "reason",
    "annotations",
    "cluster_name",
    "authorization.k8s.io/decision",
    "sourceIPs",
    "userAgent",
    "spec",
    "template",
    "metadata",
    "containers",
    "initContainers",
    "ephemeralContainers",
    "image",
    "command",
    "args",
    "securityContext",
    "privileged",
    "runAsUser",
    "runAsGroup",
    "capabilities",
    "add",
    "ports",
    "hostPort",
    "containerPort",
    "procMount",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "volumes",
    "hostPath",
    "path",
    "flexVolume",
    "driver",
    "rules",
    "verbs",
    "apiGroups",
    "resources",
    "nonResourceURLs",
    "subjects",
    "roleRef",
    "data",
    "type",
    "supplementalGroups",
    "allowPrivilegeEscalation",
    "readOnlyRootFilesystem",
    "message",
    "authentication.openshift.io/decision",
    "pod-security.kubernetes.io/audit-violations",
    "validation.policy.admission.k8s.io/validation_failure",
    "fsGroup",
    "limit",
    "container",
    "/etc",
    "/*",
    "*",
    "",
    "[",
    "x]y",
    "%2e",
    "__proto__",
    "\xc3\xa9",
    "\xff",
};

static const char *const scalars[] = {
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[[]]",
    "[{}]",
    "{\"\":{}}",
    "0",
    "-0",
    "-1",
    "1e3",
    "1E+400",
    "-1e-400",
    "1.0",
    "9007199254740993",
    "18446744073709551616",
    "0x10",
    "01",
    "1.",
    ".5",
    "+1",
    "NaN",
    "tru",
    "nul",
    "-",
    "1e",
    "\"\"",
    "\"a:b:c@sha256:d\"",
    "\"reg:5000/a/b:1\"",
    "\":\"",
    "\"@\"",
    "\"/\"",
    "\"/etc/\"",
    "\"/api?name=%zz&name=%\"",
    "\"/api?a=b;c=d&&=&%00=+\"",
    "\"http://[::1\"",
    "\"?name\"",
    "\"#?name=a\"",
    "\"2018-10-25T13:58:49.736141Z\"",
    "\"2018-02-30T25:61:61.9999999999999999999+99:99\"",
    "\"9999-12-31T23:59:60-23:59\"",
    "\"0000-00-00T00:00:00Z\"",
    "\"1969-12-31T23:59:59.999999999Z\"",
    "\"2018-10-25t13:58:49z\"",
    "\"2018-10-25T13:58:49.Z\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\ude00\\ud83d\"",
    "\"\\ud83d\\u0041\"",
    "\"\\q\"",
    "\"\\u12\"",
    "\"\\",
    "\"\\u00e9\\/\\b\\f\\n\\r\\t\\\\\\\"\"",
    "\"\xc3\x28\"",
    "\"\xed\xa0\x80\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xff\"",
    "\"\xf0\x9f\x98\x80\"",
    "\"tab\there\"",
    "[1,\"a\",null,{\"name\":5},[]]",
    "{\"name\":{\"name\":null}}",
    "{\"kind\":\"EventList\",\"items\":[{}]}",
    "{\"kind\":\"User\",\"name\":\"u\"}",
    "[[\"a\"],{\"add\":\"x\"}]",
};

const char *odd_word(prng *r) {
    return words[prng_below(r, COUNT(words))];
}

static void append_digits(prng *r, bytes *out) {
    const size_t digits = prng_one_in(r, 16) ? prng_between(r, 300, 5000) : prng_between(r, 1, 40);
    for (size_t i = 0; i < digits; i++) {
        const uint8_t digit = (uint8_t)('0' + prng_below(r, 10));
        bytes_add(out, &digit, 1);
    }
    if (prng_one_in(r, 3)) {
        bytes_add_text(out, prng_one_in(r, 2) ? "e" : ".");
        bytes_fill(out, '7', prng_between(r, 1, 20));
    }
}

static void append_long_string(mutator *m, bytes *out) {
    static const char *const units[] = {"a",  "\\n",  "\\u00e9", "\xc3\xa9", "\\ud800", "/",
                                        "a,", "\\\\", " ",       "%41",      "&name="};
    prng *r = m->random;
    const char *unit = units[prng_below(r, COUNT(units))];
    const size_t most = prng_one_in(r, 64) ? 65600 : 2000;
    bytes_add_text(out, "\"");
    for (size_t n = prng_below(r, most) / strlen(unit); n > 0 && out->len < m->largest; n--) {
        bytes_add_text(out, unit);
    }
    bytes_add_text(out, "\"");
}

static void append_nesting(mutator *m, bytes *out) {
    prng *r = m->random;
    const size_t most = prng_one_in(r, 256) ? 30000 : prng_one_in(r, 8) ? 1200 : 40;
    const size_t depth = prng_between(r, 1, most);
    const bool objects = prng_one_in(r, 2);
    for (size_t i = 0; i < depth && out->len < m->largest; i++) {
        bytes_add_text(out, objects ? "{\"a\":" : "[");
    }
    bytes_add_text(out, "1");
    bytes_fill(out, objects ? '}' : ']', prng_one_in(r, 8) ? prng_below(r, depth) : depth);
}

/** An array of equal elements, as long as a pod's or a role's lists could be made. */
static void append_long_list(mutator *m, bytes *out) {
    prng *r = m->random;
    const size_t count = prng_one_in(r, 64) ? prng_between(r, 1000, 5000) : prng_between(r, 1, 40);
    const char *element = scalars[prng_below(r, COUNT(scalars))];
    bytes_add_text(out, "[");
    for (size_t i = 0; i < count && out->len < m->largest; i++) {
        bytes_add_text(out, i == 0 ? "" : ",");
        bytes_add_text(out, element);
    }
    bytes_add_text(out, "]");
}

void append_odd_value(mutator *m, bytes *out) {
    prng *r = m->random;
    switch (prng_below(r, 16)) {
    case 0:
        append_digits(r, out);
        break;
    case 1:
        append_long_string(m, out);
        break;
    case 2:
        append_nesting(m, out);
        break;
    case 3:
        append_long_list(m, out);
        break;
    case 4:
        bytes_add_text(out, "\"");
        bytes_add_text(out, odd_word(r));
        bytes_add_text(out, "\"");
        break;
    default:
        bytes_add_text(out, scalars[prng_below(r, COUNT(scalars))]);
    }
}
