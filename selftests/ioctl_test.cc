// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl(2): what is queued, when it came, signals, and the requests that the core
 * answers through a socket of any family. Unknown ones: compare_test.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "helper.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

class Ioctl : public testing::TestWithParam<SocketType>
{
protected:
	Ioctl() : ends(glass_ends(type())) {}

	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }
	void write_bytes(std::size_t size) const
	{
		must(::write(ends.writer.get(), pattern(size).data(), size), "write");
	}
	/* Reads one message; its bytes, those of a header included. */
	long read_message_of(const glass::Fd &fd) const
	{
		std::array<std::byte, 4096> buffer;

		return must(::recv(fd.get(), buffer.data(), buffer.size(), 0), "recv");
	}

	Ends ends;
};
INSTANTIATE_TEST_SUITE_P(Types, Ioctl, testing::ValuesIn(socket_types), socket_type_name);

int number_of(const glass::Fd &fd, unsigned long request)
{
	int value = -1;

	must(::ioctl(fd.get(), request, &value), "ioctl");
	return value;
}

TEST_P(Ioctl, QueuesHaveLengths)
{
	const auto header = static_cast<int>(ends.header);

	for (const unsigned long request : {0ul + SIOCINQ, 0ul + FIONREAD})
		EXPECT_EQ(number_of(ends.reader, request), 0);
	EXPECT_EQ(number_of(ends.writer, SIOCOUTQ), 0);
	write_bytes(300);
	EXPECT_EQ(number_of(ends.reader, SIOCINQ), 300 + header);
	EXPECT_EQ(number_of(ends.reader, FIONREAD), 300 + header);
	EXPECT_EQ(number_of(ends.reader, SIOCOUTQ), 0);
	read_message_of(ends.reader);
	EXPECT_EQ(number_of(ends.reader, SIOCINQ), 0);
	EXPECT_TRUE(eventually([&] { return number_of(ends.writer, SIOCOUTQ) == 0; }));
	EXPECT_EQ(err(::ioctl(ends.reader.get(), SIOCINQ, 8)), EFAULT);
	EXPECT_EQ(err(::ioctl(ends.reader.get(), SIOCOUTQ, 8)), EFAULT);
}

