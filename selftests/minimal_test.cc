// SPDX-License-Identifier: GPL-2.0
/*
 * docs/minimal: the smallest family that is correct, beside Glass and on a number
 * of its own.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "helper.h"
#include "ktap.h"
#include "lib/family.h"
#include "lib/fd.h"

namespace {

using namespace helper;
using glass::Fd;

constexpr const char *module_name = "af_minimal";
constexpr int minimal_family = 22;

/* The address, as docs/minimal/af_minimal.c has it. */
struct sockaddr_minimal {
	std::uint16_t family;
	std::uint16_t zero;
	std::uint32_t port;

	bool operator==(const sockaddr_minimal &) const = default;
};

sockaddr_minimal at(std::uint32_t port)
{
	return {minimal_family, 0, port};
}

void PrintTo(const sockaddr_minimal &address, std::ostream *out)
{
	*out << address.family << '/' << address.zero << ':' << address.port;
}

Errno bind_to(const Fd &fd, const sockaddr_minimal &address, socklen_t len = sizeof(at(0)))
{
	return err(::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), len));
}

long send_to(const Fd &fd, const sockaddr_minimal &address, std::string_view text, int flags = 0)
{
	return ::sendto(fd.get(), text.data(), text.size(), flags,
			reinterpret_cast<const sockaddr *>(&address), sizeof(address));
}

/* What came: its length as the call told it, its text, its sender. */
struct Received {
	long size;
	Text text;
	sockaddr_minimal source;
	int flags;
};

Received receive(const Fd &fd, int flags = MSG_DONTWAIT, std::size_t room = 1 << 16)
{
	std::vector<char> buffer(room);
	Received received{};
	iovec data{buffer.data(), room};
	msghdr message{};

	message.msg_name = &received.source;
	message.msg_namelen = sizeof(received.source);
	message.msg_iov = &data;
	message.msg_iovlen = 1;
	received.size = must(::recvmsg(fd.get(), &message, flags), "recvmsg");
	EXPECT_EQ(message.msg_namelen, sizeof(received.source));
	received.text = std::string(buffer.data(), std::min<std::size_t>(room, received.size));
	received.flags = message.msg_flags;
	return received;
}

short ready(const Fd &fd, short events = POLLIN | POLLOUT)
{
	pollfd entry{fd.get(), events, 0};

	must(::poll(&entry, 1, 0), "poll");
	return entry.revents;
}

/* The family is there for each case, and gone after it. */
class Minimal : public testing::Test
{
protected:
	void SetUp() override
	{
		if (!std::filesystem::exists(module_path(module_name)))
			GTEST_SKIP() << "no " << module_path(module_name);
		if (!module_is_loaded(module_name)) {
			ASSERT_EQ(load_module(module_name), 0);
		}
	}
	void TearDown() override
	{
		if (module_is_loaded(module_name)) {
			EXPECT_EQ(unload_module(module_name), 0);
		}
		EXPECT_FALSE(is_registered());
	}

	static int create(int type = SOCK_DGRAM, int protocol = 0)
	{
		return ::socket(minimal_family, type | SOCK_CLOEXEC, protocol);
	}
	static Fd unbound() { return Fd(static_cast<int>(must(create(), "socket"))); }
	static Fd bound(std::uint32_t port)
	{
		Fd fd = unbound();

		EXPECT_EQ(bind_to(fd, at(port)), 0);
		return fd;
	}
	static bool is_registered()
	{
		return std::ranges::any_of(
			lines_of("/proc/net/protocols"),
			[](const std::string &line) { return line.starts_with("MINIMAL "); });
	}
	/* Sends until it would have to wait; how many messages went. */
	static int fill(const Fd &fd, const sockaddr_minimal &to, std::string_view text)
	{
		int count = 0;

		while (send_to(fd, to, text, MSG_DONTWAIT) == static_cast<long>(text.size()))
			++count;
		EXPECT_EQ(errno, EAGAIN);
		return count;
	}
};

TEST_F(Minimal, MessagesComeWholeInOrderAndWithTheirSender)
{
	const Fd reader = bound(7);
	const Fd writer = bound(8);
	const std::string large(16000, 'x');

	for (const std::string &text : {std::string("one"), std::string(), large})
		ASSERT_EQ(send_to(writer, at(7), text), static_cast<long>(text.size()));
	for (const std::string &text : {std::string("one"), std::string(), large}) {
		const Received received = receive(reader);

		EXPECT_EQ(received.text, text);
		EXPECT_EQ(received.source, at(8));
		EXPECT_EQ(received.flags & MSG_TRUNC, 0);
	}
	ASSERT_EQ(send_to(unbound(), at(7), "from nobody"), 11);
	EXPECT_EQ(receive(reader).source, at(0));
}

