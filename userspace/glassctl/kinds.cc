// SPDX-License-Identifier: GPL-2.0
#include "glassctl/kinds.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "lib/family.h"

namespace glass::ctl {

namespace {

constexpr std::array<SocketKind, 15> kinds = {{
	{"stream", 0, SOCK_STREAM, 0},
	{"seqpacket", 0, SOCK_SEQPACKET, 0},
	{"dgram", 0, SOCK_DGRAM, 0},
	{"raw", 0, SOCK_RAW, 0},
	{"tcp", AF_INET, SOCK_STREAM, 0},
	{"udp", AF_INET, SOCK_DGRAM, 0},
	{"ip-raw", AF_INET, SOCK_RAW, IPPROTO_ICMP},
	{"tcp6", AF_INET6, SOCK_STREAM, 0},
	{"udp6", AF_INET6, SOCK_DGRAM, 0},
	{"unix", AF_UNIX, SOCK_STREAM, 0},
	{"unix-dgram", AF_UNIX, SOCK_DGRAM, 0},
	{"unix-seqpacket", AF_UNIX, SOCK_SEQPACKET, 0},
	{"packet", AF_PACKET, SOCK_RAW, 0},
	{"netlink", AF_NETLINK, SOCK_RAW, 0},
	{"vsock", AF_VSOCK, SOCK_STREAM, 0},
}};

} // namespace

int SocketKind::family() const
{
	return domain ? domain : glass::family();
}

bool SocketKind::is_there() const
{
	if (!domain)
		return loaded_family().has_value();
	return domain != AF_VSOCK || ::access("/sys/module/vsock", F_OK) == 0;
}

std::span<const SocketKind> socket_kinds()
{
	return kinds;
}

const SocketKind *find_kind(std::string_view name)
{
	const auto *found = std::ranges::find_if(
		kinds, [name](const SocketKind &kind) { return name == kind.name; });

	return found == kinds.end() ? nullptr : found;
}

std::string kind_names()
{
	std::string names;

	for (const SocketKind &kind : kinds)
		names += (names.empty() ? "" : " ") + std::string(kind.name);
	return names;
}

Fd open_socket(const SocketKind &kind)
{
	return Fd(::socket(kind.family(), kind.type | SOCK_CLOEXEC, kind.protocol));
}

} // namespace glass::ctl
