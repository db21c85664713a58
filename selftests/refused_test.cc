// SPDX-License-Identifier: GPL-2.0
/*
 * Each thing that a call asks the kernel for is refused once: memory, and copies
 * from and to user space. The call fails with an error that says so, or does
 * without; made again it succeeds; and nothing is left behind, for which the guest
 * looks after the last case (leaks, references, warnings), and the tests at what
 * sockets there are.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "fault.h"
#include "helper.h"
#include "lib/control.h"
#include "lib/diag.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

constexpr std::uint32_t port = 5000;
/* More than the head of a buffer holds, and less than the buffers of a socket. */
constexpr std::size_t large = 40'000;

/* Calls that are refused something, in a namespace of their own. */
class WithFaults : public testing::Test
{
protected:
	void SetUp() override
	{
		if (!Faults::are_there())
			GTEST_SKIP() << "this kernel injects no faults";
		enter_new_namespace();
		faults_ = std::make_unique<Faults>();
	}
	void TearDown() override
	{
		if (!faults_)
			return;
		EXPECT_TRUE(nothing_remains());
		std::cout << points_ << " refused" << std::endl;
		EXPECT_GT(points_, 0);
	}

	/* How many things were refused. */
	int walk(const char *name, const std::function<FaultyCall()> &prepare,
		 const std::set<int> &others = {})
	{
		SCOPED_TRACE(name);
		const int points = faults_->walk(prepare, others);

		points_ += points;
		return points;
	}
	/* For calls in which the rest of the kernel asks for a thousand times more. */
	void refuse_only_glass() { faults_->only_near("glass"); }
	void refuse_only_below(const std::string &function, int depth)
	{
		faults_->only_below(function, depth);
	}

private:
	std::unique_ptr<Faults> faults_;
	int points_ = 0;
};

class Refused : public WithFaults, public testing::WithParamInterface<SocketType>
{
protected:
	static int type() { return GetParam().type; }
	static bool has_connections() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }

	/* Of sockets in a state that @p make makes. */
	template <typename State>
	void walk_on(const char *name, const std::function<State()> &make,
		     const std::function<long(State &)> &call,
		     const std::function<void(State &)> &check = {},
		     const std::set<int> &others = {})
	{
		walk(
			name,
			[&] {
				const auto state = std::make_shared<State>(make());
				FaultyCall made;

				made.make = [state, &call] { return err(call(*state)); };
				if (check)
					made.check = [state, &check] { check(*state); };
				return made;
			},
			others);
	}
	/* On one new socket. */
	void walk_new(const char *name, const std::function<long(int)> &call)
	{
		walk_on<glass::Fd>(
			name, [] { return glass_socket(type()); },
			[&](glass::Fd &fd) { return call(fd.get()); });
	}
	/* On two that speak with each other. */
	void walk_ends(const char *name, const std::function<long(Ends &)> &call,
		       const std::function<void(Ends &)> &check = {})
	{
		walk_on<Ends>(
			name, [] { return glass_ends(type()); }, call, check);
	}
	/*
	 * On two, of which one has sent something that has arrived. A message whose copy was
	 * refused is gone, as of UDP; the bytes of a stream are not.
	 */
	void walk_reader(const char *name, const std::string &text,
			 const std::function<long(Ends &)> &call)
	{
		struct Reader {
			Ends ends;
			bool has_failed = false;
		};

		walk_on<Reader>(
			name,
			[&] {
				Reader reader = {glass_ends(type())};

				must(::send(reader.ends.writer.get(), text.data(), text.size(), 0),
				     "send");
				wait_until_arrived(reader.ends);
				// So that who finds none is told so, whatever the call.
				must(::fcntl(reader.ends.reader.get(), F_SETFL, O_NONBLOCK),
				     "O_NONBLOCK");
				return reader;
			},
			[&](Reader &reader) {
				const long n = call(reader.ends);

				if (n < 0 && errno == EAGAIN && reader.has_failed &&
				    type() != SOCK_STREAM)
					return 0L;
				reader.has_failed = n < 0;
				return n;
			});
	}
};
INSTANTIATE_TEST_SUITE_P(Types, Refused, testing::ValuesIn(socket_types), socket_type_name);

sockaddr_glass name_of(std::uint32_t at)
{
	return glass::Address{GLASS_NODE_LOCAL, at}.raw(glass::family());
}