TEST_F(Minimal, AMessageThatIsTooLongForTheReaderIsCutAndSaysSo)
{
	const Fd reader = bound(7);

	ASSERT_EQ(send_to(reader, at(7), "0123456789"), 10);
	const Received peeked = receive(reader, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC, 4);
	EXPECT_EQ(peeked.size, 10);
	const Received cut = receive(reader, MSG_DONTWAIT, 4);
	EXPECT_EQ(cut.text, "0123");
	EXPECT_TRUE(cut.flags & MSG_TRUNC);
	EXPECT_EQ(err(::recv(reader.get(), nullptr, 0, MSG_DONTWAIT)), EAGAIN)
		<< "the rest is gone";
}

TEST_F(Minimal, ItIsAFileLikeAnyOther)
{
	const Fd reader = bound(7);
	std::array<char, 16> buffer{};

	ASSERT_EQ(send_to(reader, at(7), "by read"), 7);
	EXPECT_EQ(::read(reader.get(), buffer.data(), buffer.size()), 7);
	EXPECT_EQ(std::string(buffer.data()), "by read");
	EXPECT_EQ(err(::write(reader.get(), "x", 1)), EDESTADDRREQ);
}

TEST_F(Minimal, PollTellsWhatReadAndWriteWouldDo)
{
	const Fd reader = bound(7);
	const Fd writer = unbound();

	EXPECT_EQ(ready(reader), POLLOUT);
	ASSERT_EQ(send_to(writer, at(7), "x"), 1);
	EXPECT_EQ(ready(reader), POLLIN | POLLOUT);
	receive(reader);
	EXPECT_EQ(ready(reader), POLLOUT);

	fill(writer, at(7), std::string(4000, 'x'));
	EXPECT_EQ(ready(writer), 0);
	while (ready(reader) & POLLIN)
		receive(reader);
	EXPECT_EQ(ready(writer), POLLOUT);
}

TEST_F(Minimal, AReaderSleepsUntilAMessageComes)
{
	const Fd reader = bound(7);
	Task<Text> waiting([&] { return receive(reader, 0).text; });

	ASSERT_TRUE(waiting.sleeps_in(SYS_recvmsg));
	ASSERT_EQ(send_to(unbound(), at(7), "wake up"), 7);
	EXPECT_EQ(waiting.result(), "wake up");

	Task<short> polling([&] {
		pollfd entry{reader.get(), POLLIN, 0};

		must(::poll(&entry, 1, -1), "poll");
		return entry.revents;
	});
	ASSERT_TRUE(polling.sleeps_in(SYS_poll));
	ASSERT_EQ(send_to(unbound(), at(7), "again"), 5);
	EXPECT_EQ(polling.result(), POLLIN);
}

TEST_F(Minimal, ASenderSleepsUntilTheReaderMakesRoom)
{
	const Fd reader = bound(7);
	const Fd writer = unbound();
	const std::string text(4000, 'x');
	const int sent = fill(writer, at(7), text);

	EXPECT_GT(sent, 1);
	Task<long> waiting([&] { return send_to(writer, at(7), text); });
	ASSERT_TRUE(waiting.sleeps_in(SYS_sendto));
	EXPECT_EQ(send_to(unbound(), at(7), "others need not wait"), 20);
	while (!waiting.is_done())
		if (ready(reader) & POLLIN)
			receive(reader);
	EXPECT_EQ(waiting.result(), 4000);
}

TEST_F(Minimal, AReaderThatIsClosedGivesItsSendersTheirRoomBack)
{
	std::optional<Fd> reader = bound(7);
	const Fd writer = unbound();

	fill(writer, at(7), std::string(4000, 'x'));
	EXPECT_EQ(ready(writer), 0);
	reader.reset();
	EXPECT_EQ(ready(writer), POLLOUT);
	EXPECT_EQ(err(send_to(writer, at(7), "x")), ECONNREFUSED);
	bound(7);
}

TEST_F(Minimal, BindAndNameAgree)
{
	const Fd fd = unbound();
	sockaddr_minimal name = at(1);
	socklen_t len = sizeof(name);

	EXPECT_EQ(err(::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&name), &len)), 0);
	EXPECT_EQ(name, at(0));
	EXPECT_EQ(bind_to(fd, at(0)), EINVAL);
	EXPECT_EQ(bind_to(fd, {minimal_family, 1, 7}), EINVAL);
	EXPECT_EQ(bind_to(fd, {AF_INET, 0, 7}), EAFNOSUPPORT);
	EXPECT_EQ(bind_to(fd, at(7), sizeof(name) - 1), EINVAL);
	EXPECT_EQ(bind_to(fd, at(7)), 0);
	EXPECT_EQ(bind_to(fd, at(8)), EINVAL) << "once is enough";
	EXPECT_EQ(bind_to(unbound(), at(7)), EADDRINUSE);
	EXPECT_EQ(err(::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&name), &len)), 0);
	EXPECT_EQ(name, at(7));
	EXPECT_EQ(len, sizeof(name));
	EXPECT_EQ(err(::getpeername(fd.get(), reinterpret_cast<sockaddr *>(&name), &len)),
		  ENOTCONN);
}

