// SPDX-License-Identifier: GPL-2.0
/*
 * How a socket comes to be, who can come to have it, and who still has it when
 * one of them lets go.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>

#include "helper.h"
#include "lib/diag.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

class Creation : public testing::TestWithParam<SocketType>
{
protected:
	static int type() { return GetParam().type; }

	/*
	 * Sockets of this type that there are, as /proc/net/protocols counts them. That
	 * stays open: there may be no descriptor left.
	 */
	int sockets()
	{
		const auto name = "GLASS-" + std::string(glass::type_name(type()));
		std::array<char, 16384> text;
		const auto size =
			must(::pread(protocols_.get(), text.data(), text.size(), 0), "read");
		std::istringstream lines(std::string(text.data(), static_cast<std::size_t>(size)));

		for (std::string line; std::getline(lines, line);)
			if (const auto words = words_of(line); words.at(0) == name)
				return std::stoi(words.at(2));
		throw std::runtime_error("not in /proc/net/protocols");
	}

private:
	const glass::Fd protocols_{::open("/proc/self/net/protocols", O_RDONLY | O_CLOEXEC)};
};
INSTANTIATE_TEST_SUITE_P(Types, Creation, testing::ValuesIn(socket_types), socket_type_name);

long write_text(const glass::Fd &fd, std::string_view text)
{
	return ::write(fd.get(), text.data(), text.size());
}

/* What comes next, or by which error nothing does. */
std::string read_text(const Ends &ends, int flags = MSG_DONTWAIT)
{
	std::array<char, 256> buffer;
	const auto size = ::recv(ends.reader.get(), buffer.data(), buffer.size(), flags);

	if (size < static_cast<long>(ends.header))
		return "error: " + std::string(::strerrorname_np(errno));
	return {buffer.data() + ends.header, static_cast<std::size_t>(size) - ends.header};
}

/* The flags of the descriptor, and those of the file that can be asked for. */
std::pair<int, int> flags_of(int fd)
{
	return {static_cast<int>(must(::fcntl(fd, F_GETFD), "F_GETFD")),
		static_cast<int>(must(::fcntl(fd, F_GETFL), "F_GETFL")) & (O_ACCMODE | O_NONBLOCK)};
}

TEST_P(Creation, FlagsAreThoseAskedFor)
{
	for (const int flags :
	     {0, 0 | SOCK_CLOEXEC, 0 | SOCK_NONBLOCK, SOCK_CLOEXEC | SOCK_NONBLOCK}) {
		const std::pair wanted = {flags & SOCK_CLOEXEC ? FD_CLOEXEC : 0,
					  O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0)};
		const glass::Fd fd(::socket(glass::family(), type() | flags, 0));
		std::array<int, 2> pair = {-1, -1};

		EXPECT_EQ(flags_of(fd.get()), wanted);
		if (type() == SOCK_RAW)
			continue;
		must(::socketpair(glass::family(), type() | flags, 0, pair.data()), "socketpair");
		const std::array<glass::Fd, 2> ends = {glass::Fd(pair[0]), glass::Fd(pair[1])};
		for (const auto &end : ends)
			EXPECT_EQ(flags_of(end.get()), wanted);
	}
	for (const int flags : {O_APPEND, O_TRUNC, 0x10000000})
		EXPECT_EQ(outcome(::socket(glass::family(), type() | flags, 0)),
			  outcome(::socket(AF_UNIX, type() | flags, 0)));
}

/* So that there are @p spare descriptors left. */
void limit_descriptors(int spare)
{
	rlimit limits = {};

	must(::getrlimit(RLIMIT_NOFILE, &limits), "getrlimit");
	limits.rlim_cur = limits.rlim_max;
	must(::setrlimit(RLIMIT_NOFILE, &limits), "RLIMIT_NOFILE");
	limits.rlim_cur = static_cast<rlim_t>(glass::Fd(::dup(0)).get() + spare);
	must(::setrlimit(RLIMIT_NOFILE, &limits), "RLIMIT_NOFILE");
}

TEST_P(Creation, WithoutADescriptorLeftNothingIsLeftBehind)
{
	const int before = sockets();
	std::array<int, 2> pair = {-1, -1};

	limit_descriptors(0);
	EXPECT_EQ(err(::socket(glass::family(), type(), 0)), EMFILE);
	EXPECT_EQ(sockets(), before);
	for (const int spare : {0, 1}) {
		limit_descriptors(spare);
		EXPECT_EQ(err(::socketpair(glass::family(), type(), 0, pair.data())), EMFILE);
		EXPECT_EQ(sockets(), before);
	}
}

