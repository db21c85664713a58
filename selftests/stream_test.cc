// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_STREAM as its user sees it: bytes in order, however they are written and
 * read, and memory that stays bounded.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
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

Connection connected()
{
	return connection(SOCK_STREAM);
}

/* Sends what fits in without waiting; how many bytes those were. */
std::size_t fill_bytes(Socket &socket)
{
	const auto data = pattern(1 << 16);
	std::size_t sum = 0;

	for (;;) {
		const auto sent = socket.send(data, MSG_DONTWAIT);

		if (sent.error() == std::errc::resource_unavailable_try_again)
			return sum;
		sum += must(sent, "send");
	}
}

/* --- Bytes --------------------------------------------------------------------------- */

class Pieces : public testing::TestWithParam<std::pair<std::size_t, std::size_t>>
{
};

TEST_P(Pieces, AreWrittenAndReadAsOneLikes)
{
	const auto [written, read] = GetParam();
	const std::size_t size = std::max<std::size_t>({written, read, 40'000});
	const auto data = pattern(size, written + read);
	enter_new_namespace();
	Connection ends = connected();
	Task<bool> sending([&] {
		for (std::size_t at = 0; at < size; at += written) {
			const auto part = std::span(data).subspan(at, std::min(written, size - at));

			if (!send_all(ends.client, part))
				return false;
		}
		return static_cast<bool>(ends.client.shutdown(glass::Half::Write));
	});
	std::vector<std::byte> got;
	std::vector<std::byte> buffer(read);

	for (;;) {
		const auto n = must(ends.server.receive(buffer), "receive");

		if (n == 0)
			break;
		got.insert(got.end(), buffer.begin(), buffer.begin() + static_cast<long>(n));
	}
	EXPECT_EQ(got.size(), data.size());
	EXPECT_TRUE(got == data);
	EXPECT_TRUE(sending.result());
	EXPECT_EQ(losses(), "");
}

INSTANTIATE_TEST_SUITE_P(Sizes, Pieces,
			 testing::Values(std::pair{7, 13}, std::pair{100, 1}, std::pair{1023, 1025},
					 std::pair{4096, 5000}, std::pair{65536, 4096},
					 std::pair{65537, 65535}, std::pair{1 << 20, 1 << 20},
					 std::pair{1 << 20, 1000}, std::pair{1000, 1 << 20}),
			 [](const auto &info) {
				 return std::to_string(info.param.first) + "To" +
					std::to_string(info.param.second);
			 });

TEST(StreamBytes, WritesAreJoinedAndSplit)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("one "))), 0);
	EXPECT_EQ(err(ends.client.send({})), 0) << "nothing is nothing";
	EXPECT_EQ(err(ends.client.send(bytes("and two"))), 0);
	EXPECT_TRUE(eventually([&] { return must(ends.server.input_queued(), "q") == 11; }));
	EXPECT_EQ(read_some(ends.server, 6), "one an");
	EXPECT_EQ(read_some(ends.server, 100), "d two");
}

TEST(StreamBytes, ScatteredAndGathered)
{
	Connection ends = connected();
	std::array<char, 4> a = {}, b = {}, c = {};
	std::array<iovec, 3> out = {{{const_cast<char *>("abc"), 3},
				     {nullptr, 0},
				     {const_cast<char *>("defghijkl"), 9}}};
	std::array<iovec, 3> in = {{{a.data(), 4}, {b.data(), 4}, {c.data(), 4}}};

	EXPECT_EQ(must(::writev(ends.client.fd(), out.data(), 3), "writev"), 12);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(must(::readv(ends.server.fd(), in.data(), 3), "readv"), 12);
	EXPECT_EQ(std::string(a.data(), 4) + std::string(b.data(), 4) + std::string(c.data(), 4),
		  "abcdefghijkl");
}

