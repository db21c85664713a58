// SPDX-License-Identifier: GPL-2.0
/*
 * Streams in a sockmap: a program of BPF sees what one receives, and passes it,
 * drops it, or hands it to another socket, to be read there or to be sent by it;
 * between streams of Glass, and between one and one of AF_UNIX. The programs are put
 * together by hand, so that no compiler for them is needed.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "bpf.h"
#include "helper.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

/* What a program does with each frame that its socket receives. */
enum class Verdict { Pass, Drop, HandToRead, HandToSend };

/* Where the sockets stand in the map. */
constexpr int source = 0;
constexpr int target = 1;

class Map
{
public:
	Map()
		: fd_(own(::bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "glass", sizeof(int), sizeof(int),
					   2, nullptr),
			  "map"))
	{
	}
	Errno put(int place, const glass::Fd &socket)
	{
		const int fd = socket.get();

		return err(::bpf_map_update_elem(fd_.get(), &place, &fd, BPF_ANY));
	}
	Errno remove(int place) { return err(::bpf_map_delete_elem(fd_.get(), &place)); }

	/* Of what is put in afterwards. */
	void attach(Verdict verdict)
	{
		std::vector<bpf_insn> code;

		if (verdict == Verdict::Pass || verdict == Verdict::Drop) {
			code.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0,
						   verdict == Verdict::Pass ? SK_PASS : SK_DROP));
		} else {
			// bpf_sk_redirect_map(skb, map, target, flags)
			code = {
				instruction(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_MAP_FD,
					    0, fd_.get()),
				instruction(0, 0, 0, 0, 0),
				instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, target),
				instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0,
					    verdict == Verdict::HandToRead ? BPF_F_INGRESS : 0),
				instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sk_redirect_map),
			};
		}
		code.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
		LIBBPF_OPTS(bpf_prog_load_opts, options);
		program_ = own(::bpf_prog_load(BPF_PROG_TYPE_SK_SKB, "glass", "GPL", code.data(),
					       code.size(), &options),
			       "program");
		must(::bpf_prog_attach(program_.get(), fd_.get(), BPF_SK_SKB_VERDICT, 0), "attach");
	}

private:
	glass::Fd fd_;
	glass::Fd program_;
};

void write_to(const glass::Fd &fd, const std::string &text)
{
	ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
		  static_cast<long>(text.size()));
}

/* What comes next, or by which error nothing does. */
std::string read_from(const glass::Fd &fd, std::size_t size, int flags = 0)
{
	std::string text(size, '\0');
	const auto n = ::recv(fd.get(), text.data(), text.size(), flags);

	return n < 0 ? std::string(::strerrorname_np(errno))
		     : text.substr(0, static_cast<std::size_t>(n));
}

/*
 * The same when there is something. A read of AF_UNIX in a map that finds it only when
 * it is about to wait says EAGAIN (Linux 6.12, unix_msg_wait_data()).
 */
