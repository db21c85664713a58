// SPDX-License-Identifier: GPL-2.0
/*
 * Network namespaces: two that a veth joins talk to each other by node number,
 * two that nothing joins do not meet, and one that ends leaves nothing behind.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <vector>

#include "frame.h"
#include "helper.h"
#include "ktap.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

constexpr std::uint32_t node_here = 21;
constexpr std::uint32_t node_there = 22;
constexpr std::uint32_t port = 5000;
constexpr std::uint32_t ethernet_mtu = 1500;

/* Waits for a message that another device brings; its text. */
std::string await_message(Socket &socket)
{
	return poll_long(socket, POLLIN) & POLLIN ? read_message(socket) : "(nothing came)";
}

std::uint64_t counter_in(const Namespace &where, const std::string &name)
{
	const Inside inside(where);

	return counters().at(name);
}

/* Waits until a namespace has counted one of @p name more than @p before. */
bool counts_one_more(const Namespace &where, const std::string &name, std::uint64_t before)
{
	return eventually([&] { return counter_in(where, name) == before + 1; });
}

void add_qdisc(const std::string &device, const std::string &qdisc)
{
	const std::string command = "tc qdisc add dev " + device + " root " + qdisc;

	must(std::system(command.c_str()) == 0 ? 0 : -1, command.c_str());
}

/* "va" here is node 21, "vb" there is node 22, and each knows the other. */
class Veth : public testing::Test
{
protected:
	Veth() : there(Namespace::create())
	{
		enter_new_namespace();
		add_veth("va", "vb", there);
		const auto mac_here = address_of_link("va");
		attach("va", node_here);
		{
			const Inside inside(there);

			mac_there = address_of_link("vb");
			attach("vb", node_there);
			must(control().add_route(node_here, ifindex_of("vb"), mac_here),
			     "add route");
			receiver = bound(port);
		}
		must(control().add_route(node_there, ifindex_of("va"), mac_there), "add route");
		sender = dgram();
	}

	static void attach(const std::string &name, std::uint32_t node)
	{
		must(control().attach_device(ifindex_of(name), node), "attach");
	}

	/* A frame as this side would send it to @c receiver. */
	Frame frame() const
	{
		Frame frame;

		frame.destination = mac_there.octets;
		frame.source = address_of_link("va").octets;
		frame.src_node = node_here;
		frame.dst_node = node_there;
		frame.dst_port = port;
		return frame;
	}

	Namespace there;
	glass::LinkAddress mac_there;
	Socket receiver; /* there, on port 5000 */
	Socket sender;	 /* here */
};

/* --- Traffic --------------------------------------------------------------------------------- */

TEST_F(Veth, CarriesDatagramsBothWaysWithTheRightSources)
{
	std::array<std::byte, 64> buffer;

	must(sender.connect({node_there, port}), "connect");
	const Address local = must(sender.local(), "getsockname");
	EXPECT_EQ(local.node, node_here);
	must(sender.send(bytes("there")), "send");
	ASSERT_TRUE(poll_long(receiver, POLLIN));
	const auto received = must(receiver.receive_from(buffer), "receive");
	EXPECT_EQ(text(std::span(buffer).first(received.size)), "there");
	EXPECT_EQ(received.source, local);

	must(receiver.send_to(bytes("and back"), received.source), "answer");
	ASSERT_TRUE(poll_long(sender, POLLIN));
	const auto answer = must(sender.receive_from(buffer), "receive the answer");
	EXPECT_EQ(text(std::span(buffer).first(answer.size)), "and back");
	EXPECT_EQ(answer.source, (Address{node_there, port}));
	EXPECT_EQ(traffic_of("glass0"), (Traffic{0, 0}));
}

TEST_F(Veth, CarriesEverySizeUpToTheMtu)
{
	const std::size_t largest = ethernet_mtu - sizeof(glass_hdr);
	std::vector<std::byte> buffer(2 * largest);

	must(sender.connect({node_there, port}), "connect");
	// Ethernet pads what is shorter than 46 bytes; veth does not.
	for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{17},
				       std::size_t{18}, std::size_t{19}, largest - 1, largest}) {
		const auto message = pattern(size, size);

		must(sender.send(message), "send");
		ASSERT_TRUE(poll_long(receiver, POLLIN)) << size;
		const auto got = must(receiver.receive(buffer), "receive");
		EXPECT_TRUE(std::ranges::equal(std::span(buffer).first(got), message)) << size;
	}
	EXPECT_EQ(err(sender.send(pattern(largest + 1))), EMSGSIZE);
	EXPECT_EQ(err(dgram().send_to(pattern(largest + 1), {node_there, port})), EMSGSIZE);
}