TEST(StreamBytes, ManyMessagesInOneCall)
{
	Connection ends = connected();
	std::array<iovec, 3> parts = {{{const_cast<char *>("ab"), 2},
				       {const_cast<char *>("cd"), 2},
				       {const_cast<char *>("ef"), 2}}};
	std::array<mmsghdr, 3> messages = {};

	for (std::size_t i = 0; i < messages.size(); i++) {
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(must(::sendmmsg(ends.client.fd(), messages.data(), 3, 0), "sendmmsg"), 3);
	EXPECT_EQ(text(receive_all(ends.server, 6)), "abcdef");
	for (const auto &message : messages)
		EXPECT_EQ(message.msg_len, 2u);
}

/* --- Flags --------------------------------------------------------------------------- */

TEST(StreamFlag, WaitAllWaitsForAll)
{
	Connection ends = connected();
	Task<Text> reading([&] { return read_some(ends.server, 9, MSG_WAITALL); });

	for (const char *part : {"123", "456", "789"}) {
		EXPECT_TRUE(reading.sleeps_in(SYS_recvfrom));
		EXPECT_EQ(err(ends.client.send(bytes(part))), 0);
	}
	EXPECT_EQ(reading.result(), "123456789");
}

TEST(StreamFlag, WaitAllGivesWhatThereIsAtTheEnd)
{
	Connection ends = connected();
	Task<Text> reading([&] { return read_some(ends.server, 9, MSG_WAITALL); });

	EXPECT_TRUE(reading.sleeps_in(SYS_recvfrom));
	EXPECT_EQ(err(ends.client.send(bytes("123"))), 0);
	ends.client.close();
	EXPECT_EQ(reading.result(), "123");
}

TEST(StreamFlag, WaitAllKeepsTheErrorForTheNextCall)
{
	Connection ends = connected();
	const linger value = {1, 0};
	std::array<std::byte, 9> buffer;
	Task<Text> reading([&] { return read_some(ends.server, 9, MSG_WAITALL); });

	must(::setsockopt(ends.client.fd(), SOL_SOCKET, SO_LINGER, &value, sizeof(value)), "set");
	EXPECT_TRUE(reading.sleeps_in(SYS_recvfrom));
	EXPECT_EQ(err(ends.client.send(bytes("123"))), 0);
	/* The reader must have it before the reset comes. */
	EXPECT_TRUE(eventually([&] { return must(ends.server.input_queued(), "q") == 0; }));
	ends.client.close();
	EXPECT_EQ(reading.result(), "123");
	EXPECT_EQ(err(ends.server.receive(buffer)), ECONNRESET);
	EXPECT_EQ(must(ends.server.receive(buffer), "receive"), 0u);
}

TEST(StreamFlag, AWriterKeepsTheErrorForTheNextCall)
{
	Connection ends = connected();
	const auto data = pattern(4 << 20);
	Task<long> writing([&]() -> long {
		const auto sent = ends.client.send(data, MSG_NOSIGNAL);

		return sent ? static_cast<long>(*sent) : -1;
	});

	EXPECT_TRUE(writing.sleeps_in(SYS_sendto));
	ends.server.close(); // with unread data
	const long sent = writing.result();
	EXPECT_GT(sent, 0);
	EXPECT_LT(sent, 4 << 20);
	EXPECT_EQ(err(ends.client.send(bytes("x"), MSG_NOSIGNAL)), ECONNRESET);
	EXPECT_EQ(err(ends.client.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
}

TEST(StreamFlag, PeekSpansWritesAndTakesNothing)
{
	Connection ends = connected();

	for (const char *part : {"one", "two", "three"})
		EXPECT_EQ(err(ends.client.send(bytes(part))), 0);
	EXPECT_TRUE(eventually([&] { return must(ends.server.input_queued(), "q") == 11; }));
	EXPECT_EQ(read_some(ends.server, 8, MSG_PEEK), "onetwoth");
	EXPECT_EQ(read_some(ends.server, 100, MSG_PEEK), "onetwothree");
	EXPECT_EQ(read_some(ends.server, 2), "on");
	EXPECT_EQ(read_some(ends.server, 3, MSG_PEEK | MSG_WAITALL), "etw");
	EXPECT_EQ(read_some(ends.server, 100), "etwothree");
}

TEST(StreamFlag, PeekOffsetMovesAlong)
{
	Connection ends = connected();

	must(ends.server.set_option(SOL_SOCKET, SO_PEEK_OFF, 2), "SO_PEEK_OFF");
	EXPECT_EQ(err(ends.client.send(bytes("0123"))), 0);
	EXPECT_EQ(err(ends.client.send(bytes("456789"))), 0);
	EXPECT_TRUE(eventually([&] { return must(ends.server.input_queued(), "q") == 10; }));
	EXPECT_EQ(read_some(ends.server, 3, MSG_PEEK), "234");
	EXPECT_EQ(read_some(ends.server, 3, MSG_PEEK), "567");
	EXPECT_EQ(must(ends.server.option(SOL_SOCKET, SO_PEEK_OFF), "get"), 8);
	EXPECT_EQ(read_some(ends.server, 4), "0123");
	EXPECT_EQ(must(ends.server.option(SOL_SOCKET, SO_PEEK_OFF), "get"), 4);
	EXPECT_EQ(read_some(ends.server, 9, MSG_PEEK), "89");
	EXPECT_EQ(err(::recv(ends.server.fd(), std::array<char, 1>().data(), 1,
			     MSG_PEEK | MSG_DONTWAIT)),
		  EAGAIN);
	EXPECT_EQ(read_some(ends.server, 9), "456789");
}

TEST(StreamFlag, TruncThrowsBytesAway)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("thrown away and kept"))), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(must(::recv(ends.server.fd(), nullptr, 12, MSG_TRUNC), "recv"), 12);
	EXPECT_EQ(read_some(ends.server, 100), "and kept");
}

