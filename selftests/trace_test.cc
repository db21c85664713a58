// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: each frame is told of when it is sent, received, dropped, once
 * and with what it is; the core's skb:kfree_skb says why it was dropped, too.
 */
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <vector>

#include "frame.h"
#include "helper.h"
#include "network.h"
#include "tracing.h"

namespace {

using namespace helper;

constexpr std::uint32_t any = 0xffffffff;

/* Of the tracepoints of a namespace of its own, where port 5000 receives. */
class Trace : public testing::Test
{
protected:
	void SetUp() override
	{
		if (!Tracing::exists())
			GTEST_SKIP() << "no tracefs";
		enter_new_namespace();
		receiver = bound(5000);
		sender = bound(4000);
		cookie = cookie_of(receiver);
		tracing = std::make_unique<Tracing>();
	}

	static std::string cookie_of(const Socket &socket)
	{
		std::uint64_t cookie = 0;
		socklen_t size = sizeof(cookie);

		must(::getsockopt(socket.fd(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size),
		     "SO_NETNS_COOKIE");
		return std::to_string(cookie);
	}

	void enable(const std::string &name)
	{
		tracing->enable("glass/" + name, "net_cookie == " + cookie);
	}
	void enable_all()
	{
		for (const auto *name : {"glass_pkt_send", "glass_pkt_receive", "glass_pkt_drop"})
			enable(name);
	}

	void send_one()
	{
		must(sender.send_to(bytes("hello"), {GLASS_NODE_LOCAL, 5000}), "send");
		EXPECT_EQ(read_message(receiver), "hello");
	}

	Socket receiver;
	Socket sender;
	std::string cookie;
	std::unique_ptr<Tracing> tracing;
};

std::vector<std::string> names_of(const std::vector<TraceEvent> &events)
{
	std::vector<std::string> names;

	for (const auto &event : events)
		names.push_back(event.name);
	return names;
}

using Names = std::vector<std::string>;

/* --- Sending and receiving ---------------------------------------------------------------- */

TEST_F(Trace, OneMessageIsSentOnceAndReceivedOnce)
{
	const std::string glass0 = std::to_string(ifindex_of("glass0"));

	enable_all();
	send_one();
	const auto events = tracing->events();
	ASSERT_EQ(names_of(events), (Names{"glass_pkt_send", "glass_pkt_receive"}));
	for (const auto &event : events) {
		EXPECT_EQ(event["net"], cookie) << event;
		EXPECT_EQ(event["ifindex"], glass0) << event;
		EXPECT_EQ(event["protocol"], std::to_string(GLASS_PROTO_DGRAM)) << event;
		EXPECT_EQ(event["from"], "1:4000") << event;
		EXPECT_EQ(event["to"], "1:5000") << event;
		EXPECT_EQ(event["len"], "5") << event;
	}
	EXPECT_EQ(events[0]["skbaddr"], events[1]["skbaddr"]) << "the two tell of one frame";
}

/* perf and bpftrace know no enumerator of ours: the formats have numbers. */
TEST_F(Trace, FormatsNameNoEnumerator)
{
	std::size_t formats = 0;

	for (const auto &event :
	     std::filesystem::directory_iterator(tracing->folder() + "/events/glass")) {
		if (!event.is_directory())
			continue;
		formats++;
		for (const auto &line : lines_of(event.path() / "format"))
			EXPECT_TRUE(line.find("GLASS_") == line.npos &&
				    line.find("TCP_") == line.npos)
				<< event.path() << ": " << line;
	}
	EXPECT_GE(formats, 5u);
}

TEST_F(Trace, TellsTheDeviceOfANode)
{
	add_glass("g1", 7);
	enable_all();
	must(dgram().send_to(bytes("by node 7"), {7, 5000}), "send");
	for (const auto &event : tracing->events()) {
		EXPECT_EQ(event["ifindex"], std::to_string(ifindex_of("g1"))) << event;
		EXPECT_TRUE(event["from"].starts_with("7:")) << event;
		EXPECT_EQ(event["to"], "7:5000") << event;
	}
}

TEST_F(Trace, ARefusedMessageIsNoFrame)
{
	enable_all();
	EXPECT_EQ(err(sender.send_to(bytes("x"), {GLASS_NODE_LOCAL, 5001})), ECONNREFUSED);
	EXPECT_EQ(err(sender.send_to(bytes("x"), {9, 5000})), EHOSTUNREACH);
	EXPECT_EQ(names_of(tracing->events()), Names{});
}

TEST_F(Trace, WhatIsOffTellsNothing)
{
	Frame refused;

	refused.dst_port = 5001;
	const auto names_now = [&] {
		send_one();
		Injector().send(refused.bytes());
		return names_of(tracing->events());
	};

	EXPECT_EQ(names_now(), Names{});
	for (const auto *name : {"glass_pkt_send", "glass_pkt_drop"}) {
		enable(name);
		EXPECT_EQ(names_now(), Names{name});
		tracing->disable("glass/" + std::string(name));
	}
	EXPECT_EQ(names_now(), Names{});
}

TEST_F(Trace, AnotherNamespaceIsToldApart)
{
	const Namespace other = Namespace::create();

	enable_all();
	const Inside inside(other);
	Pair pair = make_pair();
	must(pair.sender.send(bytes("x")), "send");
	EXPECT_EQ(names_of(tracing->events()), Names{});
	EXPECT_NE(cookie_of(pair.sender), cookie);
}

TEST_F(Trace, TheInstanceGoesWithTheTest)
{
	const std::string folder = tracing->folder();
	struct stat status;

	enable_all();
	EXPECT_EQ(err(::stat(folder.c_str(), &status)), 0);
	tracing.reset();
	EXPECT_EQ(err(::stat(folder.c_str(), &status)), ENOENT);
}

/* --- Drops --------------------------------------------------------------------------------- */

/* What makes a good frame one that is dropped. */
struct Drop {
	const char *reason;
	const char *core; /* the core's name for it */
	void (*spoil)(Frame &frame, Socket &receiver);
	const char *device = "glass0";
};

void refuse_by_filter(Frame &, Socket &receiver)
{
	sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
	const sock_fprog program = {1, &none};

	must(::setsockopt(receiver.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
	     "SO_ATTACH_FILTER");
}

/* A frame that netem has held is charged to nobody, and a full receiver refuses it. */
void fill_receiver(Frame &, Socket &receiver)
{
	Socket filler = dgram();

	must(filler.connect(address_of(receiver)), "connect");
	fill(filler, 1000);
	must(std::system("tc qdisc add dev glass0 root netem delay 1ms") == 0 ? 0 : -1, "netem");
}

/* The last one leaves a qdisc behind. */
const Drop drops[] = {
	{"device", "UNHANDLED_PROTO", [](Frame &, Socket &) { set_device_up(true, "lo"); }, "lo"},
	{"not_host", "OTHERHOST", [](Frame &frame, Socket &) { frame.destination[5] ^= 1; }},
	{"version", "NOT_SPECIFIED", [](Frame &frame, Socket &) { frame.version++; }},
	{"header_length", "HDR_TRUNC", [](Frame &frame, Socket &) { frame.hlen = 0; }},
	{"flags", "NOT_SPECIFIED", [](Frame &frame, Socket &) { frame.flags = 0x80; }},
	{"reserved", "NOT_SPECIFIED", [](Frame &frame, Socket &) { frame.reserved = 1; }},
	{"length", "HDR_TRUNC", [](Frame &frame, Socket &) { frame.len = 1; }},
	{"checksum", "SKB_CSUM", [](Frame &frame, Socket &) { frame.csum = 1; }},
	{"source", "NOT_SPECIFIED", [](Frame &frame, Socket &) { frame.src_node = any; }},
	{"node", "NOT_SPECIFIED", [](Frame &frame, Socket &) { frame.dst_node = 2; }},
	{"protocol", "UNHANDLED_PROTO", [](Frame &frame, Socket &) { frame.protocol = 99; }},
	{"port", "NO_SOCKET", [](Frame &frame, Socket &) { frame.dst_port = 5001; }},
	{"filter", "SOCKET_FILTER", refuse_by_filter},
	{"shutdown", "NOT_SPECIFIED",
	 [](Frame &, Socket &receiver) { must(receiver.shutdown(glass::Half::Read), "shutdown"); }},
	{"peer", "NOT_SPECIFIED",
	 [](Frame &frame, Socket &receiver) {
		 must(receiver.connect({GLASS_NODE_LOCAL, 4000}), "connect");
		 frame.src_port = 4001;
	 }},
	{"control", "NOT_SPECIFIED",
	 [](Frame &frame, Socket &) { frame.protocol = GLASS_PROTO_CONTROL; }},
	{"rcvbuf", "SOCKET_RCVBUFF", fill_receiver},
};

class TraceDrop : public Trace
{
protected:
	void SetUp() override
	{
		Trace::SetUp();
		if (!tracing)
			return;
		enable("glass_pkt_drop");
		tracing->enable("skb/kfree_skb", "protocol == " + std::to_string(ETH_P_GLASS));
	}

	/* Puts it on its device; the events, once the drop was counted. */
	std::vector<TraceEvent> inject(std::span<const std::byte> frame, const char *device)
	{
		const auto drops = [] {
			std::uint64_t sum = 0;

			for (const auto &[name, value] : counters())
				if (name.starts_with("GlassDrop"))
					sum += value;
			return sum;
		};
		const auto before = drops();

		tracing->events();
		Injector(device).send(frame);
		EXPECT_TRUE(eventually([&] { return drops() > before; }));
		/* It is counted before it is told of. */
		std::vector<TraceEvent> events;
		EXPECT_TRUE(eventually([&] {
			std::ranges::move(tracing->events(), std::back_inserter(events));
			return events.size() >= 2;
		}));
		return events;
	}

	void expect_drop(const std::vector<TraceEvent> &events, const char *reason,
			 const char *core, const char *device, std::size_t size)
	{
		ASSERT_EQ(names_of(events), (Names{"glass_pkt_drop", "kfree_skb"}));
		EXPECT_EQ(events[0]["reason"], reason) << events[0];
		EXPECT_EQ(events[0]["net"], cookie) << events[0];
		EXPECT_EQ(events[0]["ifindex"], std::to_string(ifindex_of(device))) << events[0];
		EXPECT_EQ(events[0]["len"], std::to_string(size)) << events[0];
		EXPECT_EQ(events[1]["reason"], core) << events[1];
		EXPECT_EQ(events[1]["skbaddr"], events[0]["skbaddr"]);
	}
};

TEST_F(TraceDrop, IsToldOnceWithItsReason)
{
	for (const auto &[reason, core, spoil, device] : drops) {
		SCOPED_TRACE(reason);
		Frame frame;

		receiver.close();
		receiver = bound(5000);
		frame.payload = pattern(100);
		spoil(frame, receiver);
		expect_drop(inject(frame.bytes(), device), reason, core, device,
			    sizeof(glass_hdr) + frame.payload.size());
	}
}

TEST_F(TraceDrop, OfLessThanAHeader)
{
	const auto whole = Frame().bytes();
	const auto cut = std::span(whole).first(whole.size() - 1);

	expect_drop(inject(cut, "glass0"), "short", "PKT_TOO_SMALL", "glass0",
		    sizeof(glass_hdr) - 1);
}

/* --- Connections --------------------------------------------------------------------------- */

class TraceConnection : public Trace
{
protected:
	void SetUp() override
	{
		Trace::SetUp();
		if (!tracing)
			return;
		for (const auto *name :
		     {"glass_state", "glass_retransmit", "glass_reset_send", "glass_reset_receive"})
			enable(name);
		write_file("/proc/sys/net/glass/initial_sequence", "1000");
	}

	/* What was told since the last call, once there are @p count of it. */
	std::vector<TraceEvent> events(std::size_t count)
	{
		std::vector<TraceEvent> events;

		EXPECT_TRUE(eventually([&] {
			std::ranges::move(tracing->events(), std::back_inserter(events));
			return events.size() >= count;
		})) << events.size()
		    << " of " << count;
		for (const auto &event : events)
			EXPECT_EQ(event["net"], cookie) << event;
		return events;
	}
};

/* "CLOSE SYN_SENT ESTABLISHED": the states that the socket with these ends went through. */
std::string path_of(const std::vector<TraceEvent> &events, const std::string &local,
		    const std::string &remote)
{
	std::string path;
	std::string last;

	for (const auto &event : events) {
		if (event.name != "glass_state" ||
		    event.text.find(' ' + local + " -> " + remote + ' ') == std::string::npos)
			continue;
		if (event["from"] != last)
			path += (path.empty() ? "" : " | ") + event["from"];
		last = event["to"];
		path += ' ' + last;
	}
	return path;
}

std::string name_of(const Socket &socket)
{
	return "1:" + std::to_string(must(socket.local(), "getsockname").port);
}

const std::string nobody = std::to_string(any) + ':' + std::to_string(any);

TEST_F(TraceConnection, GoesThroughTheStatesOfRfc9293)
{
	std::array<std::byte, 1> buffer;
	Connection ends = connection(SOCK_STREAM);
	const std::string client = name_of(ends.client);
	const std::string server = name_of(ends.server);

	must(ends.client.send(bytes("x")), "send");
	EXPECT_EQ(read_some(ends.server, 1, 0), "x");
	auto told = events(4);
	EXPECT_EQ(told.size(), 4u);
	EXPECT_EQ(path_of(told, std::to_string(any) + server.substr(1), nobody), "CLOSE LISTEN");
	EXPECT_EQ(path_of(told, client, server), "CLOSE SYN_SENT ESTABLISHED");
	EXPECT_EQ(path_of(told, server, client), "SYN_RECV ESTABLISHED");

	must(ends.client.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(must(ends.server.receive(buffer), "receive"), 0u);
	told = events(3);
	EXPECT_EQ(told.size(), 3u);
	EXPECT_EQ(path_of(told, client, server), "ESTABLISHED FIN_WAIT1 FIN_WAIT2");
	EXPECT_EQ(path_of(told, server, client), "ESTABLISHED CLOSE_WAIT");

	ends.server.close();
	ends.listening.close();
	EXPECT_EQ(must(ends.client.receive(buffer), "receive"), 0u);
	told = events(5);
	EXPECT_EQ(told.size(), 5u);
	EXPECT_EQ(path_of(told, client, server), "FIN_WAIT2 TIME_WAIT CLOSE");
	EXPECT_EQ(path_of(told, server, client), "CLOSE_WAIT LAST_ACK CLOSE");
	EXPECT_EQ(path_of(told, std::to_string(any) + server.substr(1), nobody), "LISTEN CLOSE");
	ends.client.close();
	EXPECT_EQ(names_of(tracing->events()), Names{}) << "it was over before";
}

TEST_F(TraceConnection, EndsAtBothSidesAtOnce)
{
	Connection ends = connection(SOCK_STREAM);
	const std::string client = name_of(ends.client);
	const std::string server = name_of(ends.server);

	events(4);
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem delay 100ms"));
	ends.client.close();
	ends.server.close();
	const auto told = events(8);
	EXPECT_EQ(told.size(), 8u);
	EXPECT_EQ(path_of(told, client, server), "ESTABLISHED FIN_WAIT1 CLOSING TIME_WAIT CLOSE");
	EXPECT_EQ(path_of(told, server, client), "ESTABLISHED FIN_WAIT1 CLOSING TIME_WAIT CLOSE");
}

TEST_F(TraceConnection, IsRefused)
{
	Socket client = stream(SOCK_STREAM);

	must(client.bind({GLASS_NODE_LOCAL, 4001}), "bind");
	EXPECT_EQ(err(client.connect({GLASS_NODE_LOCAL, 4002})), ECONNREFUSED);
	const auto told = events(2);
	EXPECT_EQ(told.size(), 2u) << "a reset from nobody is no connection's";
	EXPECT_EQ(path_of(told, "1:4001", "1:4002"), "CLOSE SYN_SENT CLOSE");
}

TEST_F(TraceConnection, EachResetIsToldOnEachSide)
{
	const linger at_once = {1, 0};

	for (const bool by_server : {true, false}) {
		SCOPED_TRACE(by_server ? "unread data" : "SO_LINGER of 0");
		Connection ends = connection(SOCK_STREAM);
		Socket &ending = by_server ? ends.server : ends.client;
		Socket &other = by_server ? ends.client : ends.server;
		const std::string from = name_of(ending);
		const std::string to = name_of(other);

		must(ending.send(bytes("hello")), "send");
		EXPECT_EQ(read_some(other, 5, 0), "hello");
		if (by_server) {
			must(other.send(bytes("x")), "send");
			EXPECT_EQ(poll_long(ending, POLLIN), POLLIN);
		} else {
			must(::setsockopt(ending.fd(), SOL_SOCKET, SO_LINGER, &at_once,
					  sizeof(at_once)),
			     "SO_LINGER");
		}
		events(4);
		ending.close();
		std::map<std::string, TraceEvent> resets;
		const auto told = events(4);
		for (const auto &event : told)
			if (event.name != "glass_state") {
				EXPECT_FALSE(resets.contains(event.name)) << event;
				resets[event.name] = event;
			}
		EXPECT_EQ(resets.size(), 2u);
		const auto &sent = resets["glass_reset_send"];
		const auto &received = resets["glass_reset_receive"];
		EXPECT_EQ(sent["from"], from) << sent;
		EXPECT_EQ(sent["to"], to) << sent;
		EXPECT_EQ(received["from"], to) << received;
		EXPECT_EQ(received["to"], from) << received;
		for (const auto &event : {sent, received}) {
			/* Behind the SYN, whose number was set, and what was sent. */
			EXPECT_EQ(event["seq"], "1006") << event;
			EXPECT_EQ(event["len"], "0") << event;
			EXPECT_EQ(event["state"], "ESTABLISHED") << event;
		}
		EXPECT_EQ(path_of(told, from, to), "ESTABLISHED CLOSE");
		EXPECT_EQ(path_of(told, to, from), "ESTABLISHED CLOSE");
		ends = {};
		tracing->events();
	}
}

TEST_F(TraceConnection, EachRetransmissionIsTold)
{
	const auto data = pattern(300'000);
	Connection ends = connection(SOCK_STREAM);

	tracing->disable("glass/glass_state");
	tracing->events();
	set_device_mtu(5000);
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem limit 10000 loss 15%"));
	Task<bool> sending([&] { return send_all(ends.client, data); });
	EXPECT_TRUE(receive_all(ends.server, data.size()) == data);
	EXPECT_TRUE(sending.result());
	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
	/* The last acknowledgement may be missing still. */
	EXPECT_TRUE(eventually([&] { return must(ends.client.output_queued(), "queued") == 0; }));
	const auto again = counters().at("GlassRetransmits");
	EXPECT_GT(again, 0u);
	const auto told = events(again);
	EXPECT_EQ(told.size(), again);
	for (const auto &event : told) {
		EXPECT_EQ(event.name, "glass_retransmit") << event;
		EXPECT_EQ(event["from"], name_of(ends.client)) << event;
		EXPECT_EQ(event["to"], name_of(ends.server)) << event;
		EXPECT_EQ(event["state"], "ESTABLISHED") << event;
		const auto first = std::stoul(event["seq"]);
		const auto length = std::stoul(event["len"]);
		EXPECT_GT(length, 0u) << event;
		EXPECT_GE(first, 1001u) << event;
		EXPECT_LE(first + length, 1001u + data.size()) << event;
	}
}

} // namespace
