// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams sent and received: contents, source addresses, flags, and what is
 * left behind by calls that fail.
 */
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "helper.h"

namespace {

using namespace helper;

void *const bad_pointer = reinterpret_cast<void *>(8);
constexpr std::size_t largest = GLASS_PAYLOAD_DEFAULT;

/* --- Contents ----------------------------------------------------------------- */

TEST(DgramMessage, OfEverySizeArrivesUnchanged)
{
	Pair pair = make_pair();

	for (std::size_t size : {0ul, 1ul, 2ul, 3ul, 17ul, 45ul, 46ul, 47ul, 1000ul, 1500ul, 4095ul,
				 4096ul, 4097ul, 16384ul, 32768ul, 65535ul, largest}) {
		const auto data = pattern(size, size);

		EXPECT_EQ(must(pair.sender.send(data), "send"), size);
		EXPECT_EQ(read_message(pair.receiver), text(data)) << size << " bytes";
	}
	EXPECT_FALSE(is_readable(pair.receiver));
}

TEST(DgramMessage, BoundariesAndOrderAreKept)
{
	Pair pair = make_pair();

	for (const char *word : {"one", "", "two", "three", ""})
		EXPECT_EQ(err(pair.sender.send(bytes(word))), 0);
	for (const char *word : {"one", "", "two", "three", ""})
		EXPECT_EQ(read_message(pair.receiver), word);
	EXPECT_FALSE(is_readable(pair.receiver));
}

TEST(DgramMessage, AboveTheFrameIsTooLong)
{
	Pair pair = make_pair();

	for (std::size_t size : {largest + 1, largest + 4096, std::size_t{1} << 24})
		EXPECT_EQ(err(pair.sender.send(pattern(size))), EMSGSIZE) << size;
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(err(pair.sender.send(bytes("short enough"))), 0);
	EXPECT_EQ(read_message(pair.receiver), "short enough");
}

TEST(DgramMessage, TheLimitFollowsTheDevice)
{
	enter_new_namespace();
	Pair pair = make_pair();
	const std::size_t limit = 1500 - sizeof(glass_hdr);

	set_device_mtu(1500);
	EXPECT_EQ(err(pair.sender.send(pattern(limit + 1))), EMSGSIZE);
	EXPECT_EQ(err(pair.sender.send(pattern(limit))), 0);
	EXPECT_EQ(read_message(pair.receiver), text(pattern(limit)));
}

TEST(DgramMessage, EmptyIsAMessage)
{
	Pair pair = make_pair();
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(must(pair.sender.send({}), "send"), 0u);
	EXPECT_TRUE(is_readable(pair.receiver));
	const auto received = must(pair.receiver.receive_from(buffer), "receive");
	EXPECT_EQ(received.size, 0u);
	EXPECT_EQ(received.source, address_of(pair.sender));
	EXPECT_FALSE(is_readable(pair.receiver));
}

TEST(DgramMessage, GathersAndScatters)
{
	Pair pair = make_pair();
	std::array<char, 3> first;
	std::array<char, 10> second;
	std::array<iovec, 3> out = {
		{{const_cast<char *>("ab"), 2}, {nullptr, 0}, {const_cast<char *>("cdefg"), 5}}};
	std::array<iovec, 2> in = {{{first.data(), first.size()}, {second.data(), second.size()}}};

	EXPECT_EQ(::writev(pair.sender.fd(), out.data(), out.size()), 7);
	EXPECT_EQ(::readv(pair.receiver.fd(), in.data(), in.size()), 7);
	EXPECT_EQ(std::string(first.data(), 3), "abc");
	EXPECT_EQ(std::string(second.data(), 4), "defg");
}

TEST(DgramMessage, ReadAndWriteAreReceiveAndSend)
{
	Pair pair = make_pair();
	std::array<char, 16> buffer;

	EXPECT_EQ(::write(pair.sender.fd(), "plain", 5), 5);
	EXPECT_EQ(::read(pair.receiver.fd(), buffer.data(), buffer.size()), 5);
	EXPECT_EQ(std::string(buffer.data(), 5), "plain");
}

TEST(DgramMessage, ManyInOneCall)
{
	Pair pair = make_pair();
	std::array<iovec, 3> parts = {{{const_cast<char *>("1"), 1},
				       {const_cast<char *>("22"), 2},
				       {const_cast<char *>("333"), 3}}};
	std::array<std::array<char, 8>, 4> buffers;
	std::array<iovec, 4> rooms;
	std::array<mmsghdr, 3> out = {};
	std::array<mmsghdr, 4> in = {};
	std::array<sockaddr_glass, 4> names;

	for (std::size_t i = 0; i < out.size(); i++) {
		out[i].msg_hdr.msg_iov = &parts[i];
		out[i].msg_hdr.msg_iovlen = 1;
	}
	for (std::size_t i = 0; i < in.size(); i++) {
		rooms[i] = {buffers[i].data(), buffers[i].size()};
		in[i].msg_hdr.msg_iov = &rooms[i];
		in[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_name = &names[i];
		in[i].msg_hdr.msg_namelen = sizeof(names[i]);
	}
	EXPECT_EQ(::sendmmsg(pair.sender.fd(), out.data(), out.size(), 0), 3);
	EXPECT_EQ(::recvmmsg(pair.receiver.fd(), in.data(), in.size(), MSG_DONTWAIT, nullptr), 3);
	for (std::size_t i = 0; i < out.size(); i++) {
		EXPECT_EQ(out[i].msg_len, i + 1);
		EXPECT_EQ(in[i].msg_len, i + 1);
		EXPECT_EQ(names[i].sgl_port, address_of(pair.sender).port);
	}
}

/* --- Who to whom ----------------------------------------------------------------- */

TEST(DgramSend, WithoutAPeerNeedsAnAddress)
{
	Socket socket = dgram();

	EXPECT_EQ(err(socket.send(bytes("x"))), ENOTCONN);
	EXPECT_EQ(must(socket.local(), "getsockname").port, GLASS_PORT_ANY);
}

TEST(DgramSend, FromAnUnboundSocketGetsAPortToAnswerTo)
{
	Socket client = dgram();
	Socket server = bound();
	std::array<std::byte, 16> buffer;

	EXPECT_EQ(err(client.send_to(bytes("ask"), address_of(server))), 0);
	const auto question = must(server.receive_from(buffer), "receive");
	EXPECT_EQ(question.source.node, GLASS_NODE_LOCAL);
	EXPECT_EQ(question.source.port, must(client.local(), "getsockname").port);
	EXPECT_GE(question.source.port, GLASS_PORT_RESERVED);
	EXPECT_EQ(err(server.send_to(bytes("answer"), question.source)), 0);
	const auto answer = must(client.receive_from(buffer), "receive");
	EXPECT_EQ(answer.source, address_of(server));
	EXPECT_EQ(text(std::span(buffer).first(answer.size)), "answer");
	EXPECT_EQ(err(client.peer()), ENOTCONN) << "sending does not connect";
}

TEST(DgramSend, FailsWithTheExactErrorAndSendsNothing)
{
	const std::uint32_t closed = free_port();
	const struct {
		Address to;
		int error;
	} rows[] = {
		{{GLASS_NODE_LOCAL, closed}, ECONNREFUSED},
		{{7, 5000}, EHOSTUNREACH},
		{{GLASS_NODE_ANY, 5000}, EINVAL},
		{{GLASS_NODE_LOCAL, GLASS_PORT_ANY}, EINVAL},
	};
	Socket receiver = bound();
	Socket socket = dgram();

	for (const auto &[to, error] : rows) {
		EXPECT_EQ(err(socket.send_to(bytes("x"), to)), error) << to;
		EXPECT_FALSE(socket.take_error()) << to;
	}
	EXPECT_EQ(must(socket.local(), "getsockname").port, GLASS_PORT_ANY)
		<< "what was never sent needs no port";
	EXPECT_EQ(must(socket.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(err(socket.send_to(bytes("works"), address_of(receiver))), 0);
	EXPECT_EQ(read_message(receiver), "works");
}

TEST(DgramSend, ToAPeerThatHasGoneIsRefused)
{
	Pair pair = make_pair();

	must(pair.sender.send(bytes("unread")), "send");
	pair.receiver.close();
	EXPECT_EQ(err(pair.sender.send(bytes("x"))), ECONNREFUSED);
	EXPECT_EQ(err(pair.sender.send(bytes("x"))), ECONNREFUSED) << "every time";
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u)
		<< "what nobody can read any more is given back";
}

TEST(DgramSend, AnAddressBeatsThePeer)
{
	Pair pair = make_pair();
	Socket other = bound();

	EXPECT_EQ(err(pair.sender.send_to(bytes("other"), address_of(other))), 0);
	EXPECT_EQ(read_message(other), "other");
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(err(pair.sender.send(bytes("peer"))), 0);
	EXPECT_EQ(read_message(pair.receiver), "peer");
}

TEST(DgramSend, AThirdPartyIsNotPermitted)
{
	Pair pair = make_pair();
	Socket third = bound();

	EXPECT_EQ(err(third.send_to(bytes("x"), address_of(pair.sender))), EPERM);
	EXPECT_FALSE(is_readable(pair.sender));
	EXPECT_EQ(must(third.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(err(pair.receiver.send_to(bytes("peer"), address_of(pair.sender))), 0);
	EXPECT_EQ(read_message(pair.sender), "peer");

	must(pair.sender.disconnect(), "disconnect");
	must(pair.sender.bind({GLASS_NODE_ANY, GLASS_PORT_ANY}), "bind");
	EXPECT_EQ(err(third.send_to(bytes("now"), address_of(pair.sender))), 0);
}

TEST(DgramSend, BadBuffersFaultAndSendNothing)
{
	Pair pair = make_pair();
	const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
	auto *pages = static_cast<char *>(::mmap(nullptr, 32 * page, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	const int fd = pair.sender.fd();

	ASSERT_NE(pages, MAP_FAILED);
	ASSERT_EQ(::munmap(pages + 16 * page, 16 * page), 0);
	EXPECT_EQ(err(::send(fd, bad_pointer, 1, 0)), EFAULT);
	EXPECT_EQ(err(::send(fd, pages + 16 * page - 1, 2, 0)), EFAULT);
	EXPECT_EQ(err(::send(fd, pages, largest, 0)), 0);
	EXPECT_EQ(err(::send(fd, pages + page, largest, 0)), EFAULT);
	EXPECT_EQ(read_message(pair.receiver), std::string(largest, '\0'));
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
	::munmap(pages, 16 * page);
}

TEST(DgramSend, OutOfBandIsNotSupported)
{
	Pair pair = make_pair();
	std::array<std::byte, 4> buffer;

	EXPECT_EQ(err(pair.sender.send(bytes("x"), MSG_OOB)), EOPNOTSUPP);
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(err(pair.receiver.receive(buffer, MSG_OOB)), EOPNOTSUPP);
}

/* --- Receiving -------------------------------------------------------------------- */

TEST(DgramReceive, SaysWhoSentEachMessage)
{
	Socket receiver = bound();
	std::array<Socket, 3> senders = {bound(), bound(), bound()};
	std::array<std::byte, 8> buffer;

	for (auto &sender : senders)
		must(sender.send_to(bytes("x"), address_of(receiver)), "send");
	for (auto &sender : senders)
		EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source,
			  address_of(sender));
}

TEST(DgramReceive, CutsWhatDoesNotFitAndSaysSo)
{
	Pair pair = make_pair();
	std::array<std::byte, 4> buffer;

	must(pair.sender.send(bytes("long message")), "send");
	must(pair.sender.send(bytes("fits")), "send");
	auto received = must(pair.receiver.receive_from(buffer), "receive");
	EXPECT_EQ(received.size, 4u);
	EXPECT_EQ(received.flags & MSG_TRUNC, MSG_TRUNC);
	EXPECT_EQ(text(buffer), "long");
	received = must(pair.receiver.receive_from(buffer), "receive");
	EXPECT_EQ(received.size, 4u);
	EXPECT_EQ(received.flags & MSG_TRUNC, 0);
	EXPECT_EQ(text(buffer), "fits");
}

TEST(DgramReceive, TruncTellsTheRealLength)
{
	Pair pair = make_pair();
	std::array<std::byte, 4> buffer;

	must(pair.sender.send(pattern(largest)), "send");
	must(pair.sender.send(bytes("xy")), "send");
	const auto received = must(pair.receiver.receive_from(buffer, MSG_TRUNC), "receive");
	EXPECT_EQ(received.size, largest);
	EXPECT_EQ(received.flags & MSG_TRUNC, MSG_TRUNC);
	EXPECT_EQ(must(pair.receiver.receive(buffer, MSG_TRUNC), "receive"), 2u);
}

TEST(DgramReceive, PeekLeavesTheMessage)
{
	Pair pair = make_pair();
	std::array<std::byte, 16> buffer;

	must(pair.sender.send(bytes("first")), "send");
	must(pair.sender.send(bytes("second")), "send");
	for (int i = 0; i < 3; i++) {
		const auto peeked = must(pair.receiver.receive_from(buffer, MSG_PEEK), "receive");

		EXPECT_EQ(text(std::span(buffer).first(peeked.size)), "first");
		EXPECT_EQ(peeked.source, address_of(pair.sender));
	}
	EXPECT_EQ(must(pair.receiver.receive({}, MSG_PEEK | MSG_TRUNC), "receive"), 5u);
	EXPECT_EQ(read_message(pair.receiver), "first");
	EXPECT_EQ(read_message(pair.receiver), "second");
}

TEST(DgramReceive, WithNothingQueuedDoesNotWaitWhenToldSo)
{
	Socket socket = bound();
	Socket nonblocking = bound(GLASS_PORT_ANY, SOCK_NONBLOCK);
	std::array<std::byte, 4> buffer;

	EXPECT_EQ(err(socket.receive(buffer, MSG_DONTWAIT)), EAGAIN);
	EXPECT_EQ(err(socket.receive(buffer, MSG_DONTWAIT | MSG_PEEK)), EAGAIN);
	EXPECT_EQ(err(socket.receive({}, MSG_DONTWAIT)), EAGAIN) << "even of 0 bytes";
	EXPECT_EQ(err(nonblocking.receive(buffer)), EAGAIN);
	EXPECT_EQ(err(socket.receive(buffer, MSG_ERRQUEUE)), EAGAIN) << "at once";
	EXPECT_EQ(err(dgram().receive(buffer, MSG_DONTWAIT)), EAGAIN) << "unbound";
}

TEST(DgramReceive, OfZeroBytesConsumesAMessage)
{
	Pair pair = make_pair();

	must(pair.sender.send(bytes("first")), "send");
	must(pair.sender.send(bytes("second")), "send");
	EXPECT_EQ(must(pair.receiver.receive({}), "receive"), 0u);
	EXPECT_EQ(read_message(pair.receiver), "second");
}

TEST(DgramReceive, IntoABadBufferConsumesTheMessage)
{
	Pair pair = make_pair();

	for (std::size_t size : {std::size_t{5}, largest}) {
		must(pair.sender.send(pattern(size)), "send");
		must(pair.sender.send(bytes("next")), "send");
		EXPECT_EQ(err(::recv(pair.receiver.fd(), bad_pointer, 1 << 20, 0)), EFAULT);
		EXPECT_EQ(read_message(pair.receiver), "next");
		EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
	}
}

TEST(DgramReceive, PeekIntoABadBufferLeavesTheMessage)
{
	Pair pair = make_pair();

	must(pair.sender.send(bytes("here")), "send");
	EXPECT_EQ(err(::recv(pair.receiver.fd(), bad_pointer, 16, MSG_PEEK)), EFAULT);
	EXPECT_EQ(read_message(pair.receiver), "here");
}

TEST(DgramReceive, AConnectedSocketTakesFromItsPeerOnly)
{
	Socket socket = bound();
	Socket before = bound();
	Socket peer = bound();

	must(before.send_to(bytes("queued before"), address_of(socket)), "send");
	must(socket.connect(address_of(peer)), "connect");
	EXPECT_EQ(err(before.send_to(bytes("x"), address_of(socket))), EPERM);
	EXPECT_EQ(err(peer.send_to(bytes("from the peer"), address_of(socket))), 0);
	EXPECT_EQ(read_message(socket), "queued before");
	EXPECT_EQ(read_message(socket), "from the peer");
}

TEST(DgramReceive, TimestampsComeWhenAskedFor)
{
	Pair pair = make_pair();
	std::array<char, 8> buffer;
	std::array<char, 256> control;
	iovec part = {buffer.data(), buffer.size()};
	msghdr message = {};

	must(pair.receiver.set_option(SOL_SOCKET, SO_TIMESTAMP, 1), "SO_TIMESTAMP");
	must(pair.sender.send(bytes("x")), "send");
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();
	EXPECT_EQ(::recvmsg(pair.receiver.fd(), &message, 0), 1);
	const cmsghdr *header = CMSG_FIRSTHDR(&message);
	ASSERT_NE(header, nullptr);
	EXPECT_EQ(header->cmsg_level, SOL_SOCKET);
	EXPECT_EQ(header->cmsg_type, SO_TIMESTAMP);
}

/* --- socketpair, dup, fork ----------------------------------------------------------- */

TEST(DgramPair, IsJoinedBothWays)
{
	auto [one, two] = must(Socket::pair(SOCK_DGRAM), "socketpair");

	EXPECT_EQ(must(one.peer(), "getpeername"), must(two.local(), "getsockname"));
	EXPECT_EQ(must(two.peer(), "getpeername"), must(one.local(), "getsockname"));
	EXPECT_EQ(must(one.local(), "getsockname").node, GLASS_NODE_LOCAL);
	must(one.send(bytes("there")), "send");
	must(two.send(bytes("back")), "send");
	EXPECT_EQ(read_message(two), "there");
	EXPECT_EQ(read_message(one), "back");

	Socket third = dgram();
	EXPECT_EQ(err(third.send_to(bytes("x"), must(one.local(), "getsockname"))), EPERM);
	two.close();
	EXPECT_EQ(err(one.send(bytes("x"))), ECONNREFUSED);
}

TEST(DgramPair, ADuplicateKeepsTheSocket)
{
	Pair pair = make_pair();
	Socket copy(glass::Fd(::dup(pair.receiver.fd())));

	pair.receiver.close();
	EXPECT_EQ(err(pair.sender.send(bytes("kept"))), 0);
	EXPECT_EQ(read_message(copy), "kept");
	copy.close();
	EXPECT_EQ(err(pair.sender.send(bytes("x"))), ECONNREFUSED);
}

TEST(DgramPair, AChildSharesTheSocket)
{
	Pair pair = make_pair();

	EXPECT_EQ(in_child([&] { return err(pair.sender.send(bytes("from the child"))).value; }),
		  0);
	EXPECT_EQ(read_message(pair.receiver), "from the child");
	EXPECT_EQ(err(pair.sender.send(bytes("from the parent"))), 0);
	EXPECT_EQ(read_message(pair.receiver), "from the parent");
}

TEST(DgramPair, MessagesOutliveTheirSender)
{
	Pair pair = make_pair();
	const Address source = address_of(pair.sender);
	std::array<std::byte, 16> buffer;

	must(pair.sender.send(bytes("last words")), "send");
	pair.sender.close();
	const auto received = must(pair.receiver.receive_from(buffer), "receive");
	EXPECT_EQ(text(std::span(buffer).first(received.size)), "last words");
	EXPECT_EQ(received.source, source);
}

/* --- Options ---------------------------------------------------------------------------- */

TEST(DgramOption, UnknownOnesAreRefused)
{
	Socket socket = dgram();

	for (int level : {SOL_GLASS, 0, 6, 17, 99999}) {
		EXPECT_EQ(err(socket.set_option(level, 9999, 1)), ENOPROTOOPT) << level;
		EXPECT_EQ(err(socket.option(level, 9999)), ENOPROTOOPT) << level;
	}
	EXPECT_EQ(err(socket.option(SOL_SOCKET, SO_PEERSEC)), ENOPROTOOPT);
}

TEST(DgramOption, ErrorIsZeroWhenNothingHappened)
{
	EXPECT_FALSE(dgram().take_error());
}

} // namespace
