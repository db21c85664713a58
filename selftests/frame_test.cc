// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that no Glass has sent, put on glass0 through AF_PACKET: each bad one
 * is dropped, counted under its reason, and never delivered; good ones between
 * them still are.
 */
#include "frame.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <random>
#include <regex>
#include <sstream>

#include "helper.h"
#include "ktap.h"

namespace {

using namespace helper;

constexpr std::uint32_t any = 0xffffffff;

std::string hex(std::span<const std::byte> data)
{
	std::ostringstream text;

	for (auto byte : data)
		text << std::hex << std::setw(2) << std::setfill('0') << std::to_integer<int>(byte);
	return text.str();
}

/* A namespace of its own with a receiver on port 5000, and someone who injects. */
class FrameTest : public testing::Test
{
protected:
	FrameTest()
	{
		enter_new_namespace();
		receiver = bound(5000);
		injector = std::make_unique<Injector>();
	}

	/* A good frame with something in it. */
	static Frame good(std::size_t size = 40)
	{
		Frame frame;

		frame.payload = pattern(size, size);
		return frame;
	}

	/* What changed since the last call, without the counting of frames as such. */
	std::map<std::string, std::uint64_t> counted()
	{
		const auto now = counters();
		std::map<std::string, std::uint64_t> change;

		for (const auto &[name, value] : now)
			if (name.starts_with("GlassDrop") && value != seen_[name])
				change[name] = value - seen_[name];
		seen_ = now;
		return change;
	}

	void expect_dropped(std::span<const std::byte> frame, const std::string &reason)
	{
		injector->send(frame);
		EXPECT_EQ(counted(), (std::map<std::string, std::uint64_t>{{reason, 1}}))
			<< hex(frame.first(std::min(frame.size(), headers_size + 16)));
		EXPECT_FALSE(is_readable(receiver)) << "delivered!";
	}
	void expect_dropped(const Frame &frame, const std::string &reason)
	{
		expect_dropped(frame.bytes(), reason);
	}

	void expect_delivered(const Frame &frame)
	{
		std::vector<std::byte> buffer(1 << 17);

		injector->send(frame.bytes());
		EXPECT_TRUE(counted().empty()) << hex(frame.bytes());
		const auto received = must(receiver.receive_from(buffer, MSG_DONTWAIT), "receive");
		EXPECT_EQ(text(std::span(buffer).first(received.size)), text(frame.payload));
		EXPECT_EQ(received.source, (Address{frame.src_node, frame.src_port}));
	}

	Socket receiver;
	std::unique_ptr<Injector> injector;

private:
	std::map<std::string, std::uint64_t> seen_ = {};
};

TEST_F(FrameTest, GoodOnesAreDelivered)
{
	for (std::size_t size :
	     {0ul, 1ul, 17ul, 18ul, 19ul, 40ul, 1001ul, 9000ul, 65535ul, 65536ul})
		expect_delivered(good(size));
}

/* The header in the file is the header on the wire. */
TEST_F(FrameTest, GlassSendsWhatTheBuilderBuilds)
{
	const glass::Fd tap(static_cast<int>(
		must(::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_GLASS)), "AF_PACKET")));
	std::vector<std::byte> captured(1000);
	Frame frame = good();
	Socket sender = bound(4000);

	must(sender.send_to(frame.payload, address_of(receiver)), "send");
	captured.resize(static_cast<std::size_t>(
		must(::recv(tap.get(), captured.data(), captured.size(), 0), "recv")));
	// The sum is left to the device, which leaves it undone: take it as it is.
	const auto *field = reinterpret_cast<const unsigned char *>(captured.data()) +
			    ethernet_size + offsetof(glass_hdr, csum);
	frame.csum = static_cast<std::uint16_t>(field[0] << 8 | field[1]);
	EXPECT_EQ(hex(captured), hex(frame.bytes()));
	EXPECT_EQ(read_message(receiver), text(frame.payload));
}

/* --- Each field in turn, the sum being right --------------------------------------- */

struct FieldRow {
	const char *name;
	void (*change)(Frame &frame);
	const char *reason;
};

