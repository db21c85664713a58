// SPDX-License-Identifier: GPL-2.0
#include "lib/fd.h"

#include <cerrno>

namespace glass {

void Fd::reset(int fd) noexcept
{
	const int old = std::exchange(fd_, fd);
	const int saved = errno;

	if (old >= 0 && old != fd)
		::close(old);
	errno = saved;
}

} // namespace glass
