// SPDX-License-Identifier: GPL-2.0
/*
 * A socket is a file in sockfs: what the calls for files say of it, beside what
 * they say of AF_UNIX and TCP.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <sstream>

#include "helper.h"
#include "lib/diag.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

class Sockfs : public testing::TestWithParam<SocketType>
{
protected:
	static int type() { return GetParam().type; }
	/* As struct proto names it: in /proc/net/protocols, of its slab, of its files. */
	static std::string protocol_name()
	{
		return "GLASS-" + std::string(glass::type_name(type()));
	}
};
INSTANTIATE_TEST_SUITE_P(Types, Sockfs, testing::ValuesIn(socket_types), socket_type_name);

std::string link_of(int fd)
{
	std::array<char, 64> target = {};
	const auto size = must(::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(),
					  target.data(), target.size()),
			       "readlink");

	return {target.data(), static_cast<std::size_t>(size)};
}

/* --- The file system ------------------------------------------------------------------ */

TEST(SockfsMount, IsKnownAndRefused)
{
	std::string folder = "/tmp/sockfs.XXXXXX";

	EXPECT_EQ(std::ranges::count(lines_of("/proc/filesystems"), "nodev\tsockfs"), 1);
	ASSERT_NE(::mkdtemp(folder.data()), nullptr);
	EXPECT_EQ(err(::mount("none", folder.c_str(), "sockfs", 0, nullptr)), EINVAL);
	::rmdir(folder.c_str());
}

TEST_P(Sockfs, StatSaysSocketOfSockfs)
{
	const auto socket = glass_socket(type());
	const auto tcp = tcp_socket();
	struct stat status = {};
	struct stat other = {};
	struct statfs filesystem = {};

	must(::fstat(socket.get(), &status), "fstat");
	must(::fstat(tcp.get(), &other), "fstat");
	EXPECT_TRUE(S_ISSOCK(status.st_mode)) << std::oct << status.st_mode;
	EXPECT_EQ(status.st_mode, other.st_mode);
	EXPECT_EQ(status.st_dev, other.st_dev);
	EXPECT_EQ(major(status.st_dev), 0u) << "no device stands behind it";
	EXPECT_EQ(status.st_nlink, other.st_nlink);
	EXPECT_EQ(status.st_size, 0);
	EXPECT_EQ(status.st_uid, ::geteuid());
	EXPECT_NE(status.st_ino, 0u);
	EXPECT_NE(status.st_ino, other.st_ino);
	must(::fstatfs(socket.get(), &filesystem), "fstatfs");
	EXPECT_EQ(filesystem.f_type, SOCKFS_MAGIC);
}

/* --- Its number and its name ------------------------------------------------------------ */

TEST_P(Sockfs, TheInodeIsTheSameWhereverItIsShown)
{
	const auto socket = must(Socket::create(type()), "socket");
	const std::string place = std::to_string(socket.fd());
	const auto inode = inode_of(socket.fd());
	const auto is_it = [&](const auto &view) { return view.inode == inode; };
	std::size_t rows = 0;

	must(Socket(glass::Fd(::dup(socket.fd()))).bind({GLASS_NODE_ANY, GLASS_PORT_ANY}), "bind");
	EXPECT_EQ(link_of(socket.fd()), "socket:[" + std::to_string(inode) + "]");
	EXPECT_EQ(std::ranges::count(lines_of("/proc/self/fdinfo/" + place),
				     "ino:\t" + std::to_string(inode)),
		  1);
	for (const auto &line : lines_of("/proc/self/net/glass")) {
		const auto words = words_of(line);

		if (words.at(0) == glass::type_name(type()) && words.at(9) == std::to_string(inode))
			rows++;
	}
	EXPECT_EQ(rows, 1u) << "in /proc/net/glass";
	const auto views = must(glass::list_sockets(), "sock_diag");
	ASSERT_EQ(std::ranges::count_if(views, is_it), 1);
	EXPECT_EQ(std::ranges::find_if(views, is_it)->type, type());
}

