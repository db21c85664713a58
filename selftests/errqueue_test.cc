// SPDX-License-Identifier: GPL-2.0
/*
 * The error queue: what refuses a message (GLASS_RECVERR), and when it went and
 * came (SO_TIMESTAMPING). An empty queue: compare_test.
 */
#include <gtest/gtest.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "helper.h"
#include "message.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

bool is_connection(int type)
{
	return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

/* Two joined ends, in a namespace of their own. */
class Joined : public testing::TestWithParam<SocketType>
{
protected:
	Joined()
	{
		enter_new_namespace();
		/* What the device does not carry is given up soon. */
		write_file("/proc/sys/net/glass/user_timeout_ms", "1");
		write_file("/proc/sys/net/glass/time_wait_ms", "50");
		ends = glass_ends(type());
	}
	~Joined() override
	{
		ends = {};
		EXPECT_TRUE(nothing_remains());
	}

	static int type() { return GetParam().type; }
	int writer() const { return ends.writer.get(); }
	int reader() const { return ends.reader.get(); }
	static void set(int fd, int level, int option, int value)
	{
		must(::setsockopt(fd, level, option, &value, sizeof(value)), "setsockopt");
	}
	static int get(int fd, int level, int option)
	{
		int value = -1;
		socklen_t size = sizeof(value);

		must(::getsockopt(fd, level, option, &value, &size), "getsockopt");
		return value;
	}
	Errno write_message(std::string_view message, int flags = MSG_DONTWAIT | MSG_NOSIGNAL) const
	{
		return err(::send(writer(), message.data(), message.size(), flags));
	}
	/* A message as it is read, without a header. */
	Packet read_packet(std::size_t room = 512) const
	{
		auto packet = receive_packet(reader(), room, 0);

		packet.data.erase(0, ends.header);
		return packet;
	}

	Ends ends;
};

/* What an entry says of an error. */
QueuedError error_of(const Packet &packet)
{
	const auto error = packet.get<QueuedError>(SOL_GLASS, GLASS_RECVERR);

	EXPECT_TRUE(error) << "no control message";
	EXPECT_EQ(packet.flags & MSG_ERRQUEUE, MSG_ERRQUEUE);
	return error.value_or(QueuedError{});
}

/* The next entry is that of a local refusal. */
void expect_refusal(int fd, int error, std::optional<Address> to, std::uint32_t info = 0)
{
	pollfd ready = {fd, 0, 0};

	ASSERT_EQ(::poll(&ready, 1, 0), 1);
	EXPECT_EQ(ready.revents & POLLERR, POLLERR);
	const auto entry = take_error(fd);
	ASSERT_TRUE(entry);
	const auto told = error_of(*entry);
	EXPECT_EQ((Errno{static_cast<int>(told.error.ee_errno)}), error);
	EXPECT_EQ(static_cast<int>(told.error.ee_origin), SO_EE_ORIGIN_LOCAL);
	EXPECT_EQ(static_cast<int>(told.error.ee_type), 0);
	EXPECT_EQ(static_cast<int>(told.error.ee_code), 0);
	EXPECT_EQ(told.error.ee_info, info);
	EXPECT_EQ(told.offender.sgl_family, AF_UNSPEC) << "it was this machine";
	EXPECT_EQ(entry->data, "");
	if (to) {
		EXPECT_EQ(entry->name, to);
	}
}

using Recverr = Joined;
INSTANTIATE_TEST_SUITE_P(Types, Recverr, testing::ValuesIn(socket_types), socket_type_name);

TEST_P(Recverr, IsAnOption)
{
	EXPECT_EQ(get(writer(), SOL_GLASS, GLASS_RECVERR), 0);
	set(writer(), SOL_GLASS, GLASS_RECVERR, 7);
	EXPECT_EQ(get(writer(), SOL_GLASS, GLASS_RECVERR), 1);
	set(writer(), SOL_GLASS, GLASS_RECVERR, 0);
	EXPECT_EQ(get(writer(), SOL_GLASS, GLASS_RECVERR), 0);
}

TEST_P(Recverr, ALocalRefusalIsQueued)
{
	set_device_up(false);
	EXPECT_EQ(write_message("unheard"), ENETDOWN);
	EXPECT_FALSE(take_error(writer())) << "nobody asked for it";
	set(writer(), SOL_GLASS, GLASS_RECVERR, 1);
	EXPECT_EQ(write_message("down"), ENETDOWN);
	set_device_up(true);
	expect_refusal(writer(), ENETDOWN, {});
	EXPECT_FALSE(take_error(writer()));
	EXPECT_EQ(get(writer(), SOL_SOCKET, SO_ERROR), 0) << "the call has told it";
	EXPECT_EQ(write_message("up"), 0);
	EXPECT_EQ(read_packet().data, "up");
}

TEST_P(Recverr, OneWithoutRoomIsLostAndNoMemoryWithIt)
{
	set(writer(), SOL_GLASS, GLASS_RECVERR, 1);
	set(writer(), SOL_SOCKET, SO_RCVBUF, 1);
	set_device_up(false);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(write_message("x"), ENETDOWN);
	int queued = 0;
	while (take_error(writer()))
		queued++;
	EXPECT_GT(queued, 0);
	EXPECT_LT(queued, 100);
	/* Those that are never read go with the socket. */
	EXPECT_EQ(write_message("x"), ENETDOWN);
	set_device_up(true);
}

TEST_P(Recverr, TellsHowLongAMessageMayBe)
{
	if (type() == SOCK_STREAM) {
		EXPECT_EQ(write_message(std::string(1 << 17, 'x')), 0) << "nothing is too long";
		return;
	}
	set(writer(), SOL_GLASS, GLASS_RECVERR, 1);
	EXPECT_EQ(write_message(std::string(10'000'000, 'x')), EMSGSIZE);
	const auto entry = take_error(writer());
	ASSERT_TRUE(entry);
	const auto most = error_of(*entry).error.ee_info;
	EXPECT_EQ(write_message(std::string(most + 1, 'x')), EMSGSIZE);
	expect_refusal(writer(), EMSGSIZE, {}, most);
	EXPECT_EQ(write_message(std::string(most, 'x')), 0);
	EXPECT_EQ(read_packet().data.size(), most);
}

TEST_P(Recverr, ControlDataThatDoesNotFitIsCut)
{
	set(writer(), SOL_GLASS, GLASS_RECVERR, 1);
	set_device_up(false);
	EXPECT_EQ(write_message("x"), ENETDOWN);
	set_device_up(true);
	const auto entry = take_error(writer(), 0);
	ASSERT_TRUE(entry);
	EXPECT_EQ(entry->flags & MSG_CTRUNC, MSG_CTRUNC);
}

class Datagrams : public testing::Test
{
protected:
	Datagrams()
	{
		enter_new_namespace();
		socket = dgram();
		must(socket.set_option(SOL_GLASS, GLASS_RECVERR, 1), "GLASS_RECVERR");
	}

	void expect_refused(const Address &to, int error)
	{
		EXPECT_EQ(err(socket.send_to(bytes("x"), to, MSG_DONTWAIT)), error);
		expect_refusal(socket.fd(), error, to);
	}

	Socket socket;
};

TEST_F(Datagrams, EachRefusalNamesWhomItWasFor)
{
	Socket owner = bound(5000);
	Socket friend_of_owner = bound(5001);

	expect_refused({GLASS_NODE_LOCAL, 4999}, ECONNREFUSED);
	expect_refused({99, 5000}, EHOSTUNREACH);
	must(owner.connect({GLASS_NODE_LOCAL, 5001}), "connect");
	expect_refused({GLASS_NODE_LOCAL, 5000}, EPERM);
}

TEST_F(Datagrams, WhatMayBeRightLaterIsNoRefusal)
{
	Socket receiver = bound(5000);

	EXPECT_EQ(err(socket.send(bytes("x"))), ENOTCONN);
	EXPECT_EQ(err(socket.send_to(bytes("x"), {GLASS_NODE_LOCAL, GLASS_PORT_ANY})), EINVAL);
	must(socket.connect(address_of(receiver)), "connect");
	must(socket.set_nonblocking(true), "O_NONBLOCK");
	EXPECT_GT(fill(socket, 1000), 0) << "until EAGAIN";
	EXPECT_FALSE(take_error(socket.fd()));
}

/* --- SO_TIMESTAMPING ------------------------------------------------------------------------ */

constexpr double moment = 1e-6; /* of doubles, since 1970 */

/* What SCM_TIMESTAMPING carries; libc's headers clash with the kernel's. */
struct Stamps {
	timespec times[3];
};

class Timestamping : public Joined
{
protected:
	static void ask(int fd, int flags)
	{
		set(fd, SOL_SOCKET, SO_TIMESTAMPING, flags | SOF_TIMESTAMPING_SOFTWARE);
	}

	/* The next entry: a stamp, of which kind and key. */
	struct Stamp {
		std::uint32_t kind;
		std::uint32_t key;
		double time;
		std::string data;
	};
	std::optional<Stamp> take_stamp() const
	{
		const auto entry = take_error(writer());

		if (!entry)
			return {};
		const auto told = error_of(*entry);
		EXPECT_EQ((Errno{static_cast<int>(told.error.ee_errno)}), ENOMSG);
		EXPECT_EQ(static_cast<int>(told.error.ee_origin), SO_EE_ORIGIN_TIMESTAMPING);
		EXPECT_EQ(told.offender.sgl_family, AF_UNSPEC);
		const auto stamps = entry->get<Stamps>(SOL_SOCKET, SCM_TIMESTAMPING);
		EXPECT_TRUE(stamps);
		return Stamp{told.error.ee_info, told.error.ee_data,
			     stamps ? seconds(stamps->times[0]) : 0, entry->data};
	}
	/* One that must come, perhaps only when something is acknowledged. */
	Stamp await_stamp() const
	{
		std::optional<Stamp> stamp;

		EXPECT_TRUE(eventually([&] { return (stamp = take_stamp()).has_value(); }));
		return stamp.value_or(Stamp{99, 99, 0, ""});
	}
};
INSTANTIATE_TEST_SUITE_P(Types, Timestamping, testing::ValuesIn(socket_types), socket_type_name);

TEST_P(Timestamping, TellsWhenAMessageCame)
{
	ask(reader(), SOF_TIMESTAMPING_RX_SOFTWARE);
	/* The kernel begins to stamp what arrives in a work item of its own. */
	EXPECT_TRUE(eventually([&] {
		const double before = now();

		EXPECT_EQ(write_message("x"), 0);
		const double after = now();
		const auto stamps = read_packet().get<Stamps>(SOL_SOCKET, SCM_TIMESTAMPING);
		return stamps && seconds(stamps->times[0]) >= before - moment &&
		       seconds(stamps->times[0]) <= after + moment;
	}));
	set(reader(), SOL_SOCKET, SO_TIMESTAMPING, 0);
	EXPECT_EQ(write_message("y"), 0);
	EXPECT_TRUE(read_packet().control.empty());
}

TEST_P(Timestamping, TheOlderOptionsTellItToo)
{
	set(reader(), SOL_SOCKET, SO_TIMESTAMPNS, 1);
	EXPECT_TRUE(eventually([&] {
		const double before = now();

		EXPECT_EQ(write_message("x"), 0);
		const double after = now();
		const auto time = read_packet().get<timespec>(SOL_SOCKET, SCM_TIMESTAMPNS);
		return time && seconds(*time) >= before - moment &&
		       seconds(*time) <= after + moment;
	}));
	set(reader(), SOL_SOCKET, SO_TIMESTAMP, 1);
	EXPECT_EQ(write_message("y"), 0);
	EXPECT_TRUE(read_packet().get<timeval>(SOL_SOCKET, SCM_TIMESTAMP));
}

TEST_P(Timestamping, TellsWhenEachMessageWent)
{
	ask(writer(),
	    SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY);
	std::uint32_t bytes_before = 0;

	for (std::uint32_t i = 0; i < 3; i++) {
		const std::string message(10 + i, 'x');
		const double before = now();

		EXPECT_EQ(write_message(message), 0);
		bytes_before += 10 + i;
		const auto stamp = await_stamp();
		EXPECT_EQ(stamp.kind, SCM_TSTAMP_SND);
		/* A stream counts bytes, the others messages. */
		EXPECT_EQ(stamp.key, type() == SOCK_STREAM ? bytes_before - 1 : i);
		EXPECT_GE(stamp.time, before - moment);
		EXPECT_LE(stamp.time, now() + moment);
		EXPECT_EQ(stamp.data, "");
		EXPECT_EQ(read_packet().data, message) << "it is sent as ever";
	}
	EXPECT_FALSE(take_stamp()) << "one for each";
	set(writer(), SOL_SOCKET, SO_TIMESTAMPING, 0);
	EXPECT_EQ(write_message("y"), 0);
	EXPECT_FALSE(take_stamp());
}

TEST_P(Timestamping, TheMessageComesBackWithItsStamp)
{
	ask(writer(), SOF_TIMESTAMPING_TX_SOFTWARE);
	EXPECT_EQ(write_message("message"), 0);
	const auto stamp = await_stamp();
	EXPECT_TRUE(stamp.data.ends_with("message")) << stamp.data.size();
	EXPECT_EQ(stamp.key, 0u) << "nobody asked for keys";
	EXPECT_EQ(read_packet().data, "message");
	/* Those that are never read go with the socket. */
	EXPECT_EQ(write_message("unread"), 0);
}

TEST_P(Timestamping, AMessageThatDoesNotFitIsCut)
{
	std::array<char, 3> few = {};
	iovec room = {few.data(), few.size()};
	msghdr message = {};
	pollfd ready = {writer(), 0, 0};

	message.msg_iov = &room;
	message.msg_iovlen = 1;
	ask(writer(), SOF_TIMESTAMPING_TX_SOFTWARE);
	EXPECT_EQ(write_message("message"), 0);
	ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
	EXPECT_EQ(::recvmsg(writer(), &message, MSG_ERRQUEUE | MSG_DONTWAIT), 3);
	EXPECT_EQ(message.msg_flags & MSG_TRUNC, MSG_TRUNC);
	EXPECT_EQ(read_packet().data, "message");

	/* And where there is no memory, that is said. */
	EXPECT_EQ(write_message("message"), 0);
	ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
	room.iov_base = reinterpret_cast<void *>(4096);
	EXPECT_EQ(err(::recvmsg(writer(), &message, MSG_ERRQUEUE | MSG_DONTWAIT)), EFAULT);
	EXPECT_EQ(read_packet().data, "message");
}

TEST_P(Timestamping, OneMessageMayAskForItself)
{
	const std::uint32_t flags = SOF_TIMESTAMPING_TX_SOFTWARE;

	ask(writer(), SOF_TIMESTAMPING_OPT_TSONLY);
	EXPECT_EQ(write_message("a"), 0);
	EXPECT_FALSE(take_stamp());
	EXPECT_EQ(send_with_control(writer(), SOL_SOCKET, SO_TIMESTAMPING, flags), 0);
	EXPECT_EQ(await_stamp().kind, SCM_TSTAMP_SND);
	EXPECT_EQ(write_message("b"), 0);
	EXPECT_FALSE(take_stamp());
}

TEST_P(Timestamping, AConnectionTellsWhenItWasQueuedAndAcknowledged)
{
	if (!is_connection(type())) {
		ask(writer(), SOF_TIMESTAMPING_TX_ACK);
		EXPECT_EQ(write_message("x"), 0);
		EXPECT_FALSE(take_stamp()) << "nobody acknowledges it";
		return;
	}
	ask(writer(), SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE |
			      SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_OPT_TSONLY);
	EXPECT_EQ(write_message("x"), 0);
	const auto queued = await_stamp();
	const auto sent = await_stamp();
	EXPECT_EQ(queued.kind, SCM_TSTAMP_SCHED);
	EXPECT_EQ(sent.kind, SCM_TSTAMP_SND);
	EXPECT_EQ(read_packet().data, "x");
	const auto acknowledged = await_stamp();
	EXPECT_EQ(acknowledged.kind, SCM_TSTAMP_ACK);
	EXPECT_LE(queued.time, sent.time);
	EXPECT_LE(sent.time, acknowledged.time);
	EXPECT_FALSE(take_stamp());
}

TEST_P(Timestamping, WhatIsSentAgainIsNotStampedAgain)
{
	if (!is_connection(type()))
		return;
	write_file("/proc/sys/net/glass/user_timeout_ms", "600000");
	ask(writer(), SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK |
			      SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY);
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem loss 100%"));
	EXPECT_EQ(write_message("lost"), 0);
	EXPECT_EQ(await_stamp().kind, SCM_TSTAMP_SND);
	EXPECT_TRUE(eventually([] { return counters().at("GlassRetransmits") >= 2; }));
	EXPECT_FALSE(take_stamp());
	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
	EXPECT_EQ(read_packet().data, "lost");
	const auto acknowledged = await_stamp();
	EXPECT_EQ(acknowledged.kind, SCM_TSTAMP_ACK);
	EXPECT_EQ(acknowledged.key, type() == SOCK_STREAM ? 3u : 0u);
	EXPECT_FALSE(take_stamp());
	write_file("/proc/sys/net/glass/user_timeout_ms", "1");
}

} // namespace
