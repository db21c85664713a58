// SPDX-License-Identifier: GPL-2.0
/*
 * Routes inside one network namespace: which device a message takes, what
 * becomes of senders when that changes, who may change it and with what.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <set>

#include "helper.h"
#include "network.h"

namespace {

using namespace helper;
using glass::LinkAddress;
using glass::RouteEvent;

constexpr std::uint32_t g1_node = 7;
constexpr std::uint32_t foreign_node = 8;
const LinkAddress station = {{0x02, 0, 0, 0, 0, 0x0c}};

/* A namespace of its own, where g1 owns node 7. */
class Route : public testing::Test
{
protected:
	Route()
	{
		enter_new_namespace();
		add_glass("g1", g1_node);
	}

	/* A socket that anybody in this namespace can reach, and one connected to it by node 7. */
	static Pair pair_over_g1(int sender_flags = 0)
	{
		Pair pair = {dgram(sender_flags), bound()};

		must(pair.sender.connect({g1_node, address_of(pair.receiver).port}), "connect");
		return pair;
	}

	static std::uint64_t lookups() { return counters().at("GlassRouteLookups"); }
};

/* --- The way ----------------------------------------------------------------------------- */

TEST_F(Route, TrafficMovesTheCountersOfItsDeviceOnly)
{
	Pair pair = pair_over_g1();

	EXPECT_EQ(must(pair.sender.local(), "getsockname").node, g1_node);
	for (int i = 0; i < 5; i++) {
		must(pair.sender.send(bytes("to node 7")), "send");
		EXPECT_EQ(read_message(pair.receiver), "to node 7");
	}
	EXPECT_EQ(traffic_of("g1"), (Traffic{5, 5}));
	EXPECT_EQ(traffic_of("glass0"), (Traffic{0, 0}));

	Socket other = dgram();
	must(other.send_to(bytes("to node 1"), address_of(pair.receiver)), "send to node 1");
	EXPECT_EQ(read_message(pair.receiver), "to node 1");
	EXPECT_EQ(traffic_of("g1"), (Traffic{5, 5}));
	EXPECT_EQ(traffic_of("glass0"), (Traffic{1, 1}));
}

TEST_F(Route, TheSourceIsTheNodeOfTheDeviceUnlessBound)
{
	Socket receiver = bound();
	const std::uint32_t port = address_of(receiver).port;
	std::array<std::byte, 16> buffer;
	Socket sender = dgram();

	must(sender.send_to(bytes("x"), {g1_node, port}), "send");
	EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source.node, g1_node);
	must(sender.send_to(bytes("x"), {GLASS_NODE_LOCAL, port}), "send");
	EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source.node, GLASS_NODE_LOCAL);

	Socket fixed = dgram();
	must(fixed.bind({g1_node, GLASS_PORT_ANY}), "bind");
	must(fixed.send_to(bytes("x"), {GLASS_NODE_LOCAL, port}), "send");
	EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source,
		  must(fixed.local(), "getsockname"));
}

TEST_F(Route, AConnectedSocketLooksUpOnceUntilARouteChanges)
{
	Pair pair = pair_over_g1();
	const auto send = [&pair] {
		must(pair.sender.send(bytes("x")), "send");
		read_message(pair.receiver);
	};

	send();
	const auto before = lookups();
	for (int i = 0; i < 10; i++)
		send();
	EXPECT_EQ(lookups() - before, 0u);

	must(control().add_device("g2", foreign_node), "add device");
	for (int i = 0; i < 10; i++)
		send();
	EXPECT_EQ(lookups() - before, 1u);

	delete_link("g2");
	for (int i = 0; i < 10; i++)
		send();
	EXPECT_EQ(lookups() - before, 2u);
}

/* --- Devices that go, down or away --------------------------------------------------------- */

TEST_F(Route, ADeviceThatIsDownIsENETDOWN)
{
	Pair pair = pair_over_g1();
	Socket other = dgram();

	set_device_up(false, "g1");
	EXPECT_EQ(err(pair.sender.send(bytes("x"))), ENETDOWN);
	EXPECT_EQ(err(other.connect({g1_node, 1})), ENETDOWN);
	EXPECT_EQ(err(other.bind({g1_node, GLASS_PORT_ANY})), 0);
	set_device_up(true, "g1");
	EXPECT_EQ(err(pair.sender.send(bytes("again"))), 0);
	EXPECT_EQ(read_message(pair.receiver), "again");
}