const FieldRow field_rows[] = {
	{"destination of another", [](Frame &f) { f.destination[5] = 2; }, "GlassDropNotHost"},
	{"destination of all", [](Frame &f) { f.destination.fill(0xff); }, "GlassDropNotHost"},
	{"destination of a group", [](Frame &f) { f.destination[0] = 3; }, "GlassDropNotHost"},
	{"version 0", [](Frame &f) { f.version = 0; }, "GlassDropVersion"},
	{"version 2", [](Frame &f) { f.version = 2; }, "GlassDropVersion"},
	{"version 255", [](Frame &f) { f.version = 255; }, "GlassDropVersion"},
	{"hlen 0", [](Frame &f) { f.hlen = 0; }, "GlassDropHeaderLength"},
	{"hlen 6", [](Frame &f) { f.hlen = 6; }, "GlassDropHeaderLength"},
	{"hlen 8, taken from the payload", [](Frame &f) { f.hlen = 8, f.len = 36; },
	 "GlassDropHeaderLength"},
	{"hlen to the end of the frame", [](Frame &f) { f.hlen = 17, f.len = 0; },
	 "GlassDropHeaderLength"},
	{"hlen beyond the frame", [](Frame &f) { f.hlen = 18; }, "GlassDropHeaderLength"},
	{"hlen 255", [](Frame &f) { f.hlen = 255; }, "GlassDropHeaderLength"},
	{"protocol 0", [](Frame &f) { f.protocol = 0; }, "GlassDropProtocol"},
	{"protocol 4", [](Frame &f) { f.protocol = 4; }, "GlassDropProtocol"},
	{"protocol 255", [](Frame &f) { f.protocol = 255; }, "GlassDropProtocol"},
	{"csum 0", [](Frame &f) { f.csum = 0; }, "GlassDropChecksum"},
	{"csum wrong", [](Frame &f) { f.csum = 0x1234; }, "GlassDropChecksum"},
	{"reserved 1", [](Frame &f) { f.reserved = 1; }, "GlassDropReserved"},
	{"reserved 0x8000", [](Frame &f) { f.reserved = 0x8000; }, "GlassDropReserved"},
	{"len 0", [](Frame &f) { f.len = 0; }, "GlassDropLength"},
	{"len too small", [](Frame &f) { f.len = 39; }, "GlassDropLength"},
	{"len too large", [](Frame &f) { f.len = 41; }, "GlassDropLength"},
	{"len 0x80000000", [](Frame &f) { f.len = 0x80000000; }, "GlassDropLength"},
	{"len 0xffffffff", [](Frame &f) { f.len = 0xffffffff; }, "GlassDropLength"},
	{"len that wraps to right", [](Frame &f) { f.len = 40u - 68u; }, "GlassDropLength"},
	{"src_node any", [](Frame &f) { f.src_node = any; }, "GlassDropSource"},
	{"src_port any", [](Frame &f) { f.src_port = any; }, "GlassDropSource"},
	{"dst_node 0", [](Frame &f) { f.dst_node = 0; }, "GlassDropNode"},
	{"dst_node 2", [](Frame &f) { f.dst_node = 2; }, "GlassDropNode"},
	{"dst_node any", [](Frame &f) { f.dst_node = any; }, "GlassDropNode"},
	{"dst_port closed", [](Frame &f) { f.dst_port = 5001; }, "GlassDropPort"},
	{"dst_port any", [](Frame &f) { f.dst_port = any; }, "GlassDropPort"},
};

TEST_F(FrameTest, EachFieldIsChecked)
{
	for (const auto &row : field_rows) {
		SCOPED_TRACE(row.name);
		Frame frame = good();

		row.change(frame);
		expect_dropped(frame, row.reason);
		expect_delivered(good());
	}
}

TEST_F(FrameTest, EachOtherFlagIsUndefined)
{
	for (int bit = 1; bit < 8; bit++) {
		Frame frame = good();

		frame.flags = static_cast<std::uint8_t>(1 << bit);
		expect_dropped(frame, "GlassDropFlags");
	}
}