TEST_F(Minimal, WhatItHasNotItRefuses)
{
	const Fd fd = bound(7);
	std::array<int, 2> pair{};
	const sockaddr_minimal name = at(7);
	const auto *address = reinterpret_cast<const sockaddr *>(&name);
	int number = 0;

	EXPECT_EQ(err(create(SOCK_STREAM)), ESOCKTNOSUPPORT);
	EXPECT_EQ(err(create(SOCK_DGRAM, 1)), EPROTONOSUPPORT);
	EXPECT_EQ(err(::connect(fd.get(), address, sizeof(name))), EOPNOTSUPP);
	EXPECT_EQ(err(::listen(fd.get(), 1)), EOPNOTSUPP);
	EXPECT_EQ(err(::accept(fd.get(), nullptr, nullptr)), EOPNOTSUPP);
	EXPECT_EQ(err(::shutdown(fd.get(), SHUT_RDWR)), EOPNOTSUPP);
	EXPECT_EQ(err(::socketpair(minimal_family, SOCK_DGRAM, 0, pair.data())), EOPNOTSUPP);
	EXPECT_EQ(err(::ioctl(fd.get(), FIONREAD, &number)), EOPNOTSUPP);
	EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd.get(), 0), MAP_FAILED);
	EXPECT_EQ(errno, ENODEV);
	EXPECT_EQ(err(send_to(fd, at(9), "x")), ECONNREFUSED);
	EXPECT_EQ(err(send_to(fd, {AF_INET, 0, 7}, "x")), EAFNOSUPPORT);
	EXPECT_EQ(err(send_to(fd, at(7), std::string(17000, 'x'))), EMSGSIZE);
	EXPECT_EQ(err(::sendto(fd.get(), reinterpret_cast<void *>(1), 8, 0, address, sizeof(name))),
		  EFAULT);
	EXPECT_EQ(ready(fd), POLLOUT) << "of all that, nothing was delivered";
}

TEST_F(Minimal, AFilterOfTheReaderCountsAsALoss)
{
	const Fd reader = bound(7);
	sock_filter none{BPF_RET | BPF_K, 0, 0, 0};
	const sock_fprog program{1, &none};

	must(::setsockopt(reader.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
	     "SO_ATTACH_FILTER");
	EXPECT_EQ(send_to(unbound(), at(7), "unwanted"), 8);
	EXPECT_EQ(ready(reader), POLLOUT);
}

TEST_F(Minimal, EachNamespaceHasPortsOfItsOwn)
{
	const Fd outside = bound(7);

	EXPECT_EQ(in_child([] {
			  enter_new_namespace();
			  if (!(err(send_to(unbound(), at(7), "x")) == ECONNREFUSED))
				  return 1;
			  const Fd inside = bound(7);
			  if (send_to(unbound(), at(7), "inside") != 6)
				  return 2;
			  return receive(inside).text == "inside" ? 0 : 3;
		  }),
		  0);
	EXPECT_EQ(ready(outside), POLLOUT);
}

TEST_F(Minimal, OpenSocketsHoldTheModule)
{
	Fd reader = bound(7);
	Fd writer = bound(8);

	EXPECT_TRUE(is_registered());
	EXPECT_EQ(unload_module(module_name), EAGAIN);
	ASSERT_EQ(send_to(writer, at(7), "left behind"), 11);
	writer.reset();
	EXPECT_EQ(unload_module(module_name), EAGAIN);
	EXPECT_EQ(receive(reader).text, "left behind") << "the sender is gone, its words are not";
	reader.reset();
	EXPECT_EQ(unload_module(module_name), 0);
	EXPECT_FALSE(is_registered());
}

TEST_F(Minimal, ASocketLoadsIt)
{
	ASSERT_EQ(unload_module(module_name), 0);
	bound(7);
	EXPECT_TRUE(module_is_loaded(module_name));
}

TEST_F(Minimal, ANumberThatIsTakenIsRefusedAndNothingIsLeft)
{
	ASSERT_EQ(unload_module(module_name), 0);
	EXPECT_EQ(load_module(module_name, "family=" + std::to_string(glass::family())), EBUSY);
	EXPECT_FALSE(is_registered());
	EXPECT_EQ(load_module(module_name, "family=46"), ENOBUFS);
	EXPECT_FALSE(is_registered());
	EXPECT_FALSE(module_is_loaded(module_name));
}

/* What reads, binds, sends and closes at once: a kernel that looks for faults sees them. */
TEST_F(Minimal, SocketsComeAndGoWhileOthersSend)
{
	const int rounds = 100 * ktap::scale();
	std::atomic<bool> over = false;
	std::vector<std::thread> threads;

	for (int i = 0; i < 2; ++i)
		threads.emplace_back([&over] {
			const Fd writer = unbound();

			while (!over)
				send_to(writer, at(7), "in passing", MSG_DONTWAIT);
		});
	int messages = 0;
	for (int i = 0; i < rounds; ++i) {
		const Fd reader = bound(7);

		while (!(ready(reader) & POLLIN))
			std::this_thread::yield();
		messages += receive(reader).text == "in passing";
	}
	over = true;
	for (std::thread &thread : threads)
		thread.join();
	EXPECT_EQ(messages, rounds);
}

} // namespace