/* The first error that @p sender gets; its receiver reads what comes. */
Errno send_until_error(Pair &pair, std::atomic<int> &sent)
{
	std::array<std::byte, 64> buffer;

	for (;;) {
		const auto result = pair.sender.send(std::as_bytes(std::span("again and again")));

		if (!result)
			return err(result);
		(void)pair.receiver.receive(buffer, MSG_DONTWAIT);
		sent++;
	}
}

TEST_F(Route, DeletingTheDeviceInMidTrafficEndsWithEHOSTUNREACH)
{
	Pair pair = pair_over_g1();
	std::atomic<int> sent = 0;

	{
		Task<Errno> traffic([&] { return send_until_error(pair, sent); });

		ASSERT_TRUE(eventually([&sent] { return sent > 10; }));
		delete_link("g1");
		const Errno error = traffic.result();
		// It goes down before it goes away.
		EXPECT_TRUE(error == ENETDOWN || error == EHOSTUNREACH) << error;
	}
	EXPECT_EQ(err(pair.sender.send(bytes("x"))), EHOSTUNREACH);
	EXPECT_EQ(err(pair.sender.send_to(bytes("x"), {g1_node, 1})), EHOSTUNREACH);
	EXPECT_EQ(err(dgram().connect({g1_node, 1})), EHOSTUNREACH);
	EXPECT_EQ(must(control().routes(), "routes").size(), 1u);

	// The same node on another device: the socket goes on.
	add_glass("g2", g1_node);
	std::array<std::byte, 64> buffer;
	while (pair.receiver.receive(buffer, MSG_DONTWAIT))
		;
	EXPECT_EQ(err(pair.sender.send(bytes("back"))), 0);
	EXPECT_EQ(read_message(pair.receiver), "back");
	EXPECT_EQ(traffic_of("g2"), (Traffic{1, 1}));
}

TEST_F(Route, WhatWasSentIsReadAfterTheDeviceHasGone)
{
	Pair pair = pair_over_g1();

	must(pair.sender.send(bytes("the last word")), "send");
	delete_link("g1");
	EXPECT_EQ(read_message(pair.receiver), "the last word");
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
}

TEST_F(Route, AWaitingSenderHearsOfItWhenThereIsRoom)
{
	Pair pair = pair_over_g1(SOCK_NONBLOCK);

	fill(pair.sender, 1000);
	must(pair.sender.set_nonblocking(false), "fcntl");
	Task<Errno> sender([&pair] { return err(pair.sender.send(std::vector<std::byte>(1000))); });
	ASSERT_TRUE(sender.sleeps_in(SYS_sendto));
	delete_link("g1");
	std::vector<std::byte> buffer(1000);
	while (pair.receiver.receive(buffer, MSG_DONTWAIT))
		;
	EXPECT_EQ(sender.result(), EHOSTUNREACH);
}

/* --- Names --------------------------------------------------------------------------------- */

TEST_F(Route, BindTakesOwnNodesOnly)
{
	must(control().attach_device((add_veth("va", "vb", Namespace::current()), ifindex_of("va")),
				     9),
	     "attach");
	must(control().add_route(12, ifindex_of("va"), station), "add route");

	EXPECT_EQ(err(dgram().bind({GLASS_NODE_LOCAL, 5000})), 0);
	EXPECT_EQ(err(dgram().bind({g1_node, 5000})), 0);
	EXPECT_EQ(err(dgram().bind({9, 5000})), 0);
	EXPECT_EQ(err(dgram().bind({foreign_node, 5000})), EADDRNOTAVAIL);
	EXPECT_EQ(err(dgram().bind({12, 5000})), EADDRNOTAVAIL);
}

TEST_F(Route, ANodeCanBeChosenByBinding)
{
	Socket one = dgram();
	Socket seven = dgram();
	Socket sender = dgram();

	must(one.bind({GLASS_NODE_LOCAL, 5000}), "bind");
	must(seven.bind({g1_node, 5000}), "bind to the same port of another node");
	EXPECT_EQ(err(dgram().bind({GLASS_NODE_ANY, 5000})), EADDRINUSE);
	must(sender.send_to(bytes("to 1"), {GLASS_NODE_LOCAL, 5000}), "send");
	must(sender.send_to(bytes("to 7"), {g1_node, 5000}), "send");
	EXPECT_EQ(read_message(one), "to 1");
	EXPECT_EQ(read_message(seven), "to 7");
	EXPECT_FALSE(is_readable(one) || is_readable(seven));
	one.close();
	EXPECT_EQ(err(sender.send_to(bytes("x"), {GLASS_NODE_LOCAL, 5000})), ECONNREFUSED);
}

