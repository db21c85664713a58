// SPDX-License-Identifier: GPL-2.0
/*
 * A receiver that is slower than its senders: they wait, they are told when to
 * go on, nothing is lost, and memory stays bounded.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <memory>

#include "helper.h"
#include "ktap.h"

namespace {

using namespace helper;
using namespace std::chrono_literals;

/* send() of one message to the peer, waiting; 0 or -errno. */
std::unique_ptr<Task<int>> blocked_sender(Socket &socket, std::size_t size)
{
	auto task = std::make_unique<Task<int>>([&socket, size] {
		const auto sent = socket.send(pattern(size), MSG_NOSIGNAL);

		return -sent.error().value();
	});

	EXPECT_TRUE(task->sleeps_in(SYS_sendto));
	return task;
}

int drain(Socket &receiver)
{
	int count = 0;

	for (; is_readable(receiver); count++)
		read_message(receiver);
	return count;
}

/* Reads @p count messages of @p size bytes that fill() has sent. */
void expect_filled(Socket &receiver, int count, std::size_t size)
{
	for (int i = 0; i < count; i++)
		ASSERT_EQ(read_message(receiver),
			  text(pattern(size, static_cast<std::uint64_t>(i))))
			<< "message " << i;
}

/* --- Full ---------------------------------------------------------------------------- */

TEST(DgramFull, SendWithoutWaitingIsToldAgain)
{
	for (std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{65536}}) {
		Pair pair = make_pair();
		const int count = fill(pair.sender, size);

		EXPECT_GT(count, 0) << size;
		EXPECT_EQ(err(pair.sender.send(pattern(size), MSG_DONTWAIT)), EAGAIN);
		EXPECT_FALSE(pair.sender.take_error());
		expect_filled(pair.receiver, count, size);
		EXPECT_FALSE(is_readable(pair.receiver));
		EXPECT_EQ(fill(pair.sender, size), count) << "all room is back";
	}
}

TEST(DgramFull, BytesAreBoundedByTheBuffers)
{
	Pair pair = make_pair();
	const auto room = must(pair.receiver.option(SOL_SOCKET, SO_RCVBUF), "SO_RCVBUF");
	const auto count = fill(pair.sender, 4096);

	// One message may go over the mark.
	EXPECT_LE(must(pair.sender.output_queued(), "SIOCOUTQ"),
		  static_cast<std::size_t>(room) + 2 * 4096 + 4096);
	EXPECT_LE(count * 4096, room + 4096);
}

