// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sinsp_host {

/**
 * Standard output for JSON lines. What an event brings forth is written before the next event is asked for,
 * because asking tells a plugin that the events before are done: a host that dies must not keep lines to
 * itself.
 */
class output {
  public:
    /** Where the next lines are appended; only whole lines. */
    std::string &lines() {
        return m_pending;
    }

    /** Writes what is pending. */
    void flush();

    /** Call when there are no events: a quiet source writes nothing, so a closed pipe would not show
     * otherwise. */
    void check_reader();

    /** Whether the reader is gone (a closed pipe, a full disk): nothing more can be written. */
    bool broken() const {
        return m_broken;
    }

  private:
    std::string m_pending;
    bool m_broken = false;
};

} // namespace sinsp_host