long bind_to(int fd, std::uint32_t at)
{
	const auto name = name_of(at);

	return ::bind(fd, reinterpret_cast<const sockaddr *>(&name), sizeof(name));
}

long connect_to(int fd, std::uint32_t at)
{
	const auto name = name_of(at);

	return ::connect(fd, reinterpret_cast<const sockaddr *>(&name), sizeof(name));
}

TEST_P(Refused, ToCreate)
{
	// "No more sockets" is what the kernel says when it has no inode (ENFILE).
	walk("socket",
	     [] {
		     const auto made = std::make_shared<glass::Fd>();

		     return FaultyCall{
			     [made] {
				     const int protocol = type() == SOCK_RAW ? raw_protocol : 0;

				     made->reset(::socket(glass::family(), type(), protocol));
				     return *made ? Errno{} : Errno{errno};
			     },
			     {}};
	     },
	     {ENFILE});
	if (type() == SOCK_RAW)
		return;
	walk("socketpair",
	     [] {
		     return FaultyCall{[] {
					       std::array<int, 2> fds;
					       const auto error = err(::socketpair(
						       glass::family(), type(), 0, fds.data()));

					       if (!error.value)
						       for (const int fd : fds)
							       ::close(fd);
					       return error;
				       },
				       {}};
	     },
	     {ENFILE});
}