TEST_P(Sockfs, OpeningItThroughProcIsRefused)
{
	for (const auto &socket : {glass_socket(type()), relative_socket(type()), tcp_socket()}) {
		const auto path = "/proc/self/fd/" + std::to_string(socket.get());

		for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_NONBLOCK})
			EXPECT_EQ(err(::open(path.c_str(), flags)), ENXIO) << flags;
	}
}

TEST_P(Sockfs, AnExtendedAttributeNamesTheProtocol)
{
	constexpr const char *name = "system.sockprotoname";
	const auto socket = glass_socket(type());
	const auto tcp = tcp_socket();
	const std::string wanted = protocol_name();
	std::array<char, 64> value = {};
	const struct {
		const char *what;
		std::function<long(int)> call;
	} rows[] = {
		{"list", [&](int fd) { return ::flistxattr(fd, value.data(), value.size()); }},
		{"list, short", [&](int fd) { return ::flistxattr(fd, value.data(), 3); }},
		{"get, short", [&](int fd) { return ::fgetxattr(fd, name, value.data(), 3); }},
		{"get another",
		 [&](int fd) { return ::fgetxattr(fd, "user.x", value.data(), value.size()); }},
		{"set", [&](int fd) { return ::fsetxattr(fd, name, "x", 1, 0); }},
		{"set another", [](int fd) { return ::fsetxattr(fd, "user.x", "x", 1, 0); }},
		{"remove", [&](int fd) { return ::fremovexattr(fd, name); }},
	};

	EXPECT_EQ(::fgetxattr(socket.get(), name, nullptr, 0), std::ssize(wanted) + 1);
	EXPECT_EQ(::fgetxattr(socket.get(), name, value.data(), value.size()),
		  std::ssize(wanted) + 1);
	EXPECT_STREQ(value.data(), wanted.c_str());
	EXPECT_GT(::flistxattr(socket.get(), value.data(), value.size()), 0);
	EXPECT_STREQ(value.data(), name);
	for (const auto &[what, call] : rows)
		EXPECT_EQ(outcome(call(socket.get())), outcome(call(tcp.get()))) << what;
}

TEST_P(Sockfs, AcceptedAndJoinedOnesHaveTheNameToo)
{
	std::array<char, 64> value = {};

	if (type() == SOCK_RAW) {
		EXPECT_EQ(err(Socket::pair(type())), EOPNOTSUPP) << "so there is none";
		return;
	}
	const auto [one, two] = must(Socket::pair(type()), "socketpair");
	must(::fgetxattr(two.fd(), "system.sockprotoname", value.data(), value.size()), "joined");
	EXPECT_EQ(value.data(), protocol_name());
	if (type() == SOCK_DGRAM)
		return;
	const auto ends = connection(type());
	value = {};
	must(::fgetxattr(ends.server.fd(), "system.sockprotoname", value.data(), value.size()),
	     "accepted");
	EXPECT_EQ(value.data(), protocol_name());
}

/* --- What files can do, and sockets cannot ---------------------------------------------------- */

