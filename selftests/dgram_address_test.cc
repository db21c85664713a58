// SPDX-License-Identifier: GPL-2.0
/*
 * Making a datagram socket, naming it, and joining it to a peer: the exact
 * errors, and that nothing is half done after each.
 */
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <set>

#include "helper.h"
#include "lib/family.h"

namespace {

using namespace helper;

constexpr std::uint32_t any = GLASS_PORT_ANY;
constexpr Address no_address = {GLASS_NODE_ANY, GLASS_PORT_ANY};
constexpr socklen_t full_size = sizeof(sockaddr_glass);
/* A pointer into the first page: never mapped. */
void *const bad_pointer = reinterpret_cast<void *>(8);

/* The calls that take an address, each made on a socket of its own. */
struct AddressCall {
	const char *name;
	int (*call)(int fd, const sockaddr *address, socklen_t size);
};

int send_one(int fd, const sockaddr *address, socklen_t size)
{
	return static_cast<int>(::sendto(fd, "x", 1, 0, address, size));
}

const std::array<AddressCall, 3> address_calls = {{
	{"bind", ::bind},
	{"connect", ::connect},
	{"sendto", send_one},
}};

Errno call(const AddressCall &how, const Socket &socket, const sockaddr_glass &raw,
	   socklen_t size = full_size)
{
	return err(how.call(socket.fd(), reinterpret_cast<const sockaddr *>(&raw), size));
}

/* --- Making ------------------------------------------------------------------- */

TEST(DgramCreate, TakesItsOwnProtocolAndTheDefault)
{
	for (int protocol : {0, GLASS_PROTO_DGRAM}) {
		const Socket socket = must(Socket::create(SOCK_DGRAM, protocol), "socket");

		EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_DOMAIN), "SO_DOMAIN"), glass::family());
		EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_TYPE), "SO_TYPE"), SOCK_DGRAM);
		EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_PROTOCOL), "SO_PROTOCOL"),
			  GLASS_PROTO_DGRAM);
	}
}

TEST(DgramCreate, OtherProtocolsAreNotSupported)
{
	for (int protocol : {-1, 1, 3, 5, 6, 17, 255, 256, 0x7fffffff})
		EXPECT_EQ(err(Socket::create(SOCK_DGRAM, protocol)), EPROTONOSUPPORT)
			<< "protocol " << protocol;
}

TEST(DgramCreate, UnknownTypesAreNotSupported)
{
	for (int type : {int{SOCK_RDM}, int{SOCK_DCCP}, 0, 7, 10}) {
		EXPECT_EQ(err(Socket::create(type)), ESOCKTNOSUPPORT) << "type " << type;
		EXPECT_EQ(err(Socket::create(type, GLASS_PROTO_DGRAM)), ESOCKTNOSUPPORT)
			<< "type " << type;
	}
}

TEST(DgramCreate, SocketpairChecksTheSame)
{
	EXPECT_EQ(err(Socket::pair(SOCK_DGRAM, 17)), EPROTONOSUPPORT);
	EXPECT_EQ(err(Socket::pair(SOCK_RDM)), ESOCKTNOSUPPORT);
}

TEST(DgramCreate, ListenAndAcceptAreNotSupported)
{
	Socket socket = bound();

	EXPECT_EQ(err(::listen(socket.fd(), 1)), EOPNOTSUPP);
	EXPECT_EQ(err(::accept(socket.fd(), nullptr, nullptr)), EOPNOTSUPP);
}

/* --- Bad addresses -------------------------------------------------------------- */

TEST(DgramAddress, TooShortIsInvalid)
{
	const Socket receiver = bound();
	const sockaddr_glass raw = address_of(receiver).raw(glass::family());

	for (const auto &how : address_calls) {
		const Socket socket = dgram();

		// A length of 0 is no address at all to sendto().
		for (socklen_t size = &how == &address_calls[2] ? 1 : 0; size < full_size; size++)
			EXPECT_EQ(call(how, socket, raw, size), EINVAL)
				<< how.name << " with " << size << " bytes";
		EXPECT_EQ(must(socket.local(), "getsockname"), no_address) << how.name;
		EXPECT_EQ(err(socket.peer()), ENOTCONN) << how.name;
	}
	EXPECT_FALSE(is_readable(receiver));
}

