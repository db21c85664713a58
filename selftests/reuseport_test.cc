// SPDX-License-Identifier: GPL-2.0
/*
 * SO_REUSEPORT: several listeners of one user share a port, and the connections
 * that come to it; and so do receivers of datagrams. Every case of connections
 * runs for STREAM and SEQPACKET.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "helper.h"
#include "ktap.h"
#include "network.h"

namespace {

using namespace helper;

constexpr std::uint32_t port = 5000;
constexpr Address address = {GLASS_NODE_LOCAL, port};
constexpr std::size_t members = 4;

class Reuseport : public testing::TestWithParam<int>
{
protected:
	Reuseport() { enter_new_namespace(); }

	int type() const { return GetParam(); }

	/* One that may share its port, and has no other. */
	Socket sharer(std::uint32_t node = GLASS_NODE_ANY) const
	{
		Socket socket = stream(type(), SOCK_NONBLOCK);

		must(socket.set_option(SOL_SOCKET, SO_REUSEPORT, 1), "SO_REUSEPORT");
		must(socket.bind({node, port}), "bind");
		return socket;
	}
	Socket sharing_listener(std::uint32_t node = GLASS_NODE_ANY) const
	{
		Socket socket = sharer(node);

		must(socket.listen(SOMAXCONN), "listen");
		return socket;
	}
	std::vector<Socket> group(std::size_t size = members) const
	{
		std::vector<Socket> group;

		std::generate_n(std::back_inserter(group), size,
				[this] { return sharing_listener(); });
		return group;
	}
	/* So many connect, all of whom must get through. */
	std::vector<Socket> clients(std::size_t count) const
	{
		std::vector<Socket> clients;

		for (std::size_t i = 0; i < count; i++) {
			clients.push_back(stream(type()));
			must(clients.back().connect(address), "connect");
		}
		/* The last segment of a handshake may still be on its way. */
		EXPECT_TRUE(eventually([&] {
			return counters().at("GlassPassiveOpens") ==
			       counters().at("GlassActiveOpens");
		}));
		return clients;
	}
};

std::string type_name(const testing::TestParamInfo<int> &info)
{
	return info.param == SOCK_STREAM ? "Stream" : "Seqpacket";
}
INSTANTIATE_TEST_SUITE_P(Types, Reuseport, testing::Values(SOCK_STREAM, SOCK_SEQPACKET), type_name);

/* All that wait to be accepted. */
std::vector<Socket> accept_all(Socket &listening)
{
	std::vector<Socket> accepted;

	for (;;) {
		auto socket = listening.accept();

		if (!socket) {
			EXPECT_EQ(err(socket), EAGAIN);
			return accepted;
		}
		accepted.push_back(std::move(*socket));
	}
}

void allow_descriptors(std::size_t count)
{
	const rlimit limit = {count, count};

	must(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

/*
 * Who gets a connection is drawn by a hash of both its ends: @p count draws among
 * @p size. Six standard deviations are exceeded in one of 500 million runs.
 */
void expect_fair(const std::vector<std::size_t> &shares, std::size_t count)
{
	const double p = 1.0 / static_cast<double>(shares.size());
	const double mean = static_cast<double>(count) * p;
	const double margin = 6 * std::sqrt(mean * (1 - p));

	EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), std::size_t{0}), count);
	for (const auto share : shares)
		EXPECT_NEAR(static_cast<double>(share), mean, margin);
}

TEST_P(Reuseport, ConnectionsAreSpreadFairly)
{
	const std::size_t count = 400u * static_cast<std::size_t>(ktap::scale());
	std::vector<std::size_t> shares;
	std::vector<Address> served;
	std::vector<Address> names;

	allow_descriptors(2 * count + 100);
	auto listeners = group();
	const auto connected = clients(count);
	for (auto &listening : listeners) {
		const auto accepted = accept_all(listening);

		shares.push_back(accepted.size());
		for (const auto &socket : accepted)
			served.push_back(must(socket.peer(), "getpeername"));
	}
	expect_fair(shares, count);
	for (const auto &client : connected)
		names.push_back(must(client.local(), "getsockname"));
	const auto by_port = [](const Address &a, const Address &b) { return a.port < b.port; };
	std::ranges::sort(served, by_port);
	std::ranges::sort(names, by_port);
	EXPECT_EQ(served, names) << "each once";
	EXPECT_EQ(losses(), "");
}

