// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_RAW: who may, which frames it sees and how, and frames with a header of
 * the sender's making.
 */
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "frame.h"
#include "helper.h"

namespace {

using namespace helper;

constexpr std::uint32_t any = 0xffffffff;
constexpr int every_protocol = 0;

Socket raw(int protocol = every_protocol)
{
	return must(Socket::create(SOCK_RAW | SOCK_NONBLOCK, protocol), "raw socket");
}

/* The next frame of a raw socket, which must be there. */
std::vector<std::byte> read_frame(Socket &socket)
{
	std::vector<std::byte> buffer(1 << 17);

	buffer.resize(must(socket.receive(buffer), "receive"));
	return buffer;
}

/* How many frames are to be read; they are read. */
std::size_t count_frames(Socket &socket)
{
	std::size_t count = 0;

	for (; is_readable(socket); count++)
		read_frame(socket);
	return count;
}

/* A frame as a raw socket sees it: from the Glass header on. */
std::vector<std::byte> without_ethernet(const Frame &frame)
{
	const auto bytes = frame.bytes();

	return {bytes.begin() + ethernet_size, bytes.end() - std::ssize(frame.trailer)};
}

/* Each case has a namespace of its own, so that nobody else's frames are seen. */
class Raw : public testing::Test
{
protected:
	Raw() { enter_new_namespace(); }

	static Frame good(std::size_t size = 100)
	{
		Frame frame;

		frame.payload = pattern(size, size);
		return frame;
	}
	/* By how much a counter has risen in @p call. */
	template <typename Call> static std::uint64_t rise(const std::string &counter, Call call)
	{
		const auto before = counters().at(counter);

		call();
		return counters().at(counter) - before;
	}
};

/* --- Who may ------------------------------------------------------------------------- */

TEST_F(Raw, NeedsACapability)
{
	drop_capability(CAP_NET_RAW);
	EXPECT_EQ(err(Socket::create(SOCK_RAW)), EPERM);
	EXPECT_EQ(err(Socket::create(SOCK_RAW, GLASS_PROTO_CONTROL)), EPERM);
	EXPECT_EQ(err(Socket::create(SOCK_DGRAM)), 0);
}

TEST_F(Raw, RootOfAUserNamespaceMayInItsOwnNetwork)
{
	must(::unshare(CLONE_NEWUSER), "unshare");
	EXPECT_EQ(err(Socket::create(SOCK_RAW)), EPERM) << "this network is not its own";
	enter_new_namespace();
	EXPECT_EQ(err(Socket::create(SOCK_RAW)), 0);
}

TEST_F(Raw, IsWhatItWasAskedFor)
{
	for (const int protocol : {0, 1, 2, 7, 77, 255}) {
		const Socket socket = raw(protocol);

		EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_TYPE), "SO_TYPE"), SOCK_RAW);
		EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_PROTOCOL), "SO_PROTOCOL"), protocol);
	}
	EXPECT_EQ(err(Socket::create(SOCK_RAW, 256)), EPROTONOSUPPORT);
	EXPECT_EQ(err(Socket::create(SOCK_RAW, -1)), EPROTONOSUPPORT);
	EXPECT_EQ(err(Socket::pair(SOCK_RAW)), EOPNOTSUPP);
	EXPECT_EQ(err(::listen(raw().fd(), 1)), EOPNOTSUPP);
	EXPECT_EQ(err(::accept(raw().fd(), nullptr, nullptr)), EOPNOTSUPP);
}

TEST_F(Raw, IsShownWithWhatItAsksFor)
{
	Socket socket = raw(9);
	std::vector<std::string> rows;

	must(socket.bind({GLASS_NODE_LOCAL, 4000}), "bind");
	must(socket.connect({GLASS_NODE_LOCAL, 5000}), "connect");
	for (const auto &line : lines_of("/proc/self/net/glass"))
		if (line.starts_with("RAW "))
			rows.push_back(line);
	ASSERT_EQ(rows.size(), 1u);
	EXPECT_TRUE(rows[0].starts_with("RAW 9 1:4000 1:5000 ESTABLISHED 0 0 0 0 ")) << rows[0];
	socket.close();
	EXPECT_EQ(lines_of("/proc/self/net/glass").size(), 1u) << "the head alone";
}

