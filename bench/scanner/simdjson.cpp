// SPDX-License-Identifier: Apache-2.0
// simdjson as its users take it: one parser that is used again, and texts with padding behind them. DOM
// parses the whole text. On-Demand goes over it once and reads of each event what the plugin reads when it
// comes in, and what rules ask most.
#include "candidate.h"

extern "C" {
#include "die.h"
}

#include <cstring>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

#define TEXT_OF(name) #name
#define EXPANDED_TEXT_OF(name) TEXT_OF(name)
// What walks over a text On-Demand is compiled into this program, for what the compiler was told of the
// machine.
#define BUILTIN EXPANDED_TEXT_OF(SIMDJSON_BUILTIN_IMPLEMENTATION)

using namespace simdjson;

namespace {

std::vector<char> space;
std::string about;

// The kernel finds quotes and brackets; simdjson chooses it when the program runs.
const implementation *kernel_of(const char *name) {
    const auto &all = get_available_implementations();
    if (name == nullptr) {
        return all.detect_best_supported();
    }
    std::string names;
    for (const implementation *each : all) {
        if (!each->supported_by_runtime_system()) {
            continue;
        }
        if (each->name() == name) {
            return each;
        }
        names += " " + each->name();
    }
    die("this machine has no kernel %s; it has:%s", name, names.c_str());
}

const char *start(const char *kernel, size_t longest, const char *way) {
    get_active_implementation() = kernel_of(kernel);
    space.resize(longest + SIMDJSON_PADDING);
    about = "simdjson " + std::to_string(SIMDJSON_VERSION_MAJOR) + "." +
            std::to_string(SIMDJSON_VERSION_MINOR) + "." + std::to_string(SIMDJSON_VERSION_REVISION) +
            ", kernel " + get_active_implementation()->name() + ", " + way;
    return about.c_str();
}

void take(const char *text, size_t length) {
    memcpy(space.data(), text, length);
    memset(space.data() + length, 0, SIMDJSON_PADDING);
}

bool is_in(const char *text, size_t length, std::string_view id) {
    return !id.empty() && memmem(text, length, id.data(), id.size()) != nullptr;
}

dom::parser dom_parser;
dom::element dom_root;

const char *start_dom(const char *kernel, size_t longest) {
    return start(kernel, longest, "DOM");
}

bool scan_dom(size_t length) {
    return dom_parser.parse(space.data(), length, false).get(dom_root) == SUCCESS;
}

bool found_dom(const char *text, size_t length) {
    std::string_view id;
    return dom_root["auditID"].get(id) == SUCCESS && is_in(text, length, id);
}

ondemand::parser ondemand_parser;
std::string_view ondemand_id;
// So that no reading can be left out.
volatile size_t bytes_read;

const char *start_ondemand(const char *kernel, size_t longest) {
    return start(kernel, longest, "On-Demand compiled for " BUILTIN);
}

size_t read_text(ondemand::value value) {
    std::string_view text;
    return value.get_string().get(text) == SUCCESS ? text.size() : 0;
}

bool read_object_ref(ondemand::value value, size_t &bytes) {
    ondemand::object object;
    if (value.get_object().get(object) != SUCCESS) {
        return false;
    }
    for (auto member : object) {
        ondemand::value text;
        if (member.value().get(text) != SUCCESS) {
            return false;
        }
        bytes += read_text(text);
    }
    return true;
}

bool read_user(ondemand::value value, size_t &bytes) {
    ondemand::value name;
    if (value["username"].get(name) != SUCCESS) {
        return false;
    }
    bytes += read_text(name);
    return true;
}

bool read_member(std::string_view key, ondemand::value value, size_t &bytes) {
    if (key == "auditID") {
        return value.get_string().get(ondemand_id) == SUCCESS;
    }
    if (key == "objectRef") {
        return read_object_ref(value, bytes);
    }
    if (key == "user") {
        return read_user(value, bytes);
    }
    if (key == "kind" || key == "apiVersion" || key == "stage" || key == "stageTimestamp" || key == "verb") {
        bytes += read_text(value);
    }
    return true;
}

bool scan_ondemand(size_t length) {
    ondemand::document document;
    ondemand::object root;
    const padded_string_view text(space.data(), length, space.size());
    ondemand_id = {};
    if (ondemand_parser.iterate(text).get(document) != SUCCESS ||
        document.get_object().get(root) != SUCCESS) {
        return false;
    }
    size_t bytes = 0;
    for (auto member : root) {
        std::string_view key;
        ondemand::value value;
        if (member.unescaped_key().get(key) != SUCCESS || member.value().get(value) != SUCCESS ||
            !read_member(key, value, bytes)) {
            return false;
        }
    }
    bytes_read = bytes;
    return true;
}

bool found_ondemand(const char *text, size_t length) {
    return bytes_read > 0 && is_in(text, length, ondemand_id);
}

const candidate dom_parse = {"simdjson-dom", start_dom, take, scan_dom, found_dom, nullptr};
const candidate ondemand_walk = {"simdjson-ondemand", start_ondemand, take,
                                 scan_ondemand,       found_ondemand, nullptr};

} // namespace

const candidate *const candidates[] = {&dom_parse, &ondemand_walk, nullptr};
