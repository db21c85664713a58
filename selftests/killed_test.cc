// SPDX-License-Identifier: GPL-2.0
/*
 * A process that is killed in whatever state its connection is in: the other
 * side is told what it would be told by close(), and nothing of it is left.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "helper.h"
#include "network.h"

namespace {

using namespace helper;

/* A process to be killed. */
class Victim
{
public:
	/* It has done @p prepare when this returns, and is in @p call from then on. */
	explicit Victim(
		const std::function<void()> &prepare,
		const std::function<void()> &call = [] { ::pause(); })
	{
		std::array<int, 2> pipe;

		must(::pipe(pipe.data()), "pipe");
		glass::Fd is_ready(pipe[0]);
		glass::Fd tell(pipe[1]);
		pid_ = static_cast<pid_t>(must(::fork(), "fork"));
		if (pid_ == 0) {
			try {
				prepare();
				must(::write(tell.get(), "1", 1), "write");
				call();
			} catch (const std::exception &error) {
				static_cast<void>(
					!::write(2, error.what(), std::strlen(error.what())));
			}
			::_exit(1);
		}
		tell.reset();
		char byte;
		EXPECT_EQ(::read(is_ready.get(), &byte, 1), 1) << "it died by itself";
	}
	~Victim() { kill(); }
	Victim(const Victim &) = delete;
	Victim &operator=(const Victim &) = delete;

	void kill()
	{
		int status = 0;

		if (pid_ <= 0)
			return;
		::kill(pid_, SIGKILL);
		must(::waitpid(pid_, &status, 0), "waitpid");
		EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself, with " << status;
		pid_ = 0;
	}
	/* Kills it when it sleeps in @p system_call. */
	void kill_in(long system_call)
	{
		EXPECT_TRUE(eventually([&] { return is_asleep_in(pid_, system_call); }));
		kill();
	}

private:
	pid_t pid_ = 0;
};

bool comes_to(const std::string &state)
{
	return eventually([&] { return in_state(state) == 1; });
}

class Killed : public testing::TestWithParam<int>
{
protected:
	Killed() : slab_(type() == SOCK_STREAM ? "GLASS-STREAM" : "GLASS-SEQPACKET")
	{
		enter_new_namespace();
		write_file("/proc/sys/net/glass/time_wait_ms", "1");
		objects_ = objects_in_slab(slab_);
		references_ = module_references();
		server = listener(type());
	}

	int type() const { return GetParam(); }

	/* What the process does: it connects, and does something with that. */
	std::function<void()> connected(const std::function<void(Socket &)> &then = [](Socket &) {
	}) const
	{
		return [this, then] {
			static Socket client;

			client = stream(type());
			must(client.connect(address_of(server)), "connect");
			then(client);
		};
	}
	Socket accept() { return must(server.accept(), "accept"); }

	/* Once this side has let go, too, nothing is left. */
	void expect_nothing_left()
	{
		server.close();
		EXPECT_TRUE(
			eventually([] { return lines_of("/proc/self/net/glass").size() == 1; }));
		for (const auto &line : lines_of("/proc/self/net/glass"))
			if (!line.starts_with("Type"))
				ADD_FAILURE() << "left: " << line;
		EXPECT_TRUE(eventually([&] { return objects_in_slab(slab_) <= objects_; }))
			<< objects_in_slab(slab_) << " sockets in memory, before " << objects_;
		EXPECT_TRUE(eventually([&] { return module_references() == references_; }));
	}

	Socket server;

private:
	const std::string slab_;
	std::size_t objects_ = 0;
	long references_ = 0;
};

std::string type_name(const testing::TestParamInfo<int> &info)
{
	return info.param == SOCK_STREAM ? "Stream" : "Seqpacket";
}
INSTANTIATE_TEST_SUITE_P(Types, Killed, testing::Values(SOCK_STREAM, SOCK_SEQPACKET), type_name);

/* The end comes, and in good order; what came before it. */
std::size_t read_to_the_end(Socket &socket, std::size_t piece)
{
	const auto data = pattern(piece);
	std::size_t sum = 0;

	for (;;) {
		const auto got = read_some(socket, piece - sum % piece, 0);

		if (got.empty())
			return sum;
		/* Each piece of what they write is the same. */
		EXPECT_EQ(got, text(std::span(data).subspan(sum % piece, got.size())));
		sum += got.size();
		if (testing::Test::HasFailure())
			return sum;
	}
}

