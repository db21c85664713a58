// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit program on a 64-bit kernel: by socketcall(2), the one call that all
 * socket calls once were, and by the calls that came later. Each is made by a
 * process that is one (machine32.c), on memory that it shares with the test. What
 * it says of Glass is compared with what it says of the relative.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "helper.h"
#include "lib/family.h"
#include "message.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

using u32 = std::uint32_t;

/* --- What a 32-bit program knows ------------------------------------------------------------- */

struct Iovec32 {
	u32 base;
	u32 size;
};
struct Msghdr32 {
	u32 name;
	u32 namelen;
	u32 iov;
	u32 iovlen;
	u32 control;
	u32 controllen;
	u32 flags;
};
struct Mmsghdr32 {
	Msghdr32 header;
	u32 size;
};
struct Cmsghdr32 {
	u32 size;
	std::int32_t level;
	std::int32_t type;
};
/* struct timeval and timespec, as they were. */
struct Time32 {
	std::int32_t seconds;
	std::int32_t part;
};
/* As they are. */
struct Time64 {
	std::int64_t seconds;
	std::int64_t part;
};
struct Ifreq32 {
	std::array<char, IFNAMSIZ> name;
	std::int32_t value;
	std::array<char, 12> rest;
};
struct Fprog32 {
	std::uint16_t count;
	std::uint16_t pad;
	u32 code;
};

/* Numbers of its calls. */
enum {
	nr_read = 3,
	nr_write = 4,
	nr_close = 6,
	nr_ioctl = 54,
	nr_socketcall = 102,
	nr_readv = 145,
	nr_writev = 146,
	nr_poll = 168,
};
/* Those of what socketcall(2) counts from 1 on; accept and send have a later brother. */
constexpr std::array<u32, 21> direct_numbers = {0,   359, 361, 362, 363, 364, 367,
						368, 360, 369, 371, 369, 371, 373,
						366, 365, 370, 372, 364, 337, 345};

/* An address that nothing is at. */
constexpr u32 bad = 0xfffff000;

/* --- The program ------------------------------------------------------------------------------ */

class Machine32
{
public:
	Machine32()
	{
		std::array<int, 2> calls;
		std::array<int, 2> results;
		const auto memory = own(::memfd_create("machine32", 0), "memfd_create");

		must(::ftruncate(memory.get(), size), "ftruncate");
		void *const place =
			::mmap(reinterpret_cast<void *>(base), size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED_NOREPLACE, memory.get(), 0);
		must(place == MAP_FAILED ? -1 : 0, "mmap");
		must(::pipe2(calls.data(), O_CLOEXEC), "pipe");
		must(::pipe2(results.data(), O_CLOEXEC), "pipe");
		const auto program =
			std::filesystem::read_symlink("/proc/self/exe").parent_path() / "machine32";
		child_ = static_cast<pid_t>(must(::fork(), "fork"));
		if (child_ == 0) {
			/* Above what they are to become. */
			const int memory_fd = ::fcntl(memory.get(), F_DUPFD, 50);
			const int calls_fd = ::fcntl(calls[0], F_DUPFD, 50);
			const int results_fd = ::fcntl(results[1], F_DUPFD, 50);

			::dup2(memory_fd, 3);
			::dup2(calls_fd, 4);
			::dup2(results_fd, 5);
			::execl(program.c_str(), "machine32", nullptr);
			::_exit(99);
		}
		calls_ = glass::Fd(calls[1]);
		results_ = glass::Fd(results[0]);
		::close(calls[0]);
		::close(results[1]);
		if (::read(results_.get(), sizes.data(), sizeof(sizes)) != sizeof(sizes))
			throw std::runtime_error(program.string() + " did not start");
	}
	~Machine32()
	{
		calls_.reset();
		::waitpid(child_, nullptr, 0);
		::munmap(reinterpret_cast<void *>(base), size);
	}
	Machine32(const Machine32 &) = delete;
	Machine32 &operator=(const Machine32 &) = delete;