TEST_F(FrameTest, WhatHasNoSumSaysSoAndIsNotSummed)
{
	Frame frame = good();

	frame.flags = GLASS_HDR_F_NO_CSUM;
	expect_dropped(frame, "GlassDropChecksum");
	frame.csum = 0;
	expect_delivered(frame);
	/* Whatever happens to it. */
	std::vector<std::byte> altered = frame.bytes();
	altered.back() ^= std::byte{1};
	injector->send(altered);
	std::array<std::byte, 100> buffer;
	const auto size = must(receiver.receive(buffer, MSG_DONTWAIT), "altered");
	EXPECT_EQ(std::memcmp(buffer.data(), altered.data() + headers_size, size), 0);
	for (const int protocol : {GLASS_PROTO_STREAM, GLASS_PROTO_SEQPACKET}) {
		frame.protocol = static_cast<std::uint8_t>(protocol);
		expect_dropped(frame, "GlassDropFlags");
	}
}

TEST_F(FrameTest, OtherEtherTypesAreNotOurs)
{
	Frame frame = good();

	frame.ethertype = ETH_P_GLASS + 1;
	injector->send(frame.bytes());
	EXPECT_TRUE(counted().empty());
	EXPECT_FALSE(is_readable(receiver));
}

/* --- Lengths ---------------------------------------------------------------------------- */

TEST_F(FrameTest, EveryTruncationIsDropped)
{
	for (std::size_t size : {40ul, 8ul}) {
		const auto whole = good(size).bytes();

		for (std::size_t cut = ethernet_size; cut < whole.size(); cut++) {
			SCOPED_TRACE(cut);
			expect_dropped(std::span(whole).first(cut),
				       cut < headers_size ? "GlassDropShort" : "GlassDropLength");
		}
		expect_delivered(good(size));
	}
}

TEST_F(FrameTest, BytesBehindThePayloadOnlyWhereEthernetPads)
{
	for (std::size_t size : {0ul, 10ul, 17ul}) {
		Frame frame = good(size);

		frame.trailer = pattern(18 - size);
		expect_delivered(frame); // 46 bytes of Ethernet data
		frame.trailer.push_back({});
		expect_dropped(frame, "GlassDropLength");
	}
	Frame frame = good(18);
	frame.trailer.resize(1);
	expect_dropped(frame, "GlassDropLength");
}

/* --- Damage ------------------------------------------------------------------------------- */

TEST_F(FrameTest, EveryByteIsProtected)
{
	const auto whole = good(21).bytes();

	for (std::size_t at = 0; at < whole.size(); at++) {
		// The address first, then the type: those are not seen by Glass.
		const bool is_type = at == 12 || at == 13;

		for (int flip : {0x01, 0x80, 0xff}) {
			auto frame = whole;

			frame[at] ^= static_cast<std::byte>(flip);
			injector->send(frame);
			std::uint64_t drops = 0;
			for (const auto &[name, count] : counted())
				drops += count;
			EXPECT_EQ(drops, is_type ? 0u : 1u) << "byte " << at << " ^ " << flip;
			EXPECT_FALSE(is_readable(receiver)) << "byte " << at << " ^ " << flip;
		}
	}
	expect_delivered(good(21));
}

TEST_F(FrameTest, EveryPartOfALargePayloadIsProtected)
{
	const auto whole = good(65536).bytes();

	for (std::size_t at = headers_size; at < whole.size(); at += 4093) {
		auto frame = whole;

		frame[at] ^= std::byte{0x10};
		expect_dropped(frame, "GlassDropChecksum");
	}
	auto frame = whole;
	frame.back() ^= std::byte{1};
	expect_dropped(frame, "GlassDropChecksum");
	expect_delivered(good(65536));
}