Errno bind_to_device(Socket &socket, const std::string &name)
{
	return err(::setsockopt(socket.fd(), SOL_SOCKET, SO_BINDTODEVICE, name.data(),
				static_cast<socklen_t>(name.size())));
}

TEST_F(Route, BindToDeviceRestrictsSending)
{
	Socket receiver = bound();
	const std::uint32_t port = address_of(receiver).port;
	Socket sender = dgram();

	EXPECT_EQ(bind_to_device(sender, "no-such-device"), ENODEV);
	EXPECT_EQ(bind_to_device(sender, "g1"), 0);
	EXPECT_EQ(err(sender.send_to(bytes("x"), {GLASS_NODE_LOCAL, port})), EHOSTUNREACH);
	EXPECT_EQ(err(sender.connect({GLASS_NODE_LOCAL, port})), EHOSTUNREACH);
	EXPECT_EQ(err(sender.connect({g1_node, port})), 0);
	EXPECT_EQ(err(sender.send(bytes("x"))), 0);
	// Also once it is connected.
	EXPECT_EQ(bind_to_device(sender, "glass0"), 0);
	EXPECT_EQ(err(sender.send(bytes("x"))), EHOSTUNREACH);
	EXPECT_EQ(bind_to_device(sender, ""), 0);
	EXPECT_EQ(err(sender.send(bytes("x"))), 0);
}

TEST_F(Route, BindToDeviceRestrictsReceiving)
{
	Socket receiver = bound();
	const std::uint32_t port = address_of(receiver).port;
	Socket sender = dgram();

	EXPECT_EQ(bind_to_device(receiver, "g1"), 0);
	EXPECT_EQ(err(sender.send_to(bytes("x"), {GLASS_NODE_LOCAL, port})), ECONNREFUSED);
	EXPECT_EQ(err(sender.send_to(bytes("by g1"), {g1_node, port})), 0);
	EXPECT_EQ(read_message(receiver), "by g1");
	EXPECT_FALSE(is_readable(receiver));
	EXPECT_EQ(bind_to_device(receiver, ""), 0);
	EXPECT_EQ(err(sender.send_to(bytes("by glass0"), {GLASS_NODE_LOCAL, port})), 0);
	EXPECT_EQ(read_message(receiver), "by glass0");
}

/* --- Changes --------------------------------------------------------------------------------- */

/* The kernel refuses with this error, and says why. */
#define EXPECT_REFUSAL(call, error, words)                                                         \
	do {                                                                                       \
		EXPECT_EQ(err(call), error);                                                       \
		EXPECT_EQ(changes.explanation(), words);                                           \
	} while (0)