TEST(DgramFull, ASmallReceiverStopsALargeSender)
{
	Pair pair = make_pair();

	must(pair.sender.set_option(SOL_SOCKET, SO_SNDBUF, 200'000), "SO_SNDBUF");
	must(pair.receiver.set_option(SOL_SOCKET, SO_RCVBUF, 4096), "SO_RCVBUF");
	EXPECT_LT(fill(pair.sender, 1000), 20);
	EXPECT_EQ(poll_now(pair.sender, POLLOUT), 0);
	drain(pair.receiver);
	EXPECT_EQ(poll_now(pair.sender, POLLOUT), POLLOUT);
}

TEST(DgramFull, ASmallSendBufferStopsTheSender)
{
	Pair pair = make_pair();

	must(pair.sender.set_option(SOL_SOCKET, SO_SNDBUF, 4096), "SO_SNDBUF");
	EXPECT_LT(fill(pair.sender, 1000), 20);
	EXPECT_EQ(poll_now(pair.sender, POLLOUT), 0);
	EXPECT_GT(read_message(pair.receiver).size(), 0u);
	drain(pair.receiver);
	EXPECT_EQ(poll_now(pair.sender, POLLOUT), POLLOUT);

	// The receiver has room for others.
	Socket other = dgram();
	EXPECT_EQ(err(other.send_to(bytes("x"), address_of(pair.receiver), MSG_DONTWAIT)), 0);
}

TEST(DgramFull, ManySendersShareOneBound)
{
	constexpr std::size_t size = 2000;
	Socket receiver = bound();
	std::vector<Socket> senders;
	std::size_t charged = 0;
	int count = 0;

	for (int i = 0; i < 20; i++) {
		senders.push_back(dgram());
		must(senders.back().connect(address_of(receiver)), "connect");
		count += fill(senders.back(), size);
		charged += must(senders.back().output_queued(), "SIOCOUTQ");
	}
	const auto room = must(receiver.option(SOL_SOCKET, SO_RCVBUF), "SO_RCVBUF");
	EXPECT_LE(charged, static_cast<std::size_t>(room) + 20 * 2 * size);
	EXPECT_EQ(drain(receiver), count) << "nothing that was taken is lost";
}

/* --- Waiting ---------------------------------------------------------------------------- */

/* What is full: the sender's own buffer, or the receiver's. */
class DgramBackpressure : public testing::TestWithParam<const char *>
{
protected:
	DgramBackpressure()
	{
		if (std::string(GetParam()) == "SendBuffer") {
			must(pair.sender.set_option(SOL_SOCKET, SO_SNDBUF, 8192), "SO_SNDBUF");
		} else {
			must(pair.sender.set_option(SOL_SOCKET, SO_SNDBUF, 200'000), "SO_SNDBUF");
			must(pair.receiver.set_option(SOL_SOCKET, SO_RCVBUF, 8192), "SO_RCVBUF");
		}
		count = fill(pair.sender, size);
	}

	static constexpr std::size_t size = 1000;
	Pair pair = make_pair();
	int count; /* messages that fitted */
};

INSTANTIATE_TEST_SUITE_P(Full, DgramBackpressure, testing::Values("SendBuffer", "ReceiveBuffer"),
			 [](const auto &info) { return std::string(info.param); });

TEST_P(DgramBackpressure, ABlockedSenderGoesOnWhenTheReaderReads)
{
	auto sender = blocked_sender(pair.sender, size);
	int taken = 0;

	while (!sender->is_done())
		taken += drain(pair.receiver);
	EXPECT_EQ(sender->result(), 0);
	EXPECT_EQ(taken + drain(pair.receiver), count + 1);
}

TEST_P(DgramBackpressure, ATimeoutEndsTheWaitAndSendsNothing)
{
	must(pair.sender.set_send_timeout(60ms), "SO_SNDTIMEO");
	const auto start = ticked_time();
	EXPECT_EQ(err(pair.sender.send(bytes("late"))), EAGAIN);
	EXPECT_GE(ticked_time() - start, 60ms - tick);
	expect_filled(pair.receiver, count, size);
	EXPECT_FALSE(is_readable(pair.receiver));
}

TEST_P(DgramBackpressure, ASignalEndsTheWaitAndSendsNothing)
{
	catch_signal(SIGUSR1, false);
	auto sender = blocked_sender(pair.sender, size);
	sender->interrupt(SIGUSR1);
	EXPECT_EQ(sender->result(), -EINTR);
	EXPECT_EQ(drain(pair.receiver), count);
}

TEST_P(DgramBackpressure, ARestartingSignalGoesOnWaiting)
{
	catch_signal(SIGUSR1, true);
	auto sender = blocked_sender(pair.sender, size);
	sender->interrupt(SIGUSR1);
	EXPECT_TRUE(sender->sleeps_in(SYS_sendto));
	int taken = 0;
	while (!sender->is_done())
		taken += drain(pair.receiver);
	EXPECT_EQ(sender->result(), 0);
	EXPECT_EQ(taken + drain(pair.receiver), count + 1) << "sent exactly once";
}

TEST_P(DgramBackpressure, ATimeoutIsNotRestartedAfterASignal)
{
	must(pair.sender.set_send_timeout(20s), "SO_SNDTIMEO");
	catch_signal(SIGUSR1, true);
	auto sender = blocked_sender(pair.sender, size);
	sender->interrupt(SIGUSR1);
	EXPECT_EQ(sender->result(), -EINTR);
}

TEST_P(DgramBackpressure, AReceiverThatGoesRefusesThoseWhoWait)
{
	auto sender = blocked_sender(pair.sender, size);

	pair.receiver.close();
	EXPECT_EQ(sender->result(), -ECONNREFUSED);
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
}

TEST_P(DgramBackpressure, TheOwnShutdownEndsTheWait)
{
	auto sender = blocked_sender(pair.sender, size);

	must(pair.sender.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(sender->result(), -EPIPE);
	EXPECT_EQ(drain(pair.receiver), count);
}

TEST_P(DgramBackpressure, PollIsWokenWhenTheReaderReads)
{
	EXPECT_EQ(poll_now(pair.sender, POLLOUT), 0);
	Task<short> task([&] { return poll_long(pair.sender, POLLOUT); });
	EXPECT_TRUE(task.sleeps_in(SYS_poll));
	drain(pair.receiver);
	EXPECT_EQ(task.result(), POLLOUT);
	EXPECT_EQ(fill(pair.sender, size), count) << "all room is back";
}

TEST_P(DgramBackpressure, EpollIsWokenOnTheEdge)
{
	const glass::Fd epoll(static_cast<int>(must(::epoll_create1(0), "epoll_create1")));
	epoll_event event = {};

	event.events = EPOLLOUT | EPOLLET;
	must(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pair.sender.fd(), &event), "epoll_ctl");
	EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 0) << "it is full";
	Task<int> task([&] { return ::epoll_wait(epoll.get(), &event, 1, 10'000); });
	EXPECT_TRUE(task.sleeps_in(SYS_epoll_wait));
	drain(pair.receiver);
	EXPECT_EQ(task.result(), 1);
	EXPECT_EQ(event.events & EPOLLOUT, static_cast<unsigned>(EPOLLOUT));

	// As an event loop does it: told EAGAIN, it waits for the next edge.
	EXPECT_EQ(fill(pair.sender, size), count);
	while (::epoll_wait(epoll.get(), &event, 1, 0) > 0)
		EXPECT_EQ(err(pair.sender.send(bytes("x"), MSG_DONTWAIT)), EAGAIN);
	drain(pair.receiver);
	EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 10'000), 1);
}

/* A sender that waits for the receiver alone: others have filled it. */
class DgramCrowd : public testing::Test
{
protected:
	DgramCrowd()
	{
		fill(pair.sender, size);
		must(other.connect(address_of(pair.receiver)), "connect");
	}

	static constexpr std::size_t size = 1000;
	Pair pair = make_pair();
	Socket other = dgram();
};

TEST_F(DgramCrowd, AnUnconnectedSenderWaitsToo)
{
	Socket third = dgram();
	Task<int> sender([&] {
		return err(third.send_to(bytes("third"), address_of(pair.receiver))).value;
	});

	EXPECT_TRUE(sender.sleeps_in(SYS_sendto));
	while (!sender.is_done())
		drain(pair.receiver);
	EXPECT_EQ(sender.result(), 0);
}

TEST_F(DgramCrowd, AReceiverThatStopsReadingBreaksThePipe)
{
	auto sender = blocked_sender(other, size);

	must(pair.receiver.shutdown(glass::Half::Read), "shutdown");
	EXPECT_EQ(sender->result(), -EPIPE);
}

TEST_F(DgramCrowd, AReceiverThatGoesRefusesAll)
{
	auto one = blocked_sender(pair.sender, size);
	auto two = blocked_sender(other, size);

	pair.receiver.close();
	EXPECT_EQ(one->result(), -ECONNREFUSED);
	EXPECT_EQ(two->result(), -ECONNREFUSED);
}

TEST_F(DgramCrowd, AReceiverThatConnectsElsewhereRefusesAll)
{
	auto sender = blocked_sender(other, size);
	const Socket peer = bound();

	must(pair.receiver.connect(address_of(peer)), "connect");
	EXPECT_EQ(sender->result(), -EPERM);
}

TEST_F(DgramCrowd, PollWaitsForTheReceiver)
{
	// It is woken each time, not the first time only.
	for (int round = 0; round < 2; round++) {
		EXPECT_EQ(err(other.send(pattern(size), MSG_DONTWAIT)), EAGAIN);
		EXPECT_EQ(poll_now(other, POLLOUT), 0);
		Task<short> task([&] { return poll_long(other, POLLOUT); });
		EXPECT_TRUE(task.sleeps_in(SYS_poll));
		drain(pair.receiver);
		EXPECT_EQ(task.result(), POLLOUT);
		EXPECT_EQ(err(other.send(pattern(size), MSG_DONTWAIT)), 0);
		fill(pair.sender, size);
	}
}

/* An edge-triggered loop looks again only when it is told to, after EAGAIN. */
TEST_F(DgramCrowd, EpollIsWokenOnTheEdgeAfterEagain)
{
	const glass::Fd epoll(static_cast<int>(must(::epoll_create1(0), "epoll_create1")));
	epoll_event event = {};

	drain(pair.receiver);
	event.events = EPOLLOUT | EPOLLET;
	must(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, other.fd(), &event), "epoll_ctl");
	EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 1) << "it is writable";
	fill(pair.sender, size);
	EXPECT_EQ(err(other.send(pattern(size), MSG_DONTWAIT)), EAGAIN);
	Task<int> task([&] { return ::epoll_wait(epoll.get(), &event, 1, 10'000); });
	EXPECT_TRUE(task.sleeps_in(SYS_epoll_wait));
	drain(pair.receiver);
	EXPECT_EQ(task.result(), 1);
	EXPECT_EQ(err(other.send(pattern(size), MSG_DONTWAIT)), 0);
}

/* Who asked for signals (O_ASYNC) gets one when a send need not wait any more. */
TEST_F(DgramCrowd, ASignalTellsOfRoom)
{
	const timespec limit = {10, 0};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGIO);
	must(::sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
	must(::fcntl(other.fd(), F_SETOWN, ::getpid()), "F_SETOWN");
	must(::fcntl(other.fd(), F_SETFL, O_ASYNC | O_NONBLOCK), "F_SETFL");
	EXPECT_EQ(err(other.send(pattern(size))), EAGAIN);
	drain(pair.receiver);
	EXPECT_EQ(::sigtimedwait(&signals, nullptr, &limit), SIGIO);
}

TEST_F(DgramCrowd, PollLearnsThatTheReceiverHasGone)
{
	Task<short> task([&] { return poll_long(other, POLLOUT); });

	EXPECT_TRUE(task.sleeps_in(SYS_poll));
	pair.receiver.close();
	EXPECT_EQ(task.result() & POLLOUT, POLLOUT);
	EXPECT_EQ(err(other.send(bytes("x"))), ECONNREFUSED);
}

TEST_F(DgramCrowd, PollOfAnotherPeerDoesNotWait)
{
	const Socket idle = bound();

	EXPECT_EQ(poll_now(other, POLLOUT), 0);
	must(other.connect(address_of(idle)), "connect");
	EXPECT_EQ(poll_now(other, POLLOUT), POLLOUT);
	must(other.connect(address_of(pair.receiver)), "connect");
	EXPECT_EQ(poll_now(other, POLLOUT), 0);
	must(other.disconnect(), "disconnect");
	EXPECT_EQ(poll_now(other, POLLOUT), POLLOUT);
}

/* --- Much ------------------------------------------------------------------------------------ */

TEST(DgramTransfer, SeveralSendersLoseNothingAndKeepTheirOrder)
{
	struct Message {
		std::uint32_t sender;
		std::uint32_t number;
		std::array<char, 500> filling;
	};
	constexpr std::uint32_t senders = 4;
	const std::uint32_t messages = 500u * static_cast<std::uint32_t>(ktap::scale());
	Socket receiver = bound();
	const Address to = address_of(receiver);
	std::vector<std::unique_ptr<Task<int>>> tasks;
	std::array<std::uint32_t, senders> next = {};

	for (std::uint32_t i = 0; i < senders; i++) {
		tasks.push_back(std::make_unique<Task<int>>([=] {
			Socket socket = dgram();
			Message message = {i, 0, {}};

			for (; message.number < messages; message.number++)
				must(socket.send_to(std::as_bytes(std::span(&message, 1)), to),
				     "send");
			return 0;
		}));
	}
	for (std::uint32_t i = 0; i < senders * messages; i++) {
		Message message = {};

		ASSERT_EQ(::recv(receiver.fd(), &message, sizeof(message), 0),
			  static_cast<ssize_t>(sizeof(message)));
		ASSERT_LT(message.sender, senders);
		ASSERT_EQ(message.number, next[message.sender]++) << "of " << message.sender;
	}
	EXPECT_FALSE(is_readable(receiver));
}

/* A file by way of datagrams, to a reader that begins only when the sender waits. */
TEST(DgramTransfer, AFileArrivesWholeAtASlowReader)
{
	constexpr std::size_t mebibyte = 1 << 20;
	const std::size_t total = (ktap::scale() >= 10 ? 64 : 2) * mebibyte;
	constexpr std::size_t most = GLASS_PAYLOAD_DEFAULT;
	Pair pair = make_pair();
	const auto room = must(pair.receiver.option(SOL_SOCKET, SO_RCVBUF), "SO_RCVBUF");
	const auto file = pattern(mebibyte + most);
	std::vector<std::byte> buffer(most);
	std::size_t received = 0;
	std::size_t most_queued = 0;
	Task<int> sender([&] {
		for (std::size_t at = 0; at < total; at += most)
			must(pair.sender.send(std::span(file).subspan(at % mebibyte, most)),
			     "send");
		must(pair.sender.send({}), "send");
		return 0;
	});

	for (;;) {
		if (received % mebibyte == 0) {
			sender.sleeps_in(SYS_sendto); // or has sent all there is
			most_queued = std::max(most_queued,
					       must(pair.sender.output_queued(), "SIOCOUTQ"));
		}
		const auto size = must(pair.receiver.receive(buffer), "receive");
		if (size == 0)
			break;
		ASSERT_EQ(std::memcmp(buffer.data(), &file[received % mebibyte], size), 0)
			<< "after " << received << " bytes";
		received += size;
	}
	EXPECT_EQ(received, total);
	EXPECT_EQ(sender.result(), 0);
	EXPECT_GT(most_queued, 0u) << "the sender had to wait";
	EXPECT_LE(most_queued, static_cast<std::size_t>(room) + 2 * most) << "memory is bounded";
}

} // namespace