TEST(DgramAddress, LongerIsAccepted)
{
	const Socket receiver = bound();
	std::array<char, sizeof(sockaddr_storage)> buffer = {};
	const sockaddr_glass to = address_of(receiver).raw(glass::family());
	const sockaddr_glass from = Address{GLASS_NODE_ANY, any}.raw(glass::family());
	const Socket socket = dgram();
	const auto *raw = reinterpret_cast<const sockaddr *>(buffer.data());

	std::memcpy(buffer.data(), &from, sizeof(from));
	EXPECT_EQ(err(::bind(socket.fd(), raw, buffer.size())), 0);
	std::memcpy(buffer.data(), &to, sizeof(to));
	EXPECT_EQ(err(::connect(socket.fd(), raw, full_size + 1)), 0);
	EXPECT_EQ(err(send_one(socket.fd(), raw, buffer.size())), 0);
	EXPECT_TRUE(is_readable(receiver));
}

TEST(DgramAddress, OtherFamiliesAreNotSupported)
{
	const Socket receiver = bound();

	for (const auto &how : address_calls) {
		const Socket socket = dgram();

		for (int family : {AF_UNIX, AF_INET, AF_VSOCK, glass::family() + 1, 0xffff}) {
			const sockaddr_glass raw = address_of(receiver).raw(family);

			EXPECT_EQ(call(how, socket, raw), EAFNOSUPPORT)
				<< how.name << " to family " << family;
		}
		EXPECT_EQ(must(socket.local(), "getsockname"), no_address) << how.name;
	}
	const Socket socket = dgram();
	const sockaddr_glass unspecified = address_of(receiver).raw(AF_UNSPEC);
	EXPECT_EQ(call(address_calls[0], socket, unspecified), EAFNOSUPPORT);
	EXPECT_EQ(call(address_calls[2], socket, unspecified), EAFNOSUPPORT);
	EXPECT_FALSE(is_readable(receiver));
}

TEST(DgramAddress, ReservedBytesMustBeZero)
{
	const Socket receiver = bound();
	const sockaddr_glass good = address_of(receiver).raw(glass::family());

	for (const auto &how : address_calls) {
		const Socket socket = dgram();

		for (unsigned bit : {0u, 7u, 8u, 15u}) {
			sockaddr_glass raw = good;

			raw.sgl_reserved = static_cast<std::uint16_t>(1u << bit);
			EXPECT_EQ(call(how, socket, raw), EINVAL) << how.name << " bit " << bit;
		}
		for (std::size_t i = 0; i < sizeof(good.sgl_zero); i++) {
			sockaddr_glass raw = good;

			raw.sgl_zero[i] = 1;
			EXPECT_EQ(call(how, socket, raw), EINVAL) << how.name << " zero byte " << i;
		}
		EXPECT_EQ(must(socket.local(), "getsockname"), no_address) << how.name;
		EXPECT_EQ(err(socket.peer()), ENOTCONN) << how.name;
	}
	EXPECT_FALSE(is_readable(receiver));
}

TEST(DgramAddress, BadPointersFault)
{
	const auto *bad = static_cast<const sockaddr *>(bad_pointer);

	for (const auto &how : address_calls) {
		const Socket socket = dgram();

		EXPECT_EQ(err(how.call(socket.fd(), bad, full_size)), EFAULT) << how.name;
		EXPECT_EQ(must(socket.local(), "getsockname"), no_address) << how.name;
		EXPECT_EQ(err(how.call(socket.fd(), bad, 1u << 31)), EINVAL) << how.name;
	}
}

TEST(DgramAddress, NamesGoOnlyWhereTheyMay)
{
	const Socket socket = bound();
	sockaddr_glass raw;
	auto *name = reinterpret_cast<sockaddr *>(&raw);
	auto *bad = static_cast<sockaddr *>(bad_pointer);
	socklen_t size = full_size;

	EXPECT_EQ(err(::getsockname(socket.fd(), bad, &size)), EFAULT);
	EXPECT_EQ(err(::getsockname(socket.fd(), name, static_cast<socklen_t *>(bad_pointer))),
		  EFAULT);
	size = static_cast<socklen_t>(-1);
	EXPECT_EQ(err(::getsockname(socket.fd(), name, &size)), EINVAL);

	// A short buffer is filled as far as it goes, and told what it lacks.
	std::memset(&raw, 0xee, sizeof(raw));
	size = 2;
	EXPECT_EQ(err(::getsockname(socket.fd(), name, &size)), 0);
	EXPECT_EQ(size, full_size);
	EXPECT_EQ(raw.sgl_family, glass::family());
	EXPECT_EQ(raw.sgl_port, 0xeeeeeeee);

	// Reserved bytes come out as zero.
	std::memset(&raw, 0xee, sizeof(raw));
	EXPECT_EQ(err(::getsockname(socket.fd(), name, &size)), 0);
	EXPECT_EQ(raw.sgl_reserved, 0);
	for (auto byte : raw.sgl_zero)
		EXPECT_EQ(byte, 0);
}