/* --- What it sees -------------------------------------------------------------------- */

TEST_F(Raw, SeesEveryProtocolOrOne)
{
	Pair pair = make_pair();
	Injector injector;
	Socket all = raw();
	Socket datagrams = raw(GLASS_PROTO_DGRAM);
	Socket control = raw(GLASS_PROTO_CONTROL);
	Socket unknown = raw(9);
	Frame frame = good();

	must(pair.sender.send(bytes("x")), "send");
	EXPECT_EQ(count_frames(all), 1u);
	EXPECT_EQ(count_frames(datagrams), 1u);
	EXPECT_EQ(count_frames(control), 0u);
	EXPECT_EQ(read_message(pair.receiver), "x");

	frame.protocol = 9;
	EXPECT_EQ(rise("GlassDropProtocol", [&] { injector.send(frame.bytes()); }), 1u);
	EXPECT_EQ(count_frames(all), 1u);
	EXPECT_EQ(count_frames(unknown), 1u);
	EXPECT_EQ(count_frames(datagrams), 0u);
	EXPECT_EQ(counters().at("GlassRawDelivered"), 4u);
}

TEST_F(Raw, SeesTheFrameAsItWasOnTheWire)
{
	Injector injector;
	Socket socket = raw();

	for (const std::size_t size : {0, 1, 2, 17, 1000, 4097, 40000, 65536}) {
		const Frame frame = good(size);

		injector.send(frame.bytes());
		EXPECT_EQ(text(read_frame(socket)), text(without_ethernet(frame))) << size;
	}
	Frame padded = good(5);
	padded.trailer.resize(13, std::byte{0xee});
	injector.send(padded.bytes());
	EXPECT_EQ(text(read_frame(socket)), text(without_ethernet(padded)));
}

TEST_F(Raw, SeesTheHeaderThatASendMade)
{
	Socket socket = raw();
	Pair pair = make_pair();
	glass_hdr header;

	must(pair.sender.send(bytes("hello")), "send");
	const auto frame = read_frame(socket);
	ASSERT_EQ(frame.size(), sizeof(header) + 5);
	std::memcpy(&header, frame.data(), sizeof(header));
	EXPECT_EQ(header.version, GLASS_WIRE_VERSION);
	EXPECT_EQ(header.hlen, 7);
	EXPECT_EQ(header.protocol, GLASS_PROTO_DGRAM);
	EXPECT_EQ(header.flags, 0);
	EXPECT_EQ(be32toh(header.len), 5u);
	EXPECT_EQ(be32toh(header.src_node), GLASS_NODE_LOCAL);
	EXPECT_EQ(be32toh(header.src_port), address_of(pair.sender).port);
	EXPECT_EQ(be32toh(header.dst_node), GLASS_NODE_LOCAL);
	EXPECT_EQ(be32toh(header.dst_port), address_of(pair.receiver).port);
	EXPECT_EQ(text(std::span(frame).subspan(sizeof(header))), "hello");
}

TEST_F(Raw, DoesNotSeeInvalidFrames)
{
	Injector injector;
	Socket socket = raw();
	Frame frame = good();

	frame.csum = 1;
	injector.send(frame.bytes());
	frame = good();
	frame.version = 9;
	injector.send(frame.bytes());
	frame = good();
	frame.dst_node = 2;
	injector.send(frame.bytes());
	EXPECT_EQ(count_frames(socket), 0u);
	EXPECT_EQ(counters().at("GlassRawDelivered"), 0u);
}

