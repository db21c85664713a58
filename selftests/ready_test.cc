// SPDX-License-Identifier: GPL-2.0
/*
 * Readiness of every type, as the relative has it: poll, select, epoll in each of
 * its ways, signals. Who waits, and what else makes ready: connection_test, dgram_wait_test.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "helper.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

class Readiness : public testing::TestWithParam<SocketType>
{
protected:
	Readiness() : ends(glass_ends(type())) {}

	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }
	void write_message() const { must(::send(ends.writer.get(), "x", 1, 0), "send"); }
	long read_message_now() const
	{
		std::array<char, 100> buffer;

		return ::recv(ends.reader.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
	}

	Ends ends;
};
INSTANTIATE_TEST_SUITE_P(Types, Readiness, testing::ValuesIn(socket_types), socket_type_name);

short polled(int fd, int wait_ms = 0)
{
	pollfd entry = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};

	must(::poll(&entry, 1, wait_ms), "poll");
	return entry.revents;
}

/* What select() says of reading, writing and exceptions. */
std::array<bool, 3> selected(int fd)
{
	std::array<fd_set, 3> sets;
	timeval at_once = {};

	for (auto &set : sets) {
		FD_ZERO(&set);
		FD_SET(fd, &set);
	}
	must(::select(fd + 1, &sets[0], &sets[1], &sets[2], &at_once), "select");
	return {!!FD_ISSET(fd, &sets[0]), !!FD_ISSET(fd, &sets[1]), !!FD_ISSET(fd, &sets[2])};
}

TEST_P(Readiness, PollAndSelectSayWhatTheySayOfTheRelative)
{
	const auto relative = relative_ends(type());

	for (const auto *both : std::initializer_list<decltype(&relative)>{&ends, &relative}) {
		const int fd = both->reader.get();
		std::array<char, 100> buffer;

		EXPECT_EQ(polled(fd), POLLOUT);
		EXPECT_EQ(selected(fd), (std::array{false, true, false}));
		must(::send(both->writer.get(), "x", 1, 0), "send");
		EXPECT_EQ(polled(fd), POLLOUT | POLLIN);
		EXPECT_EQ(selected(fd), (std::array{true, true, false}));
		must(::recv(fd, buffer.data(), buffer.size(), 0), "recv");
		EXPECT_EQ(polled(fd), POLLOUT);
		EXPECT_EQ(selected(fd), (std::array{false, true, false}));
	}
}

TEST_P(Readiness, AMessageEndsASleepingPoll)
{
	Task<short> sleeper([&] {
		pollfd entry = {ends.reader.get(), POLLIN, 0};

		must(::poll(&entry, 1, -1), "poll");
		return entry.revents;
	});

	ASSERT_TRUE(sleeper.sleeps_in(SYS_poll));
	write_message();
	EXPECT_EQ(sleeper.result(), POLLIN);
}

TEST_P(Readiness, AMessageEndsASleepingSelect)
{
	Task<int> sleeper([&] {
		fd_set set;

		FD_ZERO(&set);
		FD_SET(ends.reader.get(), &set);
		return ::select(ends.reader.get() + 1, &set, nullptr, nullptr, nullptr);
	});

	/* libc makes pselect6 of it. */
	while (!sleeper.is_done() && !is_asleep_in(sleeper.tid(), SYS_select) &&
	       !is_asleep_in(sleeper.tid(), SYS_pselect6))
		continue;
	write_message();
	EXPECT_EQ(sleeper.result(), 1);
}

/* --- epoll -------------------------------------------------------------------------------- */