TEST_P(Sockfs, IsNoFileOfBytes)
{
	std::array<char, 8> buffer = {};
	iovec part = {buffer.data(), buffer.size()};
	const struct {
		const char *what;
		std::function<long(int)> call;
		int error;
	} rows[] = {
		{"lseek", [](int fd) { return ::lseek(fd, 0, SEEK_SET); }, ESPIPE},
		{"lseek to the end", [](int fd) { return ::lseek(fd, 0, SEEK_END); }, ESPIPE},
		{"pread", [&](int fd) { return ::pread(fd, buffer.data(), 1, 0); }, ESPIPE},
		{"pwrite", [&](int fd) { return ::pwrite(fd, buffer.data(), 1, 0); }, ESPIPE},
		{"preadv", [&](int fd) { return ::preadv(fd, &part, 1, 0); }, ESPIPE},
		{"mmap",
		 [](int fd) {
			 return ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED
					? -1
					: 0;
		 },
		 ENODEV},
		{"ftruncate", [](int fd) { return ::ftruncate(fd, 0); }, EINVAL},
		{"fallocate", [](int fd) { return ::fallocate(fd, 0, 0, 1); }, ENODEV},
		{"fsync", [](int fd) { return ::fsync(fd); }, EINVAL},
		{"getdents",
		 [&](int fd) { return ::syscall(SYS_getdents64, fd, buffer.data(), 8); }, ENOTDIR},
		{"fchdir", [](int fd) { return ::fchdir(fd); }, ENOTDIR},
		{"openat below it", [](int fd) { return ::openat(fd, "x", O_RDONLY); }, ENOTDIR},
		{"lease", [](int fd) { return ::fcntl(fd, F_SETLEASE, F_WRLCK); }, EINVAL},
		{"pipe size", [](int fd) { return ::fcntl(fd, F_GETPIPE_SZ); }, EBADF},
	};
	const auto ends = glass_ends(type());
	const auto others = relative_ends(type());

	for (const auto &[what, call, error] : rows) {
		EXPECT_EQ(err(call(others.writer.get())), error) << what << ", the relative";
		EXPECT_EQ(err(call(ends.writer.get())), error) << what;
	}
}

/* --- What is written to it ------------------------------------------------------------------------ */

/* Bytes that a message had on its way through write(2) and read(2): with its header. */
long pass(const Ends &ends, std::size_t size)
{
	std::vector<std::byte> buffer(4096);
	const auto data = pattern(size);

	must(::write(ends.writer.get(), data.data(), data.size()), "write");
	return must(::read(ends.reader.get(), buffer.data(), buffer.size()), "read");
}

std::string position_of(const glass::Fd &fd)
{
	return words_of(lines_of("/proc/self/fdinfo/" + std::to_string(fd.get())).at(0)).at(1);
}

TEST_P(Sockfs, ThePositionStaysAtZero)
{
	const auto ends = glass_ends(type());

	for (const std::size_t size : {1u, 100u, 1000u}) {
		EXPECT_EQ(pass(ends, size), static_cast<long>(ends.header + size));
		EXPECT_EQ(position_of(ends.writer), "0");
		EXPECT_EQ(position_of(ends.reader), "0");
	}
}

/* /proc/self/io, read by one read(2), which it counts from the next time on. */
std::map<std::string, long> io_counters()
{
	std::array<char, 1024> buffer;
	const glass::Fd file(static_cast<int>(must(::open("/proc/self/io", O_RDONLY), "io")));
	const auto size = must(::read(file.get(), buffer.data(), buffer.size()), "read");
	std::istringstream text(std::string(buffer.data(), static_cast<std::size_t>(size)));
	std::map<std::string, long> counters = {{"own", size}};
	std::string name;

	for (long value = 0; text >> name >> value;)
		counters[name] = value;
	return counters;
}

/* What three messages, and one that is sent and received, add to them. */
std::array<long, 4> io_of(const Ends &ends)
{
	std::array<std::byte, 2048> buffer;
	const auto before = io_counters();

	for (const std::size_t size : {1u, 100u, 1000u})
		pass(ends, size);
	must(::send(ends.writer.get(), buffer.data(), 500, 0), "send");
	must(::recv(ends.reader.get(), buffer.data(), buffer.size(), 0), "recv");
	const auto after = io_counters();
	const auto rise = [&](const char *name) { return after.at(name) - before.at(name); };

	return {rise("wchar:"), rise("syscw:"),
		rise("rchar:") - before.at("own") - 3 * static_cast<long>(ends.header),
		rise("syscr:") - 1};
}

TEST_P(Sockfs, ReadsAndWritesAreCountedAsThoseOfTcp)
{
	const auto counted = io_of(glass_ends(type()));

	EXPECT_EQ(counted, io_of(tcp_ends()));
	EXPECT_EQ(counted, (std::array<long, 4>{1101, 3, 1101, 3}))
		<< "of bytes written, writes, bytes read, reads";
}

