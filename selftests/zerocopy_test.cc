// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_ZEROCOPY: what is sent stays in the sender's memory until it is read, and the
 * sender is told when it may be written to again, and whether it was copied after
 * all. That nothing was copied shows where the sender writes to it too early.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/errqueue.h>
#include <linux/glass.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "helper.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

/* More than is copied in any case, and less than a frame. */
constexpr std::size_t size = 20'000;

/* Completed calls, by their numbers. */
struct Completion {
	std::uint32_t first;
	std::uint32_t last;
	bool is_copied;

	friend bool operator==(const Completion &, const Completion &) = default;
	friend std::ostream &operator<<(std::ostream &out, const Completion &completion)
	{
		return out << completion.first << " to " << completion.last
			   << (completion.is_copied ? " copied" : "");
	}
};

/* The next one in the error queue, if there is one. */
std::optional<Completion> completion_of(const glass::Fd &fd)
{
	alignas(cmsghdr) std::array<char, 256> control = {};
	msghdr message = {};

	message.msg_control = control.data();
	message.msg_controllen = control.size();
	if (::recvmsg(fd.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return std::nullopt;
	const cmsghdr *const head = CMSG_FIRSTHDR(&message);
	EXPECT_TRUE(head && head->cmsg_level == SOL_GLASS && head->cmsg_type == GLASS_RECVERR);
	sock_extended_err error = {};
	std::copy_n(CMSG_DATA(head), sizeof(error), reinterpret_cast<unsigned char *>(&error));
	EXPECT_EQ(error.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	EXPECT_EQ(error.ee_errno, 0U);
	return Completion{error.ee_info, error.ee_data,
			  (error.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0};
}

Errno ask_for(const glass::Fd &fd, int value = 1)
{
	return err(::setsockopt(fd.get(), SOL_SOCKET, SO_ZEROCOPY, &value, sizeof(value)));
}

class Zerocopy : public testing::TestWithParam<SocketType>
{
protected:
	void SetUp() override
	{
		enter_new_namespace();
		set_fast_path(true);
		ends = glass_ends(type());
		ASSERT_EQ(ask_for(ends.writer), 0);
	}
	void TearDown() override
	{
		ends = {};
		EXPECT_TRUE(nothing_remains());
	}
	static int type() { return GetParam().type; }

	long send(const void *from, std::size_t length, int flags = MSG_ZEROCOPY)
	{
		return ::send(ends.writer.get(), from, length, flags);
	}
	/* No two pages, and no two pieces, are alike. */
	void vary()
	{
		for (std::size_t i = 0; i < size; i++)
			memory[i] = static_cast<char>('a' + i / 7 % 23);
	}
	/* All of a message, or as many bytes. */
	std::string read(std::size_t length = size)
	{
		std::string text(length, '\0');
		std::size_t seen = 0;

		while (seen < length) {
			const auto n =
				::recv(ends.reader.get(), text.data() + seen, length - seen, 0);
			if (n <= 0)
				return Errno{errno}.value ? "error" : "end";
			seen += static_cast<std::size_t>(n);
		}
		return text;
	}
	/* What is not there at once may still come. */
	std::optional<Completion> next_completion()
	{
		std::optional<Completion> completion;

		(void)eventually([&] {
			completion = completion_of(ends.writer);
			return completion.has_value();
		});
		return completion;
	}

	std::string memory = std::string(size, 'a');
	Ends ends;
};
INSTANTIATE_TEST_SUITE_P(Types, Zerocopy, testing::ValuesIn(std::span(socket_types).first<3>()),
			 socket_type_name);

TEST_P(Zerocopy, NothingIsCopiedUntilItIsRead)
{
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	EXPECT_FALSE(completion_of(ends.writer)) << "it is still in use";
	memory[0] = 'b';
	memory[size - 1] = 'c';
	const std::string text = read();
	EXPECT_EQ(text[0], 'b') << "it was read from where it was written";
	EXPECT_EQ(text[size - 1], 'c');
	pollfd wanted = {ends.writer.get(), 0, 0};
	EXPECT_EQ(::poll(&wanted, 1, 10'000), 1);
	EXPECT_EQ(wanted.revents, POLLERR);
	EXPECT_EQ(completion_of(ends.writer), (Completion{0, 0, false}));
	EXPECT_FALSE(completion_of(ends.writer));
}

TEST_P(Zerocopy, WhatACaptureSeesIsCopiedAndSaysSo)
{
	const glass::Fd capture(::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));

	must(capture.get(), "AF_PACKET");
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	EXPECT_EQ(read(), std::string(size, 'a'));
	EXPECT_EQ(next_completion(), (Completion{0, 0, true}));
}

/* Linux 7.3 copies only for the second who gets a frame. */
TEST_P(Zerocopy, WhatTheCoreBringsInIsCopiedAndSaysSo)
{
	set_fast_path(false);
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	EXPECT_EQ(read(), memory);
	EXPECT_EQ(next_completion(), (Completion{0, 0, !kernel_is_at_least(7, 3)}));
}

/* What finds no room leaves when the reader makes some: in another's call, and no slower. */
TEST_P(Zerocopy, WhatWaitsForRoomIsNotCopiedEither)
{
	if (type() != SOCK_STREAM) // a message is not larger than the room
		return;
	const std::string large(1'000'000, 'a');
	Task<long> writer([&] { return send(large.data(), large.size()); });

	EXPECT_EQ(Text(read(large.size())), Text(large));
	EXPECT_EQ(writer.result(), static_cast<long>(large.size()));
	EXPECT_EQ(next_completion(), (Completion{0, 0, false}));
}

TEST_P(Zerocopy, CallsAreNumberedAndToldTogether)
{
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(read(), memory);
	std::uint32_t next = 0;
	while (next < 3) {
		const auto completion = next_completion();
		ASSERT_TRUE(completion);
		EXPECT_EQ(completion->first, next);
		next = completion->last + 1;
	}
	EXPECT_EQ(next, 3U);
}

TEST_P(Zerocopy, FewBytesAreCopiedAndItSaysSo)
{
	ASSERT_EQ(send(memory.data(), 100), 100);
	EXPECT_EQ(read(100), std::string(100, 'a'));
	EXPECT_EQ(next_completion(), (Completion{0, 0, true}));
}

/* A frame has 17 fragments at most; a datagram is one frame, the others are more. */
TEST_P(Zerocopy, AMessageInManyPiecesIsCopiedWhereItMustBeOneFrame)
{
	std::array<iovec, 20> pieces;
	msghdr message = {};

	vary();
	for (std::size_t i = 0; i < pieces.size(); i++)
		pieces[i] = {memory.data() + i * 1000, 1000};
	message.msg_iov = pieces.data();
	message.msg_iovlen = pieces.size();
	ASSERT_EQ(::sendmsg(ends.writer.get(), &message, MSG_ZEROCOPY), static_cast<long>(size));
	EXPECT_EQ(read(), memory);
	EXPECT_EQ(next_completion(), (Completion{0, 0, type() == SOCK_DGRAM}));
}

TEST_P(Zerocopy, ItIsAskedForBySocketAndByCall)
{
	ASSERT_EQ(send(memory.data(), memory.size(), 0), static_cast<long>(size));
	EXPECT_EQ(read(), memory);
	ASSERT_EQ(ask_for(ends.writer, 0), 0);
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	memory[0] = 'b';
	EXPECT_EQ(read()[0], 'a') << "without the option, the flag means nothing";
	EXPECT_FALSE(completion_of(ends.writer));
}

TEST_P(Zerocopy, TheOptionIsRead)
{
	int value = -1;
	socklen_t length = sizeof(value);

	must(::getsockopt(ends.writer.get(), SOL_SOCKET, SO_ZEROCOPY, &value, &length), "get");
	EXPECT_EQ(value, 1);
	EXPECT_EQ(ask_for(ends.writer, 2), EINVAL);
	EXPECT_EQ(ask_for(ends.writer, -1), EINVAL);
}

/* As a reader who never reads would keep it from the sender for ever. */
TEST_P(Zerocopy, WhenTheReaderGoesMemoryIsFree)
{
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	ends.reader.reset();
	EXPECT_EQ(next_completion(), (Completion{0, 0, false}));
}

TEST_P(Zerocopy, WhenTheSenderGoesItIsReadAllTheSame)
{
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	ends.writer.reset();
	EXPECT_EQ(read(), memory);
}

TEST_P(Zerocopy, MemoryThatIsNotThereIsRefused)
{
	EXPECT_EQ(err(send(reinterpret_cast<const void *>(4096), size)), EFAULT);
	EXPECT_FALSE(completion_of(ends.writer));
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	EXPECT_EQ(read(), memory);
	EXPECT_EQ(next_completion(), (Completion{0, 0, false})) << "the refused one had no number";
}

/* Up to within a page, and on from there. */
TEST_P(Zerocopy, APartOfItIsRead)
{
	std::string seen;

	vary();
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	for (const std::size_t length : {1, 4095, 4097, 9001}) {
		std::string text(length, '\0');

		ASSERT_EQ(::recv(ends.reader.get(), text.data(), length, MSG_PEEK),
			  static_cast<long>(length));
		EXPECT_EQ(text, memory.substr(0, length));
	}
	if (type() == SOCK_STREAM) {
		for (const std::size_t length : {1, 4094, 3, 8200})
			seen += read(length);
	}
	seen += read(size - seen.size());
	EXPECT_EQ(seen, memory);
}

/* The reader's memory ends within the message. */
TEST_P(Zerocopy, WhereItCannotBeWrittenNothingIsLost)
{
	std::string text(9000, '\0');
	std::array<iovec, 2> parts = {
		{{text.data(), text.size()}, {reinterpret_cast<void *>(4096), size}}};
	msghdr message = {};

	message.msg_iov = parts.data();
	message.msg_iovlen = parts.size();
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	EXPECT_EQ(err(::recvmsg(ends.reader.get(), &message, MSG_PEEK)), EFAULT);
	EXPECT_EQ(read(), memory);
	EXPECT_EQ(next_completion(), (Completion{0, 0, false}));
}

/* It is pinned: what a user may pin is bounded. */
TEST_P(Zerocopy, NoMoreIsPinnedThanMayBe)
{
	const rlimit none = {4096, 4096};

	must(::setrlimit(RLIMIT_MEMLOCK, &none), "RLIMIT_MEMLOCK");
	// Not for root, as mlock() has it.
	must(::setresuid(12345, 12345, 12345), "setuid");
	EXPECT_EQ(err(send(memory.data(), memory.size())), ENOBUFS);
	EXPECT_EQ(send(memory.data(), memory.size(), 0), static_cast<long>(size));
}

/* A pipe keeps pages for as long as it wants: it gets others. */
TEST_P(Zerocopy, WhatIsSplicedOnIsCopied)
{
	std::array<int, 2> fds;
	std::string text(4096, '\0');

	must(::pipe2(fds.data(), O_CLOEXEC), "pipe");
	const glass::Fd from(fds[0]);
	const glass::Fd to(fds[1]);
	ASSERT_EQ(send(memory.data(), memory.size()), static_cast<long>(size));
	ASSERT_EQ(::splice(ends.reader.get(), nullptr, to.get(), nullptr, text.size(), 0),
		  static_cast<long>(text.size()));
	memory.assign(size, 'b');
	ASSERT_EQ(::read(from.get(), text.data(), text.size()), static_cast<long>(text.size()));
	EXPECT_EQ(text, std::string(text.size(), 'a'));
}

/* Frames are lost, sent again and copied on their way; what is read is what was sent. */
TEST_P(Zerocopy, ALossyDeviceLosesNothing)
{
	if (type() == SOCK_DGRAM) // it may lose them
		return;
	ASSERT_TRUE(tc("qdisc replace dev glass0 root netem loss 20% duplicate 10% corrupt 2%"));
	std::string all(1'000'000, '\0');
	const auto data = pattern(all.size());
	std::copy_n(reinterpret_cast<const char *>(data.data()), all.size(), all.begin());

	Task<long> writer([&] {
		std::size_t sent = 0;

		while (sent < all.size()) {
			const auto n = send(all.data() + sent, std::min(size, all.size() - sent));
			if (n < 0)
				return -1L;
			sent += static_cast<std::size_t>(n);
		}
		return static_cast<long>(sent);
	});
	EXPECT_EQ(Text(read(all.size())), Text(all));
	EXPECT_EQ(writer.result(), static_cast<long>(all.size()));
	std::uint32_t next = 0;
	while (const auto completion = next_completion()) {
		EXPECT_EQ(completion->first, next);
		next = completion->last + 1;
		if (next == all.size() / size)
			break;
	}
	EXPECT_EQ(next, all.size() / size);
}

TEST(ZerocopyRaw, IsRefusedAsOfRawIpv4)
{
	EXPECT_EQ(ask_for(glass_socket(SOCK_RAW)), EOPNOTSUPP);
	EXPECT_EQ(ask_for(relative_socket(SOCK_RAW)), EOPNOTSUPP);
}

} // namespace