TEST_F(Veth, CarriesLargerMessagesWithALargerMtu)
{
	constexpr std::uint32_t mtu = 65535;
	const auto message = pattern(mtu - sizeof(glass_hdr));

	must(sender.connect({node_there, port}), "connect");
	EXPECT_EQ(err(sender.send(message)), EMSGSIZE);
	set_link_mtu("va", mtu);
	{
		const Inside inside(there);

		set_link_mtu("vb", mtu);
	}
	must(sender.send(message), "send");
	EXPECT_EQ(await_message(receiver), text(message));
	EXPECT_EQ(err(sender.send(pattern(message.size() + 1))), EMSGSIZE);
}

TEST_F(Veth, AClosedPortIsToldLater)
{
	must(sender.connect({node_there, port + 1}), "connect");
	must(sender.send(bytes("anybody?")), "send");
	EXPECT_TRUE(poll_long(sender, POLLERR) & POLLERR);
	EXPECT_EQ(Errno{sender.take_error().value()}, ECONNREFUSED);
	EXPECT_EQ(counter_in(there, "GlassDropPort"), 1u);
}

/* A veth hands frames on with their charge: who reads gives room to who sends. */
TEST_F(Veth, AFullReceiverMakesTheSenderWait)
{
	std::vector<std::byte> buffer(1000);
	int sent = 0;
	int received = 0;

	must(receiver.set_option(SOL_SOCKET, SO_RCVBUF, 4096), "SO_RCVBUF");
	must(sender.connect({node_there, port}), "connect");
	must(sender.set_nonblocking(true), "fcntl");
	while (sender.send(buffer))
		sent++;
	EXPECT_FALSE(poll_now(sender, POLLOUT));
	while (received < sent && poll_long(receiver, POLLIN)) {
		must(receiver.receive(buffer), "receive");
		received++;
	}
	EXPECT_EQ(received, sent);
	EXPECT_TRUE(poll_long(sender, POLLOUT));
	EXPECT_EQ(err(sender.send(buffer)), 0);
	EXPECT_EQ(counter_in(there, "GlassDropRcvbuf"), 0u);
}

TEST_F(Veth, WhatNobodyPaysForIsDroppedByAFullReceiver)
{
	const auto message = pattern(1000);
	int sent = 0;
	int received = 0;

	must(receiver.set_option(SOL_SOCKET, SO_RCVBUF, 4096), "SO_RCVBUF");
	must(sender.connect({node_there, port}), "connect");
	add_qdisc("va", "netem delay 1ms");
	EXPECT_TRUE(eventually([&] {
		must(sender.send(message), "send");
		sent++;
		return counter_in(there, "GlassDropRcvbuf") > 0;
	}));
	while (is_readable(receiver)) {
		EXPECT_EQ(read_message(receiver), text(message));
		received++;
	}
	EXPECT_GT(received, 0);
	EXPECT_LT(received, sent);
}

TEST_F(Veth, FramesOfAnUnattachedDeviceAreIgnoredAndCounted)
{
	must(sender.connect({node_there, port}), "connect");
	{
		const Inside inside(there);

		must(control().detach_device(ifindex_of("vb")), "detach");
		EXPECT_EQ(err(receiver.send_to(bytes("x"), {node_here, port})), EHOSTUNREACH);
	}
	must(sender.send(bytes("ignored")), "send");
	EXPECT_TRUE(counts_one_more(there, "GlassDropDevice", 0));
	EXPECT_FALSE(is_readable(receiver));
	{
		const Inside inside(there);

		attach("vb", node_there);
	}
	must(sender.send(bytes("heard")), "send");
	EXPECT_EQ(await_message(receiver), "heard");
}