TEST_P(Ioctl, FionbioIsTheFlagOfTheFile)
{
	int on = 1;
	int off = 0;
	std::byte byte;

	EXPECT_EQ(err(::ioctl(ends.reader.get(), FIONBIO, &on)), 0);
	EXPECT_EQ(::fcntl(ends.reader.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EXPECT_EQ(err(::recv(ends.reader.get(), &byte, 1, 0)), EAGAIN);
	EXPECT_EQ(err(::ioctl(ends.reader.get(), FIONBIO, &off)), 0);
	EXPECT_EQ(::fcntl(ends.reader.get(), F_GETFL) & O_NONBLOCK, 0);
	EXPECT_EQ(err(::ioctl(ends.reader.get(), FIONBIO, 8)), EFAULT);
}

/* --- When it came ------------------------------------------------------------------------- */

timespec realtime()
{
	timespec now = {};

	must(::clock_gettime(CLOCK_REALTIME, &now), "clock_gettime");
	return now;
}

bool is_between(const timespec &before, long long seconds, long long nanoseconds,
		const timespec &after)
{
	const auto in_one = [](long long s, long long ns) { return s * 1'000'000'000 + ns; };
	const auto time = in_one(seconds, nanoseconds);

	return in_one(before.tv_sec, before.tv_nsec) <= time &&
	       time <= in_one(after.tv_sec, after.tv_nsec);
}

/* struct __kernel_timespec and __kernel_sock_timeval, whose headers clash with libc's. */
struct Time64 {
	long long seconds;
	long long fraction;
};

TEST_P(Ioctl, TheTimeOfTheLastMessageIsTold)
{
	std::array<long, 2> old = {};
	Time64 time = {};
	const auto tcp = tcp_ends();

	EXPECT_EQ(err(::ioctl(ends.reader.get(), SIOCGSTAMP_NEW, &time)), ENOENT)
		<< "there was none";
	EXPECT_EQ(err(::ioctl(tcp.reader.get(), SIOCGSTAMP_NEW, &time)), ENOENT);
	if (is_connection()) {
		// A byte has no time of its own.
		for (const auto *both : {&std::as_const(ends), &tcp}) {
			must(::write(both->writer.get(), "x", 1), "write");
			read_message_of(both->reader);
			EXPECT_EQ(err(::ioctl(both->reader.get(), SIOCGSTAMP_NEW, &time)), ENOENT);
		}
		return;
	}
	/*
	 * The kernel begins to stamp what arrives in a work item of its own, and
	 * a message without a stamp gets one when it is asked for.
	 */
	EXPECT_TRUE(eventually([&] {
		const auto before = realtime();

		write_bytes(10);
		const auto after = realtime();
		read_message_of(ends.reader);
		must(::ioctl(ends.reader.get(), SIOCGSTAMPNS_NEW, &time), "SIOCGSTAMPNS_NEW");
		return is_between(before, time.seconds, time.fraction, after);
	}));
	const auto nanoseconds = time.fraction;
	must(::ioctl(ends.reader.get(), SIOCGSTAMP_NEW, &time), "SIOCGSTAMP_NEW");
	EXPECT_EQ(time.fraction, nanoseconds / 1000) << "in microseconds";
	must(::ioctl(ends.reader.get(), SIOCGSTAMPNS_OLD, old.data()), "SIOCGSTAMPNS_OLD");
	EXPECT_EQ(old, (std::array<long, 2>{time.seconds, nanoseconds}));
	must(::ioctl(ends.reader.get(), SIOCGSTAMP_OLD, old.data()), "SIOCGSTAMP_OLD");
	EXPECT_EQ(old, (std::array<long, 2>{time.seconds, nanoseconds / 1000}));
	EXPECT_EQ(err(::ioctl(ends.reader.get(), SIOCGSTAMP_NEW, 8)), EFAULT);
}

/* --- Signals -------------------------------------------------------------------------------- */

/* The next one of those that are blocked; within @p seconds. */
siginfo_t next_signal(const sigset_t &set, time_t seconds)
{
	const timespec limit = {seconds, 0};
	siginfo_t info = {};

	if (::sigtimedwait(&set, &info, &limit) < 0)
		info.si_signo = 0;
	return info;
}

TEST_P(Ioctl, ASignalTellsOfAMessage)
{
	const int fd = ends.reader.get();
	const int chosen = SIGRTMIN + 3;
	int on = 1;
	int off = 0;
	pid_t owner = ::getpid();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, chosen);
	must(::sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
	must(::fcntl(fd, F_SETOWN, owner), "F_SETOWN");
	EXPECT_EQ(::fcntl(fd, F_GETOWN), owner);
	write_bytes(1);
	read_message_of(ends.reader);
	EXPECT_EQ(next_signal(set, 0).si_signo, 0) << "nobody asked for it";

	EXPECT_EQ(err(::ioctl(fd, FIOASYNC, &on)), 0);
	EXPECT_EQ(::fcntl(fd, F_GETFL) & O_ASYNC, O_ASYNC);
	write_bytes(1);
	EXPECT_EQ(next_signal(set, 10).si_signo, SIGIO);
	read_message_of(ends.reader);
	while (next_signal(set, 0).si_signo)
		;

	must(::fcntl(fd, F_SETSIG, chosen), "F_SETSIG");
	EXPECT_EQ(::fcntl(fd, F_GETSIG), chosen);
	write_bytes(1);
	const auto info = next_signal(set, 10);
	EXPECT_EQ(info.si_signo, chosen);
	EXPECT_EQ(info.si_fd, fd);
	EXPECT_EQ(info.si_code, POLL_IN);
	EXPECT_EQ(info.si_band & POLLIN, POLLIN);
	read_message_of(ends.reader);
	while (next_signal(set, 0).si_signo)
		;

	EXPECT_EQ(err(::ioctl(fd, FIOASYNC, &off)), 0);
	write_bytes(1);
	read_message_of(ends.reader);
	EXPECT_EQ(next_signal(set, 0).si_signo, 0);
}

TEST_P(Ioctl, TheOwnerCanBeNamedByAnIoctlToo)
{
	const auto tcp = tcp_socket();
	pid_t owner = ::getpid();
	pid_t seen = 0;

	for (const int fd : {ends.reader.get(), tcp.get()}) {
		EXPECT_EQ(err(::ioctl(fd, SIOCGPGRP, &seen)), 0);
		EXPECT_EQ(seen, 0);
		EXPECT_EQ(err(::ioctl(fd, FIOSETOWN, &owner)), 0);
		EXPECT_EQ(err(::ioctl(fd, FIOGETOWN, &seen)), 0);
		EXPECT_EQ(seen, owner);
		EXPECT_EQ(::fcntl(fd, F_GETOWN), owner);
	}
}

/* --- Devices ------------------------------------------------------------------------------------ */

ifreq named(const char *name)
{
	ifreq request = {};

	std::strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return request;
}

TEST_P(Ioctl, DevicesAreAskedThroughAnySocket)
{
	const auto other = relative_socket(SOCK_DGRAM);

	for (const char *name : {"glass0", "lo"})
		for (const unsigned long request :
		     {0ul + SIOCGIFINDEX, 0ul + SIOCGIFMTU, 0ul + SIOCGIFFLAGS, 0ul + SIOCGIFHWADDR,
		      0ul + SIOCGIFTXQLEN, 0ul + SIOCGIFMETRIC, 0ul + SIOCGIFMAP}) {
			auto ours = named(name);
			auto theirs = named(name);

			EXPECT_EQ(outcome(::ioctl(ends.reader.get(), request, &ours)),
				  outcome(::ioctl(other.get(), request, &theirs)))
				<< name << ' ' << std::hex << request;
			EXPECT_EQ(std::memcmp(&ours, &theirs, sizeof(ours)), 0)
				<< name << ' ' << std::hex << request;
		}
	auto request = named("glass0");
	must(::ioctl(ends.reader.get(), SIOCGIFINDEX, &request), "SIOCGIFINDEX");
	EXPECT_EQ(static_cast<unsigned>(request.ifr_ifindex), ::if_nametoindex("glass0"));
	request.ifr_name[0] = '\0';
	must(::ioctl(ends.reader.get(), SIOCGIFNAME, &request), "SIOCGIFNAME");
	EXPECT_STREQ(request.ifr_name, "glass0");
	request = named("none");
	// Once: the kernel asks modprobe for it.
	EXPECT_EQ(err(::ioctl(ends.reader.get(), SIOCGIFMTU, &request)), ENODEV);
}

TEST_P(Ioctl, DevicesAreChangedByTheAdministratorOnly)
{
	enter_new_namespace();
	const auto socket = glass_socket(type());
	auto request = named("glass0");

	request.ifr_mtu = 2000;
	EXPECT_EQ(err(::ioctl(socket.get(), SIOCSIFMTU, &request)), 0);
	request = named("glass0");
	must(::ioctl(socket.get(), SIOCGIFMTU, &request), "SIOCGIFMTU");
	EXPECT_EQ(request.ifr_mtu, 2000);
	drop_capability(CAP_NET_ADMIN);
	request.ifr_mtu = 3000;
	EXPECT_EQ(err(::ioctl(socket.get(), SIOCSIFMTU, &request)), EPERM);
}

} // namespace
