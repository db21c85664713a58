// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_SEQPACKET as its user sees it: messages, each whole or not at all, in
 * order, with the boundaries that they were sent with.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "helper.h"
#include "network.h"

namespace {

using namespace helper;
using namespace std::chrono_literals;

Connection connected()
{
	return connection(SOCK_SEQPACKET);
}

/* A connection whose receiver has a buffer of @p size bytes. */
Connection connected(int sndbuf, int rcvbuf, bool force = false)
{
	Connection ends = {stream(SOCK_SEQPACKET), {}, listener(SOCK_SEQPACKET)};

	must(ends.listening.set_option(SOL_SOCKET, force ? SO_RCVBUFFORCE : SO_RCVBUF, rcvbuf),
	     "SO_RCVBUF");
	must(ends.client.set_option(SOL_SOCKET, force ? SO_SNDBUFFORCE : SO_SNDBUF, sndbuf),
	     "SO_SNDBUF");
	must(ends.client.connect(address_of(ends.listening)), "connect");
	ends.server = must(ends.listening.accept(), "accept");
	return ends;
}

struct Received {
	Text text;
	int flags;
	long result; /* what recvmsg() returned */
};

Received receive(Socket &socket, std::size_t room, int flags = 0)
{
	std::vector<char> buffer(room);
	iovec part = {buffer.data(), room};
	msghdr message = {};

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	const long result = must(::recvmsg(socket.fd(), &message, flags), "recvmsg");
	return {Text(std::string(buffer.data(), std::min(room, static_cast<std::size_t>(result)))),
		message.msg_flags, result};
}

/* --- Messages --------------------------------------------------------------------------- */

TEST(SeqpacketMessage, BoundariesAndOrderAreKept)
{
	Connection ends = connected();

	for (const char *text : {"one", "", "three", "four four"})
		EXPECT_EQ(err(ends.client.send(bytes(text))), 0);
	for (const char *text : {"one", "", "three", "four four"}) {
		const auto got = receive(ends.server, 100);

		EXPECT_EQ(got.text, text);
		EXPECT_EQ(got.flags, 0) << text;
	}
	EXPECT_EQ(err(::recv(ends.server.fd(), nullptr, 0, MSG_DONTWAIT)), 0);
	EXPECT_FALSE(is_readable(ends.server));
}

TEST(SeqpacketMessage, OfEverySizeArrivesUnchanged)
{
	Connection ends = connected();

	for (const std::size_t size :
	     {1u,     2u,     511u,   512u,	513u,	  1023u,       1024u,
	      1025u,  4095u,  4096u,  32767u,	65529u,	  65531u,      65532u,
	      65533u, 65536u, 65537u, 100'000u, 131'072u, 200u * 1024u}) {
		const auto data = pattern(size, size);
		Task<Errno> sending([&] { return err(ends.client.send(data)); });
		const auto got = receive(ends.server, size + 1);

		EXPECT_EQ(sending.result(), 0) << size;
		EXPECT_EQ(got.result, static_cast<long>(size));
		EXPECT_TRUE(got.text == text(data)) << size;
		EXPECT_EQ(got.flags, 0);
	}
}

TEST(SeqpacketMessage, AsLargeAsTheBuffersAllow)
{
	constexpr std::size_t size = 1 << 20;
	Connection ends = connected(size, size, true);
	const auto data = pattern(size, 3);

	for (int i = 0; i < 3; i++) {
		Task<Errno> sending([&] { return err(ends.client.send(data)); });
		const auto got = receive(ends.server, size);

		EXPECT_EQ(sending.result(), 0);
		EXPECT_TRUE(got.text == text(data));
	}
}

TEST(SeqpacketMessage, InManySmallFrames)
{
	for (const int mtu : {300, 640, 700, 1000, 1500}) {
		enter_new_namespace();
		set_device_mtu(mtu);
		Connection ends = connected();
		const auto data = pattern(200 * 1024, 3);
		Task<Errno> sending([&] { return err(ends.client.send(data)); });

		ASSERT_EQ(poll_long(ends.server, POLLIN), POLLIN) << mtu;
		EXPECT_TRUE(receive(ends.server, data.size()).text == text(data)) << mtu;
		EXPECT_EQ(sending.result(), 0);
	}
}

TEST(SeqpacketMessage, AboveTheBuffersIsTooLong)
{
	for (const auto &[sndbuf, rcvbuf] : {std::pair{10'000, 100'000}, {100'000, 10'000}}) {
		Connection ends = connected(sndbuf, rcvbuf);
		/* The kernel doubles what is asked for; each message has a header. */
		const std::size_t limit = 20'000 - sizeof(glass_record_hdr);

		EXPECT_EQ(err(ends.client.send(pattern(limit + 1))), EMSGSIZE);
		EXPECT_EQ(err(ends.client.send(pattern(1 << 20))), EMSGSIZE);
		EXPECT_FALSE(is_readable(ends.server));
		EXPECT_EQ(must(ends.client.output_queued(), "SIOCOUTQ"), 0u);
		EXPECT_EQ(err(ends.client.send(pattern(limit))), 0);
		ASSERT_EQ(poll_long(ends.server, POLLIN), POLLIN);
		EXPECT_EQ(receive(ends.server, 1 << 20).result, static_cast<long>(limit));
	}
}

/* What the peer was promised holds, whatever becomes of the buffer. */
TEST(SeqpacketMessage, FitsInThoughTheBufferWasMadeSmaller)
{
	Connection ends = connected();
	const auto data = pattern(150'000, 5);

	must(ends.server.set_option(SOL_SOCKET, SO_RCVBUF, 5000), "SO_RCVBUF");
	Task<Errno> sending([&] { return err(ends.client.send(data)); });
	ASSERT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_TRUE(receive(ends.server, data.size()).text == text(data));
	EXPECT_EQ(sending.result(), 0);
}

TEST(SeqpacketMessage, ManySmallOnes)
{
	constexpr std::uint32_t count = 20'000;
	enter_new_namespace();
	Connection ends = connected();
	Task<std::uint32_t> sending([&]() -> std::uint32_t {
		std::uint32_t i = 0;

		while (i < count && send_all(ends.client, std::as_bytes(std::span(&i, 1))))
			i++;
		return i;
	});

	for (std::uint32_t i = 0; i < count; i++) {
		std::uint32_t got = 0;

		ASSERT_EQ(::recv(ends.server.fd(), &got, sizeof(got), 0), 4);
		ASSERT_EQ(got, i);
	}
	EXPECT_EQ(sending.result(), count);
	EXPECT_EQ(losses(), "");
}

TEST(SeqpacketMessage, EmptyOnesAreBoundedToo)
{
	Connection ends = connected();
	int sent = 0;

	must(ends.client.set_option(SOL_SOCKET, SO_SNDBUF, 20'000), "SO_SNDBUF");
	while (sent < 1'000'000 && ends.client.send({}, MSG_DONTWAIT))
		sent++;
	EXPECT_LT(sent, 1'000'000);
	/* To ask for no byte would not wait for what is still on its way. */
	for (int i = 0; i < sent; i++)
		ASSERT_EQ(receive(ends.server, 1).result, 0) << i;
	EXPECT_EQ(poll_now(ends.server, POLLIN), 0);
	EXPECT_EQ(poll_long(ends.client, POLLOUT), POLLOUT);
}

TEST(SeqpacketMessage, GathersAndScatters)
{
	Connection ends = connected();
	std::array<char, 4> a = {}, b = {};
	std::array<iovec, 2> out = {
		{{const_cast<char *>("abc"), 3}, {const_cast<char *>("defg"), 4}}};
	std::array<iovec, 2> in = {{{a.data(), 4}, {b.data(), 4}}};

	EXPECT_EQ(must(::writev(ends.client.fd(), out.data(), 2), "writev"), 7);
	EXPECT_EQ(must(::write(ends.client.fd(), "next", 4), "write"), 4);
	EXPECT_EQ(must(::readv(ends.server.fd(), in.data(), 2), "readv"), 7);
	EXPECT_EQ(std::string(a.data(), 4) + std::string(b.data(), 3), "abcdefg");
	EXPECT_EQ(receive(ends.server, 10).text, "next");
}

TEST(SeqpacketMessage, ManyInOneCall)
{
	Connection ends = connected();
	std::array<iovec, 3> parts = {{{const_cast<char *>("1"), 1},
				       {const_cast<char *>("22"), 2},
				       {const_cast<char *>("333"), 3}}};
	std::array<mmsghdr, 3> messages = {};
	std::array<std::array<char, 8>, 3> buffers = {};

	for (std::size_t i = 0; i < messages.size(); i++) {
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	messages[1].msg_hdr.msg_flags = MSG_EOR; // what a call for many allows
	EXPECT_EQ(must(::sendmmsg(ends.client.fd(), messages.data(), 3, 0), "sendmmsg"), 3);
	for (std::size_t i = 0; i < messages.size(); i++)
		parts[i] = {buffers[i].data(), buffers[i].size()};
	EXPECT_EQ(must(::recvmmsg(ends.server.fd(), messages.data(), 3, 0, nullptr), "recvmmsg"),
		  3);
	for (std::size_t i = 0; i < messages.size(); i++) {
		EXPECT_EQ(messages[i].msg_len, i + 1);
		EXPECT_EQ(messages[i].msg_hdr.msg_flags, i == 1 ? MSG_EOR : 0);
	}
}

/* --- Flags ---------------------------------------------------------------------------------- */

TEST(SeqpacketFlag, EndOfRecordComesWithItsMessage)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("a"))), 0);
	EXPECT_EQ(err(ends.client.send(bytes("b"), MSG_EOR)), 0);
	EXPECT_EQ(err(ends.client.send(bytes("c"))), 0);
	EXPECT_EQ(err(ends.client.send({}, MSG_EOR)), 0);
	EXPECT_EQ(receive(ends.server, 9).flags, 0);
	EXPECT_EQ(receive(ends.server, 9, MSG_PEEK).flags, MSG_EOR);
	EXPECT_EQ(receive(ends.server, 9).flags, MSG_EOR);
	EXPECT_EQ(receive(ends.server, 9).flags, 0);
	EXPECT_EQ(receive(ends.server, 9).flags, MSG_EOR);
}

TEST(SeqpacketFlag, WhatDoesNotFitIsCutAndGone)
{
	Connection ends = connected();

	for (const char *text : {"longer than that", "longer than that", "next"})
		EXPECT_EQ(err(ends.client.send(bytes(text))), 0);
	auto got = receive(ends.server, 6);
	EXPECT_EQ(got.text, "longer");
	EXPECT_EQ(got.result, 6);
	EXPECT_EQ(got.flags, MSG_TRUNC);
	got = receive(ends.server, 6, MSG_TRUNC);
	EXPECT_EQ(got.text, "longer");
	EXPECT_EQ(got.result, 16) << "its real length";
	EXPECT_EQ(got.flags, MSG_TRUNC);
	EXPECT_EQ(receive(ends.server, 6).text, "next");
}

TEST(SeqpacketFlag, PeekTakesNothing)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("first one"))), 0);
	EXPECT_EQ(err(ends.client.send(bytes("second"))), 0);
	EXPECT_EQ(receive(ends.server, 5, MSG_PEEK).text, "first");
	EXPECT_EQ(receive(ends.server, 0, MSG_PEEK | MSG_TRUNC).result, 9);
	EXPECT_EQ(receive(ends.server, 100, MSG_PEEK).text, "first one");
	EXPECT_EQ(receive(ends.server, 100).text, "first one");
	EXPECT_EQ(receive(ends.server, 100).text, "second");
}