/* Sends until it is told to stop, whatever becomes of the way; what else went wrong. */
Errno send_whatever_happens(Socket &sender, const std::atomic<bool> &stop)
{
	while (!stop) {
		const Errno error = err(sender.send(bytes("through thick and thin"), MSG_DONTWAIT));

		if (error != 0 && error != EAGAIN && error != EHOSTUNREACH)
			return error;
	}
	return {};
}

TEST_F(Veth, RoutesChangeUnderTraffic)
{
	const int rounds = 30 * ktap::scale();
	const auto va = ifindex_of("va");
	std::atomic<bool> stop = false;
	auto changes = control();
	std::vector<std::byte> buffer(64);

	must(sender.connect({node_there, port}), "connect");
	Task<Errno> traffic([&] { return send_whatever_happens(sender, stop); });
	for (int i = 0; i < rounds; i++) {
		EXPECT_EQ(err(i % 2 ? changes.delete_route(node_there) : changes.detach_device(va)),
			  0);
		if (i % 2 == 0) {
			EXPECT_EQ(err(changes.attach_device(va, node_here)), 0);
		}
		EXPECT_EQ(err(changes.add_route(node_there, va, mac_there)), 0);
		while (receiver.receive(buffer, MSG_DONTWAIT))
			;
	}
	stop = true;
	EXPECT_EQ(traffic.result(), 0);
	EXPECT_TRUE(eventually([&] {
		while (receiver.receive(buffer, MSG_DONTWAIT))
			;
		return must(sender.output_queued(), "SIOCOUTQ") == 0;
	}));
	must(sender.send(bytes("at last")), "send");
	EXPECT_EQ(await_message(receiver), "at last");
}

/* --- Forged frames ------------------------------------------------------------------------------ */

TEST_F(Veth, AFrameMustBeForTheStationAndForItsNode)
{
	Injector injector("va");
	Frame forged = frame();

	forged.dst_node = GLASS_NODE_LOCAL; // it has that node too, but not on this device
	injector.send(forged.bytes());
	EXPECT_TRUE(counts_one_more(there, "GlassDropNode", 0));
	forged.dst_node = node_here;
	injector.send(forged.bytes());
	EXPECT_TRUE(counts_one_more(there, "GlassDropNode", 1));

	forged = frame();
	forged.destination[5] ^= 1;
	injector.send(forged.bytes());
	EXPECT_TRUE(counts_one_more(there, "GlassDropNotHost", 0));
	forged.destination = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	injector.send(forged.bytes());
	EXPECT_TRUE(counts_one_more(there, "GlassDropNotHost", 1));

	forged = frame();
	forged.csum = 1;
	injector.send(forged.bytes());
	EXPECT_TRUE(counts_one_more(there, "GlassDropChecksum", 0));
	EXPECT_FALSE(is_readable(receiver));

	forged = frame();
	forged.payload.assign(4, std::byte{'!'});
	injector.send(forged.bytes());
	EXPECT_EQ(await_message(receiver), "!!!!");
}

TEST_F(Veth, AShortFrameMayBePadded)
{
	Frame padded = frame();

	padded.payload.assign(4, std::byte{'!'});
	padded.trailer.resize(46 - sizeof(glass_hdr) - padded.payload.size());
	Injector("va").send(padded.bytes());
	EXPECT_EQ(await_message(receiver), "!!!!");
}

/* --- Devices that move ---------------------------------------------------------------------------- */

TEST_F(Veth, ARenamedDeviceKeepsItsRoutes)
{
	auto changes = control();
	const auto before = must(changes.routes(), "routes");

	must(sender.connect({node_there, port}), "connect");
	must(rename_link("va", "renamed"), "rename");
	EXPECT_EQ(must(changes.routes(), "routes"), before);
	must(sender.send(bytes("by another name")), "send");
	EXPECT_EQ(await_message(receiver), "by another name");
}

TEST_F(Veth, ADeviceThatMovesAwayLosesItsRoutes)
{
	auto changes = control();
	const Namespace elsewhere = Namespace::create();

	must(sender.connect({node_there, port}), "connect");
	must(move_link("va", elsewhere), "move");
	EXPECT_EQ(must(changes.routes(), "routes").size(), 1u);
	EXPECT_EQ(err(sender.send(bytes("x"))), EHOSTUNREACH);
	const Inside inside(elsewhere);
	EXPECT_TRUE(link_exists("va"));
	EXPECT_EQ(must(control().routes(), "routes").size(), 1u);
	// Nobody has attached it there.
	set_device_up(true, "va");
	Injector("va").send(frame().bytes());
	must(receiver.send_to(bytes("x"), {node_here, port}), "send");
	EXPECT_TRUE(eventually([] { return counters().at("GlassDropDevice") == 1; }));
}

