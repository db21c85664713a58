// SPDX-License-Identifier: GPL-2.0
#include "relative.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <ostream>
#include <utility>

#include "lib/family.h"
#include "network.h"

namespace helper {

namespace {

sockaddr_in loopback(in_port_t port)
{
	sockaddr_in name = {};

	name.sin_family = AF_INET;
	name.sin_port = port;
	name.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
	return name;
}

/* Raw ones have no pairs. */
template <typename Name>
Ends raw_ends(glass::Fd (*create)(int), const Name &peer, std::size_t header)
{
	Ends ends = {create(SOCK_RAW), create(SOCK_RAW), header};

	must(::connect(ends.writer.get(), reinterpret_cast<const sockaddr *>(&peer), sizeof(peer)),
	     "connect");
	return ends;
}

Ends pair_ends(int family, int type)
{
	std::array<int, 2> fds;

	must(::socketpair(family, type | SOCK_CLOEXEC, 0, fds.data()), "socketpair");
	return {glass::Fd(fds[0]), glass::Fd(fds[1])};
}

} // namespace

std::string socket_type_name(const testing::TestParamInfo<SocketType> &info)
{
	return info.param.name;
}

void PrintTo(const SocketType &type, std::ostream *out)
{
	*out << type.name;
}

std::ostream &operator<<(std::ostream &out, const Outcome &outcome)
{
	return outcome.error.value ? out << outcome.error : out << outcome.result;
}

Outcome outcome(long result)
{
	return {result < 0 ? -1 : result, err(result)};
}

glass::Fd glass_socket(int type)
{
	return own(
		::socket(glass::family(), type | SOCK_CLOEXEC, type == SOCK_RAW ? raw_protocol : 0),
		"socket");
}

glass::Fd relative_socket(int type)
{
	if (type == SOCK_RAW)
		return own(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, raw_protocol), "raw socket");
	return own(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "AF_UNIX");
}

glass::Fd tcp_socket()
{
	return own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "TCP");
}

Ends glass_ends(int type)
{
	if (type != SOCK_RAW)
		return pair_ends(glass::family(), type);

	sockaddr_glass peer = {};

	peer.sgl_family = static_cast<sa_family_t>(glass::family());
	peer.sgl_node = GLASS_NODE_LOCAL;
	return raw_ends(glass_socket, peer, sizeof(glass_hdr));
}

Ends relative_ends(int type)
{
	if (type != SOCK_RAW)
		return pair_ends(AF_UNIX, type);
	return raw_ends(relative_socket, loopback(0), sizeof(iphdr));
}

Ends tcp_ends()
{
	Ends ends = {tcp_socket(), {}};
	const auto listening = tcp_socket();
	auto name = loopback(0);
	socklen_t size = sizeof(name);
	auto *const address = reinterpret_cast<sockaddr *>(&name);

	must(::bind(listening.get(), address, size), "bind");
	must(::listen(listening.get(), 1), "listen");
	must(::getsockname(listening.get(), address, &size), "getsockname");
	must(::connect(ends.writer.get(), address, size), "connect");
	ends.reader = own(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept");
	return ends;
}

void wait_until_arrived(const Ends &ends)
{
	const auto option = [&](int name) {
		int value = 0;
		socklen_t size = sizeof(value);

		must(::getsockopt(ends.writer.get(), SOL_SOCKET, name, &value, &size),
		     "getsockopt");
		return value;
	};
	const int type = option(SO_TYPE);

	if (option(SO_DOMAIN) != glass::family() || (type != SOCK_STREAM && type != SOCK_SEQPACKET))
		return;
	EXPECT_TRUE(eventually([&] {
		int left = 0;

		must(::ioctl(ends.writer.get(), SIOCOUTQ, &left), "SIOCOUTQ");
		return left == 0;
	}));
}

ino_t inode_of(int fd)
{
	struct stat status = {};

	must(::fstat(fd, &status), "fstat");
	return status.st_ino;
}

} // namespace helper