/* --- bind ------------------------------------------------------------------------- */

TEST(DgramBind, UnboundHasNoName)
{
	const Socket socket = dgram();

	EXPECT_EQ(must(socket.local(), "getsockname"), no_address);
	EXPECT_EQ(err(socket.peer()), ENOTCONN);
}

TEST(DgramBind, TheNameIsTheOneGiven)
{
	const std::uint32_t port = free_port();
	Socket everywhere = dgram();

	EXPECT_EQ(err(everywhere.bind({GLASS_NODE_ANY, port})), 0);
	EXPECT_EQ(must(everywhere.local(), "getsockname"), (Address{GLASS_NODE_ANY, port}));
	everywhere.close();

	Socket here = dgram();
	EXPECT_EQ(err(here.bind({GLASS_NODE_LOCAL, port})), 0) << "closing frees the port";
	EXPECT_EQ(must(here.local(), "getsockname"), (Address{GLASS_NODE_LOCAL, port}));
}

TEST(DgramBind, AnyPortIsAFreeOneAndNotReserved)
{
	std::vector<Socket> sockets;
	std::set<std::uint32_t> ports;

	for (int i = 0; i < 200; i++) {
		sockets.push_back(bound());
		const auto port = must(sockets.back().local(), "getsockname").port;

		EXPECT_GE(port, GLASS_PORT_RESERVED);
		EXPECT_NE(port, any);
		EXPECT_TRUE(ports.insert(port).second) << "port " << port << " given twice";
	}
}

TEST(DgramBind, TwiceIsInvalidAndChangesNothing)
{
	Socket socket = bound();
	const Address name = must(socket.local(), "getsockname");

	EXPECT_EQ(err(socket.bind({GLASS_NODE_ANY, any})), EINVAL);
	EXPECT_EQ(err(socket.bind({GLASS_NODE_ANY, free_port()})), EINVAL);
	EXPECT_EQ(must(socket.local(), "getsockname"), name);
}

TEST(DgramBind, APortInUseIsRefusedAndTheSocketStaysUnbound)
{
	const std::array<std::uint32_t, 2> nodes = {GLASS_NODE_ANY, GLASS_NODE_LOCAL};

	for (auto first : nodes) {
		for (auto second : nodes) {
			Socket owner = dgram();
			Socket other = dgram();
			const std::uint32_t port = free_port();

			must(owner.bind({first, port}), "bind");
			EXPECT_EQ(err(other.bind({second, port})), EADDRINUSE)
				<< Address{second, port} << " beside " << Address{first, port};
			EXPECT_EQ(must(other.local(), "getsockname"), no_address);
			owner.close();
			EXPECT_EQ(err(other.bind({second, port})), 0);
		}
	}
}

TEST(DgramBind, APortTakenAutomaticallyIsInUse)
{
	const Socket owner = bound();
	Socket other = dgram();

	EXPECT_EQ(err(other.bind(address_of(owner))), EADDRINUSE);
}

TEST(DgramBind, ANodeThatIsNotOursIsNotAvailable)
{
	Socket socket = dgram();

	for (std::uint32_t node : {0u, 2u, 7u, 0xfffffffeu})
		EXPECT_EQ(err(socket.bind({node, free_port()})), EADDRNOTAVAIL) << node;
	EXPECT_EQ(must(socket.local(), "getsockname"), no_address);
	EXPECT_EQ(err(socket.bind({GLASS_NODE_LOCAL, any})), 0);
}

/* --- connect ------------------------------------------------------------------------ */

TEST(DgramConnect, GivesBothSidesNames)
{
	Socket socket = dgram();
	const Socket receiver = bound();

	EXPECT_EQ(err(socket.connect(address_of(receiver))), 0);
	const Address local = must(socket.local(), "getsockname");
	EXPECT_EQ(local.node, GLASS_NODE_LOCAL);
	EXPECT_GE(local.port, GLASS_PORT_RESERVED);
	EXPECT_NE(local.port, any);
	EXPECT_EQ(must(socket.peer(), "getpeername"), address_of(receiver));
	EXPECT_EQ(err(receiver.peer()), ENOTCONN) << "only one side is connected";
}

TEST(DgramConnect, KeepsAPortBoundBefore)
{
	Socket socket = bound();
	const std::uint32_t port = address_of(socket).port;
	const Socket receiver = bound();

	EXPECT_EQ(err(socket.connect(address_of(receiver))), 0);
	EXPECT_EQ(must(socket.local(), "getsockname"), (Address{GLASS_NODE_LOCAL, port}));
}

