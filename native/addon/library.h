// SPDX-License-Identifier: Apache-2.0
// A Falco plugin's shared object and the API symbols found in it.
#pragma once

#include <plugin/plugin_api.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace addon {

/// An error of the plugin or of its use. `rc` is what the plugin returned, where it returned something.
class PluginError : public std::runtime_error {
  public:
    explicit PluginError(const std::string &message, int rc = SS_PLUGIN_FAILURE)
        : std::runtime_error(message), rc(rc) {
    }

    const int rc;
};

/// An open plugin library. It stays mapped until the last state made from it is gone.
class Library {
  public:
    /// Opens the shared object at `path` and looks up every symbol of the plugin API.
    /// Throws PluginError when it cannot be opened or has no plugin_* symbol at all.
    static std::shared_ptr<Library> load(const std::string &path);

    ~Library();
    Library(const Library &) = delete;
    Library &operator=(const Library &) = delete;

    const plugin_api &api() const {
        return api_;
    }

    /// Full names ("plugin_init", …) of the API symbols that the library exports.
    const std::vector<std::string> &symbols() const {
        return symbols_;
    }

    /// Throws PluginError unless the symbol plugin_<name> was found.
    template <typename F> F need(F function, const char *name) const {
        if (function == nullptr) {
            throw PluginError("the plugin does not export plugin_" + std::string(name));
        }
        return function;
    }

    /// Throws PluginError when a host that speaks the header's API version would not take this plugin:
    /// a symbol that every plugin needs is missing, or it requires a newer or another major API.
    void check_loadable() const;

    /// 0 when the plugin names no event source of its own.
    uint32_t id() const;

    /// Empty when the plugin names no event source of its own.
    std::string event_source() const;

  private:
    explicit Library(void *handle);

    void *handle_;
    plugin_api api_ = {};
    std::vector<std::string> symbols_;
};

/// A C string of the plugin; NULL reads as empty, as in libsinsp.
inline std::string text_of(const char *s) {
    return s == nullptr ? std::string() : std::string(s);
}

} // namespace addon
