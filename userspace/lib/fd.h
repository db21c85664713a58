/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A file descriptor that closes itself.
 */
#ifndef GLASS_LIB_FD_H
#define GLASS_LIB_FD_H

#include <unistd.h>

#include <utility>

namespace glass {

/** Owns at most one file descriptor. Movable, not copyable. */
class Fd
{
public:
	Fd() noexcept = default;
	/** Takes over @p fd; a negative number means none. */
	explicit Fd(int fd) noexcept : fd_(fd) {}
	Fd(Fd &&other) noexcept : fd_(other.release()) {}
	Fd &operator=(Fd &&other) noexcept
	{
		reset(other.release());
		return *this;
	}
	Fd(const Fd &) = delete;
	Fd &operator=(const Fd &) = delete;
	~Fd() { reset(); }

	/** The descriptor, still owned here; -1 when there is none. */
	int get() const noexcept { return fd_; }
	explicit operator bool() const noexcept { return fd_ >= 0; }

	/** Gives the descriptor away: the caller closes it. */
	[[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

	/**
	 * Closes what is owned, and takes over @p fd.
	 *
	 * An error of close(2) is not reported: the descriptor is gone either
	 * way, and errno keeps the value of the call that matters.
	 */
	void reset(int fd = -1) noexcept;

private:
	int fd_ = -1;
};

} // namespace glass

#endif // GLASS_LIB_FD_H