TEST_F(Raw, SaysWhoSentAndPeeksAndCuts)
{
	std::array<std::byte, 10> small;
	Injector injector;
	Socket socket = raw();
	const Frame frame = good();

	injector.send(frame.bytes());
	EXPECT_EQ(must(socket.input_queued(), "SIOCINQ"), 128u);
	EXPECT_EQ(must(socket.receive(small, MSG_PEEK | MSG_TRUNC), "peek"), 128u);
	const auto received = must(socket.receive_from(small), "receive");
	EXPECT_EQ(received.size, small.size());
	EXPECT_EQ(received.flags & MSG_TRUNC, MSG_TRUNC);
	EXPECT_EQ(received.source, (Address{frame.src_node, frame.src_port}));
	EXPECT_EQ(err(socket.receive(small)), EAGAIN);
}

TEST_F(Raw, BindChoosesByDestination)
{
	Injector injector;
	Socket by_node = raw();
	Socket by_port = raw();
	Socket other = raw();
	Frame frame = good();

	must(by_node.bind({GLASS_NODE_LOCAL, any}), "bind");
	must(by_port.bind({any, 5000}), "bind");
	must(other.bind({GLASS_NODE_LOCAL, 5001}), "bind");
	EXPECT_EQ(must(by_port.local(), "getsockname"), (Address{any, 5000}));
	EXPECT_EQ(err(by_port.bind({any, 5002})), EINVAL);
	EXPECT_EQ(err(raw().bind({9, 5000})), EADDRNOTAVAIL);

	injector.send(frame.bytes());
	EXPECT_EQ(count_frames(by_node), 1u);
	EXPECT_EQ(count_frames(by_port), 1u);
	EXPECT_EQ(count_frames(other), 0u);
	frame.dst_port = 5001;
	injector.send(frame.bytes());
	EXPECT_EQ(count_frames(by_node), 1u);
	EXPECT_EQ(count_frames(by_port), 0u);
	EXPECT_EQ(count_frames(other), 1u);
}

TEST_F(Raw, TakesNoPort)
{
	Socket first = raw();
	Socket second = raw();

	must(first.bind({any, 5000}), "bind");
	EXPECT_EQ(err(second.bind({any, 5000})), 0);
	EXPECT_EQ(err(dgram().bind({any, 5000})), 0);
}

TEST_F(Raw, ConnectChoosesBySource)
{
	Injector injector;
	Socket by_port = raw();
	Socket by_node = raw();
	Frame frame = good();

	must(by_port.connect({GLASS_NODE_LOCAL, frame.src_port}), "connect");
	must(by_node.connect({GLASS_NODE_LOCAL, any}), "connect");
	EXPECT_EQ(must(by_port.peer(), "getpeername"), (Address{GLASS_NODE_LOCAL, frame.src_port}));
	EXPECT_EQ(err(raw().connect({any, 5000})), EINVAL);
	EXPECT_EQ(err(raw().connect({9, 5000})), EHOSTUNREACH);

	injector.send(frame.bytes());
	EXPECT_EQ(count_frames(by_port), 1u);
	EXPECT_EQ(count_frames(by_node), 1u);
	frame.src_port++;
	injector.send(frame.bytes());
	EXPECT_EQ(count_frames(by_port), 0u);
	EXPECT_EQ(count_frames(by_node), 1u);
	frame.src_node = 12;
	injector.send(frame.bytes());
	EXPECT_EQ(count_frames(by_node), 0u);

	must(by_port.disconnect(), "disconnect");
	EXPECT_EQ(err(by_port.peer()), ENOTCONN);
	injector.send(frame.bytes());
	EXPECT_EQ(count_frames(by_port), 1u);
}

