// SPDX-License-Identifier: GPL-2.0
#include "calls.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "helper.h"
#include "lib/family.h"

namespace helper {

std::uint32_t Choices::below(std::uint32_t limit)
{
	if (limit > 256)
		return number() % limit;
	if (bytes_.empty())
		return 0;
	const auto byte = bytes_[0];
	bytes_ = bytes_.subspan(1);
	return byte % limit;
}

std::uint32_t Choices::number()
{
	std::uint32_t number = 0;

	for (int i = 0; i < 4 && !bytes_.empty(); i++) {
		number = number << 8 | bytes_[0];
		bytes_ = bytes_.subspan(1);
	}
	return number;
}

std::vector<std::uint8_t> random_bytes(std::uint64_t seed, std::size_t size)
{
	std::vector<std::uint8_t> bytes(size);

	std::ranges::transform(pattern(size, seed), bytes.begin(),
			       [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
	return bytes;
}

/* --- What calls need ------------------------------------------------------------------ */

Sockets::Sockets()
{
	/* None of these is to end us. */
	for (const int signal : {SIGPIPE, SIGIO, SIGURG})
		::signal(signal, SIG_IGN);

	std::array<int, 2> fds;
	const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
	void *const memory = ::mmap(nullptr, room + page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	must(memory == MAP_FAILED ? -1 : 0, "mmap");
	memory_ = static_cast<std::byte *>(memory);
	must(::mprotect(memory_ + room, page, PROT_NONE), "mprotect");
	must(::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK), "pipe");
	pipe_from = glass::Fd(fds[0]);
	pipe_to = glass::Fd(fds[1]);
	must(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()),
	     "AF_UNIX");
	way_from = glass::Fd(fds[0]);
	way_to = glass::Fd(fds[1]);
	file = glass::Fd(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	must(::pwrite(file.get(), memory_, room, 0), "file");
	epoll = glass::Fd(::epoll_create1(EPOLL_CLOEXEC));
}

Sockets::~Sockets()
{
	close_all();
	::munmap(memory_, room + static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

void Sockets::put(std::uint32_t which, int made)
{
	const timeval wait = {0, std::chrono::microseconds(patience).count()};
	const glass::Fd own(made);

	if (!own)
		return;
	for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
		::setsockopt(made, SOL_SOCKET, option, &wait, sizeof(wait));
	::dup3(made, fd(which), O_CLOEXEC);
}

void Sockets::close_all()
{
	for (std::uint32_t i = 0; i < count; i++)
		::close(fd(i));
}

/* --- Arguments ---------------------------------------------------------------------------- */

namespace {

/* What comes of a call does not matter here: whether the kernel stands it, does. */
void ignore(long) {}

constexpr int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, SOCK_RAW};
/* Few, so that sockets meet; some that nobody has. */
constexpr std::uint32_t ports[] = {5000, 5001, 5002, GLASS_PORT_ANY, 80, 0};
/* This one, a device that comes and goes, any, and some that nobody has. */
constexpr std::uint32_t nodes[] = {GLASS_NODE_LOCAL, GLASS_NODE_LOCAL, 77, GLASS_NODE_ANY, 0, 9};

void *bad_pointer()
{
	return reinterpret_cast<void *>(8);
}

struct Name {
	sockaddr_glass raw;
	socklen_t size = sizeof(raw);

	sockaddr *get() { return reinterpret_cast<sockaddr *>(&raw); }
};

Name any_name(Choices &choices)
{
	Name name = {glass::Address{choices.of(nodes), choices.of(ports)}.raw(glass::family())};

	if (!choices.one_in(16))
		return name;
	switch (choices.below(4)) {
	case 0:
		name.raw.sgl_family = AF_UNSPEC;
		break;
	case 1:
		name.raw.sgl_reserved = 1;
		break;
	case 2:
		name.raw.sgl_zero[choices.below(4)] = 1;
		break;
	default:
		name.size = choices.below(sizeof(name.raw));
	}
	return name;
}

std::size_t any_size(Choices &choices)
{
	constexpr std::size_t sizes[] = {0, 1, 28, 100, 1000, 4096, 20'000, 65'536, 65'537};

	return choices.one_in(8) ? choices.below(Sockets::room) : choices.of(sizes);
}

/* Memory of a size; now and then less of it can be used than is said. */
iovec any_memory(Choices &choices, const Sockets &sockets)
{
	const auto size = any_size(choices);
	iovec part = {sockets.memory(size), size};

	if (choices.one_in(16))
		part.iov_len += 1 + choices.below(5000);
	else if (choices.one_in(32))
		part.iov_base = bad_pointer();
	return part;
}

int any_flags(Choices &choices)
{
	constexpr int flags[] = {MSG_DONTWAIT, MSG_PEEK,    MSG_TRUNC,	  MSG_WAITALL,
				 MSG_MORE,     MSG_EOR,	    MSG_OOB,	  MSG_ERRQUEUE,
				 MSG_ZEROCOPY, MSG_CONFIRM, MSG_DONTROUTE};
	int chosen = MSG_NOSIGNAL;

	while (choices.one_in(3))
		chosen |= choices.of(flags);
	return choices.one_in(64) ? static_cast<int>(choices.number() & 0x7fffffff) : chosen;
}

/* Control messages of a send: those that there are, and broken ones. */
struct Control {
	explicit Control(Choices &choices)
	{
		constexpr std::pair<int, int> kinds[] = {{SOL_GLASS, GLASS_PKTINFO},
							 {SOL_SOCKET, SO_MARK},
							 {SOL_SOCKET, SO_TIMESTAMPING},
							 {SOL_SOCKET, SCM_RIGHTS},
							 {SOL_SOCKET, SO_TXTIME},
							 {SOL_SOCKET, 12345},
							 {4711, 1}};

		if (!choices.one_in(4))
			return;
		const std::size_t size = choices.below(17);
		auto *const head = reinterpret_cast<cmsghdr *>(room.data());
		std::tie(head->cmsg_level, head->cmsg_type) = choices.of(kinds);
		head->cmsg_len = choices.one_in(8) ? choices.below(64) : CMSG_LEN(size);
		for (std::size_t i = 0; i < size; i++)
			CMSG_DATA(head)[i] = static_cast<unsigned char>(choices.below(256));
		used = choices.one_in(8) ? choices.below(sizeof(room)) : CMSG_SPACE(size);
	}

	alignas(cmsghdr) std::array<char, 128> room = {};
	std::size_t used = 0;
};

/* --- The calls ------------------------------------------------------------------------------- */

void call_socket(Choices &choices, Sockets &, std::uint32_t which)
{
	const int flags = SOCK_CLOEXEC | (choices.one_in(2) ? SOCK_NONBLOCK : 0);
	const int type =
		choices.one_in(32) ? static_cast<int>(choices.below(16)) : choices.of(types);
	const int protocol = choices.one_in(4) ? static_cast<int>(choices.below(256)) : 0;

	Sockets::put(which, ::socket(glass::family(), type | flags, protocol));
}

void call_socketpair(Choices &choices, Sockets &, std::uint32_t which)
{
	std::array<int, 2> fds;

	if (::socketpair(glass::family(), choices.of(types) | SOCK_CLOEXEC, 0, fds.data()) < 0)
		return;
	Sockets::put(which, fds[0]);
	Sockets::put(which + 1, fds[1]);
}

void call_bind(Choices &choices, Sockets &, std::uint32_t which)
{
	auto name = any_name(choices);

	::bind(Sockets::fd(which), name.get(), name.size);
}

void call_connect(Choices &choices, Sockets &, std::uint32_t which)
{
	auto name = any_name(choices);

	::connect(Sockets::fd(which), name.get(), name.size);
}

void call_disconnect(Choices &, Sockets &, std::uint32_t which)
{
	sockaddr nobody = {};

	nobody.sa_family = AF_UNSPEC;
	::connect(Sockets::fd(which), &nobody, sizeof(nobody));
}

void call_listen(Choices &choices, Sockets &, std::uint32_t which)
{
	::listen(Sockets::fd(which), static_cast<int>(choices.below(5)) - 1);
}

void call_accept(Choices &choices, Sockets &, std::uint32_t which)
{
	auto name = any_name(choices);
	const int flags = choices.one_in(2) ? SOCK_NONBLOCK : 0;

	Sockets::put(which + 1 + choices.below(3),
		     ::accept4(Sockets::fd(which), name.get(), &name.size, flags | SOCK_CLOEXEC));
}

void call_send(Choices &choices, Sockets &sockets, std::uint32_t which)
{
	std::array<iovec, 3> parts = {any_memory(choices, sockets)};
	Control control(choices);
	auto name = any_name(choices);
	std::array<mmsghdr, 2> messages = {};
	const int flags = any_flags(choices);
	const int fd = Sockets::fd(which);
	auto &message = messages[0].msg_hdr;

	switch (choices.below(4)) {
	case 0:
		::send(fd, parts[0].iov_base, parts[0].iov_len, flags);
		return;
	case 1:
		ignore(::write(fd, parts[0].iov_base, parts[0].iov_len));
		return;
	case 2:
		parts[1] = any_memory(choices, sockets);
		parts[2] = any_memory(choices, sockets);
		break;
	default:
		break;
	}
	message.msg_iov = parts.data();
	message.msg_iovlen = 1 + choices.below(3);
	if (choices.one_in(2)) {
		message.msg_name = name.get();
		message.msg_namelen = name.size;
	}
	message.msg_control = control.used ? control.room.data() : nullptr;
	message.msg_controllen = control.used;
	messages[1] = messages[0];
	::sendmmsg(fd, messages.data(), 1 + choices.below(2), flags);
}

void call_receive(Choices &choices, Sockets &sockets, std::uint32_t which)
{
	std::array<iovec, 2> parts = {any_memory(choices, sockets), any_memory(choices, sockets)};
	std::array<char, 256> control;
	std::array<mmsghdr, 2> messages = {};
	Name name = {};
	const int flags = any_flags(choices);
	const int fd = Sockets::fd(which);
	auto &message = messages[0].msg_hdr;

	switch (choices.below(4)) {
	case 0:
		::recv(fd, parts[0].iov_base, parts[0].iov_len, flags);
		return;
	case 1:
		ignore(::readv(fd, parts.data(), 2));
		return;
	default:
		break;
	}
	message.msg_iov = parts.data();
	message.msg_iovlen = choices.below(3);
	message.msg_name = choices.one_in(16) ? bad_pointer() : name.get();
	message.msg_namelen = choices.below(32);
	message.msg_control = choices.one_in(16) ? bad_pointer() : control.data();
	message.msg_controllen = choices.below(control.size());
	messages[1] = messages[0];
	timespec wait = {};
	::recvmmsg(fd, messages.data(), 1 + choices.below(2), flags, &wait);
}

void call_shutdown(Choices &choices, Sockets &, std::uint32_t which)
{
	::shutdown(Sockets::fd(which), static_cast<int>(choices.below(4)));
}

void call_close(Choices &, Sockets &, std::uint32_t which)
{
	::close(Sockets::fd(which));
}

constexpr int socket_options[] = {
	SO_DEBUG,	 SO_REUSEADDR,	  SO_TYPE,	   SO_ERROR,	  SO_DONTROUTE,
	SO_BROADCAST,	 SO_SNDBUF,	  SO_RCVBUF,	   SO_KEEPALIVE,  SO_OOBINLINE,
	SO_NO_CHECK,	 SO_PRIORITY,	  SO_REUSEPORT,	   SO_PASSCRED,	  SO_PEERCRED,
	SO_RCVLOWAT,	 SO_SNDLOWAT,	  SO_BINDTODEVICE, SO_PEERNAME,	  SO_TIMESTAMP,
	SO_ACCEPTCONN,	 SO_PEERSEC,	  SO_SNDBUFFORCE,  SO_PASSSEC,	  SO_TIMESTAMPNS,
	SO_MARK,	 SO_TIMESTAMPING, SO_PROTOCOL,	   SO_DOMAIN,	  SO_RXQ_OVFL,
	SO_PEEK_OFF,	 SO_NOFCS,	  SO_LOCK_FILTER,  SO_BUSY_POLL,  SO_MAX_PACING_RATE,
	SO_INCOMING_CPU, SO_MEMINFO,	  SO_COOKIE,	   SO_PEERGROUPS, SO_ZEROCOPY,
	SO_TXTIME,	 SO_NETNS_COOKIE, SO_BUF_LOCK,	   SO_RESERVE_MEM};

/* Of a level: an option that there is, or any number near them. */
std::pair<int, int> any_option(Choices &choices)
{
	if (choices.one_in(2))
		return {SOL_GLASS, static_cast<int>(choices.below(20))};
	if (choices.one_in(32))
		return {static_cast<int>(choices.below(512)), static_cast<int>(choices.below(64))};
	return {SOL_SOCKET, choices.of(socket_options)};
}

/* One of these could make other calls wait: they have their own values. */
bool would_wait(int level, int option)
{
	return level == SOL_SOCKET &&
	       (option == SO_RCVTIMEO || option == SO_SNDTIMEO || option == SO_RCVTIMEO_NEW ||
		option == SO_SNDTIMEO_NEW || option == SO_LINGER);
}

void call_setsockopt(Choices &choices, Sockets &sockets, std::uint32_t which)
{
	static sock_filter pass[] = {{BPF_RET | BPF_K, 0, 0, 0xffffffff}};
	const int fd = Sockets::fd(which);
	const sock_fprog program = {1, pass};
	const linger at_once = {static_cast<int>(choices.below(2)), 0};
	constexpr int values[] = {0, 1, 2, 100, 1000, 4096, 100'000, -1, 0x7fffffff};
	const auto [level, option] = any_option(choices);
	int value = choices.of(values);
	socklen_t size = sizeof(value);

	if (choices.one_in(16)) {
		::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	} else if (choices.one_in(16)) {
		const int filter = choices.one_in(2) ? SO_ATTACH_FILTER : SO_DETACH_FILTER;

		::setsockopt(fd, SOL_SOCKET, filter, &program, sizeof(program));
	} else if (option == SO_BINDTODEVICE && level == SOL_SOCKET) {
		static constexpr const char *names[] = {"glass0", "g77", "lo", ""};
		const std::string_view name = choices.of(names);

		::setsockopt(fd, level, option, name.data(), static_cast<socklen_t>(name.size()));
	} else if (!would_wait(level, option)) {
		if (choices.one_in(8))
			size = choices.below(300);
		std::memcpy(sockets.memory(300), &value, sizeof(value));
		::setsockopt(fd, level, option,
			     choices.one_in(16) ? bad_pointer() : sockets.memory(300), size);
	}
}

void call_getsockopt(Choices &choices, Sockets &sockets, std::uint32_t which)
{
	const auto [level, option] = any_option(choices);
	socklen_t size = choices.one_in(4) ? choices.below(300) : 64;

	if (choices.one_in(32))
		size = choices.number();
	::getsockopt(Sockets::fd(which), level, option,
		     choices.one_in(16) ? bad_pointer() : sockets.memory(300), &size);
}

void call_getname(Choices &choices, Sockets &, std::uint32_t which)
{
	Name name = {};

	name.size = choices.below(32);
	if (choices.one_in(2))
		::getsockname(Sockets::fd(which), name.get(), &name.size);
	else
		::getpeername(Sockets::fd(which), name.get(), &name.size);
}

void call_ioctl(Choices &choices, Sockets &, std::uint32_t which)
{
	constexpr unsigned long requests[] = {SIOCINQ,	  SIOCOUTQ,  SIOCGSTAMP_OLD, FIOASYNC,
					      SIOCGPGRP,  FIOGETOWN, 0x7777,	     SIOCGIFFLAGS,
					      SIOCATMARK, SIOCGSKNS};
	const auto request = choices.of(requests);
	std::array<char, 64> room = {};

	if (request == SIOCGSKNS)
		::close(::ioctl(Sockets::fd(which), request, nullptr));
	else if (choices.one_in(16))
		::ioctl(Sockets::fd(which), request, bad_pointer());
	else
		::ioctl(Sockets::fd(which), request, room.data());
}

void call_poll(Choices &choices, Sockets &sockets, std::uint32_t which)
{
	pollfd poll = {Sockets::fd(which), static_cast<short>(choices.below(0x4000)), 0};
	epoll_event event = {};

	if (choices.one_in(2)) {
		::poll(&poll, 1, static_cast<int>(choices.below(2)));
		return;
	}
	event.events = choices.of(std::array{EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLET,
					     EPOLLOUT | EPOLLONESHOT, EPOLLIN | EPOLLEXCLUSIVE});
	::epoll_ctl(sockets.epoll.get(),
		    choices.of(std::array{EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL}), poll.fd,
		    &event);
	::epoll_wait(sockets.epoll.get(), &event, 1, 0);
}

void call_dup(Choices &choices, Sockets &, std::uint32_t which)
{
	const int copy = ::fcntl(Sockets::fd(which), F_DUPFD_CLOEXEC, 0);

	if (choices.one_in(2))
		Sockets::put(which + 1, copy);
	else if (copy >= 0)
		::close(copy);
}

/* Through AF_UNIX, and out again; or it is lost on the way. */
void call_pass(Choices &choices, Sockets &sockets, std::uint32_t which)
{
	alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room = {};
	char byte = 0;
	iovec part = {&byte, 1};
	msghdr message = {};
	int fd = Sockets::fd(which);

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = room.data();
	message.msg_controllen = room.size();
	cmsghdr *const control = CMSG_FIRSTHDR(&message);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(fd));
	std::memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	if (::sendmsg(sockets.way_to.get(), &message, MSG_DONTWAIT) < 0)
		return;
	if (choices.one_in(4)) {
		::recv(sockets.way_from.get(), &byte, 1, MSG_DONTWAIT);
		return;
	}
	message.msg_controllen = room.size();
	if (::recvmsg(sockets.way_from.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return;
	if (const cmsghdr *taken = CMSG_FIRSTHDR(&message)) {
		std::memcpy(&fd, CMSG_DATA(taken), sizeof(fd));
		Sockets::put(which + choices.below(2), fd);
	}
}

void call_splice(Choices &choices, Sockets &sockets, std::uint32_t which)
{
	const int fd = Sockets::fd(which);
	const auto size = any_size(choices);
	const iovec part = any_memory(choices, sockets);
	off_t start = choices.below(1000);

	switch (choices.below(4)) {
	case 0:
		::splice(fd, nullptr, sockets.pipe_to.get(), nullptr, size, SPLICE_F_NONBLOCK);
		break;
	case 1:
		::vmsplice(sockets.pipe_to.get(), &part, 1, SPLICE_F_NONBLOCK);
		[[fallthrough]];
	case 2:
		::splice(sockets.pipe_from.get(), nullptr, fd, nullptr, size,
			 SPLICE_F_NONBLOCK | (choices.one_in(2) ? SPLICE_F_MORE : 0));
		break;
	default:
		::sendfile(fd, sockets.file.get(), &start, size);
	}
}

void call_fcntl(Choices &choices, Sockets &, std::uint32_t which)
{
	const int fd = Sockets::fd(which);

	switch (choices.below(3)) {
	case 0:
		::fcntl(fd, F_SETOWN, ::getpid());
		break;
	case 1:
		::fcntl(fd, F_SETFL, choices.one_in(2) ? O_NONBLOCK : 0);
		break;
	default:
		::fcntl(fd, F_GETOWN);
	}
}

constexpr Call all_calls[] = {
	{"socket", call_socket},
	{"socketpair", call_socketpair},
	{"bind", call_bind},
	{"connect", call_connect},
	{"disconnect", call_disconnect},
	{"listen", call_listen},
	{"accept", call_accept},
	{"send", call_send},
	{"recv", call_receive},
	{"shutdown", call_shutdown},
	{"close", call_close},
	{"setsockopt", call_setsockopt},
	{"getsockopt", call_getsockopt},
	{"getname", call_getname},
	{"ioctl", call_ioctl},
	{"poll", call_poll},
	{"dup", call_dup},
	{"pass", call_pass},
	{"splice", call_splice},
	{"fcntl", call_fcntl},
};

} // namespace

std::span<const Call> calls()
{
	return all_calls;
}

void make_call(Choices &choices, Sockets &sockets)
{
	const auto &call = choices.of(all_calls);

	call.make(choices, sockets, choices.below(Sockets::count));
}

void make_calls(Choices &choices, Sockets &sockets)
{
	while (!choices.is_over())
		make_call(choices, sockets);
}

void make_state(Choices &choices, Sockets &sockets, int type)
{
	const int flags = SOCK_CLOEXEC | (choices.one_in(2) ? SOCK_NONBLOCK : 0);
	std::array<int, 2> fds;

	switch (choices.below(6)) {
	case 0: // new
		Sockets::put(0, ::socket(glass::family(), type | flags, 0));
		return;
	case 1: // bound
		Sockets::put(0, ::socket(glass::family(), type | flags, 0));
		call_bind(choices, sockets, 0);
		return;
	case 2: // one listens, another one connects
		Sockets::put(0, ::socket(glass::family(), type | flags, 0));
		Sockets::put(1, ::socket(glass::family(), type | flags, 0));
		call_bind(choices, sockets, 0);
		call_listen(choices, sockets, 0);
		call_connect(choices, sockets, 1);
		return;
	default: // joined, perhaps with something on its way
		if (::socketpair(glass::family(), type | flags, 0, fds.data()) < 0)
			return call_socket(choices, sockets, 0);
		Sockets::put(0, fds[0]);
		Sockets::put(1, fds[1]);
		if (choices.one_in(2))
			call_send(choices, sockets, 1);
		if (choices.one_in(4))
			call_send(choices, sockets, 0);
	}
}

} // namespace helper