	/* A system call; as libc would return. */
	template <typename... Args> long call(u32 number, Args... args)
	{
		const std::array<u32, 7> words = {number, static_cast<u32>(args)...};
		std::int32_t result = 0;

		must(::write(calls_.get(), words.data(), sizeof(words)), "call");
		if (::read(results_.get(), &result, sizeof(result)) != sizeof(result))
			throw std::runtime_error("machine32 has ended");
		if (result > -4096 && result < 0) {
			errno = -result;
			return -1;
		}
		return result;
	}
	/* Room in its memory. */
	u32 room(std::size_t bytes)
	{
		const u32 address = base + used_;

		used_ += static_cast<u32>((bytes + 15) & ~std::size_t{15});
		if (used_ > size)
			throw std::length_error("machine32 has no memory left");
		std::memset(reinterpret_cast<void *>(static_cast<std::uintptr_t>(address)), 0,
			    bytes);
		return address;
	}
	/* Places a value there. */
	template <typename T> u32 put(const T &value)
	{
		const u32 address = room(sizeof(value));

		at<T>(address) = value;
		return address;
	}
	u32 put_text(std::string_view text)
	{
		const u32 address = room(text.size());

		std::memcpy(&at<char>(address), text.data(), text.size());
		return address;
	}
	/* What is there. */
	template <typename T> static T &at(u32 address)
	{
		return *reinterpret_cast<T *>(static_cast<std::uintptr_t>(address));
	}
	static std::string text_at(u32 address, long count)
	{
		return {&at<char>(address), static_cast<std::size_t>(std::max(count, 0L))};
	}
	/* All of it is free again. */
	void forget() { used_ = 0; }

	std::array<u32, 5> sizes = {}; /* of a pointer, and of what Glass defines */

private:
	static constexpr u32 base = 0x40000000;
	static constexpr u32 size = 0x100000;

	glass::Fd calls_;
	glass::Fd results_;
	pid_t child_ = 0;
	u32 used_ = 0;
};

/* --- Its sockets ------------------------------------------------------------------------------- */

/* Two of them: what is written to the first is read from the second. */
struct Ends32 {
	long writer;
	long reader;
	std::size_t header = 0; /* bytes in front of a message as it is read */
};

/* A network namespace of one's own, with a way to 127.0.0.1. */
struct OwnNamespace {
	OwnNamespace()
	{
		enter_new_namespace();
		set_device_up(true, "lo");
	}
};