std::string read_from_unix(const glass::Fd &fd, std::size_t size)
{
	pollfd ready = {fd.get(), POLLIN, 0};

	must(::poll(&ready, 1, 10'000), "poll");
	return read_from(fd, size);
}

/* All of @p size bytes. */
std::string read_all(const glass::Fd &fd, std::size_t size)
{
	std::string text;

	while (text.size() < size) {
		const std::string part = read_from(fd, size - text.size());
		if (part.empty())
			break;
		text += part;
	}
	return text;
}

class Sockmap : public testing::Test
{
protected:
	void SetUp() override
	{
		enter_new_namespace();
		from = glass_ends(SOCK_STREAM);
		to = glass_ends(SOCK_STREAM);
	}
	void TearDown() override
	{
		from = {};
		to = {};
		EXPECT_TRUE(nothing_remains());
	}

	/* What is written to from.writer is handed to a socket of @c to. */
	void hand(Verdict verdict)
	{
		map.attach(verdict);
		must_be_put(source, from.reader);
		must_be_put(target, verdict == Verdict::HandToRead ? to.reader : to.writer);
	}
	void must_be_put(int place, const glass::Fd &socket)
	{
		ASSERT_EQ(map.put(place, socket), 0);
	}

	Map map;
	Ends from;
	Ends to;
};

TEST_F(Sockmap, WhatIsPassedIsReadWhereItCame)
{
	map.attach(Verdict::Pass);
	must_be_put(source, from.reader);
	write_to(from.writer, "hello");
	EXPECT_EQ(read_from(from.reader, 100), "hello");
	write_to(from.reader, "answer");
	EXPECT_EQ(read_from(from.writer, 100), "answer");
}

TEST_F(Sockmap, WhatIsDroppedIsGoneAndTheConnectionLives)
{
	map.attach(Verdict::Drop);
	must_be_put(source, from.reader);
	for (int i = 0; i < 100; i++) // more than its buffer holds: dropped, it needs none
		write_to(from.writer, std::string(10'000, 'x'));
	wait_until_arrived(from);
	ASSERT_EQ(map.remove(source), 0);
	write_to(from.writer, "seen");
	EXPECT_EQ(read_from(from.reader, 100), "seen");
}

TEST_F(Sockmap, WhatIsHandedIsReadByAnother)
{
	Task<std::string> waits([&] { return read_from(to.reader, 100); });

	ASSERT_TRUE(waits.sleeps_in(SYS_recvfrom));
	hand(Verdict::HandToRead);
	write_to(from.writer, "hello");
	EXPECT_EQ(waits.result(), "hello") << "it waited there before the map";
	write_to(from.writer, "again");
	pollfd wanted = {to.reader.get(), POLLIN, 0};
	EXPECT_EQ(::poll(&wanted, 1, 10'000), 1);
	EXPECT_EQ(read_from(to.reader, 2, MSG_PEEK), "ag");
	EXPECT_EQ(read_from(to.reader, 2), "ag");
	EXPECT_EQ(read_from(to.reader, 100), "ain");
	EXPECT_EQ(read_from(to.reader, 100, MSG_DONTWAIT), "EAGAIN");
	EXPECT_EQ(read_from(from.reader, 100, MSG_DONTWAIT), "EAGAIN");
	// And what its own peer sends comes, too.
	write_to(to.writer, "own");
	EXPECT_EQ(read_from(to.reader, 100), "own");
}

TEST_F(Sockmap, WhatIsHandedIsReadBeforeTheEnd)
{
	hand(Verdict::HandToRead);
	write_to(from.writer, "hello");
	pollfd wanted = {to.reader.get(), POLLIN, 0};
	EXPECT_EQ(::poll(&wanted, 1, 10'000), 1);
	to.writer.reset();
	EXPECT_EQ(read_from(to.reader, 100), "hello");
	EXPECT_EQ(read_from(to.reader, 100), "");
}

TEST_F(Sockmap, WhatIsHandedIsSplicedIntoAPipe)
{
	std::array<int, 2> fds;
	std::array<char, 16> buffer;

	must(::pipe2(fds.data(), O_CLOEXEC), "pipe");
	const glass::Fd pipe_from(fds[0]);
	const glass::Fd pipe_to(fds[1]);
	Task<long> waits(
		[&] { return ::splice(to.reader.get(), nullptr, pipe_to.get(), nullptr, 100, 0); });
	ASSERT_TRUE(waits.sleeps_in(SYS_splice));
	hand(Verdict::HandToRead);
	write_to(from.writer, "hello");
	EXPECT_EQ(waits.result(), 5);
	EXPECT_EQ(::read(pipe_from.get(), buffer.data(), buffer.size()), 5);
	EXPECT_EQ(std::string(buffer.data(), 5), "hello");
}

TEST_F(Sockmap, WhatIsHandedIsSentByAnother)
{
	hand(Verdict::HandToSend);
	write_to(from.writer, "hello");
	EXPECT_EQ(read_from(to.reader, 100), "hello");
	EXPECT_EQ(read_from(from.reader, 100, MSG_DONTWAIT), "EAGAIN");
}

/* More than the buffers of both connections hold; what is between them the core keeps. */
TEST_F(Sockmap, ALongStreamIsHandedOnWhole)
{
	const auto data = pattern(2'000'000);
	const std::string text(reinterpret_cast<const char *>(data.data()), data.size());

	hand(Verdict::HandToSend);
	Task<long> writer([&] {
		long written = 0;

		while (written < static_cast<long>(text.size())) {
			const auto n = ::send(from.writer.get(), text.data() + written,
					      text.size() - static_cast<std::size_t>(written), 0);
			if (n < 0)
				return -1L;
			written += n;
		}
		return written;
	});
	EXPECT_EQ(read_all(to.reader, text.size()), text);
	EXPECT_EQ(writer.result(), static_cast<long>(text.size()));
}

TEST_F(Sockmap, BetweenGlassAndUnix)
{
	const Ends other = relative_ends(SOCK_STREAM);

	for (const auto verdict : {Verdict::HandToRead, Verdict::HandToSend}) {
		Map there;

		there.attach(verdict);
		ASSERT_EQ(there.put(source, from.reader), 0);
		ASSERT_EQ(there.put(target,
				    verdict == Verdict::HandToRead ? other.reader : other.writer),
			  0);
		write_to(from.writer, "to unix");
		EXPECT_EQ(read_from_unix(other.reader, 100), "to unix");
		// The socket has the program, which has the map, which has the socket. And
		// a map that nobody has any more ends some time later: until then the
		// reader still has its program, which finds nobody to hand to.
		ASSERT_EQ(there.remove(source), 0);
		ASSERT_EQ(there.remove(target), 0);
	}
	for (const auto verdict : {Verdict::HandToRead, Verdict::HandToSend}) {
		const Ends sender = relative_ends(SOCK_STREAM);
		Map there;

		there.attach(verdict);
		ASSERT_EQ(there.put(source, sender.reader), 0);
		ASSERT_EQ(there.put(target, verdict == Verdict::HandToRead ? to.reader : to.writer),
			  0);
		write_to(sender.writer, "to glass");
		EXPECT_EQ(read_from(to.reader, 100), "to glass");
		ASSERT_EQ(there.remove(source), 0);
		ASSERT_EQ(there.remove(target), 0);
	}
}

TEST_F(Sockmap, OneThatWasReadInPartIsShownWhatIsLeft)
{
	write_to(from.writer, "hello");
	EXPECT_EQ(read_from(from.reader, 2), "he");
	hand(Verdict::HandToRead);
	write_to(from.writer, "!");
	EXPECT_EQ(read_all(to.reader, 4), "llo!");
}

TEST_F(Sockmap, OnlyConnectedStreamsComeIn)
{
	EXPECT_EQ(map.put(source, glass_socket(SOCK_STREAM)), EOPNOTSUPP);
	EXPECT_EQ(map.put(source, relative_socket(SOCK_STREAM)), EOPNOTSUPP) << "nor of AF_UNIX";
	for (const int type : {SOCK_SEQPACKET, SOCK_DGRAM, SOCK_RAW})
		EXPECT_EQ(map.put(source, glass_ends(type).reader), EOPNOTSUPP) << type;
}

TEST_F(Sockmap, ACloseTakesItOut)
{
	hand(Verdict::HandToSend);
	to.writer.reset();
	EXPECT_EQ(map.remove(target), EINVAL) << "nothing is there";
	EXPECT_EQ(read_from(to.reader, 1), "") << "and its peer hears of it";
	write_to(from.writer, "to nobody");
	from.reader.reset();
	EXPECT_EQ(map.remove(source), EINVAL);
}

TEST_F(Sockmap, AConnectionInAMapIsNotTakenBack)
{
	sockaddr nobody = {};

	nobody.sa_family = AF_UNSPEC;
	must_be_put(source, from.reader);
	EXPECT_EQ(err(::connect(from.reader.get(), &nobody, sizeof(nobody))), EBUSY);
	write_to(from.writer, "alive");
	EXPECT_EQ(read_from(from.reader, 100), "alive");
	ASSERT_EQ(map.remove(source), 0);
	EXPECT_EQ(err(::connect(from.reader.get(), &nobody, sizeof(nobody))), 0);
}

TEST_F(Sockmap, AMapThatGoesLetsItsSocketsGo)
{
	{
		Map other;

		other.attach(Verdict::Drop);
		ASSERT_EQ(other.put(source, from.reader), 0);
		write_to(from.writer, "lost");
	}
	EXPECT_TRUE(eventually([&] {
		write_to(from.writer, "x");
		return ::recv(from.reader.get(), std::array<char, 1>().data(), 1, MSG_DONTWAIT) ==
		       1;
	}));
}

} // namespace
