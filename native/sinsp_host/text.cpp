// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <cmath>
#include <cstdio>
#include <ctime>

namespace sinsp_host {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool is_continuation(unsigned char byte) {
    return (byte & 0xC0) == 0x80;
}

/** Bytes of the UTF-8 sequence that starts with `first`, or 0 if none does (RFC 3629, section 4). */
size_t length_from_first(unsigned char first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return 2;
    }
    if ((first & 0xF0) == 0xE0) {
        return 3;
    }
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/** Bytes of the UTF-8 sequence at the start of `text`, which is not empty, or 0 if there is none. */
size_t utf8_length(std::string_view text) {
    const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const size_t length = length_from_first(first);
    if (length < 2 || text.size() < length) {
        return length == 1 ? 1 : 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(byte(i))) {
            return 0;
        }
    }
    // Overlong forms, surrogates and code points above U+10FFFF.
    const unsigned char second = byte(1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
        return 0;
    }
    return length;
}

void append_escaped_ascii(std::string &out, char c) {
    switch (c) {
    case '"':
        out += "\\\"";
        return;
    case '\\':
        out += "\\\\";
        return;
    case '\n':
        out += "\\n";
        return;
    case '\r':
        out += "\\r";
        return;
    case '\t':
        out += "\\t";
        return;
    default:
        break;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
        char escape[8];
        snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
        out += escape;
    } else {
        out += c;
    }
}

} // namespace

void append_json_string(std::string &out, std::string_view value) {
    out += '"';
    for (size_t i = 0; i < value.size();) {
        const size_t length = utf8_length(value.substr(i));
        if (length == 0) {
            out += replacement;
            i++;
        } else if (length == 1) {
            append_escaped_ascii(out, value[i]);
            i++;
        } else {
            out += value.substr(i, length);
            i += length;
        }
    }
    out += '"';
}

std::string sanitize_utf8(std::string_view value) {
    std::string out;
    out.reserve(value.size());
    for (size_t i = 0; i < value.size();) {
        const size_t length = utf8_length(value.substr(i));
        if (length == 0) {
            out += replacement;
            i++;
        } else {
            out += value.substr(i, length);
            i += length;
        }
    }
    return out;
}

std::string rfc3339(uint64_t nanoseconds) {
    const time_t seconds = static_cast<time_t>(nanoseconds / 1000000000);
    struct tm parts = {};
    gmtime_r(&seconds, &parts);
    char day[32];
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
    char text[48];
    snprintf(text, sizeof(text), "%s.%09uZ", day, static_cast<unsigned>(nanoseconds % 1000000000));
    return text;
}

std::string json_number(double value) {
    if (!std::isfinite(value)) {
        return "null";
    }
    char text[64];
    snprintf(text, sizeof(text), "%.3f", value);
    return text;
}

} // namespace sinsp_host
