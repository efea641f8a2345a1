// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sinsp_host {

/**
 * Appends `value` to `out` as a JSON string with its quotes.
 * Bytes that are not UTF-8 become U+FFFD, one for each byte, so the line is always valid JSON.
 */
void append_json_string(std::string &out, std::string_view value);

/** Replaces every byte of `value` that is not part of valid UTF-8 by U+FFFD. */
std::string sanitize_utf8(std::string_view value);

/** `nanoseconds` since the epoch as RFC 3339 in UTC, always with nine digits: 2024-05-01T10:00:00.000000001Z.
 */
std::string rfc3339(uint64_t nanoseconds);

/** `fraction` with at most three decimals and no exponent, as JSON wants it. */
std::string json_number(double value);

} // namespace sinsp_host