TEST(Devices, OfKindGlassStayInTheirNamespace)
{
	enter_new_namespace();
	const Namespace elsewhere = Namespace::create();

	add_glass("g1", 7);
	EXPECT_EQ(err(move_link("g1", elsewhere)), EINVAL);
	EXPECT_EQ(err(move_link("glass0", elsewhere)), EINVAL);
	must(rename_link("g1", "g2"), "rename");
	EXPECT_EQ(must(control().device(ifindex_of("g2")), "device").node, 7u);
	delete_link("g2");
}

/* --- Namespaces that end ----------------------------------------------------------------------------- */

class Namespaces : public testing::TestWithParam<SocketType>
{
protected:
	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }

	/* Somebody who can be reached on @c port. */
	static Socket server()
	{
		Socket socket(glass_socket(type()));

		must(socket.bind({GLASS_NODE_ANY, port}), "bind");
		if (is_connection())
			must(socket.listen(), "listen");
		must(socket.set_nonblocking(true), "fcntl");
		return socket;
	}
	/* Says something to whoever is there. */
	static Errno greet(Socket &client, std::string_view text)
	{
		if (const Errno error = err(client.connect({GLASS_NODE_LOCAL, port})); error != 0)
			return error;
		return err(client.send(bytes(text)));
	}
	/* What was said to @p server. */
	static std::string greeting(Socket &server)
	{
		if (!is_readable(server))
			return "(nothing)";
		if (!is_connection())
			return read_message(server).substr(type() == SOCK_RAW ? sizeof(glass_hdr)
									      : 0);
		Socket accepted = must(server.accept(), "accept");
		poll_long(accepted, POLLIN);
		return read_message(accepted);
	}
};
INSTANTIATE_TEST_SUITE_P(Types, Namespaces, testing::ValuesIn(socket_types), socket_type_name);

TEST_P(Namespaces, PortsOfTwoDoNotMeet)
{
	enter_new_namespace();
	const Namespace other = Namespace::create();
	Socket here = server();

	{
		const Inside inside(other);
		Socket client(glass_socket(type()));

		/* A raw socket needs nobody. */
		EXPECT_EQ(greet(client, "?"), type() == SOCK_RAW ? 0 : ECONNREFUSED);
		Socket there = server();
		Socket second(glass_socket(type()));
		EXPECT_EQ(greet(second, "there"), 0);
		EXPECT_EQ(greeting(there), "there");
	}
	EXPECT_EQ(greeting(here), "(nothing)");
	Socket client(glass_socket(type()));
	EXPECT_EQ(greet(client, "here"), 0);
	EXPECT_EQ(greeting(here), "here");
}

/* A socket belongs to where it was made, not to where it is used, and holds that. */
TEST_P(Namespaces, SocketsStayWhereTheyWereMade)
{
	const Namespace elsewhere = Namespace::create();

	enter_new_namespace();
	auto ends = glass_ends(type());
	Socket old_server = server();
	Socket old_client(glass_socket(type()));

	/* Nobody is left there. */
	must(::setns(elsewhere.fd(), CLONE_NEWNET), "setns");
	set_device_up(false);
	EXPECT_EQ(err(::send(ends.writer.get(), "x", 1, 0)), 0);
	EXPECT_TRUE(is_readable(Socket(std::move(ends.reader))));
	EXPECT_EQ(greet(old_client, "by who was there"), 0);
	EXPECT_EQ(greeting(old_server), "by who was there");
	set_device_up(true);
	Socket client(glass_socket(type()));
	EXPECT_EQ(greet(client, "from elsewhere"), type() == SOCK_RAW ? 0 : ECONNREFUSED);
	EXPECT_EQ(greeting(old_server), "(nothing)");
	EXPECT_EQ(err(server().local()), 0) << "the port is free here";
}