TEST(SeqpacketFlag, WaitAllDoesNotJoinMessages)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("one"))), 0);
	EXPECT_EQ(err(ends.client.send(bytes("two"))), 0);
	EXPECT_EQ(receive(ends.server, 100, MSG_WAITALL).text, "one");
	EXPECT_EQ(receive(ends.server, 100, MSG_WAITALL).text, "two");
}

TEST(SeqpacketFlag, MoreIsHeldBackButNotForEver)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("one"), MSG_MORE)), 0);
	EXPECT_FALSE(is_readable(ends.server));
	EXPECT_EQ(err(ends.client.send(bytes("two"))), 0);
	EXPECT_EQ(receive(ends.server, 100).text, "one");
	EXPECT_EQ(receive(ends.server, 100).text, "two");
	EXPECT_EQ(err(ends.client.send(bytes("three"), MSG_MORE)), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(receive(ends.server, 100).text, "three");
}

/* A mark in bytes says nothing of messages: a message is there or it is not. */
TEST(SeqpacketFlag, ALowWaterMarkHoldsNoMessageBack)
{
	Connection ends = connected();

	must(ends.server.set_option(SOL_SOCKET, SO_RCVLOWAT, 1000), "SO_RCVLOWAT");
	Task<Text> reading([&] { return receive(ends.server, 100).text; });
	EXPECT_TRUE(reading.sleeps_in(SYS_recvmsg));
	EXPECT_EQ(err(ends.client.send(bytes("short"))), 0);
	EXPECT_EQ(reading.result(), "short");
	Task<short> polling([&] { return poll_long(ends.server, POLLIN); });
	EXPECT_TRUE(polling.sleeps_in(SYS_poll));
	EXPECT_EQ(err(ends.client.send(bytes("short"))), 0);
	EXPECT_EQ(polling.result(), POLLIN);
}

