// SPDX-License-Identifier: GPL-2.0
/*
 * The same calls on a Glass socket and on its relative: what each gives is
 * written down line by line, and the lines must be equal. Where they are meant
 * to differ stands in one list, with the reason; a difference that is listed and
 * not seen is a fault as well.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "helper.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

/* --- Who is compared ------------------------------------------------------------------ */

/* A family, as far as its calls have another form. */
struct Family {
	glass::Fd (*create)(int type);
	Ends (*ends)(int type);
	int number;
};

Family glass_family()
{
	return {glass_socket, glass_ends, glass::family()};
}

Family relative_family(int type)
{
	return {relative_socket, relative_ends, type == SOCK_RAW ? AF_INET : AF_UNIX};
}

/* A name as calls take it. */
struct Name {
	sockaddr_storage storage = {};
	socklen_t size = sizeof(storage);

	sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }
};

Name name_of(const glass::Fd &fd)
{
	Name name;

	must(::getsockname(fd.get(), name.get(), &name.size), "getsockname");
	return name;
}

/* A name that the kernel chooses. */
Name any_name(const Family &family)
{
	Name name;

	name.storage.ss_family = static_cast<sa_family_t>(family.number);
	name.size = family.number == AF_UNIX   ? sizeof(sa_family_t)
		    : family.number == AF_INET ? sizeof(sockaddr_in)
					       : sizeof(sockaddr_glass);
	if (family.number == glass::family()) {
		auto *const glass = reinterpret_cast<sockaddr_glass *>(name.get());

		glass->sgl_node = GLASS_NODE_LOCAL;
		glass->sgl_port = GLASS_PORT_ANY;
	}
	return name;
}

Name bind_any(const Family &family, const glass::Fd &fd)
{
	auto name = any_name(family);

	must(::bind(fd.get(), name.get(), name.size), "bind");
	return name_of(fd);
}

/* One that somebody had, and nobody has any more. */
Name gone_name(const Family &family, int type)
{
	return bind_any(family, family.create(type));
}

/* Client, server. */
std::pair<glass::Fd, glass::Fd> connect_them(const Family &family, int type)
{
	const auto listening = family.create(type);
	auto client = family.create(type);
	auto name = bind_any(family, listening);

	must(::listen(listening.get(), 1), "listen");
	must(::connect(client.get(), name.get(), name.size), "connect");
	return {std::move(client),
		glass::Fd(static_cast<int>(
			must(::accept(listening.get(), nullptr, nullptr), "accept")))};
}

/* --- What is seen ------------------------------------------------------------------------- */

/* One line for each call: its name and what it gave. */
class Record
{
public:
	void call(const std::string &what, long result)
	{
		const auto seen = outcome(result);
		std::ostringstream line;

		line << what << ": " << seen;
		lines.push_back(line.str());
	}
	void value(const std::string &what, const std::string &value)
	{
		lines.push_back(what + ": " + value);
	}
	/* The event bits that poll() reports now. */
	void ready(const std::string &what, const glass::Fd &fd)
	{
		static constexpr std::pair<short, const char *> names[] = {
			{POLLIN, "IN"},	  {POLLPRI, "PRI"}, {POLLOUT, "OUT"},
			{POLLERR, "ERR"}, {POLLHUP, "HUP"}, {POLLRDHUP, "RDHUP"},
		};
		pollfd poll = {fd.get(), POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0};
		std::string text;

		must(::poll(&poll, 1, 0), "poll");
		for (const auto &[bit, name] : names)
			if (poll.revents & bit)
				text += (text.empty() ? "" : "+") + std::string(name);
		value(what, text.empty() ? "nothing" : text);
	}

	std::vector<std::string> lines;
};

long send_text(const glass::Fd &fd, std::string_view text, int flags = MSG_DONTWAIT | MSG_NOSIGNAL)
{
	return ::send(fd.get(), text.data(), text.size(), flags);
}

/*
 * Waits until what was sent is there: a small write may wait for the answer to
 * one before it. The others deliver in the call, and count what is not read yet.
 */
void settle(const Family &family, int type, const Ends &ends)
{
	int unacked = 1;

	if (family.number == AF_UNIX || (type != SOCK_STREAM && type != SOCK_SEQPACKET))
		return;
	EXPECT_TRUE(eventually([&] {
		must(::ioctl(ends.writer.get(), SIOCOUTQ, &unacked), "SIOCOUTQ");
		return unacked == 0;
	}));
}