/* Where it is mounted: blocks free, files free. */
std::map<std::string, std::pair<fsblkcnt_t, fsfilcnt_t>> room_of_file_systems()
{
	std::map<std::string, std::pair<fsblkcnt_t, fsfilcnt_t>> rooms;

	for (const auto &line : lines_of("/proc/self/mounts")) {
		const auto words = words_of(line);
		struct statvfs room = {};

		must(::statvfs(words.at(1).c_str(), &room), "statvfs");
		rooms[words.at(1)] = {room.f_bfree, room.f_ffree};
	}
	return rooms;
}

TEST_P(Sockfs, AWriteChangesNoMountedFileSystem)
{
	const auto ends = glass_ends(type());
	const auto before = room_of_file_systems();

	EXPECT_FALSE(before.empty());
	for (int i = 0; i < 100; i++)
		pass(ends, 1000);
	EXPECT_EQ(room_of_file_systems(), before);
}

/* --- Locks ---------------------------------------------------------------------------------- */

struct flock whole_file(short kind)
{
	struct flock lock = {};

	lock.l_type = kind;
	lock.l_whence = SEEK_SET;
	return lock;
}

/* What locking gives, step by step; the second half from a child. */
std::vector<Outcome> lock_it(int fd)
{
	std::vector<Outcome> seen;
	auto write_lock = whole_file(F_WRLCK);
	auto found = whole_file(F_WRLCK);
	const glass::Fd copy(::dup(fd));

	seen.push_back(outcome(::flock(fd, LOCK_EX | LOCK_NB)));
	seen.push_back(outcome(::flock(copy.get(), LOCK_EX | LOCK_NB)));
	seen.push_back(outcome(::flock(copy.get(), LOCK_UN)));
	seen.push_back(outcome(::fcntl(fd, F_SETLK, &write_lock)));
	seen.push_back(outcome(in_child([&] {
		const int refused = err(::fcntl(fd, F_SETLK, &write_lock)).value;

		must(::fcntl(fd, F_GETLK, &found), "F_GETLK");
		return refused == EAGAIN && found.l_type == F_WRLCK && found.l_pid == ::getppid();
	})));
	write_lock.l_type = F_UNLCK;
	seen.push_back(outcome(::fcntl(fd, F_SETLK, &write_lock)));
	write_lock.l_type = F_WRLCK;
	seen.push_back(outcome(::fcntl(fd, F_OFD_SETLK, &write_lock)));
	seen.push_back(outcome(::fcntl(copy.get(), F_OFD_SETLK, &write_lock)));
	seen.push_back(outcome(::fcntl(fd, F_SETLK, &write_lock)));
	return seen;
}

TEST_P(Sockfs, LocksAreThoseOfTcp)
{
	const auto seen = lock_it(glass_socket(type()).get());

	EXPECT_EQ(seen, lock_it(tcp_socket().get()));
	EXPECT_EQ(seen.at(0), (Outcome{0, {0}}));
	EXPECT_EQ(seen.at(4), (Outcome{1, {0}})) << "another process is refused, and told by whom";
	EXPECT_EQ(seen.back(), (Outcome{-1, {EAGAIN}})) << "the open file's lock is another's";
}

/* --- What is no socket ------------------------------------------------------------------------ */

