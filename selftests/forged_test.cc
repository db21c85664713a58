// SPDX-License-Identifier: GPL-2.0
/*
 * STREAM and SEQPACKET against a peer that is played by hand: each case is a
 * small script of segments, forged ones among them, and of what the module
 * answers. RFC 9293 says what is right, RFC 5961 what a forger must not achieve.
 *
 * The module is in one namespace, the peer a packet socket in another; a veth
 * joins them.
 */
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/glass.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>

#include "frame.h"
#include "helper.h"
#include "network.h"

namespace {

using namespace helper;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Changes = std::map<std::string, std::uint64_t>;

constexpr std::uint32_t node_here = 21;
constexpr std::uint32_t node_peer = 22;
constexpr std::uint32_t port_here = 5000;
constexpr std::uint32_t port_peer = 6000;
constexpr std::uint8_t SYN = GLASS_SEG_SYN;
constexpr std::uint8_t ACK = GLASS_SEG_ACK;
constexpr std::uint8_t FIN = GLASS_SEG_FIN;
constexpr std::uint8_t RST = GLASS_SEG_RST;
constexpr std::uint8_t DEAF = GLASS_SEG_DEAF;
constexpr auto patience = 5s;
/* Payload of a full segment: the MTU of Ethernet less the longest headers. */
constexpr std::uint32_t mss = 1500 - 28 - 24 - 4 * 8;

std::vector<std::byte> data(std::string_view text)
{
	const auto view = bytes(text);

	return {view.begin(), view.end()};
}

/* The peer: everything it says is said by the case. */
class Forged : public testing::Test
{
protected:
	Forged() : there(Namespace::create())
	{
		cpu_set_t one;

		/* So that a frame and what answers it stay in order. */
		CPU_ZERO(&one);
		CPU_SET(::sched_getcpu(), &one);
		must(::sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
		enter_new_namespace();
		add_veth("va", "vb", there);
		must(control().attach_device(ifindex_of("va"), node_here), "attach");
		frame_.destination = address_of_link("va").octets;
		{
			const Inside inside(there);
			const auto mac = address_of_link("vb");

			frame_.source = mac.octets;
			wire_.emplace("vb");
			wire_->listen();
			mac_ = mac;
		}
		must(control().add_route(node_peer, ifindex_of("va"), mac_), "add route");
		frame_.protocol = GLASS_PROTO_STREAM;
		frame_.src_node = node_peer;
		frame_.src_port = port_peer;
		frame_.dst_node = node_here;
		frame_.dst_port = port_here;
		changes();
	}

	~Forged() override
	{
		/* Whatever is still sent in vain is not sent for long. */
		std::ofstream("/proc/sys/net/glass/user_timeout_ms") << 1;
		while (const auto last = next(0ms)) {
			seq = last->ack;
			send(say(RST));
		}
	}

	/* --- What the peer does ------------------------------------------------------ */

	void send(Segment segment, const std::function<void(Frame &)> &alter = {})
	{
		Frame frame = frame_;

		if (!segment.ts)
			segment.ts = clock_ += 1000;
		segment.put_into(frame);
		if (alter)
			alter(frame);
		wire_->send(frame.bytes());
	}
	/* A segment in order; it does not move the peer's numbers. */
	Segment say(std::uint8_t flags, std::string_view text = {}) const
	{
		Segment segment;

		segment.flags = flags;
		segment.seq = seq;
		segment.ack = ack;
		segment.window = window;
		segment.ts_echo = echo;
		segment.data = data(text);
		return segment;
	}
	/* The same at another number. */
	Segment say_at(std::uint32_t number, std::uint8_t flags, std::string_view text = {}) const
	{
		Segment segment = say(flags, text);

		segment.seq = number;
		return segment;
	}
	Segment syn(std::uint8_t flags = SYN) const
	{
		Segment segment = say(flags);

		segment.max_payload = mss;
		segment.max_record = 1 << 20;
		return segment;
	}
	/* Sends it, and stands behind it from now on. */
	void advance(const Segment &segment)
	{
		send(segment);
		seq = segment.seq + static_cast<std::uint32_t>(segment.data.size()) +
		      !!(segment.flags & SYN) + !!(segment.flags & FIN);
	}

	/* --- What the module does ------------------------------------------------------ */

	/* Its next segment. */
	std::optional<Segment> next(std::chrono::milliseconds wait = patience)
	{
		const auto frame = wire_->receive(wait);

		if (!frame)
			return std::nullopt;
		const auto segment = Segment::from(*frame);
		if (!segment)
			ADD_FAILURE() << "a frame that is no segment";
		else if (segment->flags & ACK || segment->flags & SYN)
			echo = segment->ts;
		return segment;
	}
	/* Its next segment, which has to have these flags, numbers and data. */
	Segment expect(std::uint8_t flags, std::uint32_t at, std::string_view text = {})
	{
		const auto segment = next();

		if (!segment) {
			ADD_FAILURE() << "no answer";
			return {};
		}
		EXPECT_EQ(static_cast<int>(segment->flags), static_cast<int>(flags)) << *segment;
		EXPECT_EQ(segment->seq, at) << *segment;
		if (flags & ACK) {
			EXPECT_EQ(segment->ack, seq) << *segment;
		}
		EXPECT_EQ(helper::text(segment->data), Text(text)) << *segment;
		return *segment;
	}
	/* The acknowledgement of all that the peer has said. */
	Segment expect_ack() { return expect(ACK, ack); }
	/* All that was sent has been looked at, and nothing was answered. */
	bool is_silent()
	{
		glass_control_hdr header = {};
		Frame frame = frame_;

		header.type = GLASS_CONTROL_ECHO;
		frame.protocol = GLASS_PROTO_CONTROL;
		frame.payload.resize(sizeof(header));
		std::memcpy(frame.payload.data(), &header, sizeof(header));
		wire_->send(frame.bytes());
		const auto answer = wire_->receive(patience);

		if (!answer)
			return false;
		if ((*answer)[ethernet_size + 2] == std::byte{GLASS_PROTO_CONTROL})
			return true;
		if (const auto segment = Segment::from(*answer))
			std::cout << "it said " << *segment << std::endl;
		wire_->receive(patience); // the echo
		return false;
	}
	/* Counters that moved since the last call, of those that tell of trouble. */
	Changes changes()
	{
		const auto now = counters();
		Changes moved;

		for (const auto &[name, value] : now)
			if ((name.starts_with("GlassDrop") || name == "GlassChallenges" ||
			     name == "GlassRetransmits" || name == "GlassProbes") &&
			    value != seen_[name])
				moved[name] = value - seen_[name];
		seen_ = now;
		return moved;
	}

	/* What the module has told of its window. */
	std::uint32_t told_window()
	{
		send(say_at(seq - 1, ACK));
		return expect_ack().window;
	}
	Injector &wire() { return *wire_; }
	const Frame &blank() const { return frame_; }

	/* --- Connections --------------------------------------------------------------- */

	/* The peer connects to the module. */
	Socket accepted(int type = SOCK_STREAM)
	{
		frame_.protocol = static_cast<std::uint8_t>(
			type == SOCK_STREAM ? GLASS_PROTO_STREAM : GLASS_PROTO_SEQPACKET);
		if (!listening_)
			listening_ = listener(type, port_here);
		advance(syn());
		const auto answer = next();
		if (!answer || answer->flags != (SYN | ACK))
			throw std::runtime_error("no SYN with ACK");
		iss = answer->seq;
		ack = iss + 1;
		send(say(ACK));
		return must(listening_.accept(), "accept");
	}
	/* The module begins to connect to the peer. */
	Socket connecting(int type = SOCK_STREAM)
	{
		Socket socket = stream(type, SOCK_NONBLOCK);

		frame_.protocol = static_cast<std::uint8_t>(
			type == SOCK_STREAM ? GLASS_PROTO_STREAM : GLASS_PROTO_SEQPACKET);
		must(socket.bind({GLASS_NODE_ANY, port_here}), "bind");
		EXPECT_EQ(err(socket.connect({node_peer, port_peer})), EINPROGRESS);
		const auto first = next();
		if (!first || first->flags != SYN)
			throw std::runtime_error("no SYN");
		EXPECT_EQ(first->max_payload, mss);
		EXPECT_GT(first->window, 0u);
		iss = first->seq;
		ack = iss + 1;
		return socket;
	}
	Socket connected()
	{
		Socket socket = connecting();

		advance(syn(SYN | ACK));
		expect_ack();
		must(socket.set_nonblocking(false), "blocking");
		return socket;
	}
	/* It works, both ways. */
	void works(Socket &socket)
	{
		advance(say(ACK, "to you"));
		EXPECT_EQ(read_message(socket), "to you");
		EXPECT_EQ(err(socket.send(bytes("to me"))), 0);
		auto answer = next();
		if (answer && answer->data.empty())
			answer = next();
		ASSERT_TRUE(answer);
		EXPECT_EQ(text(answer->data), "to me");
		EXPECT_EQ(answer->seq, ack);
		ack += 5;
		send(say(ACK));
		EXPECT_TRUE(is_silent());
	}

	Namespace there;
	std::uint32_t seq = 10'000; /* of the peer: its next byte */
	std::uint32_t ack = 0;	    /* the next byte it expects */
	std::uint32_t iss = 0;	    /* the module's first */
	std::uint32_t window = 1 << 20;
	std::uint32_t echo = 0; /* the module's clock when it last spoke */

private:
	Frame frame_;
	std::optional<Injector> wire_;
	glass::LinkAddress mac_;
	std::uint32_t clock_ = 1'000'000;
	Socket listening_;
	Changes seen_;
};

/* --- The handshake --------------------------------------------------------------- */

TEST_F(Forged, ThePeerConnects)
{
	Socket socket = accepted();

	EXPECT_EQ(must(socket.peer(), "peer"), (Address{node_peer, port_peer}));
	works(socket);
	EXPECT_EQ(changes(), Changes());
}

TEST_F(Forged, TheModuleConnects)
{
	Socket socket = connected();

	EXPECT_FALSE(socket.take_error());
	works(socket);
	EXPECT_EQ(changes(), Changes());
}

/* RFC 6528: who has seen where some connections began knows nothing of the next one. */
TEST_F(Forged, WhereAConnectionBeginsCannotBeGuessed)
{
	constexpr std::uint32_t connections = 32;
	constexpr std::uint32_t near = 1 << 16; /* ticks of the clock: a quarter of a second */
	std::optional<std::uint32_t> last;
	unsigned neighbours = 0;

	for (std::uint32_t i = 0; i < connections; i++) {
		Socket socket = stream(SOCK_STREAM, SOCK_NONBLOCK);

		EXPECT_EQ(err(socket.connect({node_peer, port_peer + i})), EINPROGRESS);
		auto first = next();
		while (first && first->flags != SYN) // the end of the one before
			first = next();
		ASSERT_TRUE(first);
		if (last && (first->seq - *last < near || *last - first->seq < near))
			neighbours++;
		last = first->seq;
	}
	EXPECT_LE(neighbours, 2U);
}

TEST_F(Forged, TheLastSegmentOfTheHandshakeMayCarryData)
{
	Socket server = listener(SOCK_STREAM, port_here);

	advance(syn());
	ack = next()->seq + 1;
	advance(say(ACK, "at once"));
	Socket socket = must(server.accept(), "accept");
	EXPECT_EQ(read_message(socket), "at once");
	expect_ack();
}

TEST_F(Forged, BothConnectAtOnce)
{
	Socket socket = connecting();

	advance(syn());
	const auto answer = expect(SYN | ACK, iss);
	EXPECT_EQ(answer.max_payload, mss);
	send(say(ACK));
	EXPECT_EQ(poll_now(socket, POLLOUT), POLLOUT);
	works(socket);
}

TEST_F(Forged, OnlyTheRightResetRefusesAConnection)
{
	Socket socket = connecting();

	send(say_at(seq, RST));
	ack = iss;
	send(say(RST | ACK));
	ack = iss + 2;
	send(say(RST | ACK));
	EXPECT_TRUE(is_silent());
	EXPECT_EQ(poll_now(socket, POLLOUT), 0);
	EXPECT_EQ(changes(), (Changes{{"GlassDropAck", 3}}));

	ack = iss + 1;
	send(say(RST | ACK));
	EXPECT_TRUE(is_silent());
	EXPECT_EQ(socket.take_error().value(), ECONNREFUSED);
}

TEST_F(Forged, AnAnswerToAnotherSynIsReset)
{
	Socket socket = connecting();

	ack = iss + 100;
	send(syn(SYN | ACK));
	expect(RST, ack);
	ack = iss + 1;
	advance(syn(SYN | ACK));
	expect_ack();
	works(socket);
}

TEST_F(Forged, AHalfOpenConnectionAnswersAgainAndCanBeReset)
{
	Socket server = listener(SOCK_STREAM, port_here);
	const Segment first = syn();

	advance(first);
	iss = next()->seq;
	ack = iss + 1;
	expect(SYN | ACK, iss); // the timer
	send(first);
	expect(SYN | ACK, iss); // once more, as it asks once more
	/* Neither of these is the connection. */
	ack = iss + 2;
	send(say(ACK));
	expect(RST, ack);
	ack = iss + 1;
	send(say_at(seq - 1, RST));
	EXPECT_EQ(poll_now(server, POLLIN), 0);
	send(say(RST));
	/* It is gone now. */
	send(say(ACK));
	expect(RST, ack);
	EXPECT_EQ(poll_now(server, POLLIN), 0);
}

TEST_F(Forged, AHalfOpenConnectionIsForgottenInTheEnd)
{
	Socket server = listener(SOCK_STREAM, port_here);
	int answers = 0;

	advance(syn());
	for (auto last = Clock::now(); Clock::now() - last < 4s;)
		if (const auto answer = next(100ms)) {
			EXPECT_EQ(static_cast<int>(answer->flags), SYN | ACK);
			ack = answer->seq + 1;
			last = Clock::now();
			answers++;
		}
	EXPECT_EQ(answers, 8);
	send(say(ACK));
	expect(RST, ack);
}

/* --- What is no segment ------------------------------------------------------------ */

struct Malformed {
	const char *name;
	const char *counter;
	std::function<void(Segment &)> segment;
	std::function<void(Frame &)> frame;
};

TEST_F(Forged, MalformedSegmentsAreDroppedAndCounted)
{
	Socket socket = accepted();
	const Malformed cases[] = {
		{"reserved", "GlassDropReserved", [](Segment &s) { s.reserved = 1; }, {}},
		{"flag 0x20", "GlassDropFlags", [](Segment &s) { s.flags |= 0x20; }, {}},
		{"flag 0x80", "GlassDropFlags", [](Segment &s) { s.flags |= 0x80; }, {}},
		{"no ACK", "GlassDropSegment", [](Segment &s) { s.flags = 0; }, {}},
		{"FIN without ACK", "GlassDropSegment", [](Segment &s) { s.flags = FIN; }, {}},
		{"SYN with data", "GlassDropSegment", [](Segment &s) { s.flags |= SYN; }, {}},
		{"SYN and FIN",
		 "GlassDropSegment",
		 [](Segment &s) { s.flags = SYN | FIN, s.data.clear(); },
		 {}},
		{"SYN and RST",
		 "GlassDropSegment",
		 [](Segment &s) { s.flags = SYN | RST, s.data.clear(); },
		 {}},
		{"SYN for no payload",
		 "GlassDropSegment",
		 [](Segment &s) { s.flags = SYN, s.data.clear(), s.max_payload = 0; },
		 {}},
		{"SYN without its part",
		 "GlassDropHeaderLength",
		 [](Segment &s) { s.flags = SYN, s.data.clear(), s.has_syn_part = false; },
		 {}},
		{"the part of a SYN without one",
		 "GlassDropHeaderLength",
		 [](Segment &s) { s.has_syn_part = true; },
		 {}},
		{"SYN with SACK",
		 "GlassDropSegment",
		 [](Segment &s) { s.flags = SYN, s.data.clear(), s.sack_count = 1; },
		 {}},
		{"SACKs that are not there",
		 "GlassDropHeaderLength",
		 [](Segment &s) { s.sack_count = 2; },
		 {}},
		{"SACKs that nobody announced",
		 "GlassDropHeaderLength",
		 [](Segment &s) {
			 s.sacks = {{1, 2}};
			 s.sack_count = 0;
		 },
		 {}},
		{"five SACKs",
		 "GlassDropSegment",
		 [this](Segment &s) {
			 for (std::uint32_t i = 0; i < 5; i++)
				 s.sacks.emplace_back(ack + 2 * i, ack + 2 * i + 1);
		 },
		 {}},
		{"255 SACKs", "GlassDropSegment", [](Segment &s) { s.sack_count = 255; }, {}},
		{"a header of Glass only",
		 "GlassDropHeaderLength",
		 {},
		 [](Frame &f) {
			 f.hlen = sizeof(glass_hdr) / 4;
			 f.len = static_cast<std::uint32_t>(f.payload.size());
		 }},
		{"a header that ends in ours",
		 "GlassDropHeaderLength",
		 {},
		 [](Frame &f) {
			 f.hlen--;
			 f.len = *f.len + 4;
		 }},
		{"a header without an end",
		 "GlassDropHeaderLength",
		 {},
		 [](Frame &f) { f.hlen = 255; }},
		{"more payload than there is",
		 "GlassDropLength",
		 {},
		 [](Frame &f) { f.len = *f.len + 1; }},
		{"4 GiB of payload", "GlassDropLength", {}, [](Frame &f) { f.len = 0xffffffff; }},
		{"a wrong sum", "GlassDropChecksum", {}, [](Frame &f) { f.csum = 0x1234; }},
		{"flags of Glass", "GlassDropFlags", {}, [](Frame &f) { f.flags = 1; }},
	};

	changes();
	for (const auto &[name, counter, segment, frame] : cases) {
		SCOPED_TRACE(name);
		Segment bad = say(ACK, "no segment");

		bad.max_payload = mss;
		if (segment)
			segment(bad);
		send(bad, frame);
		EXPECT_TRUE(is_silent());
		EXPECT_EQ(changes(), (Changes{{counter, 1}}));
		EXPECT_FALSE(is_readable(socket));
	}
	works(socket);
}

/* --- What a forger tries (RFC 5961) -------------------------------------------------- */

TEST_F(Forged, OnlyAResetAtTheExpectedNumberEndsAConnection)
{
	Socket socket = accepted();

	changes();
	send(say_at(seq - 1, RST));
	send(say_at(seq + (1 << 30), RST));
	EXPECT_TRUE(is_silent()) << "outside the window";
	EXPECT_EQ(changes(), (Changes{{"GlassDropWindow", 2}}));
	send(say_at(seq + 1, RST));
	expect_ack();
	send(say_at(seq + 1000, RST | ACK));
	expect_ack();
	EXPECT_EQ(changes(), (Changes{{"GlassDropWindow", 2}, {"GlassChallenges", 2}}));
	works(socket);

	send(say(RST));
	EXPECT_TRUE(is_silent());
	EXPECT_EQ(poll_now(socket, POLLIN), POLLIN | POLLERR | POLLHUP);
	std::array<std::byte, 8> buffer;
	EXPECT_EQ(err(socket.receive(buffer)), ECONNRESET);
}

TEST_F(Forged, ASynInAConnectionIsChallenged)
{
	Socket socket = accepted();

	changes();
	for (const std::uint32_t at : {seq, seq - 1, seq + 1000, seq + (1u << 31)}) {
		Segment segment = syn();

		segment.seq = at;
		send(segment);
		expect_ack();
		segment.flags |= ACK;
		send(segment);
		expect_ack();
	}
	EXPECT_EQ(changes(), (Changes{{"GlassDropWindow", 8}, {"GlassChallenges", 8}}));
	works(socket);
}

TEST_F(Forged, ChallengesAreLimited)
{
	Socket socket = accepted();
	int answers = 0;

	for (int i = 0; i < 300; i++) {
		send(syn());
		while (next(0ms))
			answers++;
	}
	while (!is_silent())
		answers++;
	EXPECT_GT(answers, 0);
	EXPECT_LE(answers, 200);
	works(socket);
}

TEST_F(Forged, DataOutsideTheWindowIsDropped)
{
	Socket socket = accepted();
	const std::uint32_t edge = seq + told_window();

	changes();
	for (const std::uint32_t at : {edge, edge + 1, edge + 100'000, seq - 6, seq + (1u << 31)}) {
		SCOPED_TRACE(at - seq);
		send(say_at(at, ACK, "forged"));
		expect_ack();
		EXPECT_EQ(changes().count("GlassDropWindow"), 1u);
	}
	EXPECT_FALSE(is_readable(socket));
	works(socket);
}

TEST_F(Forged, AcknowledgementsOfWhatWasNeverSentAreChallenged)
{
	Socket socket = accepted();
	const std::uint32_t right = ack;

	changes();
	for (const std::uint32_t wrong :
	     {right + 1, right + 100'000, right + (1u << 31) - 1, right - window - 1}) {
		ack = wrong;
		const Segment forged = say(ACK, "forged");
		ack = right;
		send(forged);
		expect_ack();
	}
	EXPECT_EQ(changes(), (Changes{{"GlassDropAck", 4}, {"GlassChallenges", 4}}));
	EXPECT_FALSE(is_readable(socket));
	works(socket);
}

/* Nothing that is not there can be taken for arrived. */
TEST_F(Forged, SacksOfWhatWasNeverSentAreHarmless)
{
	Socket socket = accepted();
	Segment forged = say(ACK);

	forged.sacks = {{ack, ack + 1000}, {ack + 5000, ack + 6000}, {ack - 1000, ack}};
	send(forged);
	EXPECT_EQ(err(socket.send(bytes("to me"))), 0);
	expect(ACK, ack, "to me");
	forged.sacks = {{ack + 5, ack + 1000}, {ack - 1000, ack + 1000}};
	send(forged);
	/* Whatever it believes, it does not forget what is not acknowledged. */
	expect(ACK, ack, "to me");
	ack += 5;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
	works(socket);
}

TEST_F(Forged, OldSegmentsAreKnownByTheirTime)
{
	Socket socket = accepted();

	works(socket);
	changes();
	Segment old = say(ACK, "from long ago");
	old.ts = 1000;
	send(old);
	expect_ack();
	EXPECT_EQ(changes().count("GlassDropOld"), 1u);
	EXPECT_FALSE(is_readable(socket));
	works(socket);
}

TEST_F(Forged, ControlFramesKillNoConnection)
{
	Socket socket = accepted();

	must(socket.send(bytes("lost?")), "send");
	const auto lost = *wire().receive(patience);
	glass_control_hdr header = {};
	header.type = GLASS_CONTROL_UNREACHABLE;
	header.code = ECONNREFUSED;
	Frame frame = blank();
	frame.protocol = GLASS_PROTO_CONTROL;
	frame.payload.resize(sizeof(header));
	std::memcpy(frame.payload.data(), &header, sizeof(header));
	frame.payload.insert(frame.payload.end(), lost.begin() + ethernet_size,
			     lost.begin() + headers_size);
	wire().send(frame.bytes());
	EXPECT_TRUE(is_silent());
	EXPECT_FALSE(socket.take_error());
	ack += 5;
	send(say(ACK));
	works(socket);
}

/* --- Order ------------------------------------------------------------------------- */

TEST_F(Forged, HolesAreReportedNewestFirst)
{
	Socket socket = accepted();
	const std::uint32_t base = seq;
	using Sacks = decltype(Segment::sacks);
	const auto range = [base](std::uint32_t from, std::uint32_t to) {
		return std::pair(base + from, base + to);
	};

	send(say_at(base + 10, ACK, "cc"));
	EXPECT_EQ(expect_ack().sacks, (Sacks{range(10, 12)}));
	send(say_at(base + 20, ACK, "dd"));
	EXPECT_EQ(expect_ack().sacks, (Sacks{range(20, 22), range(10, 12)}));
	send(say_at(base + 5, ACK, "bb"));
	auto sacks = expect_ack().sacks;
	ASSERT_EQ(sacks.size(), 3u);
	EXPECT_EQ(sacks[0], range(5, 7));
	send(say_at(base + 30, ACK, "ee"));
	expect_ack();
	send(say_at(base + 40, ACK, "ff"));
	sacks = expect_ack().sacks;
	ASSERT_EQ(sacks.size(), 4u);
	EXPECT_EQ(sacks[0], range(40, 42));
	/* Neighbours become one range. */
	send(say_at(base + 12, ACK, "cccccccc"));
	sacks = expect_ack().sacks;
	ASSERT_EQ(sacks.size(), 4u);
	EXPECT_EQ(sacks[0], range(10, 22));
	EXPECT_FALSE(is_readable(socket));

	seq = base + 42;
	send(say_at(base, ACK, "aaaaabbxxxccccccccccddzzzzzzzzeeyyyyyyyyff"));
	EXPECT_EQ(expect_ack().sacks, Sacks());
	EXPECT_EQ(read_message(socket), "aaaaabbxxxccccccccccddzzzzzzzzeeyyyyyyyyff");
	works(socket);
}

/* A byte that is kept is not changed by a later segment that came early, too. */
TEST_F(Forged, OverlappingSegmentsWithOtherBytes)
{
	Socket socket = accepted();
	const std::uint32_t base = seq;

	send(say_at(base + 10, ACK, "BBBBBBBBBB"));
	send(say_at(base + 5, ACK, "aaaaaaaaaa"));
	send(say_at(base + 15, ACK, "cccccccccc"));
	send(say_at(base + 10, ACK, "dddddddddd"));
	send(say_at(base + 12, ACK, "ee"));
	while (next(0ms))
		;
	seq = base + 25;
	send(say_at(base, ACK, "....."));
	EXPECT_TRUE(expect_ack().sacks.empty());
	EXPECT_EQ(read_message(socket), ".....aaaaaBBBBBBBBBBccccc");
	/* What was delivered cannot be changed either. */
	send(say_at(base, ACK, "nnnnnnnnnnnnnnnnnnnnnnnnn"));
	expect_ack();
	send(say_at(base + 20, ACK, "nnnnnNEW"));
	seq = base + 28;
	EXPECT_EQ(read_message(socket), "NEW");
	expect_ack();
}

/* As a peer does that has sent it in other pieces before. */
TEST_F(Forged, ASegmentMayCoverOthersThatCameEarly)
{
	Socket socket = accepted();
	const std::uint32_t base = seq;
	const std::string whole = "-----aaaaaBBcccccccDDeeefffff";
	using Sacks = decltype(Segment::sacks);
	const auto send_part = [&](std::uint32_t from, std::uint32_t to) {
		send(say_at(base + from, ACK, whole.substr(from, to - from)));
	};
	const auto range = [base](std::uint32_t from, std::uint32_t to) {
		return std::pair(base + from, base + to);
	};

	send_part(10, 12);
	EXPECT_EQ(expect_ack().sacks, (Sacks{range(10, 12)}));
	send_part(19, 21);
	EXPECT_EQ(expect_ack().sacks, (Sacks{range(19, 21), range(10, 12)}));
	send_part(5, 24);
	EXPECT_EQ(expect_ack().sacks, (Sacks{range(5, 24)}));
	send_part(5, 29);
	EXPECT_EQ(expect_ack().sacks, (Sacks{range(5, 29)}));
	EXPECT_FALSE(is_readable(socket));

	send_part(0, 5);
	seq = base + 29;
	EXPECT_EQ(expect_ack().sacks, Sacks());
	EXPECT_EQ(must(socket.input_queued(), "SIOCINQ"), whole.size());
	EXPECT_EQ(read_message(socket), whole);
	works(socket);
}

TEST_F(Forged, WhatFillsAHoleMayEndWithinWhatCameEarly)
{
	Socket socket = accepted();
	const std::uint32_t base = seq;
	const std::string whole = "-----aaaaaBBcccccDDDDD";
	const auto send_part = [&](std::uint32_t from, std::uint32_t to) {
		send(say_at(base + from, ACK, whole.substr(from, to - from)));
	};

	send_part(5, 10);
	expect_ack();
	send_part(12, 22);
	expect_ack();
	send_part(0, 17);
	seq = base + 22;
	EXPECT_TRUE(expect_ack().sacks.empty());
	EXPECT_EQ(must(socket.input_queued(), "SIOCINQ"), whole.size());
	EXPECT_EQ(read_message(socket), whole);
	works(socket);
}

TEST_F(Forged, AFinAheadOfAHoleWaitsForIt)
{
	Socket socket = accepted();
	std::array<std::byte, 8> buffer;

	send(say_at(seq + 4, ACK | FIN, "ter."));
	expect_ack();
	EXPECT_FALSE(is_readable(socket));
	seq += 8;
	send(say_at(seq - 8, ACK, "bet"));
	seq -= 5;
	expect_ack();
	EXPECT_EQ(read_message(socket), "bet");
	advance(say(ACK, "-"));
	seq += 4;
	expect_ack();
	EXPECT_EQ(read_message(socket), "-ter.");
	/* The FIN itself is sent again. */
	advance(say(ACK | FIN));
	expect_ack();
	EXPECT_EQ(must(socket.receive(buffer), "receive"), 0u);
}

TEST_F(Forged, NumbersWrap)
{
	std::ofstream("/proc/sys/net/glass/initial_sequence") << 0xfffffff0u;
	seq = 0xfffffff0;
	Socket socket = accepted();

	EXPECT_EQ(iss, 0xfffffff0u);
	for (int i = 0; i < 10; i++)
		works(socket);
	EXPECT_LT(seq, 1000u);
	EXPECT_LT(ack, 1000u);
}

TEST_F(Forged, AHoleAcrossTheWrap)
{
	seq = 0xfffffff0;
	Socket socket = accepted();
	const std::uint32_t base = seq; // 0xfffffff1

	send(say_at(base + 20, ACK, "tail"));
	EXPECT_EQ(expect_ack().sacks, (decltype(Segment::sacks){{base + 20, base + 24}}));
	send(say_at(base + 10, ACK, "0123456789"));
	EXPECT_EQ(expect_ack().sacks, (decltype(Segment::sacks){{base + 10, base + 24}}));
	seq = base + 24;
	send(say_at(base, ACK, "abcdefghij"));
	expect_ack();
	EXPECT_EQ(read_message(socket), "abcdefghij0123456789tail");
}

/* What fills a hole is worth more than what waits behind it, if there is memory for one only. */
TEST_F(Forged, WhatCameEarlyMakesPlaceForWhatIsMissing)
{
	constexpr std::uint32_t early = 4;
	const std::string part(mss, 'x');
	const auto set_memory = [](const std::string &limits) {
		const Inside there(Namespace::first());

		write_file("/proc/sys/net/glass/mem", limits);
	};
	std::string before;
	std::vector<Connection> stalled;
	Socket socket = accepted();

	advance(say(ACK, part)); // nobody reads it
	for (std::uint32_t i = 1; i <= early; i++)
		send(say_at(seq + i * mss, ACK, part));
	/* Memory is what others have, beyond what the core does not count at once. */
	for (int i = 0; i < 20; i++) {
		stalled.push_back(connection(SOCK_STREAM));
		fill_connection(stalled.back().client, 10'000);
	}
	{
		const Inside there(Namespace::first());

		before = lines_of("/proc/sys/net/glass/mem").at(0);
	}
	set_memory("1 2 3");
	advance(say(ACK, part));
	while (next(0ms))
		;
	set_memory(before);
	EXPECT_EQ(counters().at("GlassPruned"), 1u);
	send(say_at(seq - 1, ACK));
	EXPECT_TRUE(expect_ack().sacks.empty()) << "it says that it has them still";
	EXPECT_EQ(must(socket.input_queued(), "SIOCINQ"), 2 * mss);
	/* They are sent again, and nothing is missing. */
	for (std::uint32_t i = 0; i < early; i++)
		advance(say(ACK, part));
	while (next(0ms))
		;
	EXPECT_EQ(read_some(socket, 20 * mss).size(), (2 + early) * mss);
}

/* What its sender lends to the receiver, over glass0, may be known there already. */
TEST(ForgedHere, ASegmentThatAnotherHasForgedCountsOnce)
{
	enter_new_namespace();
	set_device_mtu(1500);
	const std::string missing(mss, 'm');
	const std::string forged(mss, 'f');
	std::optional<Injector> wire("glass0");
	glass_hdr header = {};
	std::optional<Segment> segment;
	Frame frame;

	/* What something could alter has a sum, which says that it is a segment. */
	must(tc("qdisc add dev glass0 root netem delay 0ms") ? 0 : -1, "netem");
	wire->listen();
	Connection ends = connection(SOCK_STREAM);
	while (const auto seen = wire->receive(0ms)) {
		std::memcpy(&header, seen->data() + ethernet_size, sizeof(header));
		if (ntohl(header.dst_port) == address_of(ends.listening).port)
			segment = Segment::from(*seen);
	}
	ASSERT_TRUE(segment) << "the client's ACK";
	must(tc("qdisc del dev glass0 root") ? 0 : -1, "netem");
	wire.emplace("glass0"); // who hears nothing is in nobody's way
	frame.protocol = GLASS_PROTO_STREAM;
	frame.src_port = address_of(ends.client).port;
	frame.dst_port = address_of(ends.listening).port;
	segment->seq += mss;
	segment->data = data(std::string_view(forged));
	segment->put_into(frame);
	wire->send(frame.bytes());
	EXPECT_EQ(counters().at("GlassEarly"), 1u);
	EXPECT_FALSE(is_readable(ends.server));

	/* What the filter does not let through is missing still when the next is sent. */
	sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	const sock_fprog nothing = {1, code};
	must(::setsockopt(ends.server.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &nothing,
			  sizeof(nothing)),
	     "filter");
	must(ends.client.send(bytes(missing)), "send");
	must(ends.server.set_option(SOL_SOCKET, SO_DETACH_FILTER, 0), "no filter");
	must(ends.client.send(bytes(forged)), "send");
	EXPECT_EQ(text(receive_all(ends.server, 2 * mss)), Text(missing + forged));
	EXPECT_EQ(counters().at("GlassEarly"), 1u);
	must(ends.client.send(bytes("more")), "send");
	EXPECT_EQ(text(receive_all(ends.server, 4)), "more");
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 0u);
}

/* A peer that wants what it said it had is believed at once (RFC 2018, 8). */
TEST_F(Forged, WhatThePeerThrewAwayIsSentAgain)
{
	Socket socket = accepted();
	const std::string much(3 * mss, 'x');
	const std::string_view full = std::string_view(much).substr(0, mss);

	works(socket);
	must(socket.send(bytes(much)), "send");
	for (std::uint32_t i = 0; i < 3; i++)
		expect(ACK, ack + i * mss, full);
	Segment report = say(ACK);
	report.sacks = {{ack + mss, ack + 3 * mss}};
	send(report);
	expect(ACK, ack, full); // what was lost
	ack += mss;
	send(say(ACK)); // and nothing more
	expect(ACK, ack, full);
	EXPECT_EQ(counters().at("GlassTimeouts"), 1u);
	ack += 2 * mss;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
	works(socket);
}

/* --- Windows and times --------------------------------------------------------------- */

TEST_F(Forged, SmallSegmentsAreAcknowledgedALittleLater)
{
	Socket socket = accepted();
	const auto begin = Clock::now();

	advance(say(ACK, "small"));
	EXPECT_TRUE(is_silent()) << "not at once";
	expect_ack();
	EXPECT_LT(Clock::now() - begin, 1s);
	EXPECT_EQ(read_message(socket), "small");
	/* Two full ones are at once. */
	advance(say(ACK, std::string(mss, 'a')));
	advance(say(ACK, std::string(mss, 'b')));
	const auto answer = next(0ms);
	ASSERT_TRUE(answer);
	EXPECT_EQ(answer->ack, seq);
}

TEST_F(Forged, AClosedWindowIsProbed)
{
	Socket socket = accepted();

	window = 0;
	send(say(ACK));
	EXPECT_EQ(err(socket.send(bytes("waits"))), 0);
	EXPECT_TRUE(is_silent());
	for (int i = 0; i < 3; i++) {
		const auto probe = next();

		ASSERT_TRUE(probe);
		EXPECT_TRUE(probe->data.empty()) << *probe;
		EXPECT_EQ(probe->seq, ack - 1) << *probe;
		send(say(ACK));
	}
	window = 2;
	send(say(ACK));
	ASSERT_EQ(err(socket.send(bytes("!"))), 0);
	expect(ACK, ack, "wa");
	ack += 2;
	window = 100;
	send(say(ACK));
	expect(ACK, ack, "its!");
	ack += 4;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
}

TEST_F(Forged, AShrunkenWindowIsRespected)
{
	Socket socket = accepted();
	const std::string much(3 * mss, 'x');

	window = 2 * mss;
	send(say(ACK));
	EXPECT_EQ(err(socket.send(bytes(much))), 0);
	expect(ACK, ack, much.substr(0, mss));
	expect(ACK, ack + mss, much.substr(0, mss));
	EXPECT_TRUE(is_silent()) << "more than the window";
	/* The peer takes back what it allowed (RFC 9293, 3.8.6). */
	ack += mss;
	window = 0;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
	ack += mss;
	window = 10 * mss;
	send(say(ACK));
	expect(ACK, ack, much.substr(0, mss));
	ack += mss;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
}

/* Its retransmission time in microseconds. */
std::uint32_t rto_of(const Socket &socket)
{
	return info_of(socket).rto;
}

TEST_F(Forged, RetransmissionsBackOff)
{
	Socket socket = accepted();
	std::array<std::uint32_t, 5> at; /* by the module's clock: we may be late */

	works(socket);
	const std::uint32_t first = rto_of(socket);
	must(socket.send(bytes("again")), "send");
	for (auto &time : at)
		time = expect(ACK, ack, "again").ts;
	EXPECT_GE(first, 100'000u);
	for (std::size_t i = 1; i < at.size(); i++) {
		/* Doubled up to two seconds; a slow kernel begins with more. */
		const std::uint32_t rto = std::max(first, std::min(2'000'000u, first << (i - 1)));

		EXPECT_GE(at[i] - at[i - 1], rto - 4000) << i; // a tick less
		EXPECT_LT(at[i] - at[i - 1], rto + 500'000) << i;
	}
	EXPECT_EQ(changes().at("GlassRetransmits"), at.size() - 1);
	ack += 5;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
	works(socket);
}

/* The time that a loss takes to be repaired is no round-trip time. */
TEST_F(Forged, AnAnswerToWhatTimedOutIsNotMeasured)
{
	Socket socket = accepted();

	works(socket);
	must(socket.send(bytes("again")), "send");
	const std::uint32_t first = expect(ACK, ack, "again").ts;
	for (int i = 0; i < 2; i++)
		expect(ACK, ack, "again");
	ack += 5;
	echo = first;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
	EXPECT_LT(info_of(socket).rtt, 100'000u);
	EXPECT_EQ(info_of(socket).backoff, 2) << "as slow until it is known better";
	works(socket);
	EXPECT_EQ(info_of(socket).backoff, 0);
}

class ForgedLoss : public Forged, public testing::WithParamInterface<std::uint32_t>
{
};
INSTANTIATE_TEST_SUITE_P(Segments, ForgedLoss, testing::Values(2, 3, 5));

/* However few were sent behind the lost one: the timer is not waited for. */
TEST_P(ForgedLoss, IsSeenByWhatArrivesLater)
{
	Socket socket = accepted();
	const std::uint32_t count = GetParam();
	const std::string much(count * mss, 'x');
	const std::string_view full = std::string_view(much).substr(0, mss);

	for (int i = 0; i < 20; i++) // so that it knows how short the way is
		works(socket);
	must(socket.send(bytes(much)), "send");
	for (std::uint32_t i = 0; i < count; i++)
		expect(ACK, ack + i * mss, full);
	for (std::uint32_t i = 2; i <= count; i++) {
		Segment report = say(ACK);

		report.sacks = {{ack + mss, ack + i * mss}};
		send(report);
	}
	expect(ACK, ack, full);
	ack += count * mss;
	send(say(ACK));
	EXPECT_TRUE(is_silent());
	EXPECT_EQ(counters().at("GlassTimeouts"), 0u);
	EXPECT_EQ(counters().at("GlassRetransmits"), 1u);
}

TEST_F(Forged, ASilentPeerIsGivenUp)
{
	Socket socket = accepted();

	must(socket.set_option(SOL_GLASS, GLASS_USER_TIMEOUT, 300), "GLASS_USER_TIMEOUT");
	must(socket.send(bytes("nobody")), "send");
	EXPECT_EQ(poll_long(socket, POLLIN), POLLIN | POLLERR | POLLHUP);
	EXPECT_EQ(socket.take_error().value(), ETIMEDOUT);
}

/* --- Segments of no connection --------------------------------------------------------- */

TEST_F(Forged, WhatBelongsToNoConnectionIsReset)
{
	ack = 777;
	send(say(ACK, "for nobody"));
	expect(RST, ack);
	send(say(FIN | ACK));
	expect(RST, ack);
	const auto refused = syn();
	send(refused);
	seq++;
	expect(RST | ACK, 0);
	send(say(0, "text"));
	seq += 4;
	expect(RST | ACK, 0);
	send(say(RST));
	send(say(RST | ACK));
	EXPECT_TRUE(is_silent()) << "a reset is not answered";
	EXPECT_EQ(changes(), (Changes{{"GlassDropConnection", 6}}));
}

TEST_F(Forged, DataForAClosedSocketIsReset)
{
	Socket socket = accepted();

	socket.close();
	expect(ACK | FIN, ack);
	ack++;
	send(say(ACK));
	send(say(ACK, "too late"));
	const auto answer = next();
	ASSERT_TRUE(answer);
	EXPECT_TRUE(answer->flags & RST) << *answer;
	send(say(ACK));
	expect(RST, ack); // nothing is left of it
}

TEST_F(Forged, DataThatCrossesAFinIsReset)
{
	Socket socket = accepted();

	socket.close();
	expect(ACK | FIN, ack);
	send(say(ACK, "crossing"));
	const auto answer = next();
	ASSERT_TRUE(answer);
	EXPECT_TRUE(answer->flags & RST) << *answer;
}

TEST_F(Forged, BothCloseAtOnce)
{
	Socket socket = accepted();

	must(socket.shutdown(glass::Half::Write), "shutdown");
	expect(ACK | FIN, ack);
	advance(say(ACK | FIN)); // does not know of ours
	ack++;
	expect_ack();
	std::array<std::byte, 8> buffer;
	EXPECT_EQ(must(socket.receive(buffer), "receive"), 0u);
	send(say(ACK));
	EXPECT_TRUE(is_silent());
	EXPECT_EQ(counters().at("GlassTimeWaits"), 1u);
	/* It is remembered, and its FIN acknowledged again. */
	send(say_at(seq - 1, ACK | FIN));
	expect_ack();
	/* A reset does not shorten that (RFC 1337). */
	send(say(RST));
	EXPECT_TRUE(is_silent());
	send(say_at(seq - 1, ACK | FIN));
	expect_ack();
}

TEST_F(Forged, ANewConnectionTakesARememberedOnesPlace)
{
	{
		Socket socket = accepted();

		socket.close();
		expect(ACK | FIN, ack);
		ack++;
		advance(say(ACK | FIN));
		expect_ack();
	}
	const std::uint32_t old = ack;
	Socket socket = accepted();
	EXPECT_GT(static_cast<std::int32_t>(iss - old), 0) << "numbers of the old one";
	works(socket);
}

TEST_F(Forged, AnOldSynOpensNothingInTimeWait)
{
	{
		Socket socket = accepted();

		socket.close();
		expect(ACK | FIN, ack);
		ack++;
		advance(say(ACK | FIN));
		expect_ack();
	}
	Segment old = syn();
	old.seq = seq - 1000;
	old.ts = 1000;
	send(old);
	expect_ack();
	old.seq = seq + 1000;
	send(old);
	expect_ack();
}

TEST_F(Forged, APeerThatReadsNoMoreIsNotWrittenTo)
{
	Socket socket = accepted();

	send(say(ACK | DEAF));
	EXPECT_TRUE(is_silent());
	EXPECT_EQ(err(socket.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
}

/* --- Messages ------------------------------------------------------------------------ */

std::string record(std::uint32_t flags_len, std::string_view text = {})
{
	std::string bytes;

	for (int shift = 24; shift >= 0; shift -= 8)
		bytes.push_back(static_cast<char>(flags_len >> shift));
	return bytes.append(text);
}

TEST_F(Forged, MessagesArriveHoweverTheyAreCut)
{
	Socket socket = accepted(SOCK_SEQPACKET);
	const std::string all = record(5, "first") + record(0) + record(6, "second");

	for (const char byte : all) {
		advance(say(ACK, std::string(1, byte)));
		while (next(0ms))
			;
	}
	EXPECT_EQ(read_message(socket), "first");
	EXPECT_EQ(read_message(socket), "");
	EXPECT_EQ(read_message(socket), "second");
	advance(say(ACK, record(7, "unende")));
	EXPECT_FALSE(is_readable(socket));
}

TEST_F(Forged, AMessageLongerThanAllowedEndsTheConnection)
{
	for (const std::uint32_t length : {0x7fffffffu, 0xffffffffu, 10'000'000u}) {
		SCOPED_TRACE(length);
		Socket socket = accepted(SOCK_SEQPACKET);
		std::array<std::byte, 8> buffer;

		advance(say(ACK, record(length, "liar")));
		EXPECT_EQ(err(socket.receive(buffer)), EPROTO);
		const auto answer = next();
		ASSERT_TRUE(answer);
		EXPECT_TRUE(answer->flags & RST) << *answer;
		seq += 1000;
	}
}

} // namespace