TEST_P(Creation, AConnectionWaitsForADescriptor)
{
	if (type() != SOCK_STREAM && type() != SOCK_SEQPACKET) {
		EXPECT_EQ(err(::accept(glass_socket(type()).get(), nullptr, nullptr)), EOPNOTSUPP);
		return;
	}
	const auto listening = listener(type());
	Socket client = stream(type());
	rlimit limits = {};
	rlimit none = {};

	must(client.connect(address_of(listening)), "connect");
	must(::getrlimit(RLIMIT_NOFILE, &limits), "getrlimit");
	none = limits;
	none.rlim_cur = 0;
	must(::setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
	EXPECT_EQ(err(::accept(listening.fd(), nullptr, nullptr)), EMFILE);
	must(::setrlimit(RLIMIT_NOFILE, &limits), "setrlimit");
	Socket server(glass::Fd(::accept(listening.fd(), nullptr, nullptr)));
	must(client.send(bytes("still there")), "send");
	EXPECT_EQ(read_message(server), "still there");
}

/* --- Who can come to have it --------------------------------------------------------------- */

/* Sends a descriptor over AF_UNIX. */
void pass_on(int fd, int through)
{
	std::array<char, CMSG_SPACE(sizeof(int))> room = {};
	iovec part = {const_cast<char *>("x"), 1};
	msghdr message = {};

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = room.data();
	message.msg_controllen = room.size();
	cmsghdr *const control = CMSG_FIRSTHDR(&message);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	std::memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	must(::sendmsg(through, &message, 0), "sendmsg");
}

glass::Fd take_over(int through)
{
	std::array<char, CMSG_SPACE(sizeof(int))> room = {};
	std::array<char, 1> byte;
	iovec part = {byte.data(), byte.size()};
	msghdr message = {};
	int fd = -1;

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = room.data();
	message.msg_controllen = room.size();
	must(::recvmsg(through, &message, MSG_CMSG_CLOEXEC), "recvmsg");
	if (const cmsghdr *control = CMSG_FIRSTHDR(&message))
		std::memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return glass::Fd(fd);
}

TEST_P(Creation, IsPassedOnOverUnixSockets)
{
	auto ends = glass_ends(type());
	const auto inode = inode_of(ends.reader.get());
	auto way = relative_ends(SOCK_STREAM);

	pass_on(ends.reader.get(), way.writer.get());
	ends.reader.reset();
	EXPECT_EQ(write_text(ends.writer, "on the way"), 10) << "nobody has closed it";
	ends.reader = take_over(way.reader.get());
	EXPECT_EQ(inode_of(ends.reader.get()), inode);
	EXPECT_EQ(read_text(ends, 0), "on the way");

	// And to another process, which writes.
	pass_on(ends.writer.get(), way.writer.get());
	EXPECT_EQ(in_child([&] {
			  const auto taken = take_over(way.reader.get());

			  return write_text(taken, "from a child") == 12 ? 0 : 1;
		  }),
		  0);
	EXPECT_EQ(read_text(ends, 0), "from a child");
}

TEST_P(Creation, IsLostWithTheMessageThatNobodyTook)
{
	const int before = sockets();
	auto socket = glass_socket(type());
	auto way = relative_ends(SOCK_STREAM);

	pass_on(socket.get(), way.writer.get());
	socket.reset();
	EXPECT_EQ(sockets(), before + 1);
	way = {};
	EXPECT_TRUE(eventually([&] { return sockets() == before; }));
}

TEST_P(Creation, IsInheritedByForkAndExec)
{
	const auto ends = glass_ends(type());
	const glass::Fd inherited(::dup(ends.writer.get()));

	const auto shell = [&](int fd) {
		return in_child([&] {
			const auto command = "echo from $0 >&" + std::to_string(fd);

			::execlp("sh", "sh", "-c", command.c_str(), "exec", nullptr);
			return 99;
		});
	};
	EXPECT_EQ(in_child([&] { return write_text(ends.writer, "from fork") == 9 ? 0 : 1; }), 0);
	EXPECT_EQ(read_text(ends, 0), "from fork");
	EXPECT_EQ(shell(inherited.get()), 0);
	EXPECT_EQ(read_text(ends, 0), "from exec\n");
	EXPECT_NE(shell(ends.writer.get()), 0) << "it is to be closed on exec";
	EXPECT_EQ(read_text(ends), "error: EAGAIN");
}

TEST_P(Creation, IsFetchedFromAnotherProcess)
{
	const auto ends = glass_ends(type());
	const int number = ends.writer.get();
	const auto fetch = [&] {
		const glass::Fd parent(static_cast<int>(
			must(::syscall(SYS_pidfd_open, ::getppid(), 0), "pidfd_open")));

		return ::syscall(SYS_pidfd_getfd, parent.get(), number, 0);
	};

	EXPECT_EQ(in_child([&] {
			  // Its own copy goes: what it fetches is the parent's.
			  must(::close(number), "close");
			  return write_text(glass::Fd(static_cast<int>(fetch())), "fetched") == 7
					 ? 0
					 : 1;
		  }),
		  0);
	EXPECT_EQ(read_text(ends, 0), "fetched");
	EXPECT_EQ(in_child([&] {
			  must(::setresuid(1234, 1234, 1234), "setresuid");
			  return err(fetch()).value;
		  }),
		  EPERM);
}

TEST_P(Creation, IsOneByEachOfItsDescriptors)
{
	auto ends = glass_ends(type());
	const int before = sockets();
	const glass::Fd copy(::fcntl(ends.reader.get(), F_DUPFD_CLOEXEC, 0));
	const int value = 7;
	int seen = 0;
	socklen_t size = sizeof(seen);

	EXPECT_EQ(sockets(), before);
	EXPECT_EQ(inode_of(copy.get()), inode_of(ends.reader.get()));
	must(::fcntl(copy.get(), F_SETFL, O_NONBLOCK), "F_SETFL");
	EXPECT_EQ(flags_of(ends.reader.get()).second & O_NONBLOCK, O_NONBLOCK);
	must(::setsockopt(copy.get(), SOL_SOCKET, SO_PRIORITY, &value, sizeof(value)), "set");
	must(::getsockopt(ends.reader.get(), SOL_SOCKET, SO_PRIORITY, &seen, &size), "get");
	EXPECT_EQ(seen, value);
	ends.reader = glass::Fd(::dup(copy.get()));
	EXPECT_EQ(sockets(), before);
	EXPECT_EQ(write_text(ends.writer, "to a copy"), 9);
	EXPECT_EQ(read_text(ends), "to a copy");
}

/* --- Who still has it --------------------------------------------------------------------------- */

TEST_P(Creation, ACallKeepsWhatAnotherThreadCloses)
{
	const int before = sockets();
	auto ends = glass_ends(type());
	const int number = ends.reader.get();
	Task<std::string> reader([&] {
		std::array<char, 256> buffer;
		const auto size = ::recv(number, buffer.data(), buffer.size(), 0);

		if (size < static_cast<long>(ends.header))
			return std::string(::strerrorname_np(errno));
		return std::string(buffer.data() + ends.header,
				   static_cast<std::size_t>(size) - ends.header);
	});

	ASSERT_TRUE(reader.sleeps_in(SYS_recvfrom));
	ends.reader.reset();
	EXPECT_EQ(err(::recv(number, nullptr, 0, 0)), EBADF);
	EXPECT_EQ(sockets(), before + 2);
	EXPECT_EQ(write_text(ends.writer, "for who waits"), 13);
	EXPECT_EQ(reader.result(), "for who waits");
	ends.writer.reset();
	EXPECT_TRUE(eventually([&] { return sockets() == before; }));
}

/* --- What is left of it ------------------------------------------------------------------------- */

TEST_P(Creation, EachHoldsTheModule)
{
	constexpr long each = 2; /* the file's and the socket's own */
	const long before = module_references();
	auto socket = glass_socket(type());

	EXPECT_EQ(module_references(), before + each);
	socket.reset();
	EXPECT_TRUE(eventually([&] { return module_references() == before; }));
	if (type() == SOCK_RAW)
		return;
	{
		const auto ends = glass_ends(type());

		EXPECT_EQ(module_references(), before + 2 * each) << "socketpair";
	}
	EXPECT_TRUE(eventually([&] { return module_references() == before; }));
	if (type() == SOCK_DGRAM)
		return;
	{
		/* Its listener, both ends. */
		const auto ends = connection(type());

		EXPECT_EQ(module_references(), before + 3 * each) << "accept";
	}
	EXPECT_TRUE(eventually([&] { return module_references() == before; }));
}

/* What nobody has read goes with its reader, and its sender has its room back. */
TEST_P(Creation, IsReleasedWithWhatItHasNotRead)
{
	constexpr int count = 20;
	const int before = sockets();
	const std::string slab = "GLASS-" + std::string(glass::type_name(type()));
	const std::string text(1000, 'x');
	const long references = module_references();
	const std::size_t objects = objects_in_slab(slab);
	auto ends = glass_ends(type());
	int queued = 0;

	for (int i = 0; i < count; i++)
		EXPECT_EQ(write_text(ends.writer, text), 1000);
	wait_until_arrived(ends);
	must(::ioctl(ends.reader.get(), SIOCINQ, &queued), "SIOCINQ");
	EXPECT_GE(queued, 1000);
	ends.reader.reset();
	EXPECT_TRUE(eventually([&] {
		must(::ioctl(ends.writer.get(), SIOCOUTQ, &queued), "SIOCOUTQ");
		return queued == 0;
	}));
	/* The sender may go first, too. */
	ends = glass_ends(type());
	EXPECT_EQ(write_text(ends.writer, text), 1000);
	ends.writer.reset();
	ends.reader.reset();
	EXPECT_TRUE(eventually([&] { return sockets() == before; }));
	EXPECT_TRUE(eventually([&] { return module_references() == references; }));
	EXPECT_TRUE(eventually([&] { return objects_in_slab(slab) <= objects; }));
}

} // namespace