void expect_reset(Socket &socket)
{
	std::array<std::byte, 8> buffer;

	EXPECT_EQ(poll_long(socket, POLLERR), POLLERR | POLLHUP);
	EXPECT_EQ(err(socket.receive(buffer)), ECONNRESET);
}

/* --- On the way to a connection ------------------------------------------------------------ */

TEST_P(Killed, InConnect)
{
	Socket full = listener(type(), GLASS_PORT_ANY, 0);
	Socket first = stream(type());

	must(first.connect(address_of(full)), "connect");
	Victim victim([] {},
		      [&] {
			      Socket second = stream(type());

			      static_cast<void>(second.connect(address_of(full)));
		      });
	EXPECT_TRUE(comes_to("SYN_SENT"));
	victim.kill_in(SYS_connect);
	EXPECT_EQ(in_state("SYN_SENT"), 0);
	/* Its place is not taken. */
	must(full.accept(), "accept");
	EXPECT_EQ(poll_now(full, POLLIN), 0);
	full.close();
	first.close();
	expect_nothing_left();
}

TEST_P(Killed, ListeningWithOneThatNobodyAcceptedAndOneHalfOpen)
{
	const std::uint32_t port = free_port();
	Socket waiting = stream(type());
	Socket half = stream(type(), SOCK_NONBLOCK);
	Victim victim([&] {
		static Socket doomed;

		doomed = listener(type(), port);
	});

	must(waiting.connect({GLASS_NODE_LOCAL, port}), "connect");
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem delay 100ms"));
	EXPECT_EQ(err(half.connect({GLASS_NODE_LOCAL, port})), EINPROGRESS);
	EXPECT_TRUE(comes_to("SYN_RECV"));
	victim.kill();
	EXPECT_EQ(in_state("SYN_RECV"), 0);
	expect_reset(waiting);
	expect_reset(half);
	EXPECT_EQ(err(stream(type()).connect({GLASS_NODE_LOCAL, port})), ECONNREFUSED);
	waiting.close();
	half.close();
	expect_nothing_left();
}

TEST_P(Killed, InAccept)
{
	const std::uint32_t port = free_port();
	static Socket doomed;
	Victim victim([&] { doomed = listener(type(), port); },
		      [&] { static_cast<void>(doomed.accept()); });

	victim.kill_in(SYS_accept4);
	EXPECT_EQ(err(stream(type()).connect({GLASS_NODE_LOCAL, port})), ECONNREFUSED);
	expect_nothing_left();
}

/* --- With a connection --------------------------------------------------------------------- */

TEST_P(Killed, InReceive)
{
	static Socket *own;
	Victim victim(connected([](Socket &client) { own = &client; }),
		      [] { read_some(*own, 1, 0); });
	Socket child = accept();

	victim.kill_in(SYS_recvfrom);
	EXPECT_EQ(read_to_the_end(child, 1), 0u);
	child.close();
	expect_nothing_left();
}

TEST_P(Killed, InPoll)
{
	static Socket *own;
	Victim victim(connected([](Socket &client) { own = &client; }), [] {
		pollfd fd = {own->fd(), POLLIN, 0};

		::poll(&fd, 1, -1);
	});
	Socket child = accept();

	victim.kill_in(SYS_poll);
	EXPECT_EQ(poll_long(child, POLLRDHUP), POLLRDHUP);
	EXPECT_EQ(read_to_the_end(child, 1), 0u);
	child.close();
	expect_nothing_left();
}