TEST_F(Route, RefusalsSayWhy)
{
	auto changes = control();
	add_veth("va", "vb", Namespace::current());
	const auto va = ifindex_of("va");
	const auto vb = ifindex_of("vb");
	const char *const taken = "The node has a route, or the device owns a node";

	must(changes.attach_device(va, 9), "attach");
	must(changes.add_route(12, va, station), "add route");

	EXPECT_REFUSAL(changes.attach_device(va, 10), EEXIST, taken);
	EXPECT_REFUSAL(changes.attach_device(vb, 9), EEXIST, taken);
	EXPECT_REFUSAL(changes.attach_device(vb, 12), EEXIST, taken);
	EXPECT_REFUSAL(changes.attach_device(ifindex_of("glass0"), 10), EEXIST, taken);
	EXPECT_REFUSAL(changes.add_device("g2", GLASS_NODE_LOCAL), EEXIST, taken);
	EXPECT_REFUSAL(changes.add_device("g2", 12), EEXIST, taken);
	EXPECT_REFUSAL(changes.add_route(12, va, station), EEXIST, taken);
	EXPECT_REFUSAL(changes.add_route(g1_node, va, station), EEXIST, taken);
	EXPECT_FALSE(link_exists("g2"));

	EXPECT_REFUSAL(changes.attach_device(ifindex_of("lo"), 10), EINVAL,
		       "Only an Ethernet device carries Glass frames");
	EXPECT_REFUSAL(changes.attach_device(vb, GLASS_NODE_ANY), EINVAL,
		       "The wildcard is no node");
	EXPECT_REFUSAL(changes.add_device("g2", GLASS_NODE_ANY), EINVAL, "The wildcard is no node");
	EXPECT_REFUSAL(changes.add_route(GLASS_NODE_ANY, va, station), EINVAL,
		       "The wildcard is no node");
	EXPECT_REFUSAL(changes.add_route(13, vb, station), EINVAL, "The device is not attached");
	EXPECT_REFUSAL(changes.add_route(13, ifindex_of("g1"), station), EINVAL,
		       "The device is not attached");
	for (const LinkAddress &address : {LinkAddress{}, LinkAddress{{1, 0, 0x5e, 0, 0, 1}}})
		EXPECT_REFUSAL(changes.add_route(13, va, address), EINVAL,
			       "The address is not one station's");
	EXPECT_REFUSAL(changes.detach_device(vb), EINVAL, "The device is not attached");
	EXPECT_REFUSAL(changes.detach_device(ifindex_of("g1")), EINVAL,
		       "The device is not attached");

	EXPECT_REFUSAL(changes.add_route(13, 9999, station), ENODEV, "There is no such device");
	EXPECT_REFUSAL(changes.attach_device(9999, 13), ENODEV, "There is no such device");
	EXPECT_EQ(err(changes.add_route(13, 0, station)), ERANGE);
	EXPECT_EQ(err(changes.delete_route(13)), ENOENT);
	EXPECT_EQ(err(changes.route(13)), ENOENT);
	EXPECT_EQ(err(changes.device(vb)), ENODEV);
	for (const std::uint32_t node : {GLASS_NODE_LOCAL, g1_node, 9u})
		EXPECT_REFUSAL(changes.delete_route(node), EBUSY,
			       "A device owns that node; delete or detach it");
	EXPECT_EQ(err(changes.delete_device(ifindex_of("glass0"))), EOPNOTSUPP);

	EXPECT_EQ(must(changes.routes(), "routes").size(), 4u);
}

/* Tries every change of Glass in the caller's namespace. */
void expect_no_change(glass::Control &changes, std::uint32_t va, std::uint32_t vb)
{
	EXPECT_EQ(err(changes.add_route(13, va, station)), EPERM);
	EXPECT_EQ(err(changes.delete_route(12)), EPERM);
	EXPECT_EQ(err(changes.attach_device(vb, 10)), EPERM);
	EXPECT_EQ(err(changes.detach_device(va)), EPERM);
	EXPECT_EQ(err(changes.add_device("g2", 10)), EPERM);
	EXPECT_EQ(err(changes.delete_device(ifindex_of("g1"))), EPERM);
}

TEST_F(Route, ChangesNeedTheAdministratorOfTheNamespace)
{
	auto changes = control();
	add_veth("va", "vb", Namespace::current());
	const auto va = ifindex_of("va");
	const auto vb = ifindex_of("vb");

	must(changes.attach_device(va, 9), "attach");
	must(changes.add_route(12, va, station), "add route");
	const auto before = must(changes.routes(), "routes");

	EXPECT_EQ(in_child([&] {
			  must(::setresuid(65534, 65534, 65534), "setresuid");
			  auto mine = control();

			  expect_no_change(mine, va, vb);
			  // To look is free.
			  EXPECT_EQ(must(mine.routes(), "routes"), before);
			  return testing::Test::HasFailure();
		  }),
		  0);
	EXPECT_EQ(must(changes.routes(), "routes"), before);
}