TEST(DgramConnect, FailsAndLeavesTheSocketAsItWas)
{
	const struct {
		Address to;
		int error;
	} rows[] = {
		{{GLASS_NODE_LOCAL, free_port()}, ECONNREFUSED},
		{{7, 5000}, EHOSTUNREACH},
		{{0, 5000}, EHOSTUNREACH},
		{{0xfffffffe, 5000}, EHOSTUNREACH},
		{{GLASS_NODE_ANY, 5000}, EINVAL},
		{{GLASS_NODE_LOCAL, any}, EINVAL},
		{no_address, EINVAL},
	};

	for (const auto &[to, error] : rows) {
		Socket unbound = dgram();
		EXPECT_EQ(err(unbound.connect(to)), error) << to;
		EXPECT_EQ(must(unbound.local(), "getsockname"), no_address) << to;
		EXPECT_EQ(err(unbound.peer()), ENOTCONN) << to;
		EXPECT_FALSE(unbound.take_error()) << to;

		Socket named = bound();
		const Address name = must(named.local(), "getsockname");
		EXPECT_EQ(err(named.connect(to)), error) << to;
		EXPECT_EQ(must(named.local(), "getsockname"), name) << to;
		EXPECT_EQ(err(named.peer()), ENOTCONN) << to;

		Pair pair = make_pair();
		const Address before = must(pair.sender.local(), "getsockname");
		EXPECT_EQ(err(pair.sender.connect(to)), error) << to;
		EXPECT_EQ(must(pair.sender.local(), "getsockname"), before) << to;
		EXPECT_EQ(must(pair.sender.peer(), "getpeername"), address_of(pair.receiver));
		EXPECT_EQ(err(pair.sender.send(bytes("still"))), 0) << to;
		EXPECT_EQ(read_message(pair.receiver), "still");

		const Socket receiver = bound();
		EXPECT_EQ(err(unbound.connect(address_of(receiver))), 0) << "can connect again";
	}
}

TEST(DgramConnect, AgainGoesToTheNewPeer)
{
	Pair pair = make_pair();
	Socket second = bound();
	const Address local = must(pair.sender.local(), "getsockname");

	EXPECT_EQ(err(pair.sender.connect(address_of(second))), 0);
	EXPECT_EQ(must(pair.sender.local(), "getsockname"), local);
	EXPECT_EQ(must(pair.sender.peer(), "getpeername"), address_of(second));
	EXPECT_EQ(err(pair.sender.send(bytes("second"))), 0);
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(read_message(second), "second");
}

TEST(DgramConnect, AddressUnspecifiedDisconnects)
{
	for (socklen_t size : {full_size, static_cast<socklen_t>(sizeof(sa_family_t))}) {
		Pair pair = make_pair();
		const sockaddr_glass raw = {};
		const std::uint32_t port = address_of(pair.sender).port;

		EXPECT_EQ(call(address_calls[1], pair.sender, raw, size), 0);
		EXPECT_EQ(err(pair.sender.peer()), ENOTCONN);
		EXPECT_EQ(err(pair.sender.send(bytes("x"))), ENOTCONN);
		EXPECT_EQ(must(pair.sender.local(), "getsockname"), no_address)
			<< "an automatic port is given back";
		EXPECT_EQ(err(dgram().bind({GLASS_NODE_ANY, port})), 0);
		EXPECT_EQ(err(pair.sender.connect(address_of(pair.receiver))), 0);
	}
}

TEST(DgramConnect, DisconnectKeepsABoundName)
{
	const Socket receiver = bound();

	for (std::uint32_t node : {GLASS_NODE_ANY, GLASS_NODE_LOCAL}) {
		Socket socket = dgram();
		const Address name = {node, free_port()};

		must(socket.bind(name), "bind");
		must(socket.connect(address_of(receiver)), "connect");
		EXPECT_EQ(err(socket.disconnect()), 0);
		EXPECT_EQ(must(socket.local(), "getsockname"), name);
	}
}

TEST(DgramConnect, DisconnectOfAnUnconnectedSocketIsAllowed)
{
	EXPECT_EQ(err(dgram().disconnect()), 0);
	EXPECT_EQ(err(bound().disconnect()), 0);
}

TEST(DgramConnect, ToOneselfWorks)
{
	Socket socket = bound();

	EXPECT_EQ(err(socket.connect(address_of(socket))), 0);
	EXPECT_EQ(err(socket.send(bytes("myself"))), 0);
	EXPECT_EQ(read_message(socket), "myself");
}

} // namespace
