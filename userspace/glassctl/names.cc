// SPDX-License-Identifier: GPL-2.0
#include "glassctl/names.h"

#include <linux/glass.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <span>

#include "lib/diag.h"
#include "lib/family.h"

namespace glass::ctl {

namespace {

struct Name {
	int value;
	const char *name;
};

std::string name_of(int value, std::span<const Name> names)
{
	for (const Name &name : names)
		if (name.value == value)
			return name.name;
	return std::to_string(value);
}

/* The names of the bits that are set, and the rest as a number. */
std::string names_of(int value, std::span<const Name> names)
{
	std::string text;

	for (const Name &name : names)
		if (value & name.value) {
			text += (text.empty() ? "" : "|") + std::string(name.name);
			value &= ~name.value;
		}
	if (value || text.empty())
		text += (text.empty() ? "" : "|") + std::to_string(value);
	return text;
}

} // namespace

std::string family_name(int number)
{
	constexpr std::array names = {Name{AF_UNSPEC, "AF_UNSPEC"},   Name{AF_UNIX, "AF_UNIX"},
				      Name{AF_INET, "AF_INET"},	      Name{AF_INET6, "AF_INET6"},
				      Name{AF_NETLINK, "AF_NETLINK"}, Name{AF_PACKET, "AF_PACKET"},
				      Name{AF_VSOCK, "AF_VSOCK"},     Name{AF_ALG, "AF_ALG"},
				      Name{AF_XDP, "AF_XDP"}};

	if (number == family())
		return "AF_GLASS";
	return name_of(number, names);
}

std::string type_text(int type)
{
	constexpr std::array flags = {Name{SOCK_NONBLOCK, "SOCK_NONBLOCK"},
				      Name{SOCK_CLOEXEC, "SOCK_CLOEXEC"}};
	const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	const std::string_view name = type_name(kind);
	std::string text = name == "?" ? std::to_string(kind) : "SOCK_" + std::string(name);

	if (type != kind)
		text += '|' + names_of(type & ~kind, flags);
	return text;
}

std::string level_name(int level)
{
	constexpr std::array names = {
		Name{SOL_SOCKET, "SOL_SOCKET"},	  Name{SOL_GLASS, "SOL_GLASS"},
		Name{IPPROTO_IP, "IPPROTO_IP"},	  Name{IPPROTO_TCP, "IPPROTO_TCP"},
		Name{IPPROTO_UDP, "IPPROTO_UDP"}, Name{IPPROTO_IPV6, "IPPROTO_IPV6"}};

	return name_of(level, names);
}

std::string message_flags_text(int flags)
{
	constexpr std::array names = {Name{MSG_OOB, "MSG_OOB"},
				      Name{MSG_PEEK, "MSG_PEEK"},
				      Name{MSG_TRUNC, "MSG_TRUNC"},
				      Name{MSG_DONTWAIT, "MSG_DONTWAIT"},
				      Name{MSG_EOR, "MSG_EOR"},
				      Name{MSG_WAITALL, "MSG_WAITALL"},
				      Name{MSG_ERRQUEUE, "MSG_ERRQUEUE"},
				      Name{MSG_NOSIGNAL, "MSG_NOSIGNAL"},
				      Name{MSG_MORE, "MSG_MORE"},
				      Name{MSG_ZEROCOPY, "MSG_ZEROCOPY"},
				      Name{MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"}};

	return names_of(flags, names);
}

} // namespace glass::ctl
