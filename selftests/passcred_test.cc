// SPDX-License-Identifier: GPL-2.0
/*
 * GLASS_SO_PASSCRED: who in this namespace sent a message; of a connection, who
 * is at its other end.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ostream>

#include "frame.h"
#include "helper.h"
#include "message.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

constexpr uid_t user = 4711;
constexpr gid_t group = 4712;

/* What the control message says. */
struct Who {
	pid_t pid;
	uid_t uid;
	gid_t gid;

	friend bool operator==(const Who &, const Who &) = default;
	friend std::ostream &operator<<(std::ostream &out, const Who &who)
	{
		return out << "process " << who.pid << ", user " << who.uid << ", group "
			   << who.gid;
	}
};

std::optional<Who> who_of(const Packet &packet)
{
	const auto cred = packet.get<glass_ucred>(SOL_GLASS, GLASS_CMSG_CRED);

	return cred ? std::optional<Who>({cred->pid, cred->uid, cred->gid}) : std::nullopt;
}

class Passcred : public testing::TestWithParam<SocketType>
{
protected:
	Passcred()
	{
		enter_new_namespace();
		ends = glass_ends(type());
		want(ends.reader.get());
	}

	static int type() { return GetParam().type; }
	static bool has_messages() { return type() == SOCK_DGRAM || type() == SOCK_RAW; }
	static void want(int fd, int value = 1)
	{
		must(::setsockopt(fd, SOL_GLASS, GLASS_SO_PASSCRED, &value, sizeof(value)),
		     "GLASS_SO_PASSCRED");
	}
	void write_message() const { must(::send(ends.writer.get(), "x", 1, 0), "send"); }
	std::optional<Who> read_who(int flags = 0) const
	{
		return who_of(receive_packet(ends.reader.get(), 512, flags));
	}
	static Who me() { return {::getpid(), ::geteuid(), ::getegid()}; }

	Ends ends;
};
INSTANTIATE_TEST_SUITE_P(Types, Passcred, testing::ValuesIn(socket_types), socket_type_name);

TEST_P(Passcred, IsAnOption)
{
	int value = -1;
	socklen_t size = sizeof(value);

	for (const int on : {0, 1}) {
		want(ends.reader.get(), on);
		must(::getsockopt(ends.reader.get(), SOL_GLASS, GLASS_SO_PASSCRED, &value, &size),
		     "get");
		EXPECT_EQ(value, on);
	}
}

TEST_P(Passcred, TellsTheReaderWhoWantsIt)
{
	write_message();
	EXPECT_EQ(read_who(MSG_PEEK), me());
	EXPECT_EQ(read_who(), me());
	want(ends.reader.get(), 0);
	write_message();
	EXPECT_FALSE(read_who());
}

TEST_P(Passcred, IsCutWhereItDoesNotFit)
{
	write_message();
	EXPECT_EQ(receive_packet(ends.reader.get(), 0, MSG_PEEK).flags & MSG_CTRUNC, MSG_CTRUNC);
	const auto half = receive_packet(ends.reader.get(), CMSG_LEN(4), MSG_PEEK);
	EXPECT_EQ(half.flags & MSG_CTRUNC, MSG_CTRUNC);
	EXPECT_EQ(half.control_size, CMSG_LEN(4));
	const auto whole = receive_packet(ends.reader.get(), CMSG_SPACE(sizeof(glass_ucred)));
	EXPECT_EQ(whole.flags & MSG_CTRUNC, 0);
	EXPECT_EQ(who_of(whole), me());
}

/* Of messages it is who sends; of a connection, who made it, as SO_PEERCRED. */
TEST_P(Passcred, IsOfWhoSendsNotOfWhoHasTheSocket)
{
	int told[2];
	pid_t pid = 0;

	must(::pipe(told), "pipe");
	EXPECT_EQ(in_child([&] {
			  const pid_t self = ::getpid();

			  must(::setregid(group, group), "setregid");
			  must(::setreuid(user, user), "setreuid");
			  write_message();
			  return ::write(told[1], &self, sizeof(self)) == sizeof(self) ? 0 : 1;
		  }),
		  0);
	ASSERT_EQ(::read(told[0], &pid, sizeof(pid)), static_cast<ssize_t>(sizeof(pid)));
	/* It has gone, and is known still. */
	EXPECT_EQ(read_who(), has_messages() ? (Who{pid, user, group}) : me());
	::close(told[0]);
	::close(told[1]);
}

TEST_P(Passcred, UnreadOnesGoWithTheSocket)
{
	if (type() == SOCK_STREAM || type() == SOCK_SEQPACKET)
		return;
	for (int i = 0; i < 10; i++)
		write_message();
	ends = {};
	EXPECT_TRUE(nothing_remains());
}

TEST_P(Passcred, AFrameThatNobodySentHasNone)
{
	Injector injector;
	Frame frame;

	if (!has_messages())
		return;
	if (type() == SOCK_RAW) {
		frame.protocol = raw_protocol;
	} else {
		Socket receiver = bound(5000);

		want(receiver.fd());
		injector.send(frame.bytes());
		EXPECT_FALSE(who_of(receive_packet(receiver)));
		return;
	}
	injector.send(frame.bytes());
	EXPECT_FALSE(read_who());
}

/* Who lets a queue run sends other people's frames, and is not their sender. */
TEST_P(Passcred, WhatAQueueHeldBackHasNone)
{
	if (!has_messages())
		return;
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem delay 20ms"));
	write_message();
	EXPECT_FALSE(read_who());
	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
	write_message();
	EXPECT_EQ(read_who(), me());
}

} // namespace
