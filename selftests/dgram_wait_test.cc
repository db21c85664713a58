// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting on datagram sockets: poll and epoll, blocked readers and what wakes
 * them, shutdown, SIOCINQ and SIOCOUTQ.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>

#include "helper.h"

namespace {

using namespace helper;
using namespace std::chrono_literals;

/* recv() of one message that is not there yet; its size, or -errno. */
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

/* --- poll and epoll -------------------------------------------------------------- */

TEST(DgramPoll, ANewSocketIsWritableOnly)
{
	const Socket socket = dgram();

	EXPECT_EQ(poll_now(socket, POLLIN | POLLOUT | POLLPRI | POLLRDHUP), POLLOUT);
}

TEST(DgramPoll, AMessageMakesReadableUntilItIsRead)
{
	Pair pair = make_pair();

	EXPECT_EQ(poll_now(pair.receiver, POLLIN | POLLRDNORM), 0);
	must(pair.sender.send(bytes("x")), "send");
	EXPECT_EQ(poll_now(pair.receiver, POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	EXPECT_EQ(read_message(pair.receiver), "x");
	EXPECT_EQ(poll_now(pair.receiver, POLLIN | POLLRDNORM), 0);
}

TEST(DgramPoll, ASleepingPollIsWoken)
{
	Pair pair = make_pair();
	Task<short> task([&] { return poll_long(pair.receiver, POLLIN); });

	EXPECT_TRUE(task.sleeps_in(SYS_poll));
	must(pair.sender.send(bytes("x")), "send");
	EXPECT_EQ(task.result(), POLLIN);
}

TEST(DgramPoll, LevelTriggeredReportsAsLongAsThereIsSomething)
{
	Pair pair = make_pair();
	Watch watch(pair.receiver, EPOLLIN);

	EXPECT_EQ(watch.ready(), 0u);
	must(pair.sender.send(bytes("1")), "send");
	must(pair.sender.send(bytes("2")), "send");
	EXPECT_EQ(watch.ready(), EPOLLIN);
	EXPECT_EQ(watch.ready(), EPOLLIN);
	read_message(pair.receiver);
	EXPECT_EQ(watch.ready(), EPOLLIN);
	read_message(pair.receiver);
	EXPECT_EQ(watch.ready(), 0u);
}

TEST(DgramPoll, EdgeTriggeredReportsEachArrivalOnce)
{
	Pair pair = make_pair();
	Watch watch(pair.receiver, EPOLLIN | EPOLLET);

	must(pair.sender.send(bytes("1")), "send");
	EXPECT_EQ(watch.ready(), EPOLLIN);
	EXPECT_EQ(watch.ready(), 0u) << "nothing new";
	must(pair.sender.send(bytes("2")), "send");
	EXPECT_EQ(watch.ready(), EPOLLIN) << "although the first is still unread";
	read_message(pair.receiver);
	EXPECT_EQ(watch.ready(), 0u) << "reading is no arrival";
	read_message(pair.receiver);
	must(pair.sender.send({}), "send");
	EXPECT_EQ(watch.ready(), EPOLLIN) << "an empty message arrives too";
}

/* --- Blocked readers --------------------------------------------------------------- */

TEST(DgramBlock, AReaderIsWokenByAMessage)
{
	Pair pair = make_pair();
	auto reader = blocked_reader(pair.receiver);

	must(pair.sender.send(bytes("wake")), "send");
	EXPECT_EQ(reader->result(), 4);
}

TEST(DgramBlock, AReaderIsWokenByAnEmptyMessage)
{
	Pair pair = make_pair();
	auto reader = blocked_reader(pair.receiver);

	must(pair.sender.send({}), "send");
	EXPECT_EQ(reader->result(), 0);
}

TEST(DgramBlock, AReaderOfZeroBytesWaitsToo)
{
	Pair pair = make_pair();
	Task<long> reader([&] { return ::recv(pair.receiver.fd(), nullptr, 0, 0); });

	EXPECT_TRUE(reader.sleeps_in(SYS_recvfrom));
	must(pair.sender.send(bytes("consumed")), "send");
	EXPECT_EQ(reader.result(), 0);
	EXPECT_FALSE(is_readable(pair.receiver));
}

TEST(DgramBlock, AReaderIsWokenByItsTimeout)
{
	Socket socket = bound();
	std::array<std::byte, 4> buffer;

	must(socket.set_receive_timeout(60ms), "SO_RCVTIMEO");
	const auto start = ticked_time();
	EXPECT_EQ(err(socket.receive(buffer)), EAGAIN);
	EXPECT_GE(ticked_time() - start, 60ms - tick);
}

TEST(DgramBlock, AReaderIsWokenByASignal)
{
	Socket socket = bound();

	catch_signal(SIGUSR1, false);
	auto reader = blocked_reader(socket);
	reader->interrupt(SIGUSR1);
	EXPECT_EQ(reader->result(), -EINTR);
}

TEST(DgramBlock, ARestartingSignalGoesOnWaiting)
{
	Pair pair = make_pair();
	static std::atomic<int> handled;
	struct sigaction action = {};

	action.sa_handler = [](int) { handled = 1; };
	action.sa_flags = SA_RESTART;
	must(::sigaction(SIGUSR1, &action, nullptr), "sigaction");
	auto reader = blocked_reader(pair.receiver);
	reader->interrupt(SIGUSR1);
	while (!handled)
		std::this_thread::yield();
	EXPECT_TRUE(reader->sleeps_in(SYS_recvfrom));
	must(pair.sender.send(bytes("later")), "send");
	EXPECT_EQ(reader->result(), 5);
}

TEST(DgramBlock, ATimeoutIsNotRestartedAfterASignal)
{
	Socket socket = bound();

	must(socket.set_receive_timeout(20s), "SO_RCVTIMEO");
	catch_signal(SIGUSR1, true);
	auto reader = blocked_reader(socket);
	reader->interrupt(SIGUSR1);
	EXPECT_EQ(reader->result(), -EINTR);
}

TEST(DgramBlock, AReaderIsWokenByShutdown)
{
	for (auto half : {glass::Half::Read, glass::Half::Both}) {
		Socket socket = bound();
		auto reader = blocked_reader(socket);

		must(socket.shutdown(half), "shutdown");
		EXPECT_EQ(reader->result(), 0);
	}
}

TEST(DgramBlock, ManyReadersShareTheMessages)
{
	constexpr int messages = 200;
	Pair pair = make_pair();
	std::atomic<int> taken = 0;
	const auto take = [&]() -> int {
		std::array<char, 8> buffer;

		while (::recv(pair.receiver.fd(), buffer.data(), buffer.size(), 0) > 0)
			taken++;
		return 0;
	};

	{
		Task<int> one(take), two(take), three(take);

		for (int i = 0; i < messages; i++)
			must(pair.sender.send(bytes("x")), "send");
		for (int i = 0; i < 3; i++)
			must(pair.sender.send({}), "send"); // sends each home
	}
	EXPECT_EQ(taken, messages);
}

/* --- shutdown ------------------------------------------------------------------------ */

TEST(DgramShutdown, NeedsNoPeer)
{
	for (auto half : {glass::Half::Read, glass::Half::Write, glass::Half::Both})
		EXPECT_EQ(err(dgram().shutdown(half)), 0);
	EXPECT_EQ(err(::shutdown(dgram().fd(), 3)), EINVAL);
	EXPECT_EQ(err(::shutdown(dgram().fd(), -1)), EINVAL);
}

TEST(DgramShutdown, WritingGivesEpipeAndSigpipe)
{
	Pair pair = make_pair();

	must(pair.sender.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(err(pair.sender.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
	EXPECT_EQ(in_child([&] {
			  ::signal(SIGPIPE, SIG_DFL);
			  static_cast<void>(pair.sender.send(bytes("x")));
			  return 0;
		  }),
		  128 + SIGPIPE);
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(poll_now(pair.sender, POLLOUT), POLLOUT) << "as TCP";

	// The other direction goes on.
	must(pair.receiver.send_to(bytes("back"), address_of(pair.sender)), "send");
	EXPECT_EQ(read_message(pair.sender), "back");
}

TEST(DgramShutdown, ReadingRefusesSendersAndKeepsWhatIsQueued)
{
	Pair pair = make_pair();
	std::array<std::byte, 16> buffer;

	must(pair.sender.send(bytes("queued")), "send");
	must(pair.receiver.shutdown(glass::Half::Read), "shutdown");
	EXPECT_EQ(err(pair.sender.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
	EXPECT_EQ(in_child([&] {
			  ::signal(SIGPIPE, SIG_DFL);
			  static_cast<void>(pair.sender.send(bytes("x")));
			  return 0;
		  }),
		  128 + SIGPIPE);
	Socket third = dgram();
	EXPECT_EQ(err(third.send_to(bytes("x"), address_of(pair.receiver), MSG_NOSIGNAL)), EPIPE);
	EXPECT_EQ(err(third.connect(address_of(pair.receiver))), 0) << "it may name it, though";
	EXPECT_EQ(poll_now(pair.receiver, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	EXPECT_EQ(read_message(pair.receiver), "queued");
	EXPECT_EQ(must(pair.receiver.receive(buffer), "receive"), 0u) << "the end, at once";
	EXPECT_EQ(err(pair.receiver.send_to(bytes("out"), address_of(pair.sender))), 0);
}

TEST(DgramShutdown, BothKeepsUnreadDataAndThePeersName)
{
	Pair pair = make_pair();
	const Address peer = must(pair.sender.peer(), "getpeername");

	must(pair.receiver.send_to(bytes("unread"), address_of(pair.sender)), "send");
	must(pair.sender.shutdown(glass::Half::Both), "shutdown");
	EXPECT_EQ(poll_now(pair.sender, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP | POLLHUP);
	EXPECT_EQ(must(pair.sender.peer(), "getpeername"), peer);
	EXPECT_EQ(read_message(pair.sender), "unread");
	EXPECT_EQ(err(pair.sender.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
}

TEST(DgramShutdown, WakesPollers)
{
	Socket socket = bound();
	Task<short> task([&] { return poll_long(socket, POLLIN | POLLRDHUP); });

	EXPECT_TRUE(task.sleeps_in(SYS_poll));
	must(socket.shutdown(glass::Half::Read), "shutdown");
	EXPECT_EQ(task.result(), POLLIN | POLLRDHUP);
}

/* --- Queue lengths ----------------------------------------------------------------------- */

TEST(DgramQueue, InputIsTheSizeOfTheNextMessage)
{
	Pair pair = make_pair();

	EXPECT_EQ(must(pair.receiver.input_queued(), "SIOCINQ"), 0u);
	must(pair.sender.send({}), "send");
	must(pair.sender.send(bytes("four")), "send");
	must(pair.sender.send(bytes("seven77")), "send");
	for (std::size_t size : {0u, 4u, 7u, 0u}) {
		EXPECT_EQ(must(pair.receiver.input_queued(), "SIOCINQ"), size);
		if (is_readable(pair.receiver))
			read_message(pair.receiver);
	}
}

TEST(DgramQueue, OutputIsWhatIsUnread)
{
	Pair pair = make_pair();

	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
	must(pair.sender.send(pattern(1000)), "send");
	const auto one = must(pair.sender.output_queued(), "SIOCOUTQ");
	EXPECT_GE(one, 1000u);
	must(pair.sender.send(pattern(1000)), "send");
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 2 * one);
	EXPECT_EQ(must(pair.receiver.output_queued(), "SIOCOUTQ"), 0u);
	read_message(pair.receiver);
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), one);
	read_message(pair.receiver);
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
}

TEST(DgramQueue, BadRequestsAreRefused)
{
	const Socket socket = dgram();
	int value = 0;

	EXPECT_EQ(err(::ioctl(socket.fd(), FIONREAD, 8)), EFAULT);
	EXPECT_EQ(err(::ioctl(socket.fd(), 0x7777, &value)), ENOTTY);
}

} // namespace