TEST_F(Raw, BoundToADeviceItSeesNoOther)
{
	Injector injector;
	Socket here = raw();
	Socket elsewhere = raw();

	must(::setsockopt(here.fd(), SOL_SOCKET, SO_BINDTODEVICE, "glass0", 6), "glass0");
	must(::setsockopt(elsewhere.fd(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), "lo");
	injector.send(good().bytes());
	EXPECT_EQ(count_frames(here), 1u);
	EXPECT_EQ(count_frames(elsewhere), 0u);
}

/* --- A reader that is full ------------------------------------------------------------ */

/* Of SO_MEMINFO: frames that found no room. */
std::uint32_t drops_of(const Socket &socket)
{
	std::array<std::uint32_t, 9> info = {};
	socklen_t size = sizeof(info);

	must(::getsockopt(socket.fd(), SOL_SOCKET, SO_MEMINFO, info.data(), &size), "SO_MEMINFO");
	return info[8]; /* SK_MEMINFO_DROPS */
}

TEST_F(Raw, AFullReaderLosesCopiesAndNobodyElseDoes)
{
	constexpr std::uint64_t count = 100;
	Pair pair = make_pair();
	Socket full = raw();
	Socket roomy = raw();

	must(full.set_option(SOL_SOCKET, SO_RCVBUF, 4096), "SO_RCVBUF");
	must(full.set_option(SOL_SOCKET, SO_RXQ_OVFL, 1), "SO_RXQ_OVFL");
	for (std::uint64_t i = 0; i < count; i++) {
		const auto message = pattern(500, i);

		ASSERT_EQ(err(pair.sender.send(message, MSG_DONTWAIT)), 0);
		ASSERT_EQ(read_message(pair.receiver), text(message));
		ASSERT_EQ(count_frames(roomy), 1u);
	}
	const auto lost = counters().at("GlassRawDrops");
	EXPECT_GT(lost, 0u);
	EXPECT_EQ(drops_of(full), lost);
	EXPECT_EQ(drops_of(roomy), 0u);
	EXPECT_EQ(counters().at("GlassRawDelivered"), 2 * count - lost);
	EXPECT_EQ(counters().at("GlassInDelivered"), count);
	EXPECT_EQ(count_frames(full), count - lost);

	must(pair.sender.send(bytes("next")), "send");
	EXPECT_EQ(read_overflow(full), lost);
}

TEST_F(Raw, TheSenderPaysForTheMessageAndTheReaderForItsCopy)
{
	Pair pair = make_pair();
	Socket socket = raw();

	must(pair.sender.send(pattern(1000)), "send");
	EXPECT_GE(must(pair.sender.output_queued(), "SIOCOUTQ"), 1000u);
	read_message(pair.receiver);
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u) << "a copy is no debt";
	EXPECT_EQ(count_frames(socket), 1u);
}

