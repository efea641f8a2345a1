// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <type_traits>

namespace addon {

namespace {

class Digest {
  public:
    void add(const void *data, size_t size) {
        const auto *bytes = static_cast<const uint8_t *>(data);
        for (size_t i = 0; i < size; i++) {
            hash_ = (hash_ ^ bytes[i]) * 0x100000001b3U;
        }
    }

    void add_number(uint64_t number) {
        add(&number, sizeof(number));
    }

    void add_scalar(const Scalar &scalar) {
        std::visit(
            [this](const auto &value) {
                using T = std::decay_t<decltype(value)>;
                if constexpr (std::is_integral_v<T>) {
                    add_number(value);
                } else {
                    add_number(value.size()); // so that "ab","c" and "a","bc" differ
                    add(value.data(), value.size());
                }
            },
            scalar);
    }

    uint64_t value() const {
        return hash_;
    }

  private:
    uint64_t hash_ = 0xcbf29ce484222325U;
};

class Runner {
  public:
    explicit Runner(const RunOrder &order) : order_(order) {
    }

    RunReport run() {
        const auto owner = std::make_shared<Owner>();
        const auto state = State::init(Library::load(order_.path), order_.config, owner);
        for (uint32_t round = 0; round < order_.rounds; round++) {
            read_source(*state);
        }
        copy_metrics(*state);
        state->destroy();
        report_.digest = digest_.value();
        report_.logs = owner->drain();
        return report_;
    }

  private:
    void copy_metrics(State &state) {
        if (state.api().get_metrics == nullptr) {
            return;
        }
        uint32_t count = 0;
        const ss_plugin_metric *metrics = state.metrics(count);
        for (uint32_t i = 0; i < count; i++) {
            report_.metrics.push_back({text_of(metrics[i].name), metrics[i]});
        }
    }

    void read_source(State &state) {
        const auto instance = state.open(order_.params);
        uint64_t idle = 0;
        report_.eof = false;
        for (uint64_t n = 0; (order_.max_batches == 0 || n < order_.max_batches) && !report_.eof; n++) {
            const Batch batch = instance->next_batch();
            report_.batches++;
            if (batch.rc == SS_PLUGIN_FAILURE) {
                throw PluginError(batch.error);
            }
            for (size_t i = 0; i < batch.events.size(); i++) {
                read_event(state, batch.events[i], batch.first_number + i);
            }
            report_.eof = batch.rc == SS_PLUGIN_EOF;
            report_.timeouts += batch.rc == SS_PLUGIN_TIMEOUT ? 1 : 0;
            idle = batch.events.empty() ? idle + 1 : 0;
            if (idle > order_.max_idle) {
                throw PluginError("no event and no end in " + std::to_string(idle) + " batches of " +
                                  order_.params);
            }
        }
        instance->close();
    }

    void read_event(State &state, const ss_plugin_event *event, uint64_t number) {
        const EventView view = view_event(event);
        report_.events++;
        report_.payload_bytes += view.payload_len;
        digest_.add_number(view.payload_len);
        digest_.add(view.payload, view.payload_len);

        ss_plugin_event_input input = {};
        input.evt = event;
        input.evtnum = number;
        input.evtsrc = state.event_source();
        ExtractOptions options;
        options.separately = true;
        try {
            for (const FieldResult &field : extract(state, input, order_.fields, options)) {
                digest_.add_number(field.values.size());
                report_.values += field.values.size();
                for (const Scalar &value : field.values) {
                    digest_.add_scalar(value);
                }
            }
        } catch (const PluginError &) {
            report_.failures++;
        }
    }

    const RunOrder &order_;
    RunReport report_;
    Digest digest_;
};

} // namespace

RunReport run(const RunOrder &order) {
    return Runner(order).run();
}

} // namespace addon