/* A veth's end in each direction tells when the namespace of the other has ended. */
bool has_ended(const std::string &veth_to_it)
{
	return eventually([&] { return !link_exists(veth_to_it); });
}

/*
 * A frame holds its sender's memory, and that the namespace, for every socket
 * family: it ends with the last of its own frames.
 */
TEST(EndOfNamespace, ComesWithTheLastOfItsFrames)
{
	constexpr int count = 20;

	enter_new_namespace();
	Namespace other = Namespace::create();
	const long before = module_references();

	add_veth("va", "vb", other);
	{
		const Inside inside(other);

		add_glass("g1", 7);
		for (const auto &[device, node] :
		     {std::pair("glass0", GLASS_NODE_LOCAL), std::pair("g1", 7u)}) {
			Socket receiver = bound();

			add_qdisc(device, "netem delay 200ms");
			for (int i = 0; i < count; i++)
				must(dgram().send_to(pattern(100),
						     {node, address_of(receiver).port}),
				     "send");
		}
		EXPECT_EQ(counters().at("GlassOutFrames"), 2u * count);
	}
	other.drop();
	EXPECT_TRUE(has_ended("va"));
	EXPECT_TRUE(eventually([before] { return module_references() == before; }))
		<< module_references() << " references, before " << before;
}

TEST_F(Veth, FramesInFlightEndWithThePeersNamespace)
{
	must(sender.connect({node_there, port}), "connect");
	// So slow that they stay: a charged frame is held by nothing but its device.
	add_qdisc("va", "tbf rate 1kbit burst 1600 limit 1000000");
	for (int i = 0; i < 20; i++)
		must(sender.send(pattern(1000)), "send");
	EXPECT_GT(must(sender.output_queued(), "SIOCOUTQ"), 15'000u);
	receiver.close();
	there.drop();
	EXPECT_TRUE(has_ended("va"));
	EXPECT_TRUE(eventually([this] { return must(sender.output_queued(), "SIOCOUTQ") == 0; }));
	EXPECT_EQ(err(sender.send(bytes("x"))), EHOSTUNREACH);
}

TEST_F(Veth, ThePeersNamespaceEndsWhileTrafficFlows)
{
	const auto message = pattern(500);
	Errno error;
	int sent = 0;

	must(sender.connect({node_there, port}), "connect");
	const auto send = [&] {
		error = err(sender.send(message));
		sent += error == 0;
		// Refusals are news of the other side, not of the way.
		return error == EHOSTUNREACH || error == ENETDOWN;
	};
	while (sent < 50)
		ASSERT_FALSE(send()) << error;
	receiver.close();
	there.drop();
	EXPECT_TRUE(eventually(send)) << error;
	EXPECT_TRUE(has_ended("va"));
	EXPECT_EQ(err(sender.send(message)), EHOSTUNREACH);
	EXPECT_EQ(must(control().routes(), "routes").size(), 1u);
	EXPECT_EQ(must(sender.output_queued(), "SIOCOUTQ"), 0u);
}

TEST(EndOfNamespace, ManyComeAndGo)
{
	constexpr int rounds = 3;
	constexpr int sockets = 100;

	enter_new_namespace();
	const long references = module_references();
	const std::size_t objects = objects_in_slab();

	for (int i = 0; i < rounds; i++) {
		Namespace other = Namespace::create();
		const std::string veth = "v" + std::to_string(i);

		add_veth(veth, "vb", other);
		must(control().attach_device(ifindex_of(veth), 100), "attach");
		{
			const Inside inside(other);
			std::vector<Pair> pairs;

			must(control().attach_device(ifindex_of("vb"), 100), "attach");
			add_glass("g1", 7);
			for (int j = 0; j < sockets / 2; j++) {
				pairs.push_back(make_pair());
				must(pairs.back().sender.send(bytes("unread")), "send");
			}
		}
		other.drop();
		EXPECT_TRUE(has_ended(veth));
	}
	EXPECT_EQ(must(control().routes(), "routes").size(), 1u);
	EXPECT_TRUE(eventually([&] { return module_references() == references; }));
	EXPECT_TRUE(eventually([&] { return objects_in_slab() <= objects; }))
		<< objects_in_slab() << " sockets in memory, before " << objects;
}

} // namespace
