/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The system calls that a socket can be used with.
 */
#ifndef GLASSCTL_SYSCALLS_H
#define GLASSCTL_SYSCALLS_H

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace glass::ctl {

/** A system call. */
struct Syscall {
	long number;
	const char *name;
	/**
	 * A letter for each argument: d descriptor, n number, p pointer, x flags
	 * in base 16, m flags of messages, F family, T type, L level.
	 */
	const char *arguments;
	/** Only sockets are used so; else the functions that ran must tell. */
	bool is_of_sockets;
};

std::span<const Syscall> socket_syscalls();
/** Null for one that is not among them. */
const Syscall *find_syscall(long number);
bool is_socket_syscall(std::string_view name);

/** The arguments as one would write them in C, pointers as `…`. */
std::string arguments_text(const Syscall &call, const std::array<std::uint64_t, 6> &arguments);
/** `64`, or `-1 ECONNREFUSED`, and the kernel's own errors, which no program sees, by name. */
std::string result_text(std::int64_t result);
/** `ECONNREFUSED`; the number for one without a name. @p error is positive. */
std::string error_name(int error);

} // namespace glass::ctl

#endif // GLASSCTL_SYSCALLS_H