/* Damage at random places, and then nothing but random bytes. */
TEST_F(FrameTest, RandomFramesAreDropped)
{
	const char *fixed = std::getenv("GLASS_SEED");
	const auto seed = fixed ? static_cast<unsigned>(std::atoi(fixed)) : std::random_device()();
	const int count = 1000 * ktap::scale();
	std::mt19937 random(seed);
	std::uint64_t drops = 0;
	int damaged = 0;

	std::cout << "GLASS_SEED=" << seed << std::endl;
	for (int i = 0; i < count; i++) {
		auto frame = good(random() % 200).bytes();
		// Addresses and type stay, so that Glass gets to see it.
		const auto body = std::span(frame).subspan(ethernet_size);

		if (i % 4 == 0)
			for (auto &byte : body)
				byte = static_cast<std::byte>(random());
		else
			for (auto damage = 1 + random() % 4; damage; damage--)
				body[random() % body.size()] = static_cast<std::byte>(random());
		if (random() % 8 == 0)
			frame.resize(ethernet_size + random() % (body.size() + 1));
		if (frame.size() >= headers_size && internet_checksum(frame) == 0)
			continue; // a sum does not see everything, nor changes that change nothing
		injector->send(frame);
		damaged++;
	}
	for (const auto &[name, number] : counted())
		drops += number;
	EXPECT_EQ(drops, static_cast<std::uint64_t>(damaged));
	EXPECT_FALSE(is_readable(receiver));
	expect_delivered(good());
}

/* --- Checksums left to the device ------------------------------------------------------------ */

TEST_F(FrameTest, AForgedPlaceForTheSumEarnsNoTrust)
{
	const std::uint16_t header = ethernet_size;
	const std::uint16_t field = offsetof(glass_hdr, csum);
	const struct {
		std::uint16_t start, offset;
	} rows[] = {
		{0, 0},
		{0, static_cast<std::uint16_t>(header +
					       field)}, // the field, but summed from elsewhere
		{static_cast<std::uint16_t>(header + 2), static_cast<std::uint16_t>(field - 2)},
		{header, 0},
		{header, static_cast<std::uint16_t>(field + 2)},
		{headers_size, 0},
		{headers_size, 6},
	};
	Frame frame = good();
	int tried = 0;

	injector = std::make_unique<Injector>("glass0", true);
	frame.csum = 0x1234;
	for (const auto &[start, offset] : rows) {
		SCOPED_TRACE(std::to_string(start) + "+" + std::to_string(offset));
		if (!injector->send_unsummed(frame.bytes(), start, offset))
			continue;
		tried++;
		EXPECT_EQ(counted(),
			  (std::map<std::string, std::uint64_t>{{"GlassDropChecksum", 1}}));
		EXPECT_FALSE(is_readable(receiver));
	}
	EXPECT_GT(tried, 0);
	if (injector->send_unsummed(good().bytes(), header, field)) {
		EXPECT_TRUE(counted().empty()) << "its own place is what Glass uses itself";
		EXPECT_EQ(read_message(receiver), text(good().payload));
	}
}

/* --- Receivers that refuse --------------------------------------------------------------------- */

TEST_F(FrameTest, AReceiverThatIsConnectedTakesFromItsPeerOnly)
{
	const Socket peer = bound(6000);
	Frame frame = good();

	must(receiver.connect(address_of(peer)), "connect");
	expect_dropped(frame, "GlassDropPeer");
	frame.src_port = 6000;
	expect_delivered(frame);
	frame.src_node = 7;
	expect_dropped(frame, "GlassDropPeer");
}

TEST_F(FrameTest, AReceiverThatReadsNoMoreTakesNothing)
{
	must(receiver.shutdown(glass::Half::Read), "shutdown");
	injector->send(good().bytes());
	EXPECT_EQ(counted(), (std::map<std::string, std::uint64_t>{{"GlassDropShutdown", 1}}));
}