TEST_P(Reuseport, WhatIsSentComesToWhoAccepted)
{
	auto listeners = group();
	auto connected = clients(20);
	std::size_t served = 0;

	for (auto &client : connected)
		must(client.send(bytes(std::to_string(must(client.local(), "name").port))), "send");
	for (auto &listening : listeners)
		for (auto &socket : accept_all(listening)) {
			EXPECT_EQ(poll_long(socket, POLLIN), POLLIN);
			EXPECT_EQ(read_message(socket),
				  std::to_string(must(socket.peer(), "peer").port));
			served++;
		}
	EXPECT_EQ(served, connected.size());
}

TEST_P(Reuseport, AListenerThatClosesTakesNoMore)
{
	constexpr std::size_t count = 100;
	auto listeners = group();
	auto connected = clients(count);
	const auto waits = [](const Socket &client) { return poll_now(client, POLLIN) == 0; };
	std::array<std::byte, 8> buffer;
	std::vector<std::size_t> shares;

	/* It has accepted one of its own, which goes on. */
	Socket first = must(listeners.front().accept(), "accept");
	listeners.erase(listeners.begin());
	std::vector<Socket> kept;
	for (auto &listening : listeners)
		std::ranges::move(accept_all(listening), std::back_inserter(kept));
	ASSERT_LT(kept.size() + 1, count) << "nobody waited at the one that closed";
	const std::size_t lost = count - kept.size() - 1;

	EXPECT_TRUE(eventually([&] {
		return std::ranges::count_if(connected, waits) ==
		       static_cast<std::ptrdiff_t>(count - lost);
	}));
	for (auto &client : connected)
		if (!waits(client)) {
			EXPECT_EQ(err(client.receive(buffer)), ECONNRESET);
		}
	kept.push_back(std::move(first));
	for (auto &socket : kept)
		EXPECT_EQ(err(socket.send(bytes("still here"))), 0);

	/* Nobody is refused, and the others share what comes. */
	const auto later = clients(200);
	for (auto &listening : listeners)
		shares.push_back(accept_all(listening).size());
	expect_fair(shares, later.size());
}

TEST_P(Reuseport, TheLastToCloseLeavesNobody)
{
	auto listeners = group();

	while (listeners.size() > 1) {
		listeners.pop_back();
		clients(10);
	}
	listeners.clear();
	EXPECT_EQ(err(stream(type()).connect(address)), ECONNREFUSED);
	/* The port is free for somebody else again. */
	EXPECT_EQ(err(stream(type()).bind({GLASS_NODE_ANY, port})), 0);
}

TEST_P(Reuseport, WhoIsShutDownTakesNoneUntilItListensAgain)
{
	auto listeners = group(2);

	must(listeners[0].shutdown(glass::Half::Read), "shutdown");
	auto connected = clients(20);
	EXPECT_EQ(accept_all(listeners[1]).size(), connected.size());
	must(listeners[0].listen(SOMAXCONN), "listen");
	connected = clients(200);
	const std::size_t share = accept_all(listeners[0]).size();
	expect_fair({share, accept_all(listeners[1]).size()}, connected.size());
}

TEST_P(Reuseport, WhoDoesNotListenTakesNone)
{
	const Socket silent = sharer();
	auto listeners = group(1);
	auto connected = clients(20);

	EXPECT_EQ(accept_all(listeners[0]).size(), connected.size());
	listeners.push_back(sharing_listener());
	connected = clients(200);
	expect_fair({accept_all(listeners[0]).size(), accept_all(listeners[1]).size()},
		    connected.size());
}

TEST_P(Reuseport, AListenerOfTheNodeGoesBeforeThoseOfAny)
{
	auto listeners = group(2);
	Socket exact = sharing_listener(GLASS_NODE_LOCAL);
	const auto connected = clients(20);

	EXPECT_EQ(accept_all(exact).size(), connected.size());
	for (auto &listening : listeners)
		EXPECT_EQ(accept_all(listening).size(), 0u);
}

TEST_P(Reuseport, MoreListenersThanAGroupBeginsWith)
{
	/* The core makes room for 128 at first. */
	constexpr std::size_t count = 140;

	allow_descriptors(1000);
	auto listeners = group(count);
	const auto connected = clients(280);
	std::size_t sum = 0;
	std::size_t behind = 0;

	for (std::size_t i = 0; i < count; i++) {
		const std::size_t share = accept_all(listeners[i]).size();

		sum += share;
		behind += i >= 128 ? share : 0;
	}
	EXPECT_EQ(sum, connected.size());
	EXPECT_GT(behind, 0u) << "12 of 140, of 280: none in one of 10^11 runs";
}