/* What it could write before is read, and nothing of what it could not. */
TEST_P(Killed, InSend)
{
	static Socket *own;
	Victim victim(connected([](Socket &client) { own = &client; }), [] {
		const auto data = pattern(5000);

		while (send_all(*own, data))
			;
	});
	Socket child = accept();

	victim.kill_in(SYS_sendto);
	EXPECT_TRUE(comes_to("FIN_WAIT1")) << "it has something to say still";
	EXPECT_GT(read_to_the_end(child, 5000), 200'000u);
	child.close();
	expect_nothing_left();
}

TEST_P(Killed, WithDataThatWasNotSent)
{
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem"));
	Victim victim(connected([](Socket &client) {
		/* Not even the first of it gets anywhere. */
		tc("qdisc change dev glass0 root netem loss 100%");
		for (int i = 0; i < 10; i++)
			must(client.send(pattern(5000)), "send");
	}));
	Socket child = accept();

	victim.kill();
	EXPECT_EQ(poll_now(child, POLLIN | POLLRDHUP), 0);
	EXPECT_TRUE(comes_to("FIN_WAIT1"));
	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
	EXPECT_EQ(read_to_the_end(child, 5000), 50'000u);
	child.close();
	expect_nothing_left();
}

TEST_P(Killed, WithDataThatItHasNotRead)
{
	Victim victim(connected());
	Socket child = accept();

	must(child.send(bytes("unread")), "send");
	EXPECT_TRUE(eventually([&] { return must(child.output_queued(), "queued") == 0; }));
	victim.kill();
	expect_reset(child);
	EXPECT_EQ(err(child.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
	child.close();
	expect_nothing_left();
}

/* --- On the way out of one ------------------------------------------------------------------ */

TEST_P(Killed, InFinWait1)
{
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem"));
	Victim victim(connected([](Socket &client) {
		tc("qdisc change dev glass0 root netem loss 100%");
		must(client.send(pattern(10)), "send");
		must(client.shutdown(glass::Half::Write), "shutdown");
	}));
	Socket child = accept();

	EXPECT_EQ(in_state("FIN_WAIT1"), 1);
	victim.kill();
	EXPECT_EQ(in_state("FIN_WAIT1"), 1);
	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
	EXPECT_EQ(read_to_the_end(child, 10), 10u);
	child.close();
	expect_nothing_left();
}

TEST_P(Killed, InFinWait2)
{
	Victim victim(connected(
		[](Socket &client) { must(client.shutdown(glass::Half::Write), "shutdown"); }));
	Socket child = accept();

	EXPECT_EQ(read_to_the_end(child, 1), 0u);
	EXPECT_TRUE(comes_to("FIN_WAIT2"));
	const long references = module_references();
	victim.kill();
	/* Its struct socket had one, and its struct sock, which an orphan would have still. */
	EXPECT_EQ(module_references(), references - 2) << "it is remembered without a socket";
	EXPECT_EQ(in_state("FIN_WAIT2"), 1);
	/* Nobody will ever read this. */
	EXPECT_EQ(err(child.send(bytes("x"), MSG_NOSIGNAL)), 0) << "it cannot know yet";
	EXPECT_EQ(poll_long(child, POLLERR), POLLERR | POLLHUP);
	EXPECT_EQ(child.take_error().value(), EPIPE) << "as TCP: it has had the end";
	child.close();
	expect_nothing_left();
}

TEST_P(Killed, InFinWait2WhoIsAnsweredByTheEnd)
{
	Victim victim(connected(
		[](Socket &client) { must(client.shutdown(glass::Half::Write), "shutdown"); }));
	Socket child = accept();

	EXPECT_EQ(read_to_the_end(child, 1), 0u);
	EXPECT_TRUE(comes_to("FIN_WAIT2"));
	victim.kill();
	child.close();
	expect_nothing_left();
	EXPECT_EQ(counters().at("GlassEstabResets"), 0u);
}

TEST_P(Killed, InCloseWait)
{
	Victim victim(connected([](Socket &client) { must(client.send(pattern(10)), "send"); }));
	Socket child = accept();

	must(child.shutdown(glass::Half::Write), "shutdown");
	EXPECT_TRUE(comes_to("CLOSE_WAIT"));
	victim.kill();
	EXPECT_EQ(read_to_the_end(child, 10), 10u);
	EXPECT_EQ(poll_long(child, POLLHUP), POLLHUP) << "both have said their end";
	EXPECT_FALSE(child.take_error());
	child.close();
	expect_nothing_left();
}

/* Two that talk to each other and die together. */
TEST_P(Killed, WithBothEnds)
{
	Victim victim(connected([&](Socket &client) {
		static Socket child;

		child = accept();
		fill_connection(client, 1000);
		must(child.send(bytes("unread too")), "send");
	}));

	victim.kill();
	expect_nothing_left();
}

} // namespace