TEST_P(Sockfs, CallsForSocketsNeedOne)
{
	const glass::Fd file(static_cast<int>(must(::open("/dev/null", O_RDWR), "open")));
	auto closed = glass_socket(type());
	const int number = closed.get();
	sockaddr_glass name = {};
	socklen_t size = sizeof(name);
	auto *const address = reinterpret_cast<sockaddr *>(&name);
	int value = 0;
	socklen_t value_size = sizeof(value);
	const struct {
		const char *what;
		std::function<long(int)> call;
	} rows[] = {
		{"bind", [&](int fd) { return ::bind(fd, address, sizeof(name)); }},
		{"connect", [&](int fd) { return ::connect(fd, address, sizeof(name)); }},
		{"listen", [](int fd) { return ::listen(fd, 1); }},
		{"accept", [](int fd) { return ::accept(fd, nullptr, nullptr); }},
		{"getsockname", [&](int fd) { return ::getsockname(fd, address, &size); }},
		{"getpeername", [&](int fd) { return ::getpeername(fd, address, &size); }},
		{"send", [&](int fd) { return ::send(fd, &value, sizeof(value), 0); }},
		{"recv", [&](int fd) { return ::recv(fd, &value, sizeof(value), MSG_DONTWAIT); }},
		{"shutdown", [](int fd) { return ::shutdown(fd, SHUT_RDWR); }},
		{"getsockopt",
		 [&](int fd) {
			 return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &value_size);
		 }},
		{"setsockopt",
		 [&](int fd) {
			 return ::setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, sizeof(value));
		 }},
	};

	name.sgl_family = static_cast<sa_family_t>(Socket(std::move(closed)).family());
	for (const auto &[what, call] : rows) {
		EXPECT_EQ(err(call(file.get())), ENOTSOCK) << what;
		EXPECT_EQ(err(call(number)), EBADF) << what << ", closed";
		EXPECT_EQ(err(call(-1)), EBADF) << what << ", -1";
	}
}

/* --- Memory ------------------------------------------------------------------------------------- */

/* Inodes are freed a grace period after their last user: the number that stays. */
std::size_t settled_objects_in(const std::string &slab)
{
	std::size_t before = 0;
	std::size_t now = 0;

	for (int same = 0; same < 3; same = now == before ? same + 1 : 0) {
		before = now;
		must(::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), "membarrier");
		now = objects_in_slab(slab);
	}
	return now;
}

/*
 * What other cases have left to the kernel, namespaces above all, goes in its own
 * time and takes inodes along: then it is counted again.
 */
TEST_P(Sockfs, EachHasAnInodeAndASockUntilItIsClosed)
{
	constexpr std::size_t count = 1000;
	const rlimit limit = {2 * count, 2 * count};
	struct Objects {
		std::size_t inodes = settled_objects_in("sock_inode_cache");
		std::size_t socks = settled_objects_in(protocol_name());
	};
	std::vector<glass::Fd> sockets;
	Objects open, closed;

	must(::setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
	for (int round = 0; round < 10; round++) {
		for (std::size_t i = 0; i < count; i++)
			sockets.push_back(glass_socket(type()));
		open = Objects();
		sockets.clear();
		closed = Objects();
		if (open.inodes - closed.inodes == count)
			break;
	}
	EXPECT_EQ(open.inodes - closed.inodes, count);
	EXPECT_EQ(open.socks - closed.socks, count);
}

/* --- Its owner -------------------------------------------------------------------------------------- */

TEST_P(Sockfs, AnotherOwnerIsShown)
{
	auto socket = must(Socket::create(type()), "socket");
	const auto inode = inode_of(socket.fd());
	const auto owner = [&] {
		for (const auto &view : must(glass::list_sockets(), "sock_diag"))
			if (view.inode == inode)
				return static_cast<long>(view.uid);
		return -1L;
	};
	struct stat status = {};

	must(socket.bind({GLASS_NODE_ANY, GLASS_PORT_ANY}), "bind");
	EXPECT_EQ(owner(), 0);
	must(::fchown(socket.fd(), 1234, 99), "fchown");
	EXPECT_EQ(owner(), 1234);
	must(::fchown(socket.fd(), static_cast<uid_t>(-1), 98), "fchown");
	EXPECT_EQ(owner(), 1234) << "only the group was changed";
	must(::fstat(socket.fd(), &status), "fstat");
	EXPECT_EQ(status.st_uid, 1234u);
	EXPECT_EQ(status.st_gid, 98u);
	drop_capability(CAP_CHOWN);
	EXPECT_EQ(outcome(::fchown(socket.fd(), 77, 77)),
		  outcome(::fchown(tcp_socket().get(), 77, 77)));
	EXPECT_EQ(owner(), 1234);
}

} // namespace
