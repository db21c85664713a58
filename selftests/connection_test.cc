// SPDX-License-Identifier: GPL-2.0
/*
 * Connections of STREAM and SEQPACKET: how they come about, what their ends are
 * told, and how they end. Every case runs for both types.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <memory>
#include <vector>

#include "helper.h"
#include "ktap.h"
#include "network.h"

namespace {

using namespace helper;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Address nowhere = {GLASS_NODE_LOCAL, 4000};

class Connected : public testing::TestWithParam<int>
{
protected:
	int type() const { return GetParam(); }
};

std::string type_name(const testing::TestParamInfo<int> &info)
{
	return info.param == SOCK_STREAM ? "Stream" : "Seqpacket";
}
class Connecting : public Connected
{
};
class Listening : public Connected
{
};
class Ready : public Connected
{
};
class Ending : public Connected
{
};

const auto types = testing::Values(SOCK_STREAM, SOCK_SEQPACKET);
INSTANTIATE_TEST_SUITE_P(Types, Connected, types, type_name);
INSTANTIATE_TEST_SUITE_P(Types, Connecting, types, type_name);
INSTANTIATE_TEST_SUITE_P(Types, Listening, types, type_name);
INSTANTIATE_TEST_SUITE_P(Types, Ready, types, type_name);
INSTANTIATE_TEST_SUITE_P(Types, Ending, types, type_name);

TEST_P(Connected, CarriesDataBothWays)
{
	Connection ends = connection(type());

	EXPECT_EQ(err(ends.client.send(bytes("to the server"))), 0);
	EXPECT_EQ(read_message(ends.server), "to the server");
	EXPECT_EQ(err(ends.server.send(bytes("and back"))), 0);
	EXPECT_EQ(read_message(ends.client), "and back");
	EXPECT_EQ(losses(), "");
}

TEST_P(Connected, BothEndsKnowTheirNames)
{
	Connection ends = connection(type());

	EXPECT_EQ(must(ends.client.peer(), "peer"), address_of(ends.listening));
	EXPECT_EQ(must(ends.server.local(), "local"), address_of(ends.listening));
	EXPECT_EQ(must(ends.server.peer(), "peer"), must(ends.client.local(), "local"));
}

TEST_P(Connected, TheEndOfOneSideIsReadByTheOther)
{
	Connection ends = connection(type());
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(err(ends.client.send(bytes("last"))), 0);
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(read_message(ends.server), "last");
	EXPECT_EQ(must(ends.server.receive(buffer), "receive"), 0u);
	EXPECT_EQ(err(ends.client.send(bytes("more"), MSG_NOSIGNAL)), EPIPE);
	/* The other direction lives. */
	EXPECT_EQ(err(ends.server.send(bytes("answer"))), 0);
	EXPECT_EQ(read_message(ends.client), "answer");
	ends.server.close();
	EXPECT_EQ(must(ends.client.receive(buffer), "receive"), 0u);
}

TEST_P(Connected, NobodyListening)
{
	Socket client = stream(type());
	Socket silent = stream(type());

	EXPECT_EQ(err(client.connect({GLASS_NODE_LOCAL, free_port()})), ECONNREFUSED);
	EXPECT_EQ(must(client.local(), "local").port, GLASS_PORT_ANY);
	must(silent.bind({GLASS_NODE_ANY, GLASS_PORT_ANY}), "bind");
	EXPECT_EQ(err(client.connect(address_of(silent))), ECONNREFUSED);

	Socket server = listener(type());
	EXPECT_EQ(err(client.connect(address_of(server))), 0);
}