/* --- Whole or not at all ------------------------------------------------------------------------ */

TEST(SeqpacketWhole, APartIsNothingToRead)
{
	enter_new_namespace();
	set_device_mtu(2000);
	/* So slow that a poll in between is sure to see a part of it. */
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem rate 4mbit\n"));
	Connection ends = connected();
	const auto data = pattern(100'000, 7);
	glass_info info = {};

	EXPECT_EQ(err(ends.client.send(data)), 0);
	while (info.unread < 2000)
		info = info_of(ends.server);
	ASSERT_LT(info.unread, data.size());
	EXPECT_FALSE(is_readable(ends.server));
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 0u);
	EXPECT_EQ(err(::recv(ends.server.fd(), nullptr, 0, MSG_DONTWAIT | MSG_PEEK)), 0);
	std::array<std::byte, 8> buffer;
	EXPECT_EQ(err(ends.server.receive(buffer, MSG_DONTWAIT)), EAGAIN);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), data.size());
	EXPECT_TRUE(receive(ends.server, data.size()).text == text(data));
}

TEST(SeqpacketWhole, APartBeforeAResetIsNotDelivered)
{
	enter_new_namespace();
	set_device_mtu(2000);
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem rate 4mbit\n"));
	Connection ends = connected();
	const linger value = {1, 0};
	glass_info info = {};
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(err(ends.client.send(pattern(100'000))), 0);
	while (info.unread < 2000)
		info = info_of(ends.server);
	must(::setsockopt(ends.client.fd(), SOL_SOCKET, SO_LINGER, &value, sizeof(value)), "set");
	ends.client.close();
	EXPECT_EQ(poll_long(ends.server, POLLIN) & POLLERR, POLLERR);
	EXPECT_EQ(err(ends.server.receive(buffer)), ECONNRESET);
	EXPECT_EQ(must(ends.server.receive(buffer), "receive"), 0u);
}

TEST(SeqpacketWhole, AWriterWaitsForAllOfItsMessage)
{
	Connection ends = connected();
	const int count = fill_connection(ends.client, 20'000);
	Task<Errno> sending([&] { return err(ends.client.send(pattern(20'000, 99))); });

	EXPECT_TRUE(sending.sleeps_in(SYS_sendto));
	EXPECT_EQ(poll_now(ends.client, POLLOUT), 0);
	for (int i = 0; i < count; i++)
		ASSERT_TRUE(receive(ends.server, 20'000).text ==
			    text(pattern(20'000, static_cast<std::uint64_t>(i))));
	EXPECT_EQ(sending.result(), 0);
	EXPECT_TRUE(receive(ends.server, 20'000).text == text(pattern(20'000, 99)));
}

/* --- Bad buffers ----------------------------------------------------------------------------------- */

TEST(SeqpacketFault, ReceivingConsumesTheMessage)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("consumed"))), 0);
	EXPECT_EQ(err(ends.client.send(bytes("next"))), 0);
	EXPECT_EQ(err(::recv(ends.server.fd(), reinterpret_cast<void *>(8), 4, MSG_PEEK)), EFAULT);
	EXPECT_EQ(err(::recv(ends.server.fd(), reinterpret_cast<void *>(8), 4, 0)), EFAULT);
	EXPECT_EQ(receive(ends.server, 100).text, "next");
}

TEST(SeqpacketFault, SendingSendsNothing)
{
	constexpr std::size_t page = 4096;
	constexpr std::size_t pages = 40;
	Connection ends = connected();
	auto *memory = static_cast<char *>(::mmap(nullptr, pages * page, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	EXPECT_EQ(err(::send(ends.client.fd(), reinterpret_cast<void *>(8), 4, 0)), EFAULT);
	/* Now a part of it can be copied, in one frame or in several. */
	for (const std::size_t good : {pages - 1, pages / 2, std::size_t{1}}) {
		must(::mprotect(memory, pages * page, PROT_READ), "mprotect");
		must(::mprotect(memory + good * page, page, PROT_NONE), "mprotect");
		EXPECT_EQ(err(::send(ends.client.fd(), memory, pages * page, 0)), EFAULT);
		EXPECT_EQ(err(::send(ends.client.fd(), memory + good * page - 100, 200, 0)),
			  EFAULT);
		EXPECT_FALSE(is_readable(ends.server));
		EXPECT_EQ(must(ends.client.output_queued(), "SIOCOUTQ"), 0u);
		EXPECT_EQ(err(ends.client.send(bytes("whole"))), 0);
		EXPECT_EQ(receive(ends.server, 100).text, "whole");
	}
	/* Behind a message that waits still, too. */
	EXPECT_EQ(err(ends.client.send(bytes("waits"), MSG_MORE)), 0);
	EXPECT_EQ(err(::send(ends.client.fd(), memory + page - 100, 200, MSG_MORE)), EFAULT);
	/* What is taken back is not charged any more: the kernel complains at close, else. */
	must(::mprotect(memory, pages * page, PROT_READ), "mprotect");
	must(::mprotect(memory + (pages - 1) * page, page, PROT_NONE), "mprotect");
	EXPECT_EQ(err(::send(ends.client.fd(), memory, pages * page, MSG_MORE)), EFAULT);
	EXPECT_EQ(err(ends.client.send(bytes("last"))), 0);
	EXPECT_EQ(receive(ends.server, 100).text, "waits");
	EXPECT_EQ(receive(ends.server, 100).text, "last");
}

} // namespace