TEST_F(FrameTest, AReceiverMayFilter)
{
	sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
	const sock_fprog program = {1, &none};

	must(::setsockopt(receiver.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
	     "SO_ATTACH_FILTER");
	expect_dropped(good(), "GlassDropFilter");
}

TEST_F(FrameTest, OtherDevicesCarryNone)
{
	set_device_up(true, "lo");
	Injector elsewhere("lo");
	Frame frame = good();

	frame.destination.fill(0);
	frame.source.fill(0);
	elsewhere.send(frame.bytes());
	while (counters().at("GlassInFrames") == 0)
		; // lo delivers in its own time
	EXPECT_EQ(counted(), (std::map<std::string, std::uint64_t>{{"GlassDropDevice", 1}}));
	EXPECT_FALSE(is_readable(receiver));
}

/* --- Tracepoints ------------------------------------------------------------------- */

/* Those of Glass, and the core's of dropped frames, in a buffer of their own. */
class Tracing
{
public:
	Tracing()
	{
		std::filesystem::create_directory(folder_);
		write("events/glass/enable", "1");
		write("events/skb/kfree_skb/filter", "protocol == " + std::to_string(ETH_P_GLASS));
		write("events/skb/kfree_skb/enable", "1");
	}
	~Tracing()
	{
		write("events/enable", "0");
		::rmdir(folder_.c_str());
	}
	Tracing(const Tracing &) = delete;
	Tracing &operator=(const Tracing &) = delete;

	/* What an event told since the last call, but for the frame's place in memory. */
	std::vector<std::string> told(const std::string &event)
	{
		std::vector<std::string> found;

		for (const auto &line : lines_of(folder_ + "/trace")) {
			const auto at = line.find(" " + event + ": ");

			if (at != std::string::npos)
				found.push_back(
					std::regex_replace(line.substr(at + event.size() + 3),
							   std::regex("skbaddr=[^ ]* "), ""));
		}
		return found;
	}
	void clear() { write("trace", ""); }

private:
	void write(const std::string &file, const std::string &text)
	{
		std::ofstream(folder_ + "/" + file) << text << std::flush;
	}

	std::string folder_ =
		"/sys/kernel/tracing/instances/glass_test_" + std::to_string(::getpid());
};

class FrameTrace : public FrameTest
{
protected:
	FrameTrace()
	{
		std::uint64_t cookie = 0;
		socklen_t size = sizeof(cookie);

		must(::getsockopt(receiver.fd(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size),
		     "SO_NETNS_COOKIE");
		place = "net=" + std::to_string(cookie) +
			" ifindex=" + std::to_string(::if_nametoindex("glass0")) + " ";
	}

	Tracing tracing;
	std::string place; /* how each line begins */
};

TEST_F(FrameTrace, ShowsAFrameOnItsWay)
{
	using Lines = std::vector<std::string>;
	const Lines frame{place + "protocol=2 1:4000 -> 1:5000 len=40"};
	Socket sender = bound(4000);

	must(sender.send_to(pattern(40), address_of(receiver)), "send");
	EXPECT_EQ(tracing.told("glass_pkt_send"), frame);
	EXPECT_EQ(tracing.told("glass_pkt_receive"), frame);
	EXPECT_EQ(tracing.told("glass_pkt_drop"), Lines{});
}

/* Its name is that of the counter: not_host of GlassDropNotHost. */
TEST_F(FrameTrace, ShowsTheReasonOfEachDrop)
{
	std::vector<std::string> expected;

	for (const FieldRow &row : field_rows) {
		Frame frame = good();
		std::string name;

		row.change(frame);
		injector->send(frame.bytes());
		for (const char c : std::string_view(row.reason).substr(9))
			name += std::isupper(c)
					? std::string("_") + static_cast<char>(std::tolower(c))
					: std::string(1, c);
		expected.push_back(place + "len=68 reason=" + name.substr(1));
	}
	EXPECT_EQ(tracing.told("glass_pkt_drop"), expected);
}

TEST_F(FrameTrace, TellsTheCoreTheReasonToo)
{
	const auto reason = [&](void (*change)(Frame & frame)) {
		Frame frame = good();

		tracing.clear();
		change(frame);
		injector->send(frame.bytes());
		const auto lines = tracing.told("kfree_skb");
		return lines.size() == 1 ? words_of(lines[0]).back() : "not told once";
	};

	EXPECT_EQ(reason([](Frame &f) { f.csum = 0x1234; }), "SKB_CSUM");
	EXPECT_EQ(reason([](Frame &f) { f.dst_port = 5001; }), "NO_SOCKET");
	EXPECT_EQ(reason([](Frame &f) { f.protocol = 4; }), "UNHANDLED_PROTO");
	EXPECT_EQ(reason([](Frame &f) { f.version = 2; }), "NOT_SPECIFIED");
}

} // namespace