/* Receives, and writes down what: length, flags, and the text behind a raw one's header. */
void receive(Record &record, const std::string &what, const Ends &ends, std::size_t room,
	     int flags = 0)
{
	std::array<char, 256> buffer;
	iovec part = {buffer.data(), std::min(ends.header + room, buffer.size())};
	msghdr message = {};
	std::ostringstream text;

	buffer.fill('.');
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	const auto got = ::recvmsg(ends.reader.get(), &message, flags | MSG_DONTWAIT);
	if (got < 0)
		return record.call(what, got);
	const auto size = std::max(0L, got - static_cast<long>(ends.header));
	text << size << " '"
	     << std::string(buffer.data() + ends.header,
			    std::min(static_cast<std::size_t>(size), room))
	     << '\'' << (message.msg_flags & MSG_TRUNC ? " TRUNC" : "")
	     << (message.msg_flags & MSG_CTRUNC ? " CTRUNC" : "")
	     << (message.msg_flags & MSG_EOR ? " EOR" : "");
	record.value(what, text.str());
}

/* --- The rows ------------------------------------------------------------------------------- */

using Run = void (*)(const Family &family, int type, Record &record);

void fresh(const Family &family, int type, Record &record)
{
	const auto fd = family.create(type);
	Name name;

	record.ready("poll", fd);
	record.call("getpeername", ::getpeername(fd.get(), name.get(), &name.size));
	record.call("accept", ::accept4(fd.get(), nullptr, nullptr, SOCK_NONBLOCK));
	record.call("send", send_text(fd, "x"));
	record.call("shutdown of nothing known", ::shutdown(fd.get(), 3));
	record.call("shutdown of nothing known", ::shutdown(fd.get(), -1));
}

void fresh_receive(const Family &family, int type, Record &record)
{
	const Ends ends = {{}, family.create(type)};

	receive(record, "recv", ends, 10);
	receive(record, "recv of nothing", ends, 0);
}

void fresh_shutdown(const Family &family, int type, Record &record)
{
	const auto fd = family.create(type);

	record.call("shutdown", ::shutdown(fd.get(), SHUT_RDWR));
}

void listening(const Family &family, int type, Record &record)
{
	const auto fd = family.create(type);

	bind_any(family, fd);
	record.call("accept before listen", ::accept4(fd.get(), nullptr, nullptr, SOCK_NONBLOCK));
	record.call("listen", ::listen(fd.get(), 1));
	record.call("listen again", ::listen(fd.get(), 5));
	record.call("listen of less than nothing", ::listen(fd.get(), -1));
}

void listener(const Family &family, int type, Record &record)
{
	const auto fd = family.create(type);
	auto name = bind_any(family, fd);

	must(::listen(fd.get(), 1), "listen");
	must(::fcntl(fd.get(), F_SETFL, O_NONBLOCK), "F_SETFL");
	record.ready("poll", fd);
	record.call("accept", ::accept(fd.get(), nullptr, nullptr));
	record.call("accept with unknown flags", ::accept4(fd.get(), nullptr, nullptr, 1));
	record.call("send", send_text(fd, "x"));
	record.call("connect", ::connect(fd.get(), name.get(), name.size));
}

void binding(const Family &family, int type, Record &record)
{
	const auto fd = family.create(type);
	const auto other = family.create(type);
	auto name = bind_any(family, fd);

	record.call("bind again", ::bind(fd.get(), name.get(), name.size));
	record.call("bind to what is taken", ::bind(other.get(), name.get(), name.size));
	record.call("bind to a bad pointer",
		    ::bind(other.get(), reinterpret_cast<sockaddr *>(8), name.size));
	record.call("bind with a length below 0",
		    ::bind(other.get(), name.get(), static_cast<socklen_t>(-1)));
	record.call("bind with a length above all",
		    ::bind(other.get(), name.get(), sizeof(name.storage) + 1));
	name.storage.ss_family = AF_APPLETALK;
	record.call("bind of another family", ::bind(other.get(), name.get(), name.size));
}

void connecting(const Family &family, int type, Record &record)
{
	const auto fd = family.create(type);
	auto gone = gone_name(family, type);
	Name other;

	record.call("connect to nobody", ::connect(fd.get(), gone.get(), gone.size));
	record.call("and again", ::connect(fd.get(), gone.get(), gone.size));
	record.call("connect to no name", ::connect(fd.get(), gone.get(), 0));
	record.call("connect to a byte", ::connect(fd.get(), gone.get(), 1));
	other.storage.ss_family = AF_APPLETALK;
	record.call("connect to another family", ::connect(fd.get(), other.get(), gone.size));
	record.call("getpeername", ::getpeername(fd.get(), other.get(), &other.size));
	record.ready("poll", fd);
}