TEST_P(Refused, ToNameAndConnect)
{
	const int one = 1;

	walk_new("bind", [](int fd) { return bind_to(fd, port); });
	walk_new("bind to any", [](int fd) { return bind_to(fd, GLASS_PORT_ANY); });
	if (type() != SOCK_RAW)
		walk_on<glass::Fd>(
			"bind one of a group",
			[&] {
				auto fd = glass_socket(type());

				must(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one,
						  sizeof(one)),
				     "SO_REUSEPORT");
				return fd;
			},
			[](glass::Fd &fd) { return bind_to(fd.get(), port); });
	if (!has_connections()) {
		const auto receiver = bound(port);

		walk_new("connect", [](int fd) { return connect_to(fd, port); });
		return;
	}
	walk_on<glass::Fd>(
		"listen",
		[] {
			auto fd = glass_socket(type());

			must(bind_to(fd.get(), GLASS_PORT_ANY), "bind");
			return fd;
		},
		[](glass::Fd &fd) { return ::listen(fd.get(), 5); });
	const auto listening = listener(type(), port);
	walk_on<glass::Fd>(
		"connect", [] { return glass_socket(type()); },
		[](glass::Fd &fd) { return connect_to(fd.get(), port); },
		[&](glass::Fd &) {
			// Who has connected, or was about to, waits there to be taken.
			glass::Fd(::accept4(listening.fd(), nullptr, nullptr, SOCK_NONBLOCK));
		});
	// Who cannot be told the name of one that was accepted has lost it, as with TCP.
	must(::fcntl(listening.fd(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	struct Client {
		Socket socket;
		bool has_failed = false;
	};
	walk_on<Client>(
		"accept",
		[&] {
			Client client = {stream(type())};

			must(client.socket.connect(address_of(listening)), "connect");
			return client;
		},
		[&](Client &client) -> long {
			sockaddr_glass name;
			socklen_t size = sizeof(name);
			const glass::Fd server(::accept4(listening.fd(),
							 reinterpret_cast<sockaddr *>(&name), &size,
							 SOCK_CLOEXEC));

			if (server || (errno == EAGAIN && client.has_failed))
				return 0;
			client.has_failed = true;
			return -1;
		},
		{}, {ENFILE});
}

/* Sends by @p call, then the reader must have it. */
TEST_P(Refused, ToSend)
{
	static const std::string text(large, 'x');
	std::array<char, 2> pages = {'a', 'b'};
	const glass::Fd file(::open("/tmp", O_TMPFILE | O_RDWR, 0600));
	const auto has = [](std::size_t size) {
		return [size](Ends &ends) {
			std::vector<char> buffer(large + ends.header);
			std::size_t seen = 0;

			// What a stream was given in a call that failed midway comes, too.
			for (long n; seen < size; seen += static_cast<std::size_t>(n)) {
				n = ::recv(ends.reader.get(), buffer.data(), buffer.size(),
					   type() == SOCK_RAW ? MSG_DONTWAIT : 0);
				// Its copy was refused; others were there for the message.
				if (n < 0 && errno == EAGAIN && type() == SOCK_RAW)
					return;
				ASSERT_GT(n, static_cast<long>(ends.header)) << Errno{errno};
				n -= static_cast<long>(ends.header);
			}
		};
	};
	const auto write_all = [](Ends &ends, std::size_t size) {
		std::size_t written = 0;

		// Less than all is a success, too.
		for (long n; written < size; written += static_cast<std::size_t>(n)) {
			n = ::send(ends.writer.get(), text.data() + written, size - written, 0);
			if (n < 0)
				return n;
		}
		return static_cast<long>(size);
	};

	must(::write(file.get(), text.data(), text.size()), "file");
	walk_ends(
		"few bytes", [&](Ends &ends) { return write_all(ends, 5); }, has(5));
	walk_ends(
		"many", [&](Ends &ends) { return write_all(ends, large); }, has(large));
	walk_ends(
		"of two places",
		[&](Ends &ends) {
			std::array<iovec, 2> parts = {iovec{pages.data(), 1},
						      iovec{pages.data() + 1, 1}};

			return ::writev(ends.writer.get(), parts.data(), parts.size());
		},
		has(2));
	walk_ends(
		"a file",
		[&](Ends &ends) {
			off_t from = 0;

			return ::sendfile(ends.writer.get(), file.get(), &from, 4000);
		},
		has(1));
	walk_ends(
		"control messages",
		[&](Ends &ends) {
			struct {
				alignas(cmsghdr)
					std::array<char, CMSG_SPACE(sizeof(int))> room = {};
			} control;
			iovec part = {pages.data(), 1};
			msghdr message = {};
			auto *const head = reinterpret_cast<cmsghdr *>(control.room.data());

			head->cmsg_level = SOL_SOCKET;
			head->cmsg_type = SO_MARK;
			head->cmsg_len = CMSG_LEN(sizeof(int));
			message.msg_iov = &part;
			message.msg_iovlen = 1;
			message.msg_control = control.room.data();
			message.msg_controllen = control.room.size();
			return ::sendmsg(ends.writer.get(), &message, 0);
		},
		has(1));
}

TEST_P(Refused, ToReceive)
{
	const std::string text(large, 'x');
	const auto read = [](int flags) {
		return [flags](Ends &ends) {
			std::vector<char> buffer(large + ends.header);

			return ::recv(ends.reader.get(), buffer.data(), buffer.size(), flags);
		};
	};

	walk_reader("few bytes", "hello", read(0));
	walk_reader("many", text, read(0));
	walk_reader("a look", text, read(MSG_PEEK));
	walk_reader("name and control messages", "hello", [](Ends &ends) {
		std::array<char, 256> buffer;
		std::array<char, 256> control;
		sockaddr_glass name;
		iovec part = {buffer.data(), buffer.size()};
		msghdr message = {};
		const int one = 1;

		// Asked for each time: what is refused may be that.
		if (::setsockopt(ends.reader.get(), SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) <
		    0)
			return -1L;
		message.msg_name = &name;
		message.msg_namelen = sizeof(name);
		message.msg_iov = &part;
		message.msg_iovlen = 1;
		message.msg_control = control.data();
		message.msg_controllen = control.size();
		return static_cast<long>(::recvmsg(ends.reader.get(), &message, MSG_PEEK));
	});
	std::array<int, 2> fds;
	must(::pipe2(fds.data(), O_CLOEXEC), "pipe");
	const glass::Fd from(fds[0]);
	const glass::Fd to(fds[1]);
	walk_reader("into a pipe", text, [&](Ends &ends) {
		std::array<char, 1000> buffer;
		const auto n = ::splice(ends.reader.get(), nullptr, to.get(), nullptr,
					buffer.size(), SPLICE_F_NONBLOCK);

		// For the next one.
		if (n > 0 && ::read(from.get(), buffer.data(), buffer.size()) < 0)
			return -1L;
		return static_cast<long>(n);
	});
}

TEST_P(Refused, ToSetAndAsk)
{
	static const char device[] = "glass0";
	const int one = 1;

	// Not SO_ATTACH_FILTER: the core asks vmalloc(), which prints who was refused.
	walk_new("device", [&](int fd) {
		return ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, sizeof(device));
	});
	walk_new("timestamping", [&](int fd) {
		return ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &one, sizeof(one));
	});
	walk_new("asynchronous", [&](int fd) { return ::ioctl(fd, FIOASYNC, &one); });
	walk_ends("what is known", [](Ends &ends) {
		const int fd = ends.reader.get();
		std::array<std::uint32_t, 16> value;
		int number;

		for (const int option : {SO_RCVBUF, SO_ERROR, SO_MEMINFO, SO_TYPE}) {
			socklen_t size = sizeof(value);

			if (::getsockopt(fd, SOL_SOCKET, option, value.data(), &size) < 0)
				return -1;
		}
		return ::ioctl(fd, SIOCINQ, &number) + ::ioctl(fd, SIOCOUTQ, &number);
	});
	walk_ends("names", [](Ends &ends) -> long {
		sockaddr_glass name;
		socklen_t size = sizeof(name);

		if (::getsockname(ends.writer.get(), reinterpret_cast<sockaddr *>(&name), &size))
			return -1;
		return ::getpeername(ends.writer.get(), reinterpret_cast<sockaddr *>(&name), &size);
	});
	walk_ends("readiness", [](Ends &ends) {
		pollfd wanted = {ends.writer.get(), POLLOUT, 0};
		const glass::Fd set(::epoll_create1(EPOLL_CLOEXEC));
		epoll_event event = {};

		if (!set || ::poll(&wanted, 1, 0) < 0)
			return -1;
		return ::epoll_ctl(set.get(), EPOLL_CTL_ADD, ends.reader.get(), &event);
	});
}