TEST_F(Route, TheRootOfAUserNamespaceChangesItsOwn)
{
	const Namespace outer = Namespace::current();

	EXPECT_EQ(in_child([] {
			  must(::setresuid(65534, 65534, 65534), "setresuid");
			  must(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
			  auto mine = control();

			  add_veth("va", "vb", Namespace::current());
			  must(mine.attach_device(ifindex_of("va"), 9), "attach");
			  must(mine.add_route(12, ifindex_of("va"), station), "add route");
			  must(mine.add_device("g2", 10), "add device");
			  return must(mine.routes(), "routes").size() == 4 ? 0 : 1;
		  }),
		  0);
	EXPECT_EQ(must(control().routes(), "routes").size(), 2u);
}

/* --- Views ------------------------------------------------------------------------------------ */

TEST_F(Route, ManyRoutesAreDumpedWhole)
{
	auto changes = control();
	std::set<std::uint32_t> wanted = {GLASS_NODE_LOCAL, g1_node, 9};
	std::set<std::uint32_t> seen;

	add_veth("va", "vb", Namespace::current());
	must(changes.attach_device(ifindex_of("va"), 9), "attach");
	for (std::uint32_t node = 1000; node < 2000; node++) {
		must(changes.add_route(node, ifindex_of("va"), station), "add route");
		wanted.insert(node);
	}
	const auto routes = must(changes.routes(), "routes");
	for (const auto &route : routes)
		seen.insert(route.node);
	EXPECT_EQ(seen, wanted);
	EXPECT_EQ(routes.size(), wanted.size());
	EXPECT_EQ(must(changes.info(), "info").routes, wanted.size());
	EXPECT_EQ(must(changes.route(1500), "route"),
		  (glass::Route{1500, ifindex_of("va"), 9, station}));
	delete_link("va");
	EXPECT_EQ(must(changes.routes(), "routes").size(), 2u);
}

TEST_F(Route, CountersByNetlinkAreThoseOfProc)
{
	Pair pair = pair_over_g1();
	auto expected = counters();
	std::size_t count = 0;

	must(pair.sender.send(bytes("x")), "send");
	expected = counters();
	for (const auto &[name, value] : must(control().counters(), "counters")) {
		EXPECT_EQ(value, expected.at(name)) << name;
		count++;
	}
	EXPECT_EQ(count, expected.size());
	EXPECT_EQ(expected.at("GlassOutFrames"), 1u);
}

/* The events that are there, in words. */
std::vector<std::string> events_of(glass::Control &watcher)
{
	std::vector<std::string> events;
	pollfd fd = {watcher.events_fd(), POLLIN, 0};

	while (::poll(&fd, 1, 0) > 0)
		must(watcher.next_events([&events](const RouteEvent &event) {
			events.push_back((event.is_added ? "+" : "-") +
					 std::to_string(event.route.node));
		}),
		     "next events");
	return events;
}

TEST_F(Route, ChangesAreToldInTheirNamespace)
{
	using Events = std::vector<std::string>;
	const Namespace there = Namespace::create();
	auto watcher = control();
	auto changes = control();

	must(watcher.watch_routes(), "watch");
	add_veth("va", "vb", there);
	must(changes.attach_device(ifindex_of("va"), 9), "attach");
	must(changes.add_route(12, ifindex_of("va"), station), "add route");
	EXPECT_EQ(events_of(watcher), (Events{"+9", "+12"}));
	must(changes.delete_route(12), "delete route");
	EXPECT_EQ(err(changes.delete_route(12)), ENOENT);
	EXPECT_EQ(events_of(watcher), (Events{"-12"}));
	must(changes.add_route(12, ifindex_of("va"), station), "add route");
	must(changes.detach_device(ifindex_of("va")), "detach");
	EXPECT_EQ(events_of(watcher), (Events{"+12", "-9", "-12"}));
	delete_link("g1");
	add_glass("g2", 10);
	EXPECT_EQ(events_of(watcher), (Events{"-7", "+10"}));

	const Inside inside(there);
	must(control().attach_device(ifindex_of("vb"), 22), "attach");
	EXPECT_EQ(events_of(watcher), Events{});
}

/* Who does not read in time is told so, once, and then hears what came before and after. */
TEST_F(Route, AWatcherThatIsTooSlowIsTold)
{
	constexpr std::uint32_t first = 100;
	constexpr std::uint32_t last = 300;
	const int smallest = 0;
	auto watcher = control();
	auto changes = control();
	const auto next_error = [&watcher] {
		return err(watcher.next_events([](const RouteEvent &) {}));
	};

	must(watcher.watch_routes(), "watch");
	must(::setsockopt(watcher.events_fd(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof(smallest)),
	     "SO_RCVBUF");
	add_veth("va", "vb", Namespace::current());
	must(changes.attach_device(ifindex_of("va"), 9), "attach");
	for (std::uint32_t node = first; node < last; node++)
		must(changes.add_route(node, ifindex_of("va"), station), "add route");
	EXPECT_EQ(next_error(), ENOBUFS);

	const auto events = events_of(watcher);
	ASSERT_FALSE(events.empty());
	EXPECT_EQ(events.front(), "+9");
	EXPECT_LT(events.size(), last - first);
	must(changes.delete_route(first), "delete route");
	EXPECT_EQ(events_of(watcher), std::vector<std::string>{"-" + std::to_string(first)});
}

} // namespace