void connected(const Family &family, int type, Record &record)
{
	const auto [client, server] = connect_them(family, type);
	const auto elsewhere = family.create(type);
	auto name = bind_any(family, elsewhere);
	Name peer;

	must(::listen(elsewhere.get(), 1), "listen");
	record.call("connect again", ::connect(client.get(), name.get(), name.size));
	record.call("connect of the accepted one", ::connect(server.get(), name.get(), name.size));
	record.call("listen", ::listen(client.get(), 1));
	record.call("accept", ::accept4(client.get(), nullptr, nullptr, SOCK_NONBLOCK));
	record.call("getpeername with a bad size",
		    ::getpeername(client.get(), peer.get(), reinterpret_cast<socklen_t *>(8)));
	peer.size = 0;
	const int result = ::getpeername(client.get(), peer.get(), &peer.size);
	record.call("getpeername without room", result);
	record.value("the size is told", peer.size ? "yes" : "no");
	record.ready("poll", client);
}

void messages(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);

	receive(record, "recv of nothing", ends, 10);
	record.ready("poll before", ends.reader);
	record.call("send", send_text(ends.writer, "hello"));
	record.ready("poll between", ends.reader);
	receive(record, "peek", ends, 10, MSG_PEEK);
	receive(record, "peek of a part", ends, 2, MSG_PEEK);
	receive(record, "recv", ends, 10);
	record.ready("poll behind", ends.reader);
	record.call("send a bad buffer",
		    ::send(ends.writer.get(), reinterpret_cast<void *>(8), 10, MSG_DONTWAIT));
	receive(record, "recv of nothing", ends, 10);
	receive(record, "the error queue", ends, 10, MSG_ERRQUEUE);
}

void cut_messages(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);

	record.call("send", send_text(ends.writer, "a long one"));
	receive(record, "recv of a part", ends, 3);
	receive(record, "recv of the rest", ends, 20);
	record.call("send", send_text(ends.writer, "another"));
	settle(family, type, ends);
	receive(record, "recv of a part, told the length", ends, 3, MSG_TRUNC);
	receive(record, "recv of the rest", ends, 20);
}

void empty_messages(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);

	record.call("send nothing", send_text(ends.writer, ""));
	record.ready("poll", ends.reader);
	receive(record, "recv", ends, 10);
	receive(record, "recv once more", ends, 10);
}

void many_messages(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);

	record.call("send with the end of a record",
		    send_text(ends.writer, "a", MSG_DONTWAIT | MSG_EOR));
	record.call("send", send_text(ends.writer, "b"));
	record.call("send with more to come", send_text(ends.writer, "c", MSG_MORE));
	record.call("send", send_text(ends.writer, "d"));
	settle(family, type, ends);
	for (int i = 0; i < 4; i++)
		receive(record, "recv", ends, 10);
}