class Program32 : public testing::TestWithParam<SocketType>
{
protected:
	explicit Program32(bool by_socketcall) : by_socketcall_(by_socketcall) {}

	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }

	/* A socket call: SYS_* of <linux/net.h>. */
	template <typename... Args> long call(u32 which, Args... args)
	{
		if (!by_socketcall_)
			return machine.call(direct_numbers[which], args...);
		return machine.call(nr_socketcall, which,
				    machine.put(std::array<u32, 6>{static_cast<u32>(args)...}));
	}
	long create(int family)
	{
		return must(call(SYS_SOCKET, family, type(), type() == SOCK_RAW ? raw_protocol : 0),
			    "socket");
	}
	Ends32 pair(int family)
	{
		const u32 fds = machine.room(8);

		must(call(SYS_SOCKETPAIR, family, type(), 0, fds), "socketpair");
		return {machine.at<int>(fds), machine.at<int>(fds + 4)};
	}
	Ends32 glass_pair()
	{
		if (type() != SOCK_RAW)
			return pair(glass::family());
		const Ends32 ends = {create(glass::family()), create(glass::family()),
				     sizeof(glass_hdr)};
		const auto name = Address{GLASS_NODE_LOCAL, 0}.raw(glass::family());

		must(call(SYS_CONNECT, ends.writer, machine.put(name), sizeof(name)), "connect");
		return ends;
	}
	Ends32 relative_pair()
	{
		if (type() != SOCK_RAW)
			return pair(AF_UNIX);
		const Ends32 ends = {create(AF_INET), create(AF_INET), 20};
		/* 127.0.0.1 */
		const std::array<u32, 4> name = {AF_INET, 0x0100007f, 0, 0};

		must(call(SYS_CONNECT, ends.writer, machine.put(name), sizeof(name)), "connect");
		return ends;
	}

	/* A message in parts, and what it takes to receive one in parts. */
	Msghdr32 parts_of(std::initializer_list<std::string_view> texts)
	{
		std::array<Iovec32, 4> parts = {};
		Msghdr32 message = {};

		for (const auto text : texts)
			parts.at(message.iovlen++) = {machine.put_text(text),
						      static_cast<u32>(text.size())};
		message.iov = machine.put(parts);
		return message;
	}
	Msghdr32 room_for(std::initializer_list<std::size_t> sizes)
	{
		std::array<Iovec32, 4> parts = {};
		Msghdr32 message = {};

		for (const auto size : sizes)
			parts.at(message.iovlen++) = {machine.room(size), static_cast<u32>(size)};
		message.iov = machine.put(parts);
		return message;
	}
	/* The text in the parts of a received message of @p size bytes, without its header. */
	static std::string text_of(const Msghdr32 &message, long size, std::size_t header)
	{
		std::string text;

		for (u32 i = 0; i < message.iovlen && size > 0; i++) {
			const auto &part = Machine32::at<Iovec32>(message.iov + 8 * i);
			const long here = std::min<long>(size, part.size);

			text += Machine32::text_at(part.base, here);
			size -= here;
		}
		return text.size() < header ? "(too short)" : text.substr(header);
	}
	/* Bytes in a buffer. */
	long send_text(long fd, std::string_view text)
	{
		return call(SYS_SEND, fd, machine.put_text(text), text.size(), 0);
	}
	std::string receive_text(const Ends32 &ends)
	{
		const u32 buffer = machine.room(100);
		const long size = call(SYS_RECV, ends.reader, buffer, 100, 0);

		if (size < static_cast<long>(ends.header))
			return testing::PrintToString(err(size));
		return Machine32::text_at(buffer, size).substr(ends.header);
	}
	/* One message with a control message beside it. */
	Errno send_beside(long fd, int level, int kind, std::string_view data, u32 size)
	{
		auto message = parts_of({"x"});
		const u32 control = machine.room(64);

		Machine32::at<Cmsghdr32>(control) = {size, level, kind};
		std::memcpy(&Machine32::at<char>(control + sizeof(Cmsghdr32)), data.data(),
			    data.size());
		message.control = control;
		message.controllen = sizeof(Cmsghdr32) + static_cast<u32>(data.size());
		return err(call(SYS_SENDMSG, fd, machine.put(message), 0));
	}
	/* Receives a message; the control message of this kind that came with it. */
	template <typename T>
	std::optional<T> receive_beside(const Ends32 &ends, int level, int kind, u32 room = 64,
					u32 *flags = nullptr)
	{
		auto message = room_for({100});

		message.control = machine.room(64);
		message.controllen = room;
		const u32 address = machine.put(message);
		must(call(SYS_RECVMSG, ends.reader, address, 0), "recvmsg");
		message = Machine32::at<Msghdr32>(address);
		if (flags)
			*flags = message.flags;
		for (u32 at = 0; at + sizeof(Cmsghdr32) <= message.controllen;) {
			const auto &header = Machine32::at<Cmsghdr32>(message.control + at);

			if (header.level == level && header.type == kind &&
			    header.size == sizeof(header) + sizeof(T))
				return Machine32::at<T>(message.control + at +
							static_cast<u32>(sizeof(header)));
			at += (header.size + 3) & ~3u;
		}
		return {};
	}
	template <typename T> Errno set(long fd, int level, int option, const T &value)
	{
		return err(
			call(SYS_SETSOCKOPT, fd, level, option, machine.put(value), sizeof(value)));
	}
	/* A value and how large it is said to be; all of @p T is room. */
	template <typename T> std::pair<T, u32> get(long fd, int level, int option)
	{
		const u32 value = machine.room(sizeof(T));
		const u32 size = machine.put(static_cast<u32>(sizeof(T)));

		must(call(SYS_GETSOCKOPT, fd, level, option, value, size), "getsockopt");
		return {Machine32::at<T>(value), Machine32::at<u32>(size)};
	}

	std::vector<std::string> talk(const Ends32 &ends);
	void meet_by_names();

	/* The machine is begun in it. */
	const OwnNamespace own_namespace;
	Machine32 machine;