/* Whatever the end of one side is refused, the other side hears of it. */
TEST_P(Refused, ToEnd)
{
	const auto hears = [](Ends &ends) {
		char byte;

		if (!has_connections())
			return;
		EXPECT_EQ(outcome(::recv(ends.reader.get(), &byte, 1, 0)), (Outcome{0, {}}));
	};

	walk_ends(
		"shutdown", [](Ends &ends) { return ::shutdown(ends.writer.get(), SHUT_WR); },
		hears);
	walk_ends(
		"close",
		[](Ends &ends) {
			ends.writer.reset();
			return 0;
		},
		hears);
	// Not even if the one side has had nothing to say for longer than it would wait.
	write_file("/proc/sys/net/glass/user_timeout_ms", "300");
	walk_on<Ends>(
		"close after a pause",
		[] {
			Ends ends = glass_ends(type());

			std::this_thread::sleep_for(std::chrono::milliseconds(400));
			return ends;
		},
		[](Ends &ends) {
			ends.writer.reset();
			return 0L;
		},
		hears);
}

/* --- Of an administrator -------------------------------------------------------------------- */

class RefusedAdmin : public WithFaults
{
protected:
	/*
	 * @p undo takes away what a success made. @p others: errors by which other parts of the
	 * kernel, which have a say in the call, tell their want of memory.
	 */
	void walk_call(const char *name, const std::function<Errno()> &call,
		       const std::function<void()> &undo = {}, const std::set<int> &others = {})
	{
		std::set<int> errors = others;

		errors.insert(ENFILE); // no socket for the question
		EXPECT_GT(walk(
				  name,
				  [&] {
					  return FaultyCall{call, undo};
				  },
				  errors),
			  0)
			<< name;
	}
};

/* Asked by a new netlink socket: an answer that was refused is in nobody's way. */
std::function<Errno()> ask(const std::function<Errno(glass::Control &)> &question)
{
	return [question] {
		auto glass = glass::Control::open();

		return glass ? question(*glass) : err(glass);
	};
}

/* It was added, and only the answer was refused. */
Errno added(Errno error)
{
	return error == EEXIST ? Errno{} : error;
}

TEST_F(RefusedAdmin, Devices)
{
	add_glass("g8", 8);
	auto there = Namespace::create();
	add_veth("v0", "v1", there);
	const auto glass8 = ifindex_of("g8");
	const auto veth = ifindex_of("v0");

	walk_call("add a device",
		  ask([](glass::Control &glass) { return added(err(glass.add_device("g7", 7))); }),
		  [] { delete_link("g7"); }, {EINVAL});
	walk_call("ask for one",
		  ask([&](glass::Control &glass) { return err(glass.device(glass8)); }));
	walk_call("list them", ask([](glass::Control &glass) { return err(glass.devices()); }));
	walk_call("attach one", ask([&](glass::Control &glass) {
			  return added(err(glass.attach_device(veth, 9)));
		  }),
		  [&] { must(control().detach_device(veth), "detach"); });
}