void control_data(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);
	std::array<char, CMSG_SPACE(sizeof(int))> room = {};
	iovec part = {const_cast<char *>("x"), 1};
	msghdr message = {};
	cmsghdr *const control = reinterpret_cast<cmsghdr *>(room.data());

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = room.data();
	message.msg_controllen = room.size();
	*control = {0, SOL_SOCKET, 12345};
	record.call("a length of 0", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
	control->cmsg_len = sizeof(cmsghdr) - 1;
	record.call("shorter than a head", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
	control->cmsg_len = room.size() + 1;
	record.call("longer than the room", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
	control->cmsg_len = CMSG_LEN(sizeof(int));
	record.call("of an unknown kind", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
	control->cmsg_level = 0x4711;
	record.call("of an unknown level", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
	message.msg_control = reinterpret_cast<void *>(8);
	record.call("at a bad pointer", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
}

void too_many_parts(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);
	std::vector<iovec> parts(UIO_MAXIOV + 1, iovec{const_cast<char *>("x"), 1});
	msghdr message = {};

	message.msg_iov = parts.data();
	message.msg_iovlen = parts.size();
	record.call("send one too many", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
	message.msg_iovlen = parts.size() - 1;
	record.call("send as many as may be", ::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT));
	record.call("writev of one too many",
		    ::writev(ends.writer.get(), parts.data(), static_cast<int>(parts.size())));
}

void out_of_band(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);

	record.call("send", send_text(ends.writer, "x", MSG_OOB | MSG_DONTWAIT));
	receive(record, "recv", ends, 10, MSG_OOB);
	record.ready("poll", ends.reader);
}

void writing_ends(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);

	send_text(ends.writer, "last");
	record.call("shutdown", ::shutdown(ends.writer.get(), SHUT_WR));
	record.call("send", send_text(ends.writer, "x"));
	record.ready("poll of who ended", ends.writer);
	receive(record, "recv", ends, 10);
	receive(record, "recv of the end", ends, 10);
	record.ready("poll of the other", ends.reader);
}

void reading_ends(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);

	record.call("shutdown", ::shutdown(ends.reader.get(), SHUT_RD));
	receive(record, "recv", ends, 10);
	record.ready("poll of who ended", ends.reader);
}

void peer_closes(const Family &family, int type, Record &record)
{
	auto ends = family.ends(type);
	Name peer;

	send_text(ends.writer, "last");
	ends.writer.reset();
	record.ready("poll", ends.reader);
	receive(record, "recv", ends, 10);
	receive(record, "recv of the end", ends, 10);
	record.call("send", send_text(ends.reader, "x"));
	record.call("send once more", send_text(ends.reader, "x"));
	record.call("getpeername", ::getpeername(ends.reader.get(), peer.get(), &peer.size));
}

void peer_closes_unread(const Family &family, int type, Record &record)
{
	auto ends = family.ends(type);

	send_text(ends.writer, "unread");
	ends.reader.reset();
	std::swap(ends.reader, ends.writer);
	record.ready("poll", ends.reader);
	receive(record, "recv", ends, 10);
	receive(record, "recv once more", ends, 10);
}

void broken_pipe(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);
	sigset_t set;
	const timespec now = {};

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	must(::sigprocmask(SIG_BLOCK, &set, nullptr), "block SIGPIPE");
	must(::shutdown(ends.writer.get(), SHUT_WR), "shutdown");
	record.call("send, no signal", send_text(ends.writer, "x", MSG_NOSIGNAL));
	record.call("the signal", ::sigtimedwait(&set, nullptr, &now));
	record.call("send", send_text(ends.writer, "x", 0));
	record.call("the signal", ::sigtimedwait(&set, nullptr, &now));
	record.call("write", ::write(ends.writer.get(), "x", 1));
	record.call("the signal", ::sigtimedwait(&set, nullptr, &now));
}

void requests(const Family &family, int type, Record &record)
{
	const auto ends = family.ends(type);
	int value = 0;

	for (const unsigned long unknown : {0x7777ul, 0x8999ul, 0x5499ul})
		record.call("an unknown one", ::ioctl(ends.reader.get(), unknown, &value));
	record.call("FIONREAD of nothing", ::ioctl(ends.reader.get(), FIONREAD, &value));
	record.value("the number", std::to_string(value));
	record.call("FIONREAD to a bad pointer", ::ioctl(ends.reader.get(), FIONREAD, 8));
	send_text(ends.writer, "hello");
	must(::ioctl(ends.reader.get(), FIONREAD, &value), "FIONREAD");
	record.value("of a message", std::to_string(value - static_cast<int>(ends.header)));
	record.call("of terminals", ::ioctl(ends.reader.get(), TCGETS, &value));
}

struct Number {
	int level;
	int name;
	const char *what;
};

