// SPDX-License-Identifier: GPL-2.0
#include "glassctl/scenario.h"

#include <linux/glass.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "lib/fd.h"

namespace glass::ctl {

namespace {

struct Name {
	sockaddr_storage raw = {};
	socklen_t size = 0;

	sockaddr *get() { return reinterpret_cast<sockaddr *>(&raw); }
};

template <typename T> Name name_of(const T &address, std::size_t size = sizeof(T))
{
	Name name;

	std::memcpy(&name.raw, &address, size);
	name.size = static_cast<socklen_t>(size);
	return name;
}

/* Of this machine, and with whatever port the kernel gives. */
Name any_name(const SocketKind &kind)
{
	switch (kind.domain) {
	case AF_UNIX: {
		const sockaddr_un address = {AF_UNIX, {}};

		return name_of(address, sizeof(address.sun_family));
	}
	case AF_INET: {
		sockaddr_in address = {};

		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return name_of(address);
	}
	case AF_INET6: {
		sockaddr_in6 address = {};

		address.sin6_family = AF_INET6;
		address.sin6_addr = in6addr_loopback;
		return name_of(address);
	}
	case AF_VSOCK: {
		sockaddr_vm address = {};

		address.svm_family = AF_VSOCK;
		address.svm_port = VMADDR_PORT_ANY;
		address.svm_cid = VMADDR_CID_LOCAL;
		return name_of(address);
	}
	default: {
		sockaddr_glass address = {};

		address.sgl_family = static_cast<decltype(address.sgl_family)>(kind.family());
		address.sgl_port = GLASS_PORT_ANY;
		address.sgl_node = GLASS_NODE_LOCAL;
		return name_of(address);
	}
	}
}

} // namespace

bool has_connections(const SocketKind &kind)
{
	return kind.type == SOCK_STREAM || kind.type == SOCK_SEQPACKET;
}

bool has_scenario(const SocketKind &kind)
{
	return has_connections(kind) || kind.type == SOCK_DGRAM;
}

int run_scenario(const SocketKind &kind)
{
	constexpr std::size_t size = 5;
	std::array<char, size> message = {'h', 'e', 'l', 'l', 'o'};
	Name name = any_name(kind);
	Fd receiver = open_socket(kind);

	if (!receiver || ::bind(receiver.get(), name.get(), name.size) != 0)
		return errno;
	if (has_connections(kind) && ::listen(receiver.get(), 1) != 0)
		return errno;
	name.size = sizeof(name.raw);
	if (::getsockname(receiver.get(), name.get(), &name.size) != 0)
		return errno;
	Fd sender = open_socket(kind);
	if (!sender || ::connect(sender.get(), name.get(), name.size) != 0)
		return errno;
	Fd listener;
	if (has_connections(kind)) {
		listener = std::move(receiver);
		receiver.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
		if (!receiver)
			return errno;
	}
	if (::write(sender.get(), message.data(), size) != size ||
	    ::read(receiver.get(), message.data(), size) != size)
		return errno;
	receiver.reset();
	sender.reset();
	listener.reset();
	return 0;
}

} // namespace glass::ctl