TEST(StreamFlag, DontWaitDoesNot)
{
	Connection ends = connected();
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(err(ends.server.receive(buffer, MSG_DONTWAIT)), EAGAIN);
	EXPECT_EQ(err(ends.server.receive(buffer, MSG_DONTWAIT | MSG_WAITALL)), EAGAIN);
	EXPECT_EQ(err(ends.client.send(bytes("123"))), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(must(ends.server.receive(buffer, MSG_DONTWAIT | MSG_WAITALL), "receive"), 3u);
}

TEST(StreamFlag, MoreIsHeldBackUntilTheRest)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("head "), MSG_MORE)), 0);
	EXPECT_FALSE(is_readable(ends.server));
	const auto before = counters().at("GlassOutFrames");
	EXPECT_EQ(err(ends.client.send(bytes("and body"))), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(read_some(ends.server, 100), "head and body");
	EXPECT_LE(counters().at("GlassOutFrames"), before + 2) << "one segment, and its ACK";
}

TEST(StreamFlag, MoreIsNotHeldBackForEver)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("head"), MSG_MORE)), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(read_some(ends.server, 100), "head");
	/* Nor behind the end. */
	EXPECT_EQ(err(ends.client.send(bytes("tail"), MSG_MORE)), 0);
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(text(receive_all(ends.server, 100)), "tail");
}

/* What was quiet before was not waiting for the peer. */
TEST(StreamFlag, MoreAfterSilenceIsNoTimeout)
{
	Connection ends = connected();

	must(ends.client.set_option(SOL_GLASS, GLASS_USER_TIMEOUT, 150), "GLASS_USER_TIMEOUT");
	EXPECT_EQ(err(ends.client.send(bytes("x"))), 0);
	EXPECT_EQ(poll_now(ends.server, POLLRDHUP), 0);
	::usleep(300'000); // the silence that this is about
	EXPECT_EQ(err(ends.client.send(bytes("head"), MSG_MORE)), 0);
	EXPECT_EQ(text(receive_all(ends.server, 5)), "xhead");
	EXPECT_EQ(ends.client.take_error().value(), 0);
}

TEST(StreamFlag, AnEmptyWriteLetsMoreGo)
{
	Connection ends = connected();
	const auto start = Clock::now();

	EXPECT_EQ(err(ends.client.send(bytes("head"), MSG_MORE)), 0);
	EXPECT_EQ(err(ends.client.send({})), 0);
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 4u);
	EXPECT_LT(Clock::now() - start, 5s);
}

/* How much slower than others this kernel is: 1 without its checks. */
int patience()
{
	return ::access("/proc/lockdep", F_OK) ? 1 : 4;
}

/* --- Small writes ---------------------------------------------------------------------- */

/* The reader answers when it has both halves: no timer may have a part in it. */
TEST(StreamSmall, ARequestInTwoWritesIsNotDelayed)
{
	constexpr int rounds = 100;
	Connection ends = connected();
	Task<int> serving([&] {
		int served = 0;

		for (; served < rounds; served++) {
			if (receive_all(ends.server, 8).size() != 8 ||
			    !send_all(ends.server, bytes("answer")))
				break;
		}
		return served;
	});

	const auto start = Clock::now();
	for (int i = 0; i < rounds; i++) {
		ASSERT_TRUE(send_all(ends.client, bytes("head")));
		ASSERT_TRUE(send_all(ends.client, bytes("body")));
		ASSERT_EQ(text(receive_all(ends.client, 6)), "answer");
	}
	EXPECT_EQ(serving.result(), rounds);
	/* With a delayed ACK (20 ms) in each it would be two seconds more. */
	EXPECT_LT(Clock::now() - start, 1500ms * patience());
}

