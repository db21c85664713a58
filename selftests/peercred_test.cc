// SPDX-License-Identifier: GPL-2.0
/*
 * SO_PEERCRED: who is at the other end, as AF_UNIX tells it, as long as that end
 * is in the same network namespace.
 */
#include <gtest/gtest.h>
#include <linux/glass.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ostream>

#include "helper.h"
#include "network.h"

namespace {

using namespace helper;

/* What SO_PEERCRED gives. */
struct Who {
	pid_t pid;
	uid_t uid;
	gid_t gid;

	friend bool operator==(const Who &, const Who &) = default;
	friend std::ostream &operator<<(std::ostream &out, const Who &who)
	{
		return out << "process " << who.pid << ", user " << static_cast<int>(who.uid)
			   << ", group " << static_cast<int>(who.gid);
	}
};

constexpr Who nobody = {0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};

Who me()
{
	return {::getpid(), ::geteuid(), ::getegid()};
}

Who peer_of(const Socket &socket)
{
	ucred peer = {};
	socklen_t size = sizeof(peer);

	must(::getsockopt(socket.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size), "SO_PEERCRED");
	return {peer.pid, peer.uid, peer.gid};
}

/* A process that becomes another user and does something; it lives until told. */
class Other
{
public:
	explicit Other(const std::function<void()> &body)
	{
		int done[2], go[2];

		must(::pipe(done), "pipe");
		must(::pipe(go), "pipe");
		pid_ = static_cast<pid_t>(must(::fork(), "fork"));
		if (pid_ == 0) {
			char byte = 0;

			::close(go[1]);
			must(::setregid(user, user), "setregid");
			must(::setreuid(user, user), "setreuid");
			body();
			must(::write(done[1], &byte, 1), "write");
			must(::read(go[0], &byte, 1), "read");
			::_exit(0);
		}
		char byte;

		::close(done[1]);
		::close(go[0]);
		go_ = go[1];
		EXPECT_EQ(::read(done[0], &byte, 1), 1) << "it failed";
		::close(done[0]);
	}
	~Other() { end(); }
	Other(const Other &) = delete;
	Other &operator=(const Other &) = delete;

	void end()
	{
		if (go_ < 0)
			return;
		::close(go_);
		go_ = -1;
		::waitpid(pid_, nullptr, 0);
	}
	Who who() const { return {pid_, user, user}; }

private:
	static constexpr uid_t user = 4711;

	pid_t pid_ = 0;
	int go_ = -1;
};

class Peercred : public testing::TestWithParam<int>
{
protected:
	Peercred() { enter_new_namespace(); }

	int type() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Types, Peercred, testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
			 [](const auto &info) {
				 return info.param == SOCK_STREAM ? "Stream" : "Seqpacket";
			 });

TEST_P(Peercred, NobodyBeforeAConnectionAndAfterIt)
{
	const Socket server = listener(type());
	Socket client = stream(type());

	EXPECT_EQ(peer_of(client), nobody);
	EXPECT_EQ(peer_of(server), nobody);
	must(client.connect(address_of(server)), "connect");
	EXPECT_EQ(peer_of(client), me());
	EXPECT_EQ(peer_of(server), nobody);

	const sockaddr none = {.sa_family = AF_UNSPEC, .sa_data = {}};
	must(::connect(client.fd(), &none, sizeof(none)), "disconnect");
	EXPECT_EQ(peer_of(client), nobody);
	/* It can be somebody else's then. */
	must(client.connect(address_of(server)), "connect");
	EXPECT_EQ(peer_of(client), me());
}

TEST_P(Peercred, TheServerLearnsWhoConnected)
{
	Socket server = listener(type());
	Socket client = stream(type());
	Other other([&] { must(client.connect(address_of(server)), "connect"); });
	Socket accepted = must(server.accept(), "accept");

	EXPECT_EQ(peer_of(accepted), other.who());
	EXPECT_EQ(peer_of(client), me()) << "that is who listens";
	other.end();
	EXPECT_EQ(peer_of(accepted).uid, other.who().uid) << "it is what it was then";
}

TEST_P(Peercred, TheClientLearnsWhoListens)
{
	Socket server = stream(type());
	must(server.bind({GLASS_NODE_ANY, GLASS_PORT_ANY}), "bind");
	const Other other([&] { must(server.listen(5), "listen"); });
	Socket client = stream(type());

	must(client.connect(address_of(server)), "connect");
	EXPECT_EQ(peer_of(client), other.who());
	/* Who listens again is who listens. */
	must(server.listen(5), "listen");
	EXPECT_EQ(peer_of(client), other.who());
	Socket next = stream(type());
	must(next.connect(address_of(server)), "connect");
	EXPECT_EQ(peer_of(next), me());
}

TEST_P(Peercred, AClientThatIsGoneIsStillKnown)
{
	Socket server = listener(type());
	Who who;
	{
		Socket client = stream(type());
		const Other other([&] {
			must(client.connect(address_of(server)), "connect");
			must(client.send(bytes("bye")), "send");
		});

		who = other.who();
		client.close();
	}
	Socket accepted = must(server.accept(), "accept");
	EXPECT_EQ(peer_of(accepted).uid, who.uid);
	EXPECT_EQ(read_message(accepted), "bye");
}

TEST_P(Peercred, AnotherNamespaceIsNobody)
{
	const Namespace there = Namespace::create();
	Socket server, client;

	add_veth("va", "vb", there);
	must(control().attach_device(ifindex_of("va"), 21), "attach");
	server = listener(type());
	const auto here = address_of(server).port;
	const auto here_mac = address_of_link("va");
	{
		const Inside inside(there);

		must(control().attach_device(ifindex_of("vb"), 22), "attach");
		must(control().add_route(21, ifindex_of("vb"), here_mac), "route");
		client = stream(type());
	}
	const auto there_mac = [&] {
		const Inside inside(there);

		return address_of_link("vb");
	}();
	must(control().add_route(22, ifindex_of("va"), there_mac), "route");
	must(client.connect({21, here}), "connect");
	Socket accepted = must(server.accept(), "accept");
	EXPECT_EQ(peer_of(client), nobody);
	EXPECT_EQ(peer_of(accepted), nobody);
}

class Pairs : public testing::TestWithParam<int>
{
};

INSTANTIATE_TEST_SUITE_P(Types, Pairs, testing::Values(SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM),
			 [](const auto &info) {
				 return info.param == SOCK_STREAM      ? "Stream"
					: info.param == SOCK_SEQPACKET ? "Seqpacket"
								       : "Dgram";
			 });

TEST_P(Pairs, AreOfWhoMadeThem)
{
	const auto [one, other] = must(Socket::pair(GetParam()), "socketpair");

	EXPECT_EQ(peer_of(one), me());
	EXPECT_EQ(peer_of(other), me());
}

} // namespace
