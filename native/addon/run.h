// SPDX-License-Identifier: Apache-2.0
// A whole life of a plugin, from loading to destroying, to be run in a thread of its own.
#pragma once

#include "extract.h"

#include <optional>
#include <string>
#include <vector>

namespace addon {

struct RunOrder {
    std::string path;
    std::optional<std::string> config;
    std::string params;
    FieldRequests fields;
    uint64_t max_batches = 0; ///< calls of next_batch in each round; 0: until the end of the source
    uint64_t max_idle = 0;    ///< batches in a row without an event after which the run gives up
    uint32_t rounds = 1;      ///< how often the source is opened, read and closed
};

struct MetricCopy {
    std::string name;
    ss_plugin_metric metric; ///< its own name is not to be used
};

struct RunReport {
    uint64_t batches = 0;
    uint64_t events = 0;
    uint64_t timeouts = 0;
    uint64_t payload_bytes = 0;
    uint64_t values = 0;
    uint64_t failures = 0;           ///< extractions that the plugin refused
    uint64_t digest = 0;             ///< 64-bit FNV-1a over payloads and values, in their order
    bool eof = false;                ///< the last round ended with the end of the source
    std::vector<MetricCopy> metrics; ///< as they are at the end
    std::vector<LogMessage> logs;
};

/// Throws PluginError when the plugin cannot be loaded, refuses to start, fails, or stays idle for too long.
RunReport run(const RunOrder &order);

} // namespace addon