TEST_P(Connected, UnreadDataAtCloseIsAReset)
{
	Connection ends = connection(type());
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(err(ends.client.send(bytes("unread"))), 0);
	ends.server.close();
	EXPECT_EQ(poll_long(ends.client, POLLIN), POLLIN | POLLERR | POLLHUP);
	EXPECT_EQ(err(ends.client.receive(buffer)), ECONNRESET);
	EXPECT_EQ(must(ends.client.receive(buffer), "receive"), 0u);
	EXPECT_EQ(err(ends.client.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
}

TEST_P(Connected, WhatWasSentBeforeCloseArrives)
{
	Connection ends = connection(type());

	EXPECT_EQ(err(ends.client.send(bytes("before the end"))), 0);
	ends.client.close();
	EXPECT_EQ(read_message(ends.server), "before the end");
}

TEST_P(Connected, AcceptWaits)
{
	Socket server = listener(type());
	Socket client = stream(type());
	Task<int> accepting([&] { return err(server.accept()).value; });

	EXPECT_TRUE(accepting.sleeps_in(SYS_accept4));
	EXPECT_EQ(err(client.connect(address_of(server))), 0);
	EXPECT_EQ(accepting.result(), 0);
}

TEST_P(Connected, PairsAreJoined)
{
	auto [left, right] = must(Socket::pair(type()), "socketpair");

	EXPECT_EQ(err(left.send(bytes("ping"))), 0);
	EXPECT_EQ(read_message(right), "ping");
	EXPECT_EQ(err(right.send(bytes("pong"))), 0);
	EXPECT_EQ(read_message(left), "pong");
	left.close();
	std::array<std::byte, 8> buffer;
	EXPECT_EQ(must(right.receive(buffer), "receive"), 0u);
}

TEST_P(Connected, MuchDataIsFlowControlled)
{
	Connection ends = connection(type());
	const auto data = pattern(4 << 20, 7);
	constexpr std::size_t piece = 50000;
	Task<bool> sending([&] {
		std::span<const std::byte> left(data);

		while (!left.empty()) {
			const auto part = left.first(std::min(piece, left.size()));

			if (!send_all(ends.client, part))
				return false;
			left = left.subspan(part.size());
		}
		return true;
	});

	EXPECT_TRUE(receive_all(ends.server, data.size()) == data);
	EXPECT_TRUE(sending.result());
	EXPECT_EQ(losses(), "");
}

/* --- What each call gives -------------------------------------------------------------- */

/* A listener whose backlog is full: who connects to it now waits. */
struct Busy {
	Socket listening;
	Socket first;

	explicit Busy(int type, int backlog = 0)
		: listening(helper::listener(type, GLASS_PORT_ANY, backlog)), first(stream(type))
	{
		must(first.connect(address_of(listening)), "connect");
		must(poll_long(listening, POLLIN) ? 0 : -1, "poll");
	}
	Address address() const { return address_of(listening); }
	/* The waiting ones may go on. */
	void make_place() { first = must(listening.accept(), "accept"); }
};

int state_of(const Socket &socket)
{
	return info_of(socket).state;
}

/* Sockets of Glass in this namespace. */
long sockets()
{
	long sum = 0;

	for (const auto &line : lines_of("/proc/self/net/protocols"))
		if (line.starts_with("GLASS-S"))
			sum += std::stol(words_of(line).at(2));
	return sum;
}

TEST_P(Connected, ConnectingTwice)
{
	Connection ends = connection(type());

	EXPECT_EQ(err(ends.client.connect(address_of(ends.listening))), EISCONN);
	EXPECT_EQ(err(ends.client.connect(nowhere)), EISCONN);
	EXPECT_EQ(err(ends.server.connect(nowhere)), EISCONN);
	EXPECT_EQ(err(ends.listening.connect(nowhere)), EINVAL);
	EXPECT_EQ(err(ends.client.send(bytes("unharmed"))), 0);
	EXPECT_EQ(read_message(ends.server), "unharmed");
}

TEST_P(Connected, WithoutAConnection)
{
	Socket fresh = stream(type());
	Socket listening = listener(type());
	std::array<std::byte, 8> buffer;

	for (Socket *socket : {&fresh, &listening}) {
		EXPECT_EQ(err(socket->receive(buffer)), ENOTCONN);
		EXPECT_EQ(err(socket->send(bytes("x"))), ENOTCONN) << "and no SIGPIPE";
		EXPECT_EQ(err(socket->peer()), ENOTCONN);
	}
	for (auto half : {glass::Half::Read, glass::Half::Write, glass::Half::Both})
		EXPECT_EQ(err(fresh.shutdown(half)), ENOTCONN);
	EXPECT_EQ(err(::shutdown(fresh.fd(), 3)), EINVAL);
	EXPECT_EQ(err(fresh.accept()), EINVAL);
	EXPECT_EQ(err(fresh.input_queued()), 0);
	EXPECT_EQ(err(listening.input_queued()), EINVAL) << "as TCP";
	EXPECT_EQ(err(listening.output_queued()), EINVAL) << "as TCP";
}

TEST_P(Connected, BadAddresses)
{
	Socket socket = stream(type());
	sockaddr_glass raw = {};

	raw.sgl_family = static_cast<sa_family_t>(socket.family());
	raw.sgl_node = GLASS_NODE_LOCAL;
	raw.sgl_port = 4000;
	EXPECT_EQ(err(::connect(socket.fd(), reinterpret_cast<sockaddr *>(&raw), sizeof(raw) - 1)),
		  EINVAL);
	EXPECT_EQ(err(::connect(socket.fd(), reinterpret_cast<sockaddr *>(&raw), 1)), EINVAL);
	EXPECT_EQ(err(socket.connect({GLASS_NODE_LOCAL, GLASS_PORT_ANY})), EINVAL);
	EXPECT_EQ(err(socket.connect({GLASS_NODE_ANY, 4000})), EINVAL);
	raw.sgl_family = AF_INET;
	EXPECT_EQ(err(::connect(socket.fd(), reinterpret_cast<sockaddr *>(&raw), sizeof(raw))),
		  EAFNOSUPPORT);
	EXPECT_EQ(err(socket.connect({4711, 4000})), EHOSTUNREACH);
	EXPECT_EQ(must(socket.local(), "getsockname").port, GLASS_PORT_ANY);
	EXPECT_EQ(err(::connect(socket.fd(), nullptr, 16)), EFAULT);
}

TEST_P(Connected, TheDeviceIsDown)
{
	enter_new_namespace();
	Connection ends = connection(type());
	auto [left, right] = must(Socket::pair(type()), "socketpair");
	Socket socket = stream(type());

	set_device_up(false);
	EXPECT_EQ(err(socket.connect(address_of(ends.listening))), ENETDOWN);
	EXPECT_EQ(must(socket.local(), "getsockname").port, GLASS_PORT_ANY);
	EXPECT_EQ(err(ends.client.send(bytes("x"))), ENETDOWN);
	EXPECT_EQ(err(left.send(bytes("x"))), ENETDOWN);
	EXPECT_EQ(err(Socket::pair(type())), 0) << "joined without the device";

	set_device_up(true);
	EXPECT_EQ(err(socket.connect(address_of(ends.listening))), 0);
	EXPECT_EQ(err(ends.client.send(bytes("up again"))), 0);
	EXPECT_EQ(read_message(ends.server), "up again");
	EXPECT_EQ(err(right.send(bytes("too"))), 0);
	EXPECT_EQ(read_message(left), "too");
}

TEST_P(Connected, ReceivingNothing)
{
	Connection ends = connection(type());

	EXPECT_EQ(must(::recv(ends.server.fd(), nullptr, 0, 0), "recv"), 0);
	EXPECT_EQ(err(ends.client.send(bytes("there"))), 0);
	if (type() == SOCK_STREAM) {
		EXPECT_EQ(must(::recv(ends.server.fd(), nullptr, 0, 0), "recv"), 0);
		EXPECT_EQ(read_message(ends.server), "there");
	}
}

TEST_P(Connected, AnAddressToSendTo)
{
	Connection ends = connection(type());
	const Errno expected = {type() == SOCK_STREAM ? EISCONN : 0};

	EXPECT_EQ(err(ends.client.send_to(bytes("x"), nowhere)), expected);
	EXPECT_EQ(is_readable(ends.server), type() == SOCK_SEQPACKET);
}

TEST_P(Connected, WhatIsNotOffered)
{
	Connection ends = connection(type());
	std::array<std::byte, 8> buffer;
	std::array<char, 64> value;
	socklen_t size = sizeof(value);
	int number = 1;

	EXPECT_EQ(err(ends.client.send(bytes("x"), MSG_OOB)), EOPNOTSUPP);
	EXPECT_EQ(err(ends.server.receive(buffer, MSG_OOB)), EOPNOTSUPP);
	EXPECT_EQ(err(ends.server.receive(buffer, MSG_ERRQUEUE)), EAGAIN);
	EXPECT_EQ(err(::getsockopt(ends.client.fd(), SOL_SOCKET, SO_PEERSEC, value.data(), &size)),
		  ENOPROTOOPT);
	for (const int level : {SOL_GLASS, SOL_TCP, 4711}) {
		EXPECT_EQ(err(::setsockopt(ends.client.fd(), level, 999, &number, sizeof(number))),
			  ENOPROTOOPT);
		EXPECT_EQ(err(::getsockopt(ends.client.fd(), level, 999, &number, &size)),
			  ENOPROTOOPT);
	}
	EXPECT_EQ(err(::ioctl(ends.client.fd(), 0x7777, &number)), ENOTTY);
}

TEST_P(Connected, BothTypesAreShownWithTheirCalls)
{
	const std::string name = type() == SOCK_STREAM ? "GLASS-STREAM" : "GLASS-SEQPACKET";
	bool is_shown = false;

	enter_new_namespace();
	const Connection ends = connection(type());
	for (const auto &line : lines_of("/proc/self/net/protocols")) {
		const auto words = words_of(line);

		if (words[0] != name)
			continue;
		is_shown = true;
		EXPECT_EQ(words.at(2), "3") << "client, server and listener";
		/* close, connect, disconnect, accept, ioctl, init, destroy, shutdown: all */
		for (std::size_t i = words.size() - 18; i < words.size() - 10; i++)
			EXPECT_EQ(words[i], "y") << line;
	}
	EXPECT_TRUE(is_shown);
}

/* --- connect ------------------------------------------------------------------------------ */

TEST_P(Connecting, WithoutWaiting)
{
	Busy busy(type());
	Socket client = stream(type(), SOCK_NONBLOCK);

	EXPECT_EQ(err(client.connect(busy.address())), EINPROGRESS);
	EXPECT_EQ(err(client.connect(busy.address())), EALREADY);
	EXPECT_EQ(poll_now(client, POLLIN | POLLOUT | POLLRDHUP), 0);
	EXPECT_EQ(err(client.peer()), ENOTCONN) << "how programs ask whether they are connected";
	EXPECT_NE(must(client.local(), "getsockname").port, GLASS_PORT_ANY);
	EXPECT_EQ(must(client.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(err(::listen(client.fd(), 1)), EINVAL);
	EXPECT_EQ(err(client.send(bytes("x"))), EAGAIN);
	EXPECT_EQ(err(::recv(client.fd(), nullptr, 1, 0)), EAGAIN);

	busy.make_place();
	EXPECT_EQ(poll_long(client, POLLOUT), POLLOUT);
	EXPECT_EQ(client.take_error().value(), 0);
	EXPECT_EQ(must(client.peer(), "getpeername"), busy.address());
	EXPECT_EQ(err(client.connect(busy.address())), 0) << "as TCP";
	EXPECT_EQ(err(client.connect(busy.address())), EISCONN);
}

TEST_P(Connecting, WithoutWaitingAndInVain)
{
	Socket client = stream(type(), SOCK_NONBLOCK);
	Socket server = listener(type());

	/* The error is told once, by SO_ERROR or by connect(). */
	for (const bool by_connect : {true, false}) {
		EXPECT_EQ(err(client.connect(nowhere)), EINPROGRESS);
		EXPECT_EQ(poll_long(client, POLLIN | POLLOUT),
			  POLLIN | POLLOUT | POLLERR | POLLHUP);
		EXPECT_EQ(err(client.peer()), ENOTCONN);
		if (by_connect)
			EXPECT_EQ(err(client.connect(nowhere)), ECONNREFUSED);
		else
			EXPECT_EQ(client.take_error().value(), ECONNREFUSED);
	}
	EXPECT_EQ(err(client.connect(address_of(server))), EINPROGRESS) << "from anew";
	EXPECT_EQ(poll_long(client, POLLOUT), POLLOUT);
	EXPECT_EQ(client.take_error().value(), 0);
}

TEST_P(Connecting, ABoundSocketKeepsItsPort)
{
	Socket client = stream(type());
	Socket server = listener(type());

	must(client.bind({GLASS_NODE_ANY, 5001}), "bind");
	EXPECT_EQ(err(client.connect(nowhere)), ECONNREFUSED);
	EXPECT_EQ(must(client.local(), "getsockname"), (Address{GLASS_NODE_ANY, 5001}));
	EXPECT_EQ(err(client.connect(address_of(server))), 0);
	EXPECT_EQ(must(must(server.accept(), "accept").peer(), "peer").port, 5001u);
}

TEST_P(Connecting, TheWaitHasATimeout)
{
	Busy busy(type());
	Socket client = stream(type());

	must(client.set_send_timeout(80ms), "SO_SNDTIMEO");
	const auto start = Clock::now();
	EXPECT_EQ(err(client.connect(busy.address())), EINPROGRESS);
	EXPECT_GE(Clock::now() - start, 50ms);
	EXPECT_EQ(err(client.connect(busy.address())), EALREADY);
	must(client.set_send_timeout(0s), "SO_SNDTIMEO");
	busy.make_place();
	EXPECT_EQ(err(client.connect(busy.address())), 0);
}

TEST_P(Connecting, ASignalEndsTheWait)
{
	Busy busy(type());
	Socket client = stream(type());

	catch_signal(SIGUSR1, false);
	Task<int> connecting([&] { return err(client.connect(busy.address())).value; });
	EXPECT_TRUE(connecting.sleeps_in(SYS_connect));
	connecting.interrupt(SIGUSR1);
	EXPECT_EQ(connecting.result(), EINTR);
	/* It goes on all the same. */
	busy.make_place();
	EXPECT_EQ(poll_long(client, POLLOUT), POLLOUT);
	EXPECT_EQ(err(client.send(bytes("x"))), 0);
}

TEST_P(Connecting, ASignalThatRestartsTheWait)
{
	Busy busy(type());
	Socket client = stream(type());

	catch_signal(SIGUSR1, true);
	Task<int> connecting([&] { return err(client.connect(busy.address())).value; });
	EXPECT_TRUE(connecting.sleeps_in(SYS_connect));
	const long switches = voluntary_switches(connecting.tid());
	connecting.interrupt(SIGUSR1);
	while (voluntary_switches(connecting.tid()) == switches)
		::sched_yield();
	busy.make_place();
	EXPECT_EQ(connecting.result(), 0);
}

TEST_P(Connecting, IsGivenUpInTheEnd)
{
	Busy busy(type());
	Socket client = stream(type());

	must(client.set_option(SOL_GLASS, GLASS_USER_TIMEOUT, 150), "GLASS_USER_TIMEOUT");
	EXPECT_EQ(err(client.connect(busy.address())), ETIMEDOUT);
	EXPECT_EQ(must(client.local(), "getsockname").port, GLASS_PORT_ANY);
	busy.make_place();
	EXPECT_EQ(err(client.connect(busy.address())), 0);
}

TEST_P(Connecting, ShutdownGivesUp)
{
	Busy busy(type());
	Socket client = stream(type());
	Task<int> connecting([&] { return err(client.connect(busy.address())).value; });

	EXPECT_TRUE(connecting.sleeps_in(SYS_connect));
	EXPECT_EQ(err(client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(connecting.result(), ECONNABORTED) << "as TCP";
	busy.make_place();
	EXPECT_EQ(err(client.connect(busy.address())), 0);
}

TEST_P(Connecting, ToItself)
{
	Socket socket = stream(type());

	must(socket.bind({GLASS_NODE_LOCAL, 5002}), "bind");
	EXPECT_EQ(err(socket.connect({GLASS_NODE_LOCAL, 5002})), 0);
	EXPECT_EQ(must(socket.peer(), "getpeername"), must(socket.local(), "getsockname"));
	EXPECT_EQ(err(socket.send(bytes("monologue"))), 0);
	EXPECT_EQ(poll_long(socket, POLLIN), POLLIN);
	EXPECT_EQ(read_message(socket), "monologue");
	EXPECT_EQ(err(socket.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(poll_long(socket, POLLRDHUP) & POLLRDHUP, POLLRDHUP);
}

TEST_P(Connecting, BothAtOnce)
{
	enter_new_namespace();
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem delay 20ms\n"));
	Socket left = stream(type(), SOCK_NONBLOCK);
	Socket right = stream(type(), SOCK_NONBLOCK);

	must(left.bind({GLASS_NODE_LOCAL, 5003}), "bind");
	must(right.bind({GLASS_NODE_LOCAL, 5004}), "bind");
	EXPECT_EQ(err(left.connect(must(right.local(), "local"))), EINPROGRESS);
	EXPECT_EQ(err(right.connect(must(left.local(), "local"))), EINPROGRESS);
	EXPECT_EQ(poll_long(left, POLLOUT), POLLOUT);
	EXPECT_EQ(poll_long(right, POLLOUT), POLLOUT);
	EXPECT_EQ(err(left.send(bytes("to the right"))), 0);
	EXPECT_EQ(err(right.send(bytes("to the left"))), 0);
	EXPECT_EQ(poll_long(left, POLLIN), POLLIN);
	EXPECT_EQ(poll_long(right, POLLIN), POLLIN);
	EXPECT_EQ(read_message(right), "to the right");
	EXPECT_EQ(read_message(left), "to the left");
	EXPECT_EQ(counters().at("GlassActiveOpens"), 2u);
	EXPECT_EQ(counters().at("GlassPassiveOpens"), 0u);
}

TEST_P(Connecting, DisconnectedSocketsStartAnew)
{
	Connection ends = connection(type());
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(err(ends.client.disconnect()), 0);
	EXPECT_EQ(err(ends.client.peer()), ENOTCONN);
	EXPECT_EQ(must(ends.client.local(), "getsockname").port, GLASS_PORT_ANY);
	EXPECT_EQ(poll_long(ends.server, POLLIN) & POLLERR, POLLERR);
	EXPECT_EQ(err(ends.server.receive(buffer)), ECONNRESET) << "as TCP";

	EXPECT_EQ(err(ends.client.connect(address_of(ends.listening))), 0);
	ends.server = must(ends.listening.accept(), "accept");
	EXPECT_EQ(err(ends.client.send(bytes("anew"))), 0);
	EXPECT_EQ(read_message(ends.server), "anew");
}

TEST_P(Connecting, DisconnectWakesWhoWaits)
{
	Connection ends = connection(type());
	Task<int> reading([&] {
		std::array<std::byte, 8> buffer;

		return err(ends.client.receive(buffer)).value;
	});
	Task<int> accepting([&] { return err(ends.listening.accept()).value; });

	EXPECT_TRUE(reading.sleeps_in(SYS_recvfrom));
	EXPECT_EQ(err(ends.client.disconnect()), 0);
	EXPECT_EQ(reading.result(), ENOTCONN);
	EXPECT_TRUE(accepting.sleeps_in(SYS_accept4));
	EXPECT_EQ(err(ends.listening.disconnect()), 0);
	EXPECT_EQ(accepting.result(), EINVAL);
}

/* --- listen and accept -------------------------------------------------------------------- */

TEST_P(Listening, WhoMay)
{
	Socket socket = stream(type());
	Connection ends = connection(type());

	EXPECT_EQ(err(::listen(socket.fd(), 1)), EINVAL) << "it has no name yet";
	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_ACCEPTCONN), "SO_ACCEPTCONN"), 0);
	must(socket.bind({GLASS_NODE_ANY, GLASS_PORT_ANY}), "bind");
	EXPECT_EQ(err(socket.listen(1)), 0);
	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_ACCEPTCONN), "SO_ACCEPTCONN"), 1);
	EXPECT_EQ(err(socket.listen(5)), 0);
	EXPECT_EQ(err(ends.client.listen(1)), EINVAL);
	EXPECT_EQ(err(ends.server.listen(1)), EINVAL);
}

/* So many connect to it before one has to wait; each is kept in @p clients. */
std::size_t fill_backlog(int type, const Address &address, std::vector<Socket> &clients)
{
	for (;;) {
		const auto before = counters();

		clients.push_back(stream(type, SOCK_NONBLOCK));
		EXPECT_EQ(err(clients.back().connect(address)), EINPROGRESS);
		for (;;) {
			const auto now = counters();

			if (now.at("GlassPassiveOpens") > before.at("GlassPassiveOpens"))
				break;
			if (now.at("GlassDropBacklog") > before.at("GlassDropBacklog"))
				return clients.size() - 1;
			::sched_yield();
		}
	}
}

TEST_P(Listening, AsManyAsTheBacklogSays)
{
	for (const int backlog : {0, 1, 5}) {
		enter_new_namespace();
		Socket server = listener(type(), GLASS_PORT_ANY, backlog);
		std::vector<Socket> clients;

		/* One more, as with TCP and AF_UNIX. */
		EXPECT_EQ(fill_backlog(type(), address_of(server), clients),
			  static_cast<std::size_t>(backlog) + 1);
		EXPECT_EQ(poll_now(clients.back(), POLLOUT), 0);
		EXPECT_EQ(must(must(server.accept(), "accept").peer(), "peer"),
			  must(clients.front().local(), "local"))
			<< "who came first is served first";
		EXPECT_EQ(poll_long(clients.back(), POLLOUT), POLLOUT);
	}
}

TEST_P(Listening, TheBacklogCanBeChanged)
{
	enter_new_namespace();
	Socket server = listener(type(), GLASS_PORT_ANY, 0);
	std::vector<Socket> clients;

	EXPECT_EQ(fill_backlog(type(), address_of(server), clients), 1u);
	EXPECT_EQ(err(server.listen(3)), 0);
	EXPECT_EQ(poll_long(clients.back(), POLLOUT), POLLOUT);
	while (counters().at("GlassPassiveOpens") < 2)
		::sched_yield();
	EXPECT_EQ(fill_backlog(type(), address_of(server), clients), 4u);
}

TEST_P(Listening, TheSystemsLimitHolds)
{
	enter_new_namespace();
	write_file("/proc/sys/net/core/somaxconn", "2");
	Socket server = listener(type(), GLASS_PORT_ANY, 1000);
	std::vector<Socket> clients;

	EXPECT_EQ(fill_backlog(type(), address_of(server), clients), 3u);
}

TEST_P(Listening, AcceptedSocketsAreAsAskedFor)
{
	Socket server = listener(type());
	Socket client = stream(type());

	for (const int flags : std::array{0, 0 | SOCK_NONBLOCK, SOCK_NONBLOCK | SOCK_CLOEXEC}) {
		Socket one = stream(type());

		EXPECT_EQ(err(one.connect(address_of(server))), 0);
		const glass::Fd got(static_cast<int>(
			must(::accept4(server.fd(), nullptr, nullptr, flags), "accept4")));
		EXPECT_EQ(!!(::fcntl(got.get(), F_GETFL) & O_NONBLOCK), !!(flags & SOCK_NONBLOCK));
		EXPECT_EQ(::fcntl(got.get(), F_GETFD), flags & SOCK_CLOEXEC ? FD_CLOEXEC : 0);
		EXPECT_EQ(Socket(glass::Fd(::dup(got.get()))).family(), server.family());
	}
	EXPECT_EQ(err(client.connect(address_of(server))), 0);
	EXPECT_EQ(err(::accept4(server.fd(), nullptr, nullptr, 4711)), EINVAL);
	EXPECT_EQ(err(::accept(server.fd(), nullptr, reinterpret_cast<socklen_t *>(8))), 0)
		<< "no address was asked for";
}

TEST_P(Listening, AcceptTellsWhoCame)
{
	Socket server = listener(type());
	Socket client = stream(type());
	sockaddr_glass raw = {};
	socklen_t size = sizeof(raw);

	EXPECT_EQ(err(client.connect(address_of(server))), 0);
	const glass::Fd got(static_cast<int>(
		must(::accept(server.fd(), reinterpret_cast<sockaddr *>(&raw), &size), "accept")));
	EXPECT_EQ(size, sizeof(raw));
	EXPECT_EQ((Address{raw.sgl_node, raw.sgl_port}), must(client.local(), "local"));
}

TEST_P(Listening, AcceptedSocketsHaveTheListenersOptions)
{
	Socket server = listener(type());
	Socket client = stream(type());

	must(server.set_option(SOL_SOCKET, SO_RCVBUF, 50000), "SO_RCVBUF");
	must(server.set_option(SOL_SOCKET, SO_KEEPALIVE, 1), "SO_KEEPALIVE");
	must(server.set_option(SOL_GLASS, GLASS_KEEPIDLE, 77), "GLASS_KEEPIDLE");
	EXPECT_EQ(err(client.connect(address_of(server))), 0);
	Socket accepted = must(server.accept(), "accept");
	for (const auto &[level, name] : {std::pair{SOL_SOCKET, SO_RCVBUF},
					  {SOL_SOCKET, SO_KEEPALIVE},
					  {SOL_GLASS, GLASS_KEEPIDLE},
					  {SOL_SOCKET, SO_TYPE},
					  {SOL_SOCKET, SO_PROTOCOL}})
		EXPECT_EQ(must(accepted.option(level, name), "get"),
			  must(server.option(level, name), "get"))
			<< name;
	EXPECT_EQ(must(accepted.option(SOL_SOCKET, SO_ACCEPTCONN), "get"), 0);
}

TEST_P(Listening, AcceptGivesUp)
{
	Socket server = listener(type());

	catch_signal(SIGUSR1, false);
	must(server.set_nonblocking(true), "O_NONBLOCK");
	EXPECT_EQ(err(server.accept()), EAGAIN);
	must(server.set_nonblocking(false), "O_NONBLOCK");
	{
		Task<int> accepting([&] { return err(server.accept()).value; });

		EXPECT_TRUE(accepting.sleeps_in(SYS_accept4));
		accepting.interrupt(SIGUSR1);
		EXPECT_EQ(accepting.result(), EINTR);
	}
	must(server.set_receive_timeout(80ms), "SO_RCVTIMEO");
	const auto start = Clock::now();
	EXPECT_EQ(err(server.accept()), EAGAIN);
	EXPECT_GE(Clock::now() - start, 50ms);
}

TEST_P(Listening, OneConnectionWakesOneOfEight)
{
	constexpr std::size_t count = 8;
	Socket server = listener(type());
	std::array<std::unique_ptr<Task<int>>, count> tasks;
	std::array<long, count> switches;
	std::vector<Socket> clients;
	const auto done = [&] {
		std::size_t sum = 0;

		for (auto &task : tasks)
			sum += task->is_done();
		return sum;
	};

	for (std::size_t i = 0; i < count; i++) {
		tasks[i] = std::make_unique<Task<int>>([&] { return err(server.accept()).value; });
		EXPECT_TRUE(tasks[i]->sleeps_in(SYS_accept4));
		switches[i] = voluntary_switches(tasks[i]->tid());
	}
	for (std::size_t i = 0; i < count; i++) {
		clients.push_back(stream(type()));
		EXPECT_EQ(err(clients.back().connect(address_of(server))), 0);
		while (done() <= i)
			::sched_yield();
		EXPECT_EQ(done(), i + 1);
		for (std::size_t j = 0; i == 0 && j < count; j++) {
			if (tasks[j]->is_done())
				continue;
			EXPECT_TRUE(tasks[j]->sleeps_in(SYS_accept4));
			EXPECT_EQ(voluntary_switches(tasks[j]->tid()), switches[j])
				<< "woken for nothing";
		}
	}
	for (auto &task : tasks)
		EXPECT_EQ(task->result(), 0);
}

TEST_P(Listening, ClosedWithConnectionsThatNobodyAccepted)
{
	Socket server = listener(type());
	std::array<Socket, 3> clients;
	std::array<std::byte, 8> buffer;

	for (auto &client : clients) {
		client = stream(type());
		EXPECT_EQ(err(client.connect(address_of(server))), 0);
	}
	EXPECT_EQ(err(clients[0].send(bytes("unread"))), 0);
	EXPECT_EQ(err(clients[1].shutdown(glass::Half::Write)), 0);
	server.close();
	for (auto &client : clients) {
		EXPECT_EQ(poll_long(client, POLLIN) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
		EXPECT_EQ(err(client.receive(buffer)), ECONNRESET);
	}
}

TEST_P(Listening, ClosedWithConnectionsHalfOpen)
{
	enter_new_namespace();
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem delay 20ms\n"));
	Socket server = listener(type());
	Socket client = stream(type(), SOCK_NONBLOCK);
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(err(client.connect(address_of(server))), EINPROGRESS);
	EXPECT_EQ(poll_long(client, POLLOUT), POLLOUT); // its ACK is on its way still
	server.close();
	EXPECT_EQ(poll_long(client, POLLIN) & POLLERR, POLLERR);
	EXPECT_EQ(err(client.receive(buffer)), ECONNRESET);
}

TEST_P(Listening, ClosedWhileSomebodyAccepts)
{
	Socket server = listener(type());
	const Address address = address_of(server);
	Task<int> accepting([fd = server.fd()] {
		const glass::Fd got(::accept4(fd, nullptr, nullptr, 0));

		return err(got.get()).value;
	});
	Socket client = stream(type());

	EXPECT_TRUE(accepting.sleeps_in(SYS_accept4));
	/* The call has the file open still, as with every socket. */
	server.close();
	EXPECT_EQ(err(client.connect(address)), 0);
	EXPECT_EQ(accepting.result(), 0);
	EXPECT_TRUE(
		eventually([&] { return err(stream(type()).connect(address)) == ECONNREFUSED; }));
}

TEST_P(Listening, ShutDownWhileSomebodyAccepts)
{
	Socket server = listener(type());
	Task<int> accepting([&] { return err(server.accept()).value; });

	EXPECT_TRUE(accepting.sleeps_in(SYS_accept4));
	EXPECT_EQ(err(server.shutdown(glass::Half::Write)), 0) << "as TCP: nothing happens";
	EXPECT_FALSE(accepting.is_done());
	EXPECT_EQ(err(server.shutdown(glass::Half::Read)), 0);
	EXPECT_EQ(accepting.result(), EINVAL);
	EXPECT_EQ(err(stream(type()).connect(address_of(server))), ECONNREFUSED);
	EXPECT_EQ(err(server.listen(1)), 0) << "and again";
	EXPECT_EQ(err(stream(type()).connect(address_of(server))), 0);
}

/* --- Readiness ----------------------------------------------------------------------------- */

constexpr short everything = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

TEST_P(Ready, InEachState)
{
	Socket fresh = stream(type());
	EXPECT_EQ(poll_now(fresh, everything), POLLOUT | POLLHUP) << "new";

	Socket server = listener(type());
	EXPECT_EQ(poll_now(server, everything), 0) << "listening";
	Socket client = stream(type());
	EXPECT_EQ(err(client.connect(address_of(server))), 0);
	EXPECT_EQ(poll_long(server, everything), POLLIN) << "somebody came";
	Socket accepted = must(server.accept(), "accept");
	EXPECT_EQ(poll_now(server, everything), 0);

	for (Socket *end : {&client, &accepted})
		EXPECT_EQ(poll_now(*end, everything), POLLOUT) << "established";
	EXPECT_EQ(err(client.send(bytes("x"))), 0);
	EXPECT_EQ(poll_long(accepted, POLLIN | POLLRDHUP), POLLIN);
	EXPECT_EQ(poll_now(accepted, everything), POLLIN | POLLOUT);
	read_message(accepted);
	EXPECT_EQ(poll_now(accepted, everything), POLLOUT);

	EXPECT_EQ(err(client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(poll_long(accepted, POLLRDHUP), POLLRDHUP);
	EXPECT_EQ(poll_now(accepted, everything), POLLIN | POLLOUT | POLLRDHUP) << "the peer's end";
	EXPECT_EQ(poll_now(client, everything), POLLOUT) << "the own end";
	EXPECT_EQ(err(accepted.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(poll_long(client, POLLRDHUP) & POLLRDHUP, POLLRDHUP);
	for (Socket *end : {&client, &accepted})
		EXPECT_EQ(poll_now(*end, everything), POLLIN | POLLOUT | POLLRDHUP | POLLHUP)
			<< "both ends";
}

TEST_P(Ready, AfterAReset)
{
	Connection ends = connection(type());

	EXPECT_EQ(err(ends.client.send(bytes("x"))), 0);
	ends.server.close();
	EXPECT_EQ(poll_long(ends.client, POLLHUP), POLLHUP | POLLERR);
	EXPECT_EQ(poll_now(ends.client, everything),
		  POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
	EXPECT_EQ(ends.client.take_error().value(), ECONNRESET);
	EXPECT_EQ(poll_now(ends.client, everything), POLLIN | POLLOUT | POLLRDHUP | POLLHUP)
		<< "told once";
}

TEST_P(Ready, OwnShutdownIsSeenByThePoller)
{
	Connection ends = connection(type());
	Task<short> polling([&] { return poll_long(ends.client, POLLIN | POLLRDHUP); });

	EXPECT_TRUE(polling.sleeps_in(SYS_poll));
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Read)), 0);
	EXPECT_EQ(polling.result(), POLLIN | POLLRDHUP);
}

TEST_P(Ready, EdgesAreToldOnce)
{
	Connection ends = connection(type());
	Watch watch(ends.server, EPOLLIN | EPOLLRDHUP | EPOLLET);

	EXPECT_EQ(watch.ready(), 0u);
	for (const char *text : {"1", "2"}) {
		EXPECT_EQ(err(ends.client.send(bytes(text))), 0);
		EXPECT_EQ(watch.ready(10'000), EPOLLIN);
		EXPECT_EQ(watch.ready(), 0u) << "nothing new";
	}
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(watch.ready(10'000), EPOLLIN | EPOLLRDHUP);
	EXPECT_EQ(watch.ready(), 0u);
}

TEST_P(Ready, AWatchedWriterIsToldOfRoomOnce)
{
	Connection ends = connection(type());
	Watch watch(ends.client, EPOLLOUT | EPOLLET);

	EXPECT_EQ(watch.ready(), EPOLLOUT);
	const int sent = fill_connection(ends.client, 1000);
	EXPECT_GT(sent, 10);
	EXPECT_EQ(watch.ready(), 0u);
	EXPECT_EQ(poll_now(ends.client, POLLOUT), 0);
	while (!poll_now(ends.client, POLLOUT))
		ASSERT_GT(read_some(ends.server, 1000, 0).size(), 0u);
	EXPECT_EQ(watch.ready(10'000), EPOLLOUT);
}

TEST_P(Ready, WatchedListenersAndConnections)
{
	Socket server = listener(type());
	Watch listening(server, EPOLLIN | EPOLLET);
	Busy busy(type());
	Socket client = stream(type(), SOCK_NONBLOCK);

	EXPECT_EQ(listening.ready(), 0u);
	EXPECT_EQ(err(stream(type()).connect(address_of(server))), 0);
	EXPECT_EQ(listening.ready(10'000), EPOLLIN);
	EXPECT_EQ(err(client.connect(busy.address())), EINPROGRESS);
	Watch connecting(client, EPOLLOUT | EPOLLET);
	EXPECT_EQ(connecting.ready(), 0u);
	busy.make_place();
	EXPECT_EQ(connecting.ready(10'000), EPOLLOUT);
}

/* --- Ends ---------------------------------------------------------------------------------- */

/* Reads until the end; how many bytes. */
std::size_t read_to_the_end(Socket &socket)
{
	std::size_t sum = 0;

	while (const auto size = read_some(socket, 1000, 0).size())
		sum += size;
	return sum;
}

/* Sends until it fails, with what. */
Errno send_until_error(Socket &socket)
{
	for (;;)
		if (const auto sent = socket.send(bytes("x"), MSG_NOSIGNAL); !sent)
			return err(sent);
}

TEST_P(Ending, WritingAfterTheOwnEnd)
{
	Connection ends = connection(type());

	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(err(ends.client.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
	EXPECT_EQ(in_child([&] {
			  ::signal(SIGPIPE, SIG_DFL);
			  static_cast<void>(ends.client.send(bytes("x")));
			  return 0;
		  }),
		  128 + SIGPIPE);
	EXPECT_EQ(must(ends.client.output_queued(), "SIOCOUTQ"), 0u);
}

TEST_P(Ending, WritingToWhoReadsNoMore)
{
	Connection ends = connection(type());

	EXPECT_EQ(err(ends.client.send(bytes("before"))), 0);
	EXPECT_EQ(err(ends.server.shutdown(glass::Half::Read)), 0);
	EXPECT_EQ(send_until_error(ends.client), EPIPE);
	EXPECT_EQ(in_child([&] {
			  ::signal(SIGPIPE, SIG_DFL);
			  static_cast<void>(ends.client.send(bytes("x")));
			  return 0;
		  }),
		  128 + SIGPIPE);
	/* What came before it is kept, and the other direction lives. */
	EXPECT_EQ(read_message(ends.server), "before");
	EXPECT_EQ(must(::recv(ends.server.fd(), nullptr, 1, 0), "recv"), 0) << "the end, at once";
	EXPECT_EQ(err(ends.server.send(bytes("on"))), 0);
	EXPECT_EQ(read_message(ends.client), "on");
	ends.client.close();
	EXPECT_EQ(send_until_error(ends.server), EPIPE);
}

TEST_P(Ending, AWriterIsWokenWhenNobodyReadsAnyMore)
{
	Connection ends = connection(type());

	fill_connection(ends.client, 1000);
	Task<int> writing([&] { return send_until_error(ends.client).value; });
	EXPECT_TRUE(writing.sleeps_in(SYS_sendto));
	EXPECT_EQ(err(ends.server.shutdown(glass::Half::Read)), 0);
	EXPECT_EQ(writing.result(), EPIPE);
}

TEST_P(Ending, WhatNobodyReadsIsNotInTheWayOfTheEnd)
{
	enter_new_namespace();
	Connection ends = connection(type());

	fill_connection(ends.client, 1000);
	EXPECT_EQ(err(ends.server.shutdown(glass::Half::Read)), 0);
	ends.client.close();
	EXPECT_TRUE(eventually([&] { return state_of(ends.server) == TCP_CLOSE_WAIT; }));
	EXPECT_EQ(sockets(), 2) << "the client's has said all it had to say";
}

TEST_P(Ending, WritingToWhoHasClosed)
{
	Connection ends = connection(type());

	ends.client.close();
	EXPECT_EQ(poll_long(ends.server, POLLRDHUP), POLLRDHUP);
	EXPECT_EQ(send_until_error(ends.server), EPIPE) << "as TCP and AF_UNIX";
	EXPECT_EQ(must(::recv(ends.server.fd(), nullptr, 1, 0), "recv"), 0);
	EXPECT_EQ(in_child([&] {
			  ::signal(SIGPIPE, SIG_DFL);
			  static_cast<void>(ends.server.send(bytes("x")));
			  return 0;
		  }),
		  128 + SIGPIPE);
}

TEST_P(Ending, ShutDownBothWaysKeepsWhatIsUnread)
{
	Connection ends = connection(type());
	const Address peer = must(ends.client.peer(), "getpeername");

	EXPECT_EQ(err(ends.server.send(bytes("unread"))), 0);
	EXPECT_EQ(poll_long(ends.client, POLLIN), POLLIN);
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Both)), 0);
	EXPECT_EQ(must(ends.client.peer(), "getpeername"), peer);
	EXPECT_EQ(err(ends.server.shutdown(glass::Half::Both)), 0) << "as often as one likes";
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Both)), 0);
	EXPECT_EQ(must(ends.client.peer(), "getpeername"), peer);
	EXPECT_EQ(read_message(ends.client), "unread");
	EXPECT_EQ(must(::recv(ends.client.fd(), nullptr, 1, 0), "recv"), 0);
}

TEST_P(Ending, TheStatesAreThoseOfTcp)
{
	Connection ends = connection(type());

	EXPECT_EQ(state_of(stream(type())), TCP_CLOSE);
	EXPECT_EQ(state_of(ends.listening), TCP_LISTEN);
	EXPECT_EQ(state_of(ends.client), TCP_ESTABLISHED);
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
	EXPECT_TRUE(eventually([&] { return state_of(ends.server) == TCP_CLOSE_WAIT; }));
	EXPECT_TRUE(eventually([&] { return state_of(ends.client) == TCP_FIN_WAIT2; }));
	ends.server.close();
	EXPECT_TRUE(eventually([&] { return state_of(ends.client) == TCP_CLOSE; }));
	EXPECT_EQ(must(ends.client.peer(), "getpeername"), address_of(ends.listening));
}

TEST_P(Ending, InEachState)
{
	enter_new_namespace();
	{
		Socket fresh = stream(type());
		Socket bound = stream(type());
		Busy busy(type());
		Socket connecting = stream(type(), SOCK_NONBLOCK);
		Socket refused = stream(type(), SOCK_NONBLOCK);
		Connection established = connection(type());
		Connection half = connection(type());
		Connection unread = connection(type());
		Connection full = connection(type());
		Connection disconnected = connection(type());

		must(bound.bind({GLASS_NODE_ANY, 5005}), "bind");
		EXPECT_EQ(err(connecting.connect(busy.address())), EINPROGRESS);
		EXPECT_EQ(err(refused.connect(nowhere)), EINPROGRESS);
		EXPECT_EQ(err(half.client.shutdown(glass::Half::Write)), 0);
		EXPECT_EQ(err(unread.client.send(bytes("x"))), 0);
		fill_connection(full.client, 1000);
		must(disconnected.client.disconnect(), "disconnect");
	}
	EXPECT_TRUE(eventually([] { return sockets() == 0; })) << sockets();
}

TEST_P(Ending, WithALingerOfZeroIsAReset)
{
	Connection ends = connection(type());
	const linger value = {1, 0};
	std::array<std::byte, 8> buffer;

	must(::setsockopt(ends.client.fd(), SOL_SOCKET, SO_LINGER, &value, sizeof(value)), "set");
	ends.client.close();
	EXPECT_EQ(poll_long(ends.server, POLLIN) & POLLERR, POLLERR);
	EXPECT_EQ(err(ends.server.receive(buffer)), ECONNRESET);
}

TEST_P(Ending, LingersUntilAllIsAcknowledged)
{
	Connection ends = connection(type());
	const linger value = {1, 20};

	must(::setsockopt(ends.client.fd(), SOL_SOCKET, SO_LINGER, &value, sizeof(value)), "set");
	const int sent = fill_connection(ends.client, 1000);
	Task<int> closing([&] {
		ends.client.close();
		return 0;
	});
	EXPECT_TRUE(closing.sleeps_in(SYS_close));
	const auto start = Clock::now();
	/* The last write of a stream went only in part. */
	EXPECT_GT(read_to_the_end(ends.server), 1000u * static_cast<std::size_t>(sent - 1));
	closing.result();
	EXPECT_LT(Clock::now() - start, 15s) << "no longer than it had to";
}

TEST_P(Ending, LingersNoLongerThanItSays)
{
	/* It takes a second, and is the same for both. */
	if (type() == SOCK_SEQPACKET && ktap::scale() == 1)
		return;
	Connection ends = connection(type());
	const linger value = {1, 1};

	must(::setsockopt(ends.client.fd(), SOL_SOCKET, SO_LINGER, &value, sizeof(value)), "set");
	const int sent = fill_connection(ends.client, 1000);
	const auto start = Clock::now();
	ends.client.close();
	EXPECT_GE(Clock::now() - start, 900ms);
	EXPECT_GT(read_to_the_end(ends.server), 1000u * static_cast<std::size_t>(sent - 1))
		<< "sent all the same";
}

TEST_P(Ending, CallsHaveTimeouts)
{
	Connection ends = connection(type());
	std::array<std::byte, 8> buffer;

	must(ends.client.set_receive_timeout(80ms), "SO_RCVTIMEO");
	must(ends.client.set_send_timeout(80ms), "SO_SNDTIMEO");
	auto start = Clock::now();
	EXPECT_EQ(err(ends.client.receive(buffer)), EAGAIN);
	EXPECT_GE(Clock::now() - start, 50ms);
	fill_connection(ends.client, 1000);
	start = Clock::now();
	EXPECT_EQ(send_until_error(ends.client), EAGAIN);
	EXPECT_GE(Clock::now() - start, 50ms);
}

TEST_P(Ending, OnlyTheLastDescriptorCounts)
{
	Connection ends = connection(type());
	glass::Fd copy(::dup(ends.client.fd()));

	ends.client.close();
	EXPECT_EQ(in_child([&] {
			  copy.reset();
			  return 0;
		  }),
		  0);
	EXPECT_FALSE(is_readable(ends.server));
	Socket same(std::move(copy));
	EXPECT_EQ(err(same.send(bytes("still open"))), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(read_message(ends.server), "still open");
	same.close();
	EXPECT_EQ(poll_long(ends.server, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
}

TEST_P(Ending, ManyConnectionsLeaveNothing)
{
	const std::string slab = type() == SOCK_STREAM ? "GLASS-STREAM" : "GLASS-SEQPACKET";

	enter_new_namespace();
	const std::size_t before = objects_in_slab(slab);
	const long references = module_references();
	constexpr std::uint32_t port = 5006;

	for (int i = 0; i < 400 * ktap::scale(); i++) {
		Socket server = i % 100 == 0 ? listener(type(), port) : Socket();
		static Socket listening;
		Socket client = stream(type());

		if (server)
			listening = std::move(server);
		ASSERT_EQ(err(client.connect({GLASS_NODE_LOCAL, port})), 0);
		Socket accepted = must(listening.accept(), "accept");
		must(client.send(bytes("x")), "send");
		/* Who closes first keeps the rest of the connection in mind. */
		if (i % 3 == 0)
			client.close();
		else if (i % 3 == 1)
			accepted.close(); // with unread data
		if (i % 100 == 99)
			listening.close(); // and its port can be taken again at once
	}
	EXPECT_TRUE(eventually([&] { return sockets() == 0; })) << sockets();
	EXPECT_EQ(module_references(), references) << "what is remembered does not count";
	EXPECT_GT(counters().at("GlassTimeWaits"), 0u);
	EXPECT_TRUE(eventually([&] { return objects_in_slab(slab) <= before; }))
		<< objects_in_slab(slab) << " sockets in memory, before " << before;
}

/*
 * The end of the peer may come just as the socket gives its connection to what
 * remembers it: it found the one, and the other is to have it.
 */
TEST_P(Ending, AnEndThatMeetsAGoingSocketIsAnEnd)
{
	enter_new_namespace();
	Socket listening = listener(type());

	for (int i = 0; i < 200 * ktap::scale(); i++) {
		Socket client = stream(type());

		must(client.connect(address_of(listening)), "connect");
		Socket server = must(listening.accept(), "accept");
		std::thread peer([&] {
			char byte;

			while (::recv(server.fd(), &byte, 1, MSG_DONTWAIT) < 0)
				continue;
			server.close();
		});
		client.close();
		peer.join();
	}
	/* A reset would have ended the other side, and left this one waiting for an end. */
	EXPECT_TRUE(eventually([] { return in_state("FIN_WAIT2") == 0; })) << losses();
	EXPECT_EQ(counters().at("GlassTimeWaits"), 200u * ktap::scale());
}

TEST_P(Ending, APortAndItsConnectionsCanBeReusedAtOnce)
{
	constexpr Address from = {GLASS_NODE_LOCAL, 5007};
	constexpr Address to = {GLASS_NODE_LOCAL, 5008};

	for (int i = 0; i < 20; i++) {
		Socket server = listener(type(), to.port);
		Socket client = stream(type());
		std::array<std::byte, 8> buffer;

		must(client.bind(from), "bind");
		ASSERT_EQ(err(client.connect(to)), 0) << "round " << i;
		Socket accepted = must(server.accept(), "accept");
		/* Who closes first, the server, keeps the connection in mind. */
		accepted.close();
		EXPECT_EQ(must(client.receive(buffer), "receive"), 0u);
	}
}

/* Who closed first calls again, between the same ends, and has them still in TIME_WAIT. */
TEST_P(Ending, WhoClosedFirstCanCallAgainAtOnce)
{
	constexpr Address from = {GLASS_NODE_LOCAL, 5009};

	enter_new_namespace();
	Socket listening = listener(type());
	for (int i = 0; i < 20; i++) {
		Socket client = stream(type());
		std::array<std::byte, 8> buffer;

		must(client.bind(from), "bind");
		ASSERT_EQ(err(client.connect(address_of(listening))), 0) << "round " << i;
		Socket server = must(listening.accept(), "accept");
		must(client.send(bytes("round")), "send");
		EXPECT_EQ(read_message(server), "round");
		client.close();
		EXPECT_EQ(must(server.receive(buffer), "receive"), 0u);
		server.close();
		EXPECT_TRUE(eventually([] { return in_state("TIME_WAIT") == 1; }));
	}
	EXPECT_EQ(losses(), "");
}

TEST_P(Ending, ALiveConnectionKeepsTheModule)
{
	const long before = module_references();
	Connection ends = connection(type());

	EXPECT_GE(module_references(), before + 3);
	ends = {};
	EXPECT_TRUE(eventually([&] { return module_references() == before; }));
}

TEST_P(Ending, NothingIsRememberedWhereThatIsForbidden)
{
	enter_new_namespace();
	write_file("/proc/sys/net/glass/time_wait_max", "0");
	{
		Connection ends = connection(type());

		ends.client.close();
		/* The peer does not close: nobody waits for that for ever. */
		EXPECT_TRUE(eventually([] { return sockets() == 2; })) << sockets();
	}
	EXPECT_TRUE(eventually([] { return sockets() == 0; })) << sockets();
	EXPECT_EQ(counters().at("GlassTimeWaits"), 0u);
}

/* --- Options ------------------------------------------------------------------------------- */

TEST_P(Connected, OptionsHaveTheirRanges)
{
	Socket socket = stream(type());
	struct Range {
		int name, initial, min, max;
	};

	for (const auto &[name, initial, min, max] :
	     {Range{GLASS_USER_TIMEOUT, 0, 0, 0x7fffffff}, Range{GLASS_KEEPIDLE, 7200, 1, 32767},
	      Range{GLASS_KEEPINTVL, 75, 1, 32767}, Range{GLASS_KEEPCNT, 9, 1, 127}}) {
		EXPECT_EQ(must(socket.option(SOL_GLASS, name), "get"), initial) << name;
		for (const int value : {min, max}) {
			EXPECT_EQ(err(socket.set_option(SOL_GLASS, name, value)), 0) << name;
			EXPECT_EQ(must(socket.option(SOL_GLASS, name), "get"), value) << name;
		}
		EXPECT_EQ(err(socket.set_option(SOL_GLASS, name, min - 1)), EINVAL) << name;
		if (max != 0x7fffffff) {
			EXPECT_EQ(err(socket.set_option(SOL_GLASS, name, max + 1)), EINVAL) << name;
		}
		EXPECT_EQ(must(socket.option(SOL_GLASS, name), "get"), max) << name;
		EXPECT_EQ(err(::setsockopt(socket.fd(), SOL_GLASS, name, &max, 3)), EINVAL);
		EXPECT_EQ(err(::setsockopt(socket.fd(), SOL_GLASS, name,
					   reinterpret_cast<void *>(8), 4)),
			  EFAULT);
	}
	EXPECT_EQ(err(socket.set_option(SOL_GLASS, GLASS_INFO, 1)), ENOPROTOOPT);
}

TEST_P(Connected, InfoIsSane)
{
	Connection ends = connection(type());
	glass_info info = {};
	socklen_t size = sizeof(info);

	EXPECT_EQ(err(ends.client.send(pattern(1000))), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	ASSERT_EQ(err(::getsockopt(ends.server.fd(), SOL_GLASS, GLASS_INFO, &info, &size)), 0);
	EXPECT_EQ(size, sizeof(info));
	EXPECT_EQ(info.state, TCP_ESTABLISHED);
	EXPECT_EQ(info.unread, 1000u + (type() == SOCK_SEQPACKET ? sizeof(glass_record_hdr) : 0));
	EXPECT_EQ(info.unsent, 0u);
	EXPECT_EQ(info.unacked, 0u);
	EXPECT_EQ(info.retransmits, 0u);
	EXPECT_EQ(info.reserved, 0u);

	EXPECT_EQ(read_message(ends.server).size(), 1000u);
	EXPECT_TRUE(eventually([&] {
		return !::getsockopt(ends.client.fd(), SOL_GLASS, GLASS_INFO, &info, &size) &&
		       info.unacked == 0;
	}));
	EXPECT_GT(info.rtt, 0u);
	EXPECT_LE(info.min_rtt, info.rtt);
	EXPECT_GE(info.rto, info.rtt);
	EXPECT_GT(info.mss, 60000u);
	EXPECT_GE(info.cwnd, info.mss);
	EXPECT_GT(info.snd_wnd, 100000u);
	EXPECT_GT(info.rcv_wnd, 100000u);
	EXPECT_EQ(info.in_flight, 0u);

	info.rto = 4711;
	size = offsetof(glass_info, rto);
	EXPECT_EQ(err(::getsockopt(ends.client.fd(), SOL_GLASS, GLASS_INFO, &info, &size)), 0);
	EXPECT_EQ(size, offsetof(glass_info, rto));
	EXPECT_EQ(info.rto, 4711u) << "as much as there is room for";
}

TEST_P(Connected, QueuesHaveLengths)
{
	Connection ends = connection(type());
	const bool is_stream = type() == SOCK_STREAM;

	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 0u);
	EXPECT_EQ(err(ends.client.send(bytes("1234"))), 0);
	EXPECT_EQ(err(ends.client.send(bytes("567"))), 0);
	EXPECT_TRUE(eventually([&] { return must(ends.client.output_queued(), "SIOCOUTQ") == 0; }));
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), is_stream ? 7u : 4u);
	EXPECT_EQ(read_some(ends.server, 4), "1234");
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 3u);
	EXPECT_EQ(read_some(ends.server, 4), "567");
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 0u);

	const auto sent = static_cast<std::size_t>(fill_connection(ends.client, 1000));
	EXPECT_GT(must(ends.client.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_LE(must(ends.client.output_queued(), "SIOCOUTQ"), sent * 1004);
}

} // namespace