private:
	bool by_socketcall_;
};

/* What the same calls give on any two sockets. */
std::vector<std::string> Program32::talk(const Ends32 &ends)
{
	std::vector<std::string> said;
	const auto say = [&](const auto &what) { said.push_back(testing::PrintToString(what)); };
	const auto try_it = [&](u32 which, auto... args) { say(outcome(call(which, args...))); };

	say(send_text(ends.writer, "abc"));
	say(receive_text(ends));

	/* Parts. */
	const auto out = parts_of({"de", "", "fgh"});
	auto in = room_for({ends.header + 2, 100});
	try_it(SYS_SENDMSG, ends.writer, machine.put(out), 0);
	const u32 received = machine.put(in);
	const long size = call(SYS_RECVMSG, ends.reader, received, 0);
	say(text_of(in, size, ends.header));
	say(Machine32::at<Msghdr32>(received).flags);

	/* Several in one call. */
	const std::array<Mmsghdr32, 2> two = {{{parts_of({"i", "j"}), 0}, {parts_of({"kl"}), 0}}};
	const std::array<Mmsghdr32, 2> both = {
		{{room_for({ends.header + 2}), 0}, {room_for({ends.header + 2}), 0}}};
	const u32 sent = machine.put(two);
	const u32 came = machine.put(both);
	try_it(SYS_SENDMMSG, ends.writer, sent, 2, 0);
	try_it(SYS_RECVMMSG, ends.reader, came, 2, MSG_WAITALL, machine.put(Time32{10, 0}));
	for (u32 i = 0; i < 2; i++) {
		const auto &one = Machine32::at<Mmsghdr32>(came + i * sizeof(Mmsghdr32));

		say(Machine32::at<Mmsghdr32>(sent + i * sizeof(Mmsghdr32)).size);
		say(text_of(one.header, one.size, ends.header));
	}

	/* Options whose values look different from there, and timeouts. */
	say(set(ends.reader, SOL_SOCKET, SO_RCVTIMEO_OLD, Time32{0, 40'000}));
	const auto patience = get<Time64>(ends.reader, SOL_SOCKET, SO_RCVTIMEO_OLD);
	say(patience.second);
	say(get<Time32>(ends.reader, SOL_SOCKET, SO_RCVTIMEO_OLD).first.part);
	say(get<Time64>(ends.reader, SOL_SOCKET, SO_RCVTIMEO_NEW).first.part);
	say(receive_text(ends));
	say(set(ends.reader, SOL_SOCKET, SO_RCVTIMEO_NEW, Time64{0, 0}));
	say(set(ends.reader, SOL_SOCKET, SO_RCVTIMEO_OLD, 1));
	say(get<std::array<u32, 4>>(ends.reader, SOL_SOCKET, SO_LINGER).second);
	say(get<std::array<u32, 4>>(ends.reader, SOL_SOCKET, SO_TYPE));
	const std::array<sock_filter, 1> all = {{{BPF_RET | BPF_K, 0, 0, 0xffffffff}}};
	say(set(ends.reader, SOL_SOCKET, SO_ATTACH_FILTER, Fprog32{1, 0, machine.put(all)}));
	say(set(ends.reader, SOL_SOCKET, SO_DETACH_FILTER, 0));
	say(set(ends.reader, SOL_SOCKET, SO_DETACH_FILTER, 0));

	/* What is wrong. */
	auto nowhere = parts_of({"x"});
	nowhere.iov = bad;
	const auto from_nowhere = machine.put(std::array<Iovec32, 1>{{{bad, 3}}});
	try_it(SYS_SENDMSG, ends.writer, bad, 0);
	try_it(SYS_SENDMSG, ends.writer, machine.put(nowhere), 0);
	nowhere.iov = from_nowhere;
	try_it(SYS_SENDMSG, ends.writer, machine.put(nowhere), 0);
	try_it(SYS_SEND, ends.writer, bad, 3, 0);
	try_it(SYS_GETSOCKOPT, ends.writer, SOL_SOCKET, SO_TYPE, bad, machine.put(4));
	try_it(SYS_GETSOCKOPT, ends.writer, SOL_SOCKET, SO_TYPE, machine.room(4), bad);
	try_it(SYS_SETSOCKOPT, ends.writer, SOL_SOCKET, SO_RCVTIMEO_OLD, bad, 8);
	say(send_beside(ends.writer, SOL_SOCKET, SO_MARK, "1234", 4));
	say(send_beside(ends.writer, SOL_SOCKET, SO_MARK, "1234", 17));
	say(send_beside(ends.writer, 4711, 1, "1234", 16));
	say(receive_text(ends));
	try_it(SYS_SHUTDOWN, ends.writer, 3);

	/* All that is no socket call. */
	const u32 number = machine.room(4);
	const auto written = parts_of({"mn", "o"});
	say(machine.call(nr_writev, ends.writer, written.iov, written.iovlen));
	const u32 entry = machine.put(pollfd{static_cast<int>(ends.reader), POLLIN, 0});
	say(machine.call(nr_poll, entry, 1, 10'000));
	say(machine.at<pollfd>(entry).revents);
	say(outcome(machine.call(nr_ioctl, ends.reader, FIONREAD, number)));
	in = room_for({ends.header + 1, 100});
	say(text_of(in, machine.call(nr_readv, ends.reader, in.iov, in.iovlen), ends.header));
	say(outcome(machine.call(nr_ioctl, ends.writer, SIOCOUTQ, number)));
	say(outcome(machine.call(nr_ioctl, ends.reader, FIONBIO, machine.put(1))));
	say(receive_text(ends));
	say(outcome(machine.call(nr_ioctl, ends.reader, FIONREAD, bad)));
	say(outcome(machine.call(nr_ioctl, ends.reader, 0x8999, number)));
	Ifreq32 request = {};
	request.name = {'l', 'o'};
	const u32 device = machine.put(request);
	say(outcome(machine.call(nr_ioctl, ends.reader, SIOCGIFINDEX, device)));
	say(machine.at<Ifreq32>(device).value);
	say(outcome(machine.call(nr_ioctl, ends.reader, SIOCGIFMTU, device)));
	say(machine.at<Ifreq32>(device).value);
	if (is_connection()) {
		try_it(SYS_SHUTDOWN, ends.writer, SHUT_WR);
		machine.call(nr_poll, entry, 1, 10'000);
		say(receive_text(ends));
	}
	machine.call(nr_close, ends.writer);
	machine.call(nr_close, ends.reader);
	machine.forget();
	return said;
}

/* By names: who connects to whom, and who is told so. */
void Program32::meet_by_names()
{
	constexpr u32 port = 5000;
	const auto name = Address{GLASS_NODE_ANY, port}.raw(glass::family());
	const auto peer = Address{GLASS_NODE_LOCAL, port}.raw(glass::family());
	const u32 room = machine.room(2 * sizeof(name));
	const u32 size = machine.room(4);
	const auto told = [&](u32 which, long fd) {
		machine.at<u32>(size) = 2 * sizeof(name);
		must(call(which, fd, room, size), "a name");
		EXPECT_EQ(machine.at<u32>(size), sizeof(name));
		const auto &raw = machine.at<sockaddr_glass>(room);
		EXPECT_EQ(raw.sgl_family, glass::family());
		return Address{raw.sgl_node, raw.sgl_port};
	};
	Ends32 ends = {create(glass::family()), create(glass::family()),
		       type() == SOCK_RAW ? sizeof(glass_hdr) : 0};
	const long server = ends.reader;

	EXPECT_EQ(err(call(SYS_BIND, server, bad, sizeof(name))), EFAULT);
	EXPECT_EQ(err(call(SYS_BIND, server, machine.put(name), 3)), EINVAL);
	must(call(SYS_BIND, server, machine.put(name), sizeof(name)), "bind");
	EXPECT_EQ(told(SYS_GETSOCKNAME, server), (Address{GLASS_NODE_ANY, port}));
	EXPECT_EQ(err(call(SYS_LISTEN, server, 5)), is_connection() ? 0 : EOPNOTSUPP);
	must(call(SYS_CONNECT, ends.writer, machine.put(peer), sizeof(peer)), "connect");
	EXPECT_EQ(told(SYS_GETPEERNAME, ends.writer), (Address{GLASS_NODE_LOCAL, port}));
	if (is_connection()) {
		machine.at<u32>(size) = sizeof(name);
		ends.reader = must(call(SYS_ACCEPT, server, room, size), "accept");
		EXPECT_EQ(told(SYS_GETPEERNAME, ends.reader), told(SYS_GETSOCKNAME, ends.writer));
		EXPECT_EQ(err(call(SYS_ACCEPT4, server, 0, 0, 0x10000)), EINVAL);
	} else {
		/* A message has a name, too. */
		must(call(SYS_SENDTO, ends.writer, machine.put_text("named"), 5, 0,
			  machine.put(peer), sizeof(peer)),
		     "sendto");
		machine.at<u32>(size) = sizeof(name);
		const u32 buffer = machine.room(100);
		EXPECT_EQ(call(SYS_RECVFROM, server, buffer, 100, 0, room, size),
			  static_cast<long>(ends.header + 5));
		EXPECT_EQ(machine.at<u32>(size), sizeof(name));
		if (type() == SOCK_DGRAM) {
			const auto &raw = machine.at<sockaddr_glass>(room);
			EXPECT_EQ((Address{raw.sgl_node, raw.sgl_port}),
				  told(SYS_GETSOCKNAME, ends.writer));
		}
	}
	EXPECT_EQ(send_text(ends.writer, "hello"), 5);
	EXPECT_EQ(receive_text(ends), "hello");
}

class Socketcall : public Program32
{
protected:
	Socketcall() : Program32(true) {}
};
INSTANTIATE_TEST_SUITE_P(Types, Socketcall, testing::ValuesIn(socket_types), socket_type_name);

class DirectCall : public Program32
{
protected:
	DirectCall() : Program32(false) {}
};
INSTANTIATE_TEST_SUITE_P(Types, DirectCall, testing::ValuesIn(socket_types), socket_type_name);

/* --- Both ways --------------------------------------------------------------------------------- */

TEST_P(Socketcall, GivesWhatItGivesTheRelative)
{
	EXPECT_EQ(talk(glass_pair()), talk(relative_pair()));
}

TEST_P(DirectCall, GivesWhatItGivesTheRelative)
{
	EXPECT_EQ(talk(glass_pair()), talk(relative_pair()));
}

TEST_P(Socketcall, SocketsMeetByNames)
{
	meet_by_names();
}

TEST_P(DirectCall, SocketsMeetByNames)
{
	meet_by_names();
}

TEST_P(Socketcall, UnknownOnesAreInvalid)
{
	EXPECT_EQ(err(machine.call(nr_socketcall, 0, machine.room(24))), EINVAL);
	EXPECT_EQ(err(machine.call(nr_socketcall, 21, machine.room(24))), EINVAL);
	EXPECT_EQ(err(machine.call(nr_socketcall, SYS_SOCKET, bad)), EFAULT);
}

/* --- What is Glass's own ------------------------------------------------------------------------- */

TEST_P(DirectCall, StructuresAreAsLargeAsIn64Bits)
{
	EXPECT_EQ(machine.sizes,
		  (std::array<u32, 5>{4, sizeof(sockaddr_glass), sizeof(glass_pktinfo),
				      sizeof(glass_ucred), sizeof(glass_info)}));
}

TEST_P(DirectCall, TimesHaveTheSizeAskedFor)
{
	const Ends32 ends = glass_pair();
	const auto before = static_cast<std::int64_t>(now());

	const auto check = [&]<typename T>(int option, T) {
		must(set(ends.reader, SOL_SOCKET, option, 1) == 0 ? 0 : -1, "set");
		send_text(ends.writer, "x");
		const auto time = receive_beside<T>(ends, SOL_SOCKET, option);
		ASSERT_TRUE(time) << option;
		EXPECT_GE(time->seconds, before) << option;
		EXPECT_LE(time->seconds, now()) << option;
	};
	check(SO_TIMESTAMP_OLD, Time32{});
	check(SO_TIMESTAMPNS_NEW, Time64{});

	/* Without the option by ioctl(2), of messages; connections have none, as TCP. */
	must(set(ends.reader, SOL_SOCKET, SO_TIMESTAMPNS_NEW, 0) == 0 ? 0 : -1, "off");
	send_text(ends.writer, "x");
	EXPECT_EQ(receive_text(ends), "x");
	const u32 time = machine.room(16);
	for (const u32 request : {u32{SIOCGSTAMP_OLD}, u32{SIOCGSTAMPNS_OLD}}) {
		EXPECT_EQ(err(machine.call(nr_ioctl, ends.reader, request, time)),
			  is_connection() ? ENOENT : 0);
		if (!is_connection()) {
			EXPECT_GE(machine.at<Time32>(time).seconds, before);
			EXPECT_LE(machine.at<Time32>(time).seconds, now());
		}
		EXPECT_EQ(machine.at<u32>(time + 8), 0u) << "it has 8 bytes";
	}
	EXPECT_EQ(err(machine.call(nr_ioctl, ends.reader, SIOCGSTAMP_NEW, time)),
		  is_connection() ? ENOENT : 0);
	if (!is_connection()) {
		EXPECT_GE(machine.at<Time64>(time).seconds, before);
	}
}

TEST_P(DirectCall, ControlMessagesOfGlassCome)
{
	const Ends32 ends = glass_pair();
	u32 flags = 0;

	must(set(ends.reader, SOL_GLASS, GLASS_SO_PASSCRED, 1) == 0 ? 0 : -1, "PASSCRED");
	send_text(ends.writer, "x");
	const auto sender = receive_beside<glass_ucred>(ends, SOL_GLASS, GLASS_CMSG_CRED);
	ASSERT_TRUE(sender);
	EXPECT_GT(sender->pid, 0);
	EXPECT_NE(sender->pid, ::getpid()) << "the program has sent it";
	EXPECT_EQ(sender->uid, 0u);
	/* A header fits, and half of what is in it. */
	send_text(ends.writer, "x");
	EXPECT_FALSE(receive_beside<glass_ucred>(ends, SOL_GLASS, GLASS_CMSG_CRED, 18, &flags));
	EXPECT_EQ(flags & MSG_CTRUNC, u32{MSG_CTRUNC});
	if (is_connection())
		return;
	must(set(ends.reader, SOL_GLASS, GLASS_PKTINFO, 1) == 0 ? 0 : -1, "PKTINFO");
	const glass_pktinfo way = {ifindex_of("glass0"), GLASS_NODE_LOCAL};
	EXPECT_EQ(send_beside(ends.writer, SOL_GLASS, GLASS_PKTINFO,
			      {reinterpret_cast<const char *>(&way), sizeof(way)},
			      sizeof(Cmsghdr32) + sizeof(way)),
		  0);
	const auto told = receive_beside<glass_pktinfo>(ends, SOL_GLASS, GLASS_PKTINFO);
	ASSERT_TRUE(told);
	EXPECT_EQ(told->ifindex, way.ifindex);
	EXPECT_EQ(told->node, way.node);
	EXPECT_EQ(send_beside(ends.writer, SOL_GLASS, GLASS_PKTINFO, "1234", sizeof(Cmsghdr32) + 4),
		  EINVAL);
}

TEST_P(DirectCall, OptionsOfGlassAreTheSame)
{
	const Ends32 ends = glass_pair();

	EXPECT_EQ(set(ends.reader, SOL_GLASS, GLASS_RECVERR, 7), 0);
	EXPECT_EQ((get<std::array<u32, 2>>(ends.reader, SOL_GLASS, GLASS_RECVERR)),
		  (std::pair<std::array<u32, 2>, u32>({1, 0}, 4)));
	EXPECT_EQ(set(ends.reader, SOL_GLASS, GLASS_RECVERR, 'x'), EINVAL) << "a byte";
	if (!is_connection())
		return;
	const auto info = get<glass_info>(ends.reader, SOL_GLASS, GLASS_INFO);
	EXPECT_EQ(info.second, sizeof(glass_info));
	EXPECT_EQ(info.first.state, 1) << "ESTABLISHED";
	EXPECT_GT(info.first.mss, 0u);
}

} // namespace
