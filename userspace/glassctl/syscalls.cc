// SPDX-License-Identifier: GPL-2.0
#include "glassctl/syscalls.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "glassctl/names.h"

namespace glass::ctl {

namespace {

constexpr std::array calls = {
	Syscall{SYS_socket, "socket", "FTn", true},
	Syscall{SYS_socketpair, "socketpair", "FTnp", true},
	Syscall{SYS_bind, "bind", "dpn", true},
	Syscall{SYS_listen, "listen", "dn", true},
	Syscall{SYS_accept, "accept", "dpp", true},
	Syscall{SYS_accept4, "accept4", "dppx", true},
	Syscall{SYS_connect, "connect", "dpn", true},
	Syscall{SYS_getsockname, "getsockname", "dpp", true},
	Syscall{SYS_getpeername, "getpeername", "dpp", true},
	Syscall{SYS_sendto, "sendto", "dpnmpn", true},
	Syscall{SYS_recvfrom, "recvfrom", "dpnmpp", true},
	Syscall{SYS_sendmsg, "sendmsg", "dpm", true},
	Syscall{SYS_recvmsg, "recvmsg", "dpm", true},
	Syscall{SYS_sendmmsg, "sendmmsg", "dpnm", true},
	Syscall{SYS_recvmmsg, "recvmmsg", "dpnmp", true},
	Syscall{SYS_setsockopt, "setsockopt", "dLnpn", true},
	Syscall{SYS_getsockopt, "getsockopt", "dLnpp", true},
	Syscall{SYS_shutdown, "shutdown", "dn", true},
	Syscall{SYS_read, "read", "dpn", false},
	Syscall{SYS_write, "write", "dpn", false},
	Syscall{SYS_readv, "readv", "dpn", false},
	Syscall{SYS_writev, "writev", "dpn", false},
	Syscall{SYS_preadv2, "preadv2", "dpnnnx", false},
	Syscall{SYS_pwritev2, "pwritev2", "dpnnnx", false},
	Syscall{SYS_close, "close", "d", false},
	Syscall{SYS_dup2, "dup2", "dd", false},
	Syscall{SYS_dup3, "dup3", "ddx", false},
	Syscall{SYS_poll, "poll", "pnn", false},
	Syscall{SYS_ppoll, "ppoll", "pnppn", false},
	Syscall{SYS_select, "select", "npppp", false},
	Syscall{SYS_pselect6, "pselect6", "npppp", false},
	Syscall{SYS_epoll_ctl, "epoll_ctl", "dndp", false},
	Syscall{SYS_epoll_wait, "epoll_wait", "dpnn", false},
	Syscall{SYS_epoll_pwait, "epoll_pwait", "dpnnpn", false},
	Syscall{SYS_ioctl, "ioctl", "dxp", false},
	Syscall{SYS_fcntl, "fcntl", "dnx", false},
	Syscall{SYS_sendfile, "sendfile", "ddpn", false},
	Syscall{SYS_splice, "splice", "dpdpnx", false},
	Syscall{SYS_fstat, "fstat", "dp", false},
	Syscall{SYS_io_uring_enter, "io_uring_enter", "dnnx", false},
	Syscall{SYS_exit, "exit", "n", false},
	Syscall{SYS_exit_group, "exit_group", "n", false},
};

std::string hexadecimal(std::uint64_t value)
{
	std::array<char, 24> text;

	std::snprintf(text.data(), text.size(), value ? "0x%llx" : "%llu",
		      static_cast<unsigned long long>(value));
	return text.data();
}

std::string argument_text(char kind, std::uint64_t value)
{
	switch (kind) {
	case 'p':
		return value ? "…" : "NULL";
	case 'x':
		return hexadecimal(static_cast<std::uint32_t>(value));
	case 'm':
		return message_flags_text(static_cast<int>(value));
	case 'F':
		return family_name(static_cast<int>(value));
	case 'T':
		return type_text(static_cast<int>(value));
	case 'L':
		return level_name(static_cast<int>(value));
	case 'd':
		return std::to_string(static_cast<int>(value));
	default:
		return std::to_string(static_cast<long>(value) == static_cast<int>(value)
					      ? static_cast<long>(static_cast<int>(value))
					      : static_cast<long>(value));
	}
}

} // namespace

std::span<const Syscall> socket_syscalls()
{
	return calls;
}

const Syscall *find_syscall(long number)
{
	const auto *found = std::ranges::find(calls, number, &Syscall::number);

	return found == calls.end() ? nullptr : found;
}

bool is_socket_syscall(std::string_view name)
{
	return std::ranges::any_of(calls,
				   [name](const Syscall &call) { return name == call.name; });
}

std::string arguments_text(const Syscall &call, const std::array<std::uint64_t, 6> &arguments)
{
	std::string text;

	for (std::size_t i = 0; call.arguments[i]; i++)
		text += (i ? ", " : "") + argument_text(call.arguments[i], arguments[i]);
	return text;
}

std::string error_name(int error)
{
	// Those above the range of errno.h end in the kernel: the call is begun again, or
	// EINTR is told, as the signal's handler wants.
	switch (error) {
	case 512:
		return "ERESTARTSYS";
	case 513:
		return "ERESTARTNOINTR";
	case 514:
		return "ERESTARTNOHAND";
	case 515:
		return "ENOIOCTLCMD";
	case 516:
		return "ERESTART_RESTARTBLOCK";
	case 529:
		return "EIOCBQUEUED";
	default:
		break;
	}
	const char *const name = ::strerrorname_np(error);
	return name ? name : std::to_string(error);
}

std::string result_text(std::int64_t result)
{
	if (result >= 0 || result < -4095)
		return std::to_string(result);
	return "-1 " + error_name(static_cast<int>(-result));
}

} // namespace glass::ctl
