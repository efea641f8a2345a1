// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace sinsp_host {

void output::flush() {
    size_t done = 0;
    while (done < m_pending.size() && !m_broken) {
        const ssize_t written = write(STDOUT_FILENO, m_pending.data() + done, m_pending.size() - done);
        if (written >= 0) {
            done += static_cast<size_t>(written);
        } else if (errno != EINTR) {
            m_broken = true;
        }
    }
    m_pending.clear();
}

void output::check_reader() {
    struct pollfd out = {STDOUT_FILENO, 0, 0};
    m_broken = m_broken || (poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0);
}

} // namespace sinsp_host