/* --- Who may -------------------------------------------------------------------------------- */

TEST_P(Reuseport, BothMustWantIt)
{
	Socket plain = stream(type());
	Socket wants = stream(type());

	must(wants.set_option(SOL_SOCKET, SO_REUSEPORT, 1), "SO_REUSEPORT");
	{
		const Socket owner = sharing_listener();

		EXPECT_EQ(err(plain.bind({GLASS_NODE_ANY, port})), EADDRINUSE);
		EXPECT_EQ(err(plain.bind({GLASS_NODE_LOCAL, port})), EADDRINUSE);
	}
	must(plain.bind({GLASS_NODE_ANY, port}), "bind");
	EXPECT_EQ(err(wants.bind({GLASS_NODE_ANY, port})), EADDRINUSE);
	must(plain.set_option(SOL_SOCKET, SO_REUSEPORT, 1), "SO_REUSEPORT");
	EXPECT_EQ(err(wants.bind({GLASS_NODE_ANY, port})), 0) << "it wants it by now";
}

TEST_P(Reuseport, AnotherUserMayNotJoin)
{
	const Socket owner = sharing_listener();

	EXPECT_EQ(in_child([&] {
			  must(::setresuid(65534, 65534, 65534), "setresuid");
			  Socket thief = stream(type());
			  must(thief.set_option(SOL_SOCKET, SO_REUSEPORT, 1), "SO_REUSEPORT");
			  return err(thief.bind({GLASS_NODE_ANY, port})).value;
		  }),
		  EADDRINUSE);
	EXPECT_EQ(in_child([&] {
			  must(::setresuid(65534, 65534, 65534), "setresuid");
			  std::array<Socket, 2> own = {stream(type()), stream(type())};

			  for (auto &socket : own) {
				  must(socket.set_option(SOL_SOCKET, SO_REUSEPORT, 1), "set");
				  must(socket.bind({GLASS_NODE_ANY, port + 1}), "bind");
				  must(socket.listen(1), "listen");
			  }
			  return 0;
		  }),
		  0)
		<< "with its own, it may";
}

TEST_P(Reuseport, IsToldAndTakenBack)
{
	Socket socket = stream(type());

	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_REUSEPORT), "get"), 0);
	must(socket.set_option(SOL_SOCKET, SO_REUSEPORT, 4711), "set");
	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_REUSEPORT), "get"), 1);
	must(socket.set_option(SOL_SOCKET, SO_REUSEPORT, 0), "set");
	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_REUSEPORT), "get"), 0);
	EXPECT_EQ(err(::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEPORT, &port, 3)), EINVAL);
	EXPECT_EQ(err(::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEPORT,
				   reinterpret_cast<void *>(8), sizeof(int))),
		  EFAULT);
}

/* What the kernel gives to IPv4 and IPv6 only, those with ports take for themselves. */
TEST(ReuseportOption, IsRefusedWhereThereAreNoPorts)
{
	EXPECT_EQ(err(must(Socket::create(SOCK_RAW), "socket")
			      .set_option(SOL_SOCKET, SO_REUSEPORT, 1)),
		  EOPNOTSUPP);
}

/* --- Datagrams --------------------------------------------------------------------------- */

class DgramGroup : public testing::Test
{
protected:
	DgramGroup() { enter_new_namespace(); }

	static Socket member(std::uint32_t node = GLASS_NODE_ANY)
	{
		Socket socket = dgram(SOCK_NONBLOCK);

		must(socket.set_option(SOL_SOCKET, SO_REUSEPORT, 1), "SO_REUSEPORT");
		must(socket.bind({node, port}), "bind");
		return socket;
	}
	static std::vector<Socket> group(std::size_t size = members)
	{
		std::vector<Socket> group;

		std::generate_n(std::back_inserter(group), size, [] { return member(); });
		return group;
	}
	static std::size_t unread(Socket &socket)
	{
		std::array<std::byte, 100> buffer;
		std::size_t count = 0;

		while (socket.receive(buffer, MSG_DONTWAIT))
			count++;
		return count;
	}
};