/* A set with one descriptor in it. */
class Set
{
public:
	Set(int fd, std::uint32_t events)
		: epoll_(static_cast<int>(must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")))
	{
		control(EPOLL_CTL_ADD, fd, events);
	}
	void control(int what, int fd, std::uint32_t events)
	{
		epoll_event event = {events, {}};

		must(::epoll_ctl(epoll_.get(), what, fd, &event), "epoll_ctl");
	}
	std::uint32_t ready(int wait_ms = 0)
	{
		epoll_event event = {};

		return must(::epoll_wait(epoll_.get(), &event, 1, wait_ms), "epoll_wait")
			       ? event.events
			       : 0;
	}

private:
	glass::Fd epoll_;
};

TEST_P(Readiness, LevelTriggeredReportsAsLongAsThereIsSomething)
{
	Set set(ends.reader.get(), EPOLLIN);

	EXPECT_EQ(set.ready(), 0u);
	write_message();
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(set.ready(), EPOLLIN);
	read_message_now();
	EXPECT_EQ(set.ready(), 0u);
}

TEST_P(Readiness, EdgeTriggeredReportsEachArrivalOnce)
{
	Set set(ends.reader.get(), EPOLLIN | EPOLLET);

	for (int i = 0; i < 3; i++) {
		write_message();
		wait_until_arrived(ends);
		EXPECT_EQ(set.ready(), EPOLLIN);
		EXPECT_EQ(set.ready(), 0u);
	}
}

TEST_P(Readiness, OneShotReportsOnceUntilItIsArmedAgain)
{
	Set set(ends.reader.get(), EPOLLIN | EPOLLONESHOT);

	write_message();
	EXPECT_EQ(set.ready(), EPOLLIN);
	write_message();
	wait_until_arrived(ends);
	EXPECT_EQ(set.ready(), 0u);
	set.control(EPOLL_CTL_MOD, ends.reader.get(), EPOLLIN | EPOLLONESHOT);
	EXPECT_EQ(set.ready(), EPOLLIN) << "what is there counts";
	EXPECT_EQ(set.ready(), 0u);
}

/* Of eight that sleep, each in a set of its own, one is woken. */
TEST_P(Readiness, ExclusiveWakesOneOfEight)
{
	constexpr std::size_t sleepers = 8;
	std::vector<std::unique_ptr<Set>> sets;
	std::vector<std::unique_ptr<Task<bool>>> tasks;
	std::atomic<int> woken = 0;

	for (std::size_t i = 0; i < sleepers; i++) {
		sets.push_back(std::make_unique<Set>(ends.reader.get(), EPOLLIN | EPOLLEXCLUSIVE));
		tasks.push_back(std::make_unique<Task<bool>>([&, set = sets.back().get()] {
			if (!(set->ready(-1) & EPOLLIN))
				return false;
			woken++;
			return true;
		}));
		ASSERT_TRUE(tasks.back()->sleeps_in(SYS_epoll_wait));
	}
	for (std::size_t i = 1; i <= sleepers; i++) {
		write_message();
		EXPECT_TRUE(eventually([&] { return woken >= static_cast<int>(i); }));
		/* All others sleep still: were they woken, they would have returned. */
		std::size_t asleep = 0;
		for (auto &task : tasks)
			asleep += !task->is_done() && is_asleep_in(task->tid(), SYS_epoll_wait);
		EXPECT_EQ(asleep, sleepers - i);
		read_message_now();
	}
	for (auto &task : tasks)
		EXPECT_TRUE(task->result());
}

/* --- Who waits in a call ------------------------------------------------------------------- */

/* Eight that wait for something to read. */
class Readers
{
public:
	static constexpr std::size_t count = 8;

	Readers(int fd, std::size_t room)
	{
		for (auto &task : tasks_) {
			task = std::make_unique<Task<long>>([fd, room] {
				std::array<char, 100> buffer;

				return ::recv(fd, buffer.data(), room, 0);
			});
			EXPECT_TRUE(task->sleeps_in(SYS_recvfrom));
		}
		for (std::size_t i = 0; i < count; i++)
			switches_[i] = voluntary_switches(tasks_[i]->tid());
	}
	std::size_t done()
	{
		return static_cast<std::size_t>(
			std::ranges::count_if(tasks_, [](auto &task) { return task->is_done(); }));
	}
	/* Who was woken and has gone back to sleep. */
	std::size_t woken_in_vain()
	{
		std::size_t woken = 0;

		for (std::size_t i = 0; i < count; i++)
			woken += !tasks_[i]->is_done() && tasks_[i]->sleeps_in(SYS_recvfrom) &&
				 voluntary_switches(tasks_[i]->tid()) != switches_[i];
		return woken;
	}
	/* What each of them got. */
	std::vector<long> results()
	{
		std::vector<long> results;

		for (auto &task : tasks_)
			results.push_back(task->result());
		return results;
	}

private:
	std::array<std::unique_ptr<Task<long>>, count> tasks_;
	std::array<long, count> switches_ = {};
};

TEST_P(Readiness, OneMessageWakesOneOfEightReaders)
{
	const auto size = static_cast<long>(ends.header + 1);
	Readers readers(ends.reader.get(), 100);

	write_message();
	EXPECT_TRUE(eventually([&] { return readers.done() >= 1; }));
	EXPECT_EQ(readers.woken_in_vain(), 0u);
	EXPECT_EQ(readers.done(), 1u);
	for (std::size_t i = 1; i < Readers::count; i++) {
		write_message();
		EXPECT_TRUE(eventually([&] { return readers.done() > i; }));
	}
	EXPECT_EQ(readers.results(), std::vector(Readers::count, size));
}

/* What comes at once may be enough for all: who leaves wakes the next. */
TEST_P(Readiness, WhatOneReaderLeavesIsForTheNext)
{
	const auto room = type() == SOCK_STREAM ? 1 : 100;
	Readers readers(ends.reader.get(), room);

	/* Those of a connection go as one segment, with the last. */
	for (std::size_t i = 1; i < Readers::count; i++)
		must(::send(ends.writer.get(), "x", 1, is_connection() ? MSG_MORE : 0), "send");
	write_message();
	EXPECT_EQ(readers.results(),
		  std::vector(Readers::count, static_cast<long>(ends.header + 1)));
}

/* A peek takes nothing, so it takes no reader's turn. (Of messages, the core decides.) */
TEST_P(Readiness, APeekTakesNoReadersTurn)
{
	if (!is_connection())
		return;
	const int fd = ends.reader.get();
	std::array<char, 100> seen;
	std::array<char, 100> read;
	Task<long> peeker([&] { return ::recv(fd, seen.data(), seen.size(), MSG_PEEK); });

	ASSERT_TRUE(peeker.sleeps_in(SYS_recvfrom));
	Task<long> reader([&] { return ::recv(fd, read.data(), read.size(), 0); });
	ASSERT_TRUE(reader.sleeps_in(SYS_recvfrom));
	write_message();
	EXPECT_EQ(reader.result(), static_cast<long>(ends.header + 1));
	if (!peeker.is_done())
		write_message(); /* it may have come too late */
	EXPECT_EQ(peeker.result(), static_cast<long>(ends.header + 1));
}

/* --- Signals of room; of what arrives: ioctl_test; of room for a datagram: dgram_flow_test ------ */

/* The signals that @p ends' writer gets: before anything is read, and after all is. */
std::vector<std::pair<int, long>> signals_of_room(const Ends &ends)
{
	const int fd = ends.writer.get();
	const int chosen = SIGRTMIN + 3;
	const std::string message(1000, 'x');
	std::vector<std::pair<int, long>> seen;
	sigset_t set;
	const auto next = [&](time_t seconds) {
		const timespec limit = {seconds, 0};
		siginfo_t info = {};

		if (::sigtimedwait(&set, &info, &limit) < 0)
			return false;
		EXPECT_EQ(info.si_fd, fd);
		seen.emplace_back(info.si_code, info.si_band & POLLOUT);
		return true;
	};
	const auto fill = [&] {
		while (::send(fd, message.data(), message.size(), 0) > 0)
			continue;
		EXPECT_EQ(errno, EAGAIN);
	};

	sigemptyset(&set);
	sigaddset(&set, chosen);
	must(::sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
	must(::fcntl(fd, F_SETOWN, ::getpid()), "F_SETOWN");
	must(::fcntl(fd, F_SETSIG, chosen), "F_SETSIG");
	must(::fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK), "F_SETFL");
	/* What is under way still makes room when it arrives. */
	do {
		fill();
	} while (next(1));
	seen.clear();
	for (std::array<char, 4000> buffer;
	     ::recv(ends.reader.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0;)
		continue;
	next(10);
	/* Who has met no lack of room since is told of none. */
	must(::send(fd, "x", 1, 0), "send");
	wait_until_arrived(ends);
	next(0);
	return seen;
}

TEST_P(Readiness, ASignalTellsWhoFoundNoRoomThatThereIsSome)
{
	if (!is_connection())
		return;
	const auto seen = signals_of_room(ends);

	EXPECT_EQ(seen, (std::vector<std::pair<int, long>>{{POLL_OUT, POLLOUT}}));
	EXPECT_EQ(seen, signals_of_room(relative_ends(type())));
}

/* --- Parts, many, and bad buffers: what the other types' own tests have ------------------------- */

TEST_P(Readiness, PartsAreGatheredAndScattered)
{
	std::array<char, 6> out = {'a', 'b', 'c', 'd', 'e', 'f'};
	std::array<char, 100> first = {};
	std::array<char, 100> second = {};
	const std::array<iovec, 3> parts = {{{&out[0], 1}, {&out[1], 0}, {&out[1], 5}}};
	const std::array<iovec, 2> room = {
		{{first.data(), ends.header + 2}, {second.data(), second.size()}}};

	EXPECT_EQ(::writev(ends.writer.get(), parts.data(), 3), 6);
	EXPECT_EQ(::readv(ends.reader.get(), room.data(), 2),
		  static_cast<ssize_t>(ends.header + 6));
	EXPECT_EQ(std::string(&first[ends.header], 2) + std::string(second.data(), 4), "abcdef");
}

TEST_P(Readiness, ManyMessagesInOneCall)
{
	std::array<char, 3> out = {'a', 'b', 'c'};
	std::array<std::array<char, 100>, 4> in = {};
	std::array<iovec, 4> parts;
	std::array<mmsghdr, 4> messages = {};

	for (std::size_t i = 0; i < 3; i++) {
		parts[i] = {&out[i], 1};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(::sendmmsg(ends.writer.get(), messages.data(), 3, 0), 3);
	for (std::size_t i = 0; i < 3; i++)
		EXPECT_EQ(messages[i].msg_len, 1u);
	wait_until_arrived(ends);
	for (std::size_t i = 0; i < 4; i++) {
		parts[i] = {in[i].data(), ends.header + 1};
		messages[i] = {};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(::recvmmsg(ends.reader.get(), messages.data(), 4, MSG_DONTWAIT, nullptr), 3);
	for (std::size_t i = 0; i < 3; i++) {
		EXPECT_EQ(messages[i].msg_len, ends.header + 1);
		EXPECT_EQ(in[i][ends.header], out[i]);
	}
}

TEST_P(Readiness, BadBuffersFault)
{
	auto *const bad = reinterpret_cast<void *>(8);

	EXPECT_EQ(err(::send(ends.writer.get(), bad, 100, MSG_DONTWAIT)), EFAULT);
	EXPECT_EQ(err(read_message_now()), EAGAIN) << "nothing was sent";
	write_message();
	EXPECT_EQ(err(::recv(ends.reader.get(), bad, 100, MSG_DONTWAIT)), EFAULT);
	/* A message is consumed, bytes stay. */
	EXPECT_EQ(err(read_message_now()), type() == SOCK_STREAM ? 0 : EAGAIN);
	write_message();
	wait_until_arrived(ends);
	EXPECT_GT(read_message_now(), 0) << "it works on";
}

} // namespace