TEST_F(Raw, ShutDownItSeesNothingAndSendsNothing)
{
	std::array<std::byte, 10> buffer;
	Injector injector;
	Socket socket = raw(GLASS_PROTO_DGRAM);

	must(socket.shutdown(glass::Half::Read), "shutdown");
	injector.send(good().bytes());
	EXPECT_EQ(must(socket.receive(buffer), "receive"), 0u);
	must(socket.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(err(socket.send_to(bytes("x"), {1, 5000}, MSG_NOSIGNAL)), EPIPE);
}

/* --- Sending -------------------------------------------------------------------------- */

TEST_F(Raw, ASendMakesAHeader)
{
	Socket receiver = bound(5000);
	Socket socket = raw(GLASS_PROTO_DGRAM);
	std::array<std::byte, 10> buffer;

	EXPECT_EQ(err(socket.send(bytes("x"))), ENOTCONN);
	must(socket.bind({any, 4000}), "bind");
	EXPECT_EQ(must(socket.send_to(bytes("one"), {1, 5000}), "send"), 3u);
	const auto received = must(receiver.receive_from(buffer), "receive");
	EXPECT_EQ(received.source, (Address{GLASS_NODE_LOCAL, 4000}));
	EXPECT_EQ(text(std::span(buffer).first(received.size)), "one");
	must(socket.connect({1, 5000}), "connect");
	EXPECT_EQ(must(socket.send(bytes("two")), "send"), 3u);
	EXPECT_EQ(read_message(receiver), "two");

	EXPECT_EQ(err(raw().send_to(bytes("x"), {1, 5000})), EINVAL) << "of which protocol?";
	EXPECT_EQ(err(socket.send_to(bytes("x"), {9, 5000})), EHOSTUNREACH);
	EXPECT_EQ(err(socket.send_to(bytes("x"), {any, 5000})), EINVAL);
}

TEST_F(Raw, AWildcardPortIsNobodysOnTheWire)
{
	Socket socket = raw(GLASS_PROTO_DGRAM);
	std::array<std::byte, sizeof(glass_hdr) + 1> buffer;
	glass_hdr header;

	must(socket.send_to(bytes("x"), {1, any}), "send");
	must(socket.receive(buffer), "the copy");
	std::memcpy(&header, buffer.data(), sizeof(header));
	EXPECT_EQ(be32toh(header.src_port), 0u);
	EXPECT_EQ(be32toh(header.dst_port), 0u);
}

TEST_F(Raw, NobodyIsAskedBeforeASend)
{
	Socket socket = raw(GLASS_PROTO_DGRAM);
	const std::uint32_t port = free_port();

	EXPECT_EQ(rise("GlassDropPort",
		       [&] {
			       must(socket.send_to(bytes("x"), {1, port}), "send");
		       }),
		  1u);
	EXPECT_FALSE(socket.take_error());
}

TEST_F(Raw, ASendIsAsLongAsAFrame)
{
	Socket receiver = bound(5000);
	Socket socket = raw(GLASS_PROTO_DGRAM);
	const auto data = pattern(GLASS_PAYLOAD_DEFAULT + 1);
	const auto fits = std::span(data).first(GLASS_PAYLOAD_DEFAULT);

	must(socket.connect({1, 5000}), "connect");
	EXPECT_EQ(must(socket.send(fits), "send"), fits.size());
	EXPECT_EQ(read_message(receiver), text(fits));
	EXPECT_EQ(err(socket.send(data)), EMSGSIZE);
	set_device_mtu(1500);
	EXPECT_EQ(err(socket.send(fits.first(1473))), EMSGSIZE);
	EXPECT_EQ(err(socket.send(fits.first(1472))), 0);
	EXPECT_EQ(read_message(receiver).size(), 1472u);
}

/* Its frames wait in the receiver, so its buffer is the bound. */
TEST_F(Raw, ASlowReceiverStopsASender)
{
	Socket receiver = bound(5000);
	Socket socket = raw(GLASS_PROTO_DGRAM);

	must(socket.connect({1, 5000}), "connect");
	const int count = fill(socket, 1000);
	EXPECT_GT(count, 10);
	EXPECT_LT(count, 10'000);
	for (int i = 0; i < count; i++)
		EXPECT_EQ(read_message(receiver), text(pattern(1000, i)));
	EXPECT_EQ(must(socket.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(err(socket.send(bytes("x"))), 0);
}

/* --- Sending with a header of one's own -------------------------------------------------- */

class HeaderIncluded : public Raw
{
protected:
	HeaderIncluded() : receiver(bound(5000)), socket(raw())
	{
		must(socket.set_option(SOL_GLASS, GLASS_HDRINCL, 1), "GLASS_HDRINCL");
		must(socket.connect({GLASS_NODE_LOCAL, any}), "connect");
	}

	void send(const Frame &frame)
	{
		const auto bytes = without_ethernet(frame);

		EXPECT_EQ(must(socket.send(bytes), "send"), bytes.size());
	}

	Socket receiver;
	Socket socket;
};

TEST_F(HeaderIncluded, IsAnOptionOfRawSockets)
{
	Socket other = raw();

	EXPECT_EQ(must(other.option(SOL_GLASS, GLASS_HDRINCL), "get"), 0);
	must(other.set_option(SOL_GLASS, GLASS_HDRINCL, 42), "set");
	EXPECT_EQ(must(other.option(SOL_GLASS, GLASS_HDRINCL), "get"), 1);
	must(other.set_option(SOL_GLASS, GLASS_HDRINCL, 0), "set");
	EXPECT_EQ(must(other.option(SOL_GLASS, GLASS_HDRINCL), "get"), 0);
	EXPECT_EQ(err(::setsockopt(other.fd(), SOL_GLASS, GLASS_HDRINCL, "x", 1)), EINVAL);
	EXPECT_EQ(err(::setsockopt(other.fd(), SOL_GLASS, GLASS_HDRINCL, nullptr, 4)), EFAULT);
	EXPECT_EQ(err(other.set_option(SOL_GLASS, 999, 1)), ENOPROTOOPT);
	EXPECT_EQ(err(other.option(SOL_GLASS, 999)), ENOPROTOOPT);
	EXPECT_EQ(err(receiver.set_option(SOL_GLASS, GLASS_HDRINCL, 1)), ENOPROTOOPT);
	EXPECT_EQ(err(receiver.option(SOL_GLASS, GLASS_HDRINCL)), ENOPROTOOPT);
}

TEST_F(HeaderIncluded, AZeroSumIsFilledIn)
{
	Frame frame = good();

	frame.csum = 0;
	send(frame);
	EXPECT_EQ(read_message(receiver), text(frame.payload));
	EXPECT_EQ(counters().at("GlassDropChecksum"), 0u);
}

TEST_F(HeaderIncluded, ARightSumIsKept)
{
	const Frame frame = good();

	send(frame);
	EXPECT_EQ(text(read_frame(socket)), text(without_ethernet(frame)));
	EXPECT_EQ(read_message(receiver), text(frame.payload));
}

TEST_F(HeaderIncluded, AWrongSumIsKeptAndDropped)
{
	Frame frame = good();

	frame.csum = 0x1234;
	EXPECT_EQ(rise("GlassDropChecksum", [&] { send(frame); }), 1u);
	EXPECT_FALSE(is_readable(receiver));
	EXPECT_FALSE(socket.take_error());
}

TEST_F(HeaderIncluded, GoesOutWhateverItSays)
{
	const auto dropped_for = [&](const std::string &reason, auto change) {
		Frame frame = good();

		change(frame);
		EXPECT_EQ(rise("GlassDrop" + reason, [&] { send(frame); }), 1u) << reason;
		EXPECT_FALSE(is_readable(receiver)) << reason;
	};

	dropped_for("Version", [](Frame &frame) { frame.version = 2; });
	dropped_for("HeaderLength", [](Frame &frame) { frame.hlen = 6; });
	dropped_for("Flags", [](Frame &frame) { frame.flags = 0x80; });
	dropped_for("Reserved", [](Frame &frame) { frame.reserved = 1; });
	dropped_for("Length", [](Frame &frame) { frame.len = 99; });
	dropped_for("Node", [](Frame &frame) { frame.dst_node = 9; });
	dropped_for("Source", [](Frame &frame) { frame.src_port = any; });
	dropped_for("Protocol", [](Frame &frame) { frame.protocol = 9; });
	dropped_for("Port", [](Frame &frame) { frame.dst_port = 5001; });
}

TEST_F(HeaderIncluded, TheSourceIsWhatItSays)
{
	std::array<std::byte, 200> buffer;
	Frame frame = good();

	frame.src_node = 12;
	frame.src_port = 13;
	send(frame);
	EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source, (Address{12, 13}));
}

TEST_F(HeaderIncluded, IsNeitherShorterThanAHeaderNorLongerThanAFrame)
{
	const Frame largest = good(GLASS_PAYLOAD_DEFAULT);
	auto too_long = without_ethernet(largest);
	const auto empty = without_ethernet(good(0));

	too_long.push_back(std::byte{});
	EXPECT_EQ(err(socket.send({})), EINVAL);
	EXPECT_EQ(err(socket.send(std::span(empty).first(empty.size() - 1))), EINVAL);
	send(good(0));
	EXPECT_EQ(read_message(receiver), "");
	send(largest);
	EXPECT_EQ(read_message(receiver), text(largest.payload));
	EXPECT_EQ(err(socket.send(too_long)), EMSGSIZE);
}

} // namespace