TEST_F(DgramGroup, MessagesAreSpreadFairly)
{
	const std::size_t count = 400u * static_cast<std::size_t>(ktap::scale());
	std::vector<std::size_t> shares;
	auto receivers = group();

	for (std::size_t i = 0; i < count; i++)
		must(bound().send_to(bytes("x"), address), "send");
	for (auto &receiver : receivers)
		shares.push_back(unread(receiver));
	expect_fair(shares, count);
}

TEST_F(DgramGroup, OneSendersGoToOneMember)
{
	auto receivers = group();

	for (int sender = 0; sender < 20; sender++) {
		Socket socket = bound();
		std::size_t served = 0;

		for (int i = 0; i < 10; i++)
			must(socket.send_to(bytes("x"), address), "send");
		for (auto &receiver : receivers) {
			const auto got = unread(receiver);

			EXPECT_TRUE(got == 0 || got == 10) << got;
			served += got;
		}
		EXPECT_EQ(served, 10u);
	}
}

TEST_F(DgramGroup, WhoLeavesGetsNothingMore)
{
	auto receivers = group(2);
	std::vector<Socket> senders;

	std::generate_n(std::back_inserter(senders), 20, [] { return bound(); });
	receivers.pop_back();
	for (auto &sender : senders)
		must(sender.send_to(bytes("x"), address), "send");
	EXPECT_EQ(unread(receivers[0]), senders.size());
	receivers.pop_back();
	EXPECT_EQ(err(senders[0].send_to(bytes("x"), address)), ECONNREFUSED);
}

TEST_F(DgramGroup, ASenderWaitsForItsOwnMemberOnly)
{
	auto receivers = group(2);
	std::array<Socket, 2> of; /* one sender for each of them */

	while (!of[0] || !of[1]) {
		Socket sender = bound(GLASS_PORT_ANY, SOCK_NONBLOCK);

		must(sender.connect(address), "connect");
		must(sender.send(bytes("x")), "send");
		of[unread(receivers[0]) ? 0 : 1] = std::move(sender);
		unread(receivers[1]);
	}
	EXPECT_GT(fill(of[0], 1000), 0);
	EXPECT_EQ(poll_now(of[0], POLLOUT), 0);
	EXPECT_EQ(poll_now(of[1], POLLOUT), POLLOUT);
	EXPECT_EQ(err(of[1].send(bytes("x"))), 0);
	EXPECT_EQ(unread(receivers[1]), 1u);
	unread(receivers[0]);
	EXPECT_EQ(poll_now(of[0], POLLOUT), POLLOUT);
}

TEST_F(DgramGroup, OnlyWithTheOptionAndOfOneUser)
{
	const Socket first = member();
	Socket without = dgram();

	EXPECT_EQ(err(without.bind({GLASS_NODE_ANY, port})), EADDRINUSE);
	EXPECT_EQ(in_child([] {
			  must(::setreuid(4711, 4711), "setreuid");
			  Socket foreign = dgram();
			  must(foreign.set_option(SOL_SOCKET, SO_REUSEPORT, 1), "SO_REUSEPORT");
			  return err(foreign.bind({GLASS_NODE_ANY, port})).value;
		  }),
		  EADDRINUSE);
	EXPECT_EQ(must(first.option(SOL_SOCKET, SO_REUSEPORT), "get"), 1);
	EXPECT_EQ(must(without.option(SOL_SOCKET, SO_REUSEPORT), "get"), 0);
}

/* SO_REUSEADDR, as UDP: those who all have it share a name, and the last one receives. */
TEST_F(DgramGroup, WithReuseaddrTheLastOneReceives)
{
	std::array<Socket, 3> sockets;

	for (auto &socket : sockets) {
		socket = dgram(SOCK_NONBLOCK);
		must(socket.set_option(SOL_SOCKET, SO_REUSEADDR, 1), "SO_REUSEADDR");
		must(socket.bind({GLASS_NODE_ANY, port}), "bind");
	}
	Socket without = dgram();
	EXPECT_EQ(err(without.bind({GLASS_NODE_ANY, port})), EADDRINUSE);
	must(without.send_to(bytes("x"), address), "send");
	EXPECT_EQ(unread(sockets[2]), 1u);
	sockets[2].close();
	must(without.send_to(bytes("x"), address), "send");
	EXPECT_EQ(unread(sockets[1]), 1u);
	EXPECT_EQ(unread(sockets[0]), 0u);
}

} // namespace