/* Options that are a number: as they are at first, and after each kind of setting. */
void options(const Family &family, int type, Record &record)
{
	static constexpr Number numbers[] = {
		{SOL_SOCKET, SO_TYPE, "SO_TYPE"},
		{SOL_SOCKET, SO_ERROR, "SO_ERROR"},
		{SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN"},
		{SOL_SOCKET, SO_DEBUG, "SO_DEBUG"},
		{SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"},
		{SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE"},
		{SOL_SOCKET, SO_DONTROUTE, "SO_DONTROUTE"},
		{SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST"},
		{SOL_SOCKET, SO_OOBINLINE, "SO_OOBINLINE"},
		{SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY"},
		{SOL_SOCKET, SO_MARK, "SO_MARK"},
		{SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT"},
		{SOL_SOCKET, SO_SNDLOWAT, "SO_SNDLOWAT"},
		{SOL_SOCKET, SO_TIMESTAMP, "SO_TIMESTAMP"},
		{SOL_SOCKET, SO_TIMESTAMPNS, "SO_TIMESTAMPNS"},
		{SOL_SOCKET, SO_RXQ_OVFL, "SO_RXQ_OVFL"},
		{SOL_SOCKET, SO_NOFCS, "SO_NOFCS"},
		{SOL_SOCKET, SO_LOCK_FILTER, "SO_LOCK_FILTER"},
		{SOL_SOCKET, SO_SELECT_ERR_QUEUE, "SO_SELECT_ERR_QUEUE"},
		{SOL_SOCKET, SO_BUSY_POLL, "SO_BUSY_POLL"},
		{SOL_SOCKET, SO_INCOMING_CPU, "SO_INCOMING_CPU"},
		{SOL_SOCKET, SO_BUF_LOCK, "SO_BUF_LOCK"},
		{SOL_SOCKET, 12345, "an unknown one"},
	};

	for (const auto &[level, name, what] : numbers) {
		const auto fd = family.create(type);
		int value = 1;
		char byte = 1;
		socklen_t size = sizeof(value);
		const std::string option = what;

		record.call(option + " set", ::setsockopt(fd.get(), level, name, &value, size));
		record.call(option + " set by a byte",
			    ::setsockopt(fd.get(), level, name, &byte, sizeof(byte)));
		record.call(option + " set from a bad pointer",
			    ::setsockopt(fd.get(), level, name, reinterpret_cast<void *>(8), size));
		const int result = ::getsockopt(fd.get(), level, name, &value, &size);
		record.call(option + " get", result);
		if (!result && name != SO_INCOMING_CPU)
			record.value(option, std::to_string(value));
		size = static_cast<socklen_t>(-1);
		record.call(option + " get with a length below 0",
			    ::getsockopt(fd.get(), level, name, &value, &size));
	}
}

void levels(const Family &family, int type, Record &record)
{
	const auto fd = family.create(type);
	int value = 0;
	socklen_t size = sizeof(value);

	record.call("set", ::setsockopt(fd.get(), 0x4711, 1, &value, size));
	record.call("get", ::getsockopt(fd.get(), 0x4711, 1, &value, &size));
}

/* --- What is compared, and what is meant to differ ------------------------------------------------ */

enum : unsigned { Stream = 1, Seqpacket = 2, Dgram = 4, RawBit = 8 };
constexpr unsigned Connections = Stream | Seqpacket;
constexpr unsigned Joined = Connections | Dgram;
constexpr unsigned All = Joined | RawBit;

unsigned bit_of(int type)
{
	return type == SOCK_STREAM	? Stream
	       : type == SOCK_SEQPACKET ? Seqpacket
	       : type == SOCK_DGRAM	? Dgram
					: RawBit;
}

struct Row {
	const char *name;
	Run run;
	unsigned types;
};

constexpr Row rows[] = {
	{"fresh", fresh, All},
	{"fresh receive", fresh_receive, All},
	{"fresh shutdown", fresh_shutdown, All},
	{"listening", listening, All},
	{"listener", listener, Connections},
	{"binding", binding, Joined},
	{"connecting", connecting, Joined},
	{"connected", connected, Connections},
	{"messages", messages, All},
	{"cut messages", cut_messages, All},
	{"empty messages", empty_messages, All},
	{"many messages", many_messages, All},
	{"control data", control_data, All},
	{"too many parts", too_many_parts, All},
	{"out of band", out_of_band, All},
	{"writing ends", writing_ends, Joined},
	{"reading ends", reading_ends, Joined},
	{"peer closes", peer_closes, Joined},
	{"peer closes unread", peer_closes_unread, Joined},
	{"broken pipe", broken_pipe, Joined},
	{"requests", requests, All},
	{"options", options, All},
	{"levels", levels, All},
};

/* A line of a row that is meant to differ. */
struct Meant {
	const char *row;
	unsigned types;
	const char *relative;
	const char *glass;
	const char *reason;
};

/* Reasons that several have. */
constexpr const char *as_tcp = "as TCP";
constexpr const char *half_open =
	"as TCP: who closed may only have ended its writing; the first answer is sent, and reset";
constexpr const char *no_urgent = "there is no urgent data, as in AF_VSOCK";

constexpr Meant meant[] = {
	{"fresh receive", Stream, "recv: EINVAL", "recv: ENOTCONN", as_tcp},
	{"fresh receive", Stream, "recv of nothing: EINVAL", "recv of nothing: 0 ''", as_tcp},
	{"fresh shutdown", Connections, "shutdown: 0", "shutdown: ENOTCONN", as_tcp},
	{"binding", Joined, "bind of another family: EINVAL",
	 "bind of another family: EAFNOSUPPORT", as_tcp},
	{"connecting", Joined, "connect to another family: EINVAL",
	 "connect to another family: EAFNOSUPPORT", as_tcp},
	{"cut messages", Stream, "recv of a part, told the length: 3 'ano'",
	 "recv of a part, told the length: 3 '...'", "as TCP: MSG_TRUNC throws bytes away"},
	{"many messages", Seqpacket, "recv: 1 'a'", "recv: 1 'a' EOR",
	 "POSIX: the end of a record is told with the message that it ends"},
	{"out of band", Stream, "send: 1", "send: EOPNOTSUPP", no_urgent},
	{"out of band", Stream, "recv: 1 'x'", "recv: EOPNOTSUPP", no_urgent},
	{"out of band", Stream, "poll: IN+OUT", "poll: OUT", no_urgent},
	{"reading ends", Dgram, "recv: EAGAIN", "recv: 0 ''",
	 "nothing can come any more, whether the call would wait or not"},
	{"peer closes", Connections, "poll: IN+OUT+HUP+RDHUP", "poll: IN+OUT+RDHUP", half_open},
	{"peer closes", Connections, "send: EPIPE", "send: 1", half_open},
	{"peer closes", Dgram, "send once more: ENOTCONN", "send once more: ECONNREFUSED",
	 "the peer is a name, whoever has it: an error does not disconnect, as in UDP"},
	{"peer closes", Dgram, "getpeername: ENOTCONN", "getpeername: 0",
	 "the peer is a name, whoever has it: an error does not disconnect, as in UDP"},
	{"broken pipe", Seqpacket | Dgram, "the signal: EAGAIN", "the signal: 13",
	 "SIGPIPE comes with EPIPE for every type"},
	{"broken pipe", Seqpacket | Dgram, "the signal: EAGAIN", "the signal: 13",
	 "SIGPIPE comes with EPIPE for every type"},
	{"levels", Joined, "set: EOPNOTSUPP", "set: ENOPROTOOPT", as_tcp},
	{"levels", All, "get: EOPNOTSUPP", "get: ENOPROTOOPT", as_tcp},
	{"fresh", RawBit, "send: EDESTADDRREQ", "send: ENOTCONN",
	 "as the other types, and AF_UNIX"},
	{"fresh shutdown", RawBit, "shutdown: ENOTCONN", "shutdown: 0",
	 "as DGRAM: what needs no peer can be ended without one"},
	{"many messages", RawBit, "recv: 2 'cd'", "recv: 1 'c'",
	 "a send is a frame: IPv4 alone collects one from several sends"},
	{"many messages", RawBit, "recv: EAGAIN", "recv: 1 'd'",
	 "a send is a frame: IPv4 alone collects one from several sends"},
};

class Compare : public testing::TestWithParam<SocketType>
{
};
INSTANTIATE_TEST_SUITE_P(Types, Compare, testing::ValuesIn(socket_types), socket_type_name);

/* What is listed for a row and a type. */
std::vector<const Meant *> listed(const Row &row, unsigned type)
{
	std::vector<const Meant *> found;

	for (const auto &entry : meant)
		if (entry.types & type && std::string_view(entry.row) == row.name)
			found.push_back(&entry);
	return found;
}

TEST_P(Compare, EachCallGivesWhatItGivesTheRelative)
{
	const int type = GetParam().type;

	for (const auto &row : rows) {
		Record glass;
		Record relative;
		auto expected = listed(row, bit_of(type));

		if (!(row.types & bit_of(type)))
			continue;
		row.run(relative_family(type), type, relative);
		row.run(glass_family(), type, glass);
		ASSERT_EQ(glass.lines.size(), relative.lines.size()) << row.name;
		for (std::size_t i = 0; i < glass.lines.size(); i++) {
			const auto is_meant = [&](const Meant *entry) {
				return glass.lines[i] == entry->glass &&
				       relative.lines[i] == entry->relative;
			};

			if (glass.lines[i] == relative.lines[i])
				continue;
			if (const auto entry = std::ranges::find_if(expected, is_meant);
			    entry != expected.end())
				expected.erase(entry);
			else
				ADD_FAILURE()
					<< row.name << ": '" << glass.lines[i]
					<< "', and the relative '" << relative.lines[i] << "'";
		}
		for (const auto *entry : expected)
			ADD_FAILURE() << row.name << ": listed, and not seen: '" << entry->glass
				      << "' (" << entry->reason << ")";
	}
}

} // namespace