TEST(StreamSmall, APollingServerDoesNotDelayEither)
{
	constexpr int rounds = 100;
	Connection ends = connected();
	Task<int> serving([&] {
		std::size_t have = 0;
		int served = 0;

		while (served < rounds && poll_long(ends.server, POLLIN) == POLLIN) {
			have += read_some(ends.server, 100).size();
			if (have < 8)
				continue;
			have = 0;
			served++;
			send_all(ends.server, bytes("answer"));
		}
		return served;
	});

	const auto start = Clock::now();
	for (int i = 0; i < rounds; i++) {
		ASSERT_TRUE(send_all(ends.client, bytes("head")));
		ASSERT_TRUE(send_all(ends.client, bytes("body")));
		ASSERT_EQ(text(receive_all(ends.client, 6)), "answer");
	}
	EXPECT_EQ(serving.result(), rounds);
	EXPECT_LT(Clock::now() - start, 1500ms * patience());
}

TEST(StreamSmall, WritesAreJoinedWhileSomethingIsUnderWay)
{
	enter_new_namespace();
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem delay 10ms\n"));
	Connection ends = connected();
	const auto before = counters().at("GlassOutFrames");

	for (int i = 0; i < 1000; i++)
		ASSERT_EQ(err(ends.client.send(bytes("x"))), 0);
	EXPECT_EQ(receive_all(ends.server, 1000).size(), 1000u);
	EXPECT_LT(counters().at("GlassOutFrames") - before, 200u);
}