/* What a namespace is born with: tables, counters, limits, and its glass0. */
TEST_F(RefusedAdmin, Namespaces)
{
	const glass::Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));

	refuse_only_glass();
	walk_call(
		"make one", [] { return err(::unshare(CLONE_NEWNET)); },
		[&] { must(::setns(here.get(), CLONE_NEWNET), "back"); }, {EINVAL});
}

/* What there is of Glass in the machine and in the caller's namespace. */
std::vector<std::string> traces()
{
	static const std::string net = "/proc/thread-self/net/";
	std::vector<std::string> found;

	for (const auto &path :
	     {net + "glass", net + "glass_stat", std::string("/proc/sys/net/glass"),
	      std::string("/sys/module/glass")})
		if (std::filesystem::exists(path))
			found.push_back(path);
	for (const auto &path :
	     {net + "protocols", net + "ptype", net + "dev", std::string("/proc/slabinfo")})
		for (const auto &line : lines_of(path))
			if (line.find("glass") != line.npos || line.find("GLASS") != line.npos)
				found.push_back(path + ": " + line);
	return found;
}

/* The core prints a stack, as a warning, when it could not make a slab cache. */
class WithoutWarnings
{
public:
	WithoutWarnings() : before_(lines_of(levels).at(0)) { write_file(levels, "4"); }
	~WithoutWarnings() { write_file(levels, before_); }
	WithoutWarnings(const WithoutWarnings &) = delete;
	WithoutWarnings &operator=(const WithoutWarnings &) = delete;

private:
	static constexpr const char *levels = "/proc/sys/kernel/printk";
	const std::string before_;
};

/*
 * Of the module's own beginning; the file is read and linked by the core. A load that
 * fails leaves nothing, and what the next one registers is free again.
 */
TEST_F(RefusedAdmin, Loading)
{
	const glass::Fd file =
		own(::open(module_path("glass").c_str(), O_RDONLY | O_CLOEXEC), "module file");
	const auto unload = [] { EXPECT_EQ(unload_module("glass"), 0); };
	const auto expect_nothing = [] { EXPECT_EQ(traces(), std::vector<std::string>()); };
	bool has_failed = false;
	const auto load = [&] {
		if (has_failed) {
			const Inside first(Namespace::first());

			expect_nothing();
		}
		if (has_failed)
			expect_nothing();
		const auto error = err(::syscall(SYS_finit_module, file.get(), "", 0));
		has_failed = error.value;
		return error;
	};

	const WithoutWarnings quiet;
	// What Glass asks for, and the core for it; not all that a device has in sysfs.
	refuse_only_below("do_init_module", 16);
	unload();
	walk_call("load", load, unload, {EINVAL});
	EXPECT_EQ(load_module("glass"), 0);
}

TEST_F(RefusedAdmin, Routes)
{
	auto there = Namespace::create();

	add_veth("v0", "v1", there);
	const auto veth = ifindex_of("v0");
	must(control().attach_device(veth, 9), "attach");
	const auto way = must(glass::LinkAddress::parse("02:00:00:00:00:01"), "address");
	must(control().add_route(13, veth, way), "route");

	walk_call("add a route", ask([&](glass::Control &glass) {
			  return added(err(glass.add_route(12, veth, way)));
		  }),
		  [] { must(control().delete_route(12), "delete"); });
	walk_call("ask for one", ask([](glass::Control &glass) { return err(glass.route(13)); }));
	walk_call("list them", ask([](glass::Control &glass) { return err(glass.routes()); }));
}

TEST_F(RefusedAdmin, Views)
{
	const auto receiver = bound(port);

	walk_call("what there is", ask([](glass::Control &glass) { return err(glass.info()); }));
	walk_call("counters", ask([](glass::Control &glass) { return err(glass.counters()); }));
	walk_call("anatomy",
		  ask([&](glass::Control &glass) { return err(glass.anatomy(receiver.fd())); }));
	walk_call("sockets", [] { return err(glass::list_sockets()); });
	walk_call("table", [] {
		const glass::Fd file(::open("/proc/thread-self/net/glass", O_RDONLY | O_CLOEXEC));
		std::array<char, 4096> text;

		return file ? err(::read(file.get(), text.data(), text.size())) : Errno{errno};
	});
	walk_call("limits", [] {
		const glass::Fd file(::open("/proc/sys/net/glass/ports_max", O_WRONLY | O_CLOEXEC));

		return file ? err(::write(file.get(), "1000", 4)) : Errno{errno};
	});
}

} // namespace
