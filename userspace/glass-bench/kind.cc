// SPDX-License-Identifier: GPL-2.0
#include "glass-bench/kind.h"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

#include "lib/address.h"
#include "lib/family.h"

namespace glass::bench {

namespace {

constexpr std::array all_kinds{
	Kind{"glass-stream", Family::Glass, SOCK_STREAM},
	Kind{"glass-seqpacket", Family::Glass, SOCK_SEQPACKET},
	Kind{"glass-dgram", Family::Glass, SOCK_DGRAM},
	Kind{"unix-stream", Family::Unix, SOCK_STREAM},
	Kind{"unix-seqpacket", Family::Unix, SOCK_SEQPACKET},
	Kind{"unix-dgram", Family::Unix, SOCK_DGRAM},
	Kind{"tcp", Family::Inet, SOCK_STREAM},
	Kind{"udp", Family::Inet, SOCK_DGRAM},
	Kind{"vsock-stream", Family::Vsock, SOCK_STREAM},
	Kind{"vsock-seqpacket", Family::Vsock, SOCK_SEQPACKET},
	Kind{"pipe", Family::Pipe, SOCK_STREAM},
};

// Above what needs a capability, and as many below 65536 as a test may ask for.
constexpr std::uint32_t first_port = 2000;

/** Asked for once: it is read from a file, which costs more than a socket. */
int glass_family()
{
	static const int number = family();

	return number;
}

int number_of(Family which)
{
	switch (which) {
	case Family::Glass:
		return glass_family();
	case Family::Unix:
		return AF_UNIX;
	case Family::Inet:
		return AF_INET;
	case Family::Vsock:
		return AF_VSOCK;
	case Family::Pipe:
		break;
	}
	throw std::system_error(EAFNOSUPPORT, std::generic_category(), "socket");
}

template <typename T> Name pack(const T &address, std::size_t size = sizeof(T))
{
	Name name;

	static_assert(sizeof(T) <= sizeof(name.raw));
	std::memcpy(&name.raw, &address, size);
	name.size = static_cast<socklen_t>(size);
	return name;
}

Name inet_name(std::uint16_t port)
{
	sockaddr_in address{};

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return pack(address);
}

Name vsock_name(std::uint32_t port)
{
	sockaddr_vm address{};

	address.svm_family = AF_VSOCK;
	address.svm_port = port;
	address.svm_cid = VMADDR_CID_LOCAL;
	return pack(address);
}

Name unix_name(std::uint32_t index)
{
	sockaddr_un address{};
	constexpr std::string_view prefix = "glass-bench-";
	char *text = address.sun_path + 1; // after the zero of the abstract space

	address.sun_family = AF_UNIX;
	text += prefix.copy(text, prefix.size());
	text = std::to_chars(text, std::end(address.sun_path), index).ptr;
	return pack(address, static_cast<std::size_t>(text - reinterpret_cast<char *>(&address)));
}

void bind_to(const Fd &socket, const Name &name)
{
	check(::bind(socket.get(), name.get(), name.size), "bind");
}

void connect_to(const Fd &socket, const Name &name)
{
	check(::connect(socket.get(), name.get(), name.size), "connect");
}

// Before the connection, whose handshake may carry the limit.
void make_room(const Kind &kind, const Fd &socket, std::size_t size)
{
	if (kind.type != SOCK_SEQPACKET || size <= 65536)
		return;
	if (kind.family == Family::Vsock) {
		const std::uint64_t room = 2 * size;

		for (int option : {SO_VM_SOCKETS_BUFFER_MAX_SIZE, SO_VM_SOCKETS_BUFFER_SIZE})
			check(::setsockopt(socket.get(), AF_VSOCK, option, &room, sizeof(room)),
			      "SO_VM_SOCKETS_BUFFER_SIZE");
		return;
	}
	// The kernel doubles what it is told.
	const int room = static_cast<int>(size);

	for (int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE})
		check(::setsockopt(socket.get(), SOL_SOCKET, option, &room, sizeof(room)),
		      "SO_SNDBUFFORCE");
}

Pair open_pipes()
{
	int there[2];
	int back[2];

	check(::pipe2(there, O_CLOEXEC), "pipe2");
	Fd there_in(there[0]), there_out(there[1]);
	check(::pipe2(back, O_CLOEXEC), "pipe2");
	return {{Fd(back[0]), std::move(there_out)}, {std::move(there_in), Fd(back[1])}};
}

} // namespace

std::span<const Kind> kinds()
{
	return all_kinds;
}

Fd open_socket(const Kind &kind)
{
	return Fd(check(::socket(number_of(kind.family), kind.type | SOCK_CLOEXEC, 0), "socket"));
}

Name any_name(const Kind &kind)
{
	switch (kind.family) {
	case Family::Glass:
		return pack(Address{}.raw(glass_family()));
	case Family::Unix:
		return pack(sa_family_t{AF_UNIX});
	case Family::Inet:
		return inet_name(0);
	case Family::Vsock:
		return vsock_name(VMADDR_PORT_ANY);
	case Family::Pipe:
		break;
	}
	throw std::system_error(EAFNOSUPPORT, std::generic_category(), "bind");
}

Name numbered_name(const Kind &kind, std::uint32_t index)
{
	const std::uint32_t port = first_port + index;

	switch (kind.family) {
	case Family::Glass:
		return pack(Address{GLASS_NODE_LOCAL, port}.raw(glass_family()));
	case Family::Unix:
		return unix_name(index);
	case Family::Inet:
		return inet_name(static_cast<std::uint16_t>(port));
	case Family::Vsock:
		return vsock_name(port);
	case Family::Pipe:
		break;
	}
	throw std::system_error(EAFNOSUPPORT, std::generic_category(), "bind");
}

Name name_of(const Kind &kind, const Fd &socket)
{
	Name name;

	name.size = sizeof(name.raw);
	check(::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&name.raw), &name.size),
	      "getsockname");
	// Bound to any node, and reached at this one.
	if (kind.family == Family::Glass)
		reinterpret_cast<sockaddr_glass *>(&name.raw)->sgl_node = GLASS_NODE_LOCAL;
	return name;
}

Fd open_listener(const Kind &kind)
{
	Fd listener = open_socket(kind);

	bind_to(listener, any_name(kind));
	check(::listen(listener.get(), SOMAXCONN), "listen");
	return listener;
}

Pair open_pair(const Kind &kind, std::size_t size)
{
	if (kind.family == Family::Pipe)
		return open_pipes();
	if (kind.family == Family::Unix) {
		int both[2];

		check(::socketpair(AF_UNIX, kind.type | SOCK_CLOEXEC, 0, both), "socketpair");
		Fd left(both[0]), right(both[1]);
		make_room(kind, left, size);
		make_room(kind, right, size);
		return {{std::move(left), Fd()}, {std::move(right), Fd()}};
	}
	if (kind.connects()) {
		const Fd listener = open_listener(kind);
		Fd left = open_socket(kind);

		make_room(kind, listener, size);
		make_room(kind, left, size);
		connect_to(left, name_of(kind, listener));
		Fd right(
			check(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
		return {{std::move(left), Fd()}, {std::move(right), Fd()}};
	}
	Fd left = open_socket(kind);
	Fd right = open_socket(kind);

	bind_to(left, any_name(kind));
	bind_to(right, any_name(kind));
	connect_to(left, name_of(kind, right));
	connect_to(right, name_of(kind, left));
	return {{std::move(left), Fd()}, {std::move(right), Fd()}};
}

} // namespace glass::bench