TEST(StreamSmall, OneByteWritesLoseNothingAndStayWithinBounds)
{
	const std::size_t count = 100'000;
	enter_new_namespace();
	Connection ends = connected();
	const auto data = pattern(count, 5);
	std::atomic<bool> is_over_bound = false;
	Task<bool> sending([&] {
		for (const auto &byte : data)
			if (!send_all(ends.client, std::span(&byte, 1)))
				return false;
		return true;
	});
	std::vector<std::byte> got;

	while (got.size() < count) {
		const auto queued = must(ends.server.input_queued(), "SIOCINQ");
		const auto part =
			receive_all(ends.server, std::min<std::size_t>(997, count - got.size()));

		if (queued > 300'000)
			is_over_bound = true;
		if (part.empty())
			break;
		got.insert(got.end(), part.begin(), part.end());
	}
	EXPECT_TRUE(got == data);
	EXPECT_TRUE(sending.result());
	EXPECT_FALSE(is_over_bound);
	EXPECT_EQ(losses(), "");
}

TEST(StreamSmall, OneByteWritesToWhoDoesNotReadEndSomewhere)
{
	enter_new_namespace();
	Connection ends = connected();
	std::size_t sent = 0;

	must(ends.client.set_option(SOL_SOCKET, SO_SNDBUF, 20'000), "SO_SNDBUF");
	while (sent < 10'000'000 && ends.client.send(bytes("x"), MSG_DONTWAIT))
		sent++;
	EXPECT_LT(sent, 10'000'000u);
	EXPECT_GT(sent, 20'000u);
	EXPECT_EQ(receive_all(ends.server, sent).size(), sent);
	EXPECT_EQ(losses(), "");
}

/* --- Memory ------------------------------------------------------------------------------ */

TEST(StreamMemory, AStoppedReaderStopsTheWriter)
{
	for (const int size : {20'000, 200'000}) {
		Socket listening = listener(SOCK_STREAM);
		Socket client = stream(SOCK_STREAM);

		must(listening.set_option(SOL_SOCKET, SO_RCVBUF, size), "SO_RCVBUF");
		must(client.set_option(SOL_SOCKET, SO_SNDBUF, size), "SO_SNDBUF");
		must(client.connect(address_of(listening)), "connect");
		Socket server = must(listening.accept(), "accept");

		const auto sent = fill_bytes(client);
		EXPECT_GE(sent, static_cast<std::size_t>(size));
		/* Once what has arrived is acknowledged, each byte is on one side. */
		EXPECT_TRUE(eventually([&] {
			return must(client.output_queued(), "q") +
				       must(server.input_queued(), "q") ==
			       sent;
		}));
		/* The kernel doubles what is asked for; a segment may go beyond. */
		EXPECT_LE(must(server.input_queued(), "q"), static_cast<std::size_t>(2 * size));
		EXPECT_LE(must(client.output_queued(), "q"),
			  static_cast<std::size_t>(2 * size) + (1 << 17));
		EXPECT_EQ(receive_all(server, sent).size(), sent);
		EXPECT_EQ(poll_long(client, POLLOUT), POLLOUT);
	}
}

TEST(StreamMemory, TheSmallestBuffersWork)
{
	Socket listening = listener(SOCK_STREAM);
	Socket client = stream(SOCK_STREAM);
	const auto data = pattern(200'000, 3);

	must(listening.set_option(SOL_SOCKET, SO_RCVBUF, 0), "SO_RCVBUF");
	must(client.set_option(SOL_SOCKET, SO_SNDBUF, 0), "SO_SNDBUF");
	must(client.connect(address_of(listening)), "connect");
	Socket server = must(listening.accept(), "accept");
	Task<bool> sending([&] { return send_all(client, data); });
	EXPECT_TRUE(receive_all(server, data.size()) == data);
	EXPECT_TRUE(sending.result());
}

/* --- The low-water mark -------------------------------------------------------------------- */

TEST(StreamLowWater, HoldsReadinessBack)
{
	Connection ends = connected();

	must(ends.server.set_option(SOL_SOCKET, SO_RCVLOWAT, 10), "SO_RCVLOWAT");
	EXPECT_EQ(err(ends.client.send(bytes("12345"))), 0);
	EXPECT_TRUE(eventually([&] { return must(ends.server.input_queued(), "q") == 5; }));
	EXPECT_FALSE(is_readable(ends.server));
	{
		Task<short> polling([&] { return poll_long(ends.server, POLLIN); });

		EXPECT_TRUE(polling.sleeps_in(SYS_poll));
		EXPECT_EQ(err(ends.client.send(bytes("67890"))), 0);
		EXPECT_EQ(polling.result(), POLLIN);
	}
	EXPECT_EQ(read_some(ends.server, 3), "123") << "poll is one thing, reading another";
	EXPECT_FALSE(is_readable(ends.server));
	/* Lowering it wakes who has enough now. */
	Task<short> polling([&] { return poll_long(ends.server, POLLIN); });
	EXPECT_TRUE(polling.sleeps_in(SYS_poll));
	must(ends.server.set_option(SOL_SOCKET, SO_RCVLOWAT, 7), "SO_RCVLOWAT");
	EXPECT_EQ(polling.result(), POLLIN);
}

TEST(StreamLowWater, ABlockedReaderWaitsForIt)
{
	Connection ends = connected();

	must(ends.server.set_option(SOL_SOCKET, SO_RCVLOWAT, 6), "SO_RCVLOWAT");
	Task<Text> reading([&] { return read_some(ends.server, 100, 0); });
	EXPECT_TRUE(reading.sleeps_in(SYS_recvfrom));
	EXPECT_EQ(err(ends.client.send(bytes("123"))), 0);
	EXPECT_TRUE(reading.sleeps_in(SYS_recvfrom));
	EXPECT_EQ(err(ends.client.send(bytes("456"))), 0);
	EXPECT_EQ(reading.result(), "123456");
}

TEST(StreamLowWater, TheEndIsReadBelowIt)
{
	Connection ends = connected();

	must(ends.server.set_option(SOL_SOCKET, SO_RCVLOWAT, 10), "SO_RCVLOWAT");
	EXPECT_EQ(err(ends.client.send(bytes("12345"))), 0);
	ends.client.close();
	EXPECT_EQ(poll_long(ends.server, POLLIN) & POLLIN, POLLIN);
	EXPECT_EQ(read_some(ends.server, 100), "12345");
}

/* More than the buffer holds would never come together. */
TEST(StreamLowWater, AboveTheBufferTheBufferCounts)
{
	Connection ends = connected();

	must(ends.server.set_option(SOL_SOCKET, SO_RCVLOWAT, 100 << 20), "SO_RCVLOWAT");
	Task<bool> sending([&] { return send_all(ends.client, pattern(1 << 20)); });
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	must(ends.server.set_option(SOL_SOCKET, SO_RCVLOWAT, 1), "SO_RCVLOWAT");
	EXPECT_EQ(receive_all(ends.server, 1 << 20).size(), 1u << 20);
	EXPECT_TRUE(sending.result());
}

/* --- Bad buffers --------------------------------------------------------------------------- */

TEST(StreamFault, ReceivingKeepsTheBytes)
{
	Connection ends = connected();

	EXPECT_EQ(err(ends.client.send(bytes("kept"))), 0);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(err(::recv(ends.server.fd(), reinterpret_cast<void *>(8), 4, 0)), EFAULT);
	EXPECT_EQ(read_some(ends.server, 100), "kept");
}

TEST(StreamFault, SendingSendsWhatWasReadable)
{
	constexpr std::size_t page = 4096;
	Connection ends = connected();
	auto *memory = static_cast<char *>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	EXPECT_EQ(err(::send(ends.client.fd(), reinterpret_cast<void *>(8), 4, 0)), EFAULT);
	EXPECT_EQ(err(::send(ends.client.fd(), reinterpret_cast<void *>(8), 40'000, 0)), EFAULT);
	std::memset(memory, 'x', 2 * page);
	must(::mprotect(memory + page, page, PROT_NONE), "mprotect");
	const auto sent = ::send(ends.client.fd(), memory, 2 * page, 0);
	if (sent < 0) {
		EXPECT_EQ(errno, EFAULT) << "as TCP, where a piece is all or nothing";
	}
	EXPECT_EQ(err(ends.client.send(bytes("y"))), 0);
	ends.client.close();
	EXPECT_EQ(text(receive_all(ends.server, 2 * page)),
		  std::string(static_cast<std::size_t>(std::max<long>(sent, 0)), 'x') + 'y');
}

/* --- Files and pipes -------------------------------------------------------------------------- */

glass::Fd file_with(std::span<const std::byte> data)
{
	glass::Fd file(static_cast<int>(must(::memfd_create("data", MFD_CLOEXEC), "memfd")));

	must(::pwrite(file.get(), data.data(), data.size(), 0), "pwrite");
	return file;
}

TEST(StreamFile, IsSent)
{
	const auto data = pattern(300'000, 9);
	const glass::Fd file = file_with(data);
	Connection ends = connected();
	/* One asks for more than the file has: the end must not be held back. */
	for (const std::size_t asked : {data.size(), 2 * data.size()}) {
		Task<std::size_t> sending([&]() -> std::size_t {
			std::size_t sum = 0;
			off_t at = 0;

			while (sum < data.size())
				sum += static_cast<std::size_t>(must(
					::sendfile(ends.client.fd(), file.get(), &at, asked - sum),
					"sendfile"));
			return sum;
		});
		EXPECT_TRUE(receive_all(ends.server, data.size()) == data);
		EXPECT_EQ(sending.result(), data.size());
	}
}

TEST(StreamFile, AShortOneIsNotHeldBack)
{
	enter_new_namespace();
	const glass::Fd file = file_with(bytes("short"));
	Connection ends = connected();
	off_t at = 0;

	EXPECT_EQ(must(::sendfile(ends.client.fd(), file.get(), &at, 1000), "sendfile"), 5);
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 5u);
}

TEST(StreamFile, SplicedBothWays)
{
	const auto data = pattern(200'000, 11);
	Connection in = connected();
	Connection out = connected();
	std::array<int, 2> ends;

	must(::pipe(ends.data()), "pipe");
	const glass::Fd from(ends[0]), to(ends[1]);
	Task<bool> sending([&] {
		return send_all(in.client, data) && in.client.shutdown(glass::Half::Write);
	});
	Task<std::size_t> relaying([&]() -> std::size_t {
		std::size_t sum = 0;

		for (;;) {
			auto n = must(
				::splice(in.server.fd(), nullptr, to.get(), nullptr, 1 << 16, 0),
				"splice from");
			if (n == 0)
				return sum;
			sum += static_cast<std::size_t>(n);
			while (n > 0)
				n -= must(::splice(from.get(), nullptr, out.client.fd(), nullptr,
						   static_cast<std::size_t>(n), 0),
					  "splice to");
		}
	});
	EXPECT_TRUE(receive_all(out.server, data.size()) == data);
	EXPECT_EQ(relaying.result(), data.size());
	EXPECT_TRUE(sending.result());
}

TEST(StreamFile, SplicedWithoutWaiting)
{
	const auto data = pattern(150'000, 13);
	Connection ends = connected();
	std::array<int, 2> fds;
	std::vector<std::byte> got;
	std::array<std::byte, 4096> piece;
	bool was_full = false;

	must(::pipe2(fds.data(), O_NONBLOCK | O_CLOEXEC), "pipe2");
	const glass::Fd from(fds[0]), to(fds[1]);
	/* One buffer fills it, be that a byte or many pages. */
	must(::fcntl(to.get(), F_SETPIPE_SZ, 4096), "F_SETPIPE_SZ");
	const auto splice = [&] {
		return ::splice(ends.server.fd(), nullptr, to.get(), nullptr, 1 << 20,
				SPLICE_F_NONBLOCK);
	};
	EXPECT_EQ(err(splice()), EAGAIN) << "nothing is there";
	Task<bool> sending([&] {
		return send_all(ends.client, data) && ends.client.shutdown(glass::Half::Write);
	});
	while (got.size() < data.size()) {
		if (splice() < 0) {
			ASSERT_EQ(err(-1), EAGAIN);
		}
		/* What is in the pipe already is in its way. */
		was_full |= poll_now(ends.server, POLLIN) && err(splice()) == EAGAIN;
		for (ssize_t n; (n = ::read(from.get(), piece.data(), piece.size())) > 0;)
			got.insert(got.end(), piece.begin(), piece.begin() + n);
	}
	EXPECT_TRUE(got == data);
	EXPECT_TRUE(sending.result());
	EXPECT_TRUE(was_full);
	EXPECT_EQ(poll_long(ends.server, POLLRDHUP), POLLRDHUP);
	EXPECT_EQ(splice(), 0) << "the end";
	EXPECT_EQ(losses(), "");
}

/* What is spliced is what was read: a peek goes on behind it. */
TEST(StreamFile, SplicedBytesAreRead)
{
	Connection ends = connected();
	std::array<int, 2> fds;
	std::array<char, 16> text = {};
	const int offset = 3;

	must(::pipe(fds.data()), "pipe");
	const glass::Fd from(fds[0]), to(fds[1]);
	must(ends.client.send(bytes("abcdef")), "send");
	must(::setsockopt(ends.server.fd(), SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)),
	     "SO_PEEK_OFF");
	EXPECT_EQ(::splice(ends.server.fd(), nullptr, to.get(), nullptr, 2, 0), 2);
	EXPECT_EQ(must(ends.server.input_queued(), "SIOCINQ"), 4u);
	EXPECT_EQ(::recv(ends.server.fd(), text.data(), 1, MSG_PEEK), 1);
	EXPECT_EQ(text[0], 'd');
	EXPECT_EQ(::read(from.get(), text.data(), text.size()), 2);
	EXPECT_EQ(std::string(text.data(), 2), "ab");
}

/* --- Waiting ------------------------------------------------------------------------------------ */

/* recv() of bytes that are not there yet; their number, or -errno. */
std::unique_ptr<Task<long>> blocked_reader(Socket &socket)
{
	auto task = std::make_unique<Task<long>>([&socket]() -> long {
		std::array<char, 64> buffer;
		const ssize_t size = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);

		return size < 0 ? -errno : size;
	});

	EXPECT_TRUE(task->sleeps_in(SYS_recvfrom));
	return task;
}

/* send() of what does not fit in; how many bytes went, or -errno. */
std::unique_ptr<Task<long>> blocked_writer(Socket &socket)
{
	auto task = std::make_unique<Task<long>>([&socket]() -> long {
		const ssize_t size = ::send(socket.fd(), "x", 1, MSG_NOSIGNAL);

		return size < 0 ? -errno : size;
	});

	EXPECT_TRUE(task->sleeps_in(SYS_sendto));
	return task;
}

TEST(StreamBlock, AReaderIsWokenByBytes)
{
	Connection ends = connected();
	auto reader = blocked_reader(ends.server);

	EXPECT_EQ(err(ends.client.send(bytes("wake"))), 0);
	EXPECT_EQ(reader->result(), 4);
}

TEST(StreamBlock, AReaderIsWokenByTheEnd)
{
	Connection ends = connected();
	auto reader = blocked_reader(ends.server);

	ends.client.close();
	EXPECT_EQ(reader->result(), 0);
}

TEST(StreamBlock, AReaderIsWokenByAReset)
{
	Connection ends = connected();
	auto reader = blocked_reader(ends.client);

	EXPECT_EQ(err(ends.client.send(bytes("unread"))), 0);
	ends.server.close();
	EXPECT_EQ(reader->result(), -ECONNRESET);
}

TEST(StreamBlock, AReaderIsWokenByASignal)
{
	Connection ends = connected();

	catch_signal(SIGUSR1, false);
	auto reader = blocked_reader(ends.server);
	reader->interrupt(SIGUSR1);
	EXPECT_EQ(reader->result(), -EINTR);
}

TEST(StreamBlock, AReaderIsWokenByItsOwnShutdown)
{
	for (auto half : {glass::Half::Read, glass::Half::Both}) {
		Connection ends = connected();
		auto reader = blocked_reader(ends.server);

		EXPECT_EQ(err(ends.server.shutdown(half)), 0);
		EXPECT_EQ(reader->result(), 0);
	}
}

TEST(StreamBlock, AWriterIsWokenByRoom)
{
	Connection ends = connected();
	fill_connection(ends.client, 1000);
	const auto sent =
		must(ends.client.output_queued(), "q") + must(ends.server.input_queued(), "q");
	auto writer = blocked_writer(ends.client);

	EXPECT_EQ(receive_all(ends.server, sent).size(), sent);
	EXPECT_EQ(writer->result(), 1);
}

TEST(StreamBlock, AWriterIsWokenByAReset)
{
	Connection ends = connected();

	fill_connection(ends.client, 1000);
	auto writer = blocked_writer(ends.client);
	ends.server.close();
	EXPECT_EQ(writer->result(), -ECONNRESET);
}

TEST(StreamBlock, AWriterIsWokenByASignal)
{
	Connection ends = connected();

	catch_signal(SIGUSR1, false);
	fill_connection(ends.client, 1000);
	auto writer = blocked_writer(ends.client);
	writer->interrupt(SIGUSR1);
	EXPECT_EQ(writer->result(), -EINTR);
}

TEST(StreamBlock, AWriterIsWokenByItsOwnShutdown)
{
	Connection ends = connected();

	fill_connection(ends.client, 1000);
	auto writer = blocked_writer(ends.client);
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(writer->result(), -EPIPE);
}

TEST(StreamBlock, TwoReadersShareTheBytes)
{
	const auto data = pattern(500'000, 13);
	Connection ends = connected();
	std::array<std::uint64_t, 2> counts = {}, sums = {};
	std::uint64_t sum = 0;
	const auto take = [&](std::size_t who) -> int {
		std::array<unsigned char, 1000> buffer;

		for (;;) {
			const auto n = ::recv(ends.server.fd(), buffer.data(), buffer.size(), 0);

			if (n <= 0)
				return err(n).value;
			counts[who] += static_cast<std::uint64_t>(n);
			for (long i = 0; i < n; i++)
				sums[who] += buffer[static_cast<std::size_t>(i)];
		}
	};

	for (const auto byte : data)
		sum += static_cast<unsigned char>(byte);
	{
		Task<int> one([&] { return take(0); }), two([&] { return take(1); });

		EXPECT_TRUE(send_all(ends.client, data));
		EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
		EXPECT_EQ(one.result(), 0);
		EXPECT_EQ(two.result(), 0);
	}
	EXPECT_EQ(counts[0] + counts[1], data.size());
	EXPECT_EQ(sums[0] + sums[1], sum);
}

TEST(StreamBlock, TwoWritersLoseNothing)
{
	Connection ends = connected();
	const std::vector<std::byte> ones(200'000, std::byte{1}), twos(200'000, std::byte{2});
	Task<bool> one([&] { return send_all(ends.client, ones); });
	Task<bool> two([&] { return send_all(ends.client, twos); });
	const auto got = receive_all(ends.server, 400'000);

	EXPECT_EQ(got.size(), 400'000u);
	EXPECT_EQ(std::ranges::count(got, std::byte{1}), 200'000);
	EXPECT_TRUE(one.result());
	EXPECT_TRUE(two.result());
}

} // namespace
