// SPDX-License-Identifier: GPL-2.0
/*
 * The relatives as a model: a row of calls that chance chooses is made on two
 * joined Glass sockets and on two of AF_UNIX (for streams, of TCP too), and each
 * call must give the same: its result, its errno, the bytes, what poll() says
 * after it. compare_test has a table of such calls that somebody thought of; here
 * are those that nobody did.
 *
 * GLASS_SEED chooses others. What is meant to differ is left out, or made equal;
 * each such place gives the reason.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "calls.h"
#include "helper.h"
#include "ktap.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

constexpr std::size_t choices_per_run = 200;
constexpr std::size_t room_max = 4096;

std::uint64_t seed()
{
	const char *const text = std::getenv("GLASS_SEED");
	const std::uint64_t number = text ? std::strtoull(text, nullptr, 0) : 0;

	return number ? number : 1;
}

/* --- Two ends, and what is done to them ------------------------------------------------- */

/* Whose rules a run follows where they differ. */
enum class Model { Unix, Tcp };

class Play
{
public:
	Play(std::array<glass::Fd, 2> ends, int type, Model model)
		: ends_(std::move(ends)), type_(type), model_(model)
	{
		for (const auto &end : ends_)
			must(::fcntl(end.get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	}

	/* Makes the calls; one line for each. */
	std::vector<std::string> make(Choices choices)
	{
		while (!choices.is_over())
			make_call(choices);
		return lines_;
	}

private:
	bool is_stream() const { return type_ == SOCK_STREAM; }
	bool is_connected() const { return is_stream() || type_ == SOCK_SEQPACKET; }
	int fd(int which) const { return ends_[static_cast<std::size_t>(which)].get(); }

	void make_call(Choices &choices)
	{
		const int which = static_cast<int>(choices.below(2));
		const auto before = lines_.size();

		switch (choices.below(12)) {
		case 0:
		case 1:
		case 2:
			send(choices, which);
			break;
		case 3:
		case 4:
		case 5:
		case 6:
			receive(choices, which);
			break;
		case 7:
			// That nobody reads any more is told to the peer by AF_UNIX only.
			if (choices.one_in(8))
				shut(which, choices.one_in(2) && model_ == Model::Unix ? SHUT_RDWR
										       : SHUT_WR);
			break;
		case 8:
			// Who writes to a peer of AF_UNIX that has closed hears of it at
			// once; of TCP and Glass, after the first answer.
			if (choices.one_in(8) && (model_ == Model::Tcp || !is_connected()))
				close(which);
			break;
		case 9:
			// Of several messages, AF_UNIX tells the sum for SEQPACKET and the
			// next for DGRAM; Glass the next for both.
			if (type_ != SOCK_SEQPACKET)
				queue_length(which);
			break;
		case 10:
			gather(choices, which);
			break;
		default:
			ask(choices, which);
		}
		if (lines_.size() != before)
			for (const int end : {0, 1})
				ready(end);
	}

	/*
	 * A refused message disconnects a datagram socket of AF_UNIX, and takes what it
	 * has not read; here a name stays a name, as in UDP.
	 */
	bool would_be_refused(int which) const { return type_ == SOCK_DGRAM && fd(1 - which) < 0; }

	/* --- The calls --- */

	void send(Choices &choices, int which)
	{
		const std::string data = letters(choices.below(3000));
		int flags = MSG_NOSIGNAL;

		// An empty message of a connection is none of a stream's, and AF_UNIX says
		// so to a peer that has gone, too: left to compare_test.
		if (data.empty() || would_be_refused(which))
			return;
		if (type_ == SOCK_SEQPACKET && choices.one_in(4))
			flags |= MSG_EOR;
		call("send " + std::to_string(data.size()), which,
		     ::send(fd(which), data.data(), data.size(), flags));
	}

	void gather(Choices &choices, int which)
	{
		const std::string one = letters(1 + choices.below(100));
		const std::string other = letters(1 + choices.below(100));
		const std::array<iovec, 2> parts = {
			{{const_cast<char *>(one.data()), one.size()},
			 {const_cast<char *>(other.data()), other.size()}}};

		if (would_be_refused(which))
			return;
		call("writev", which, ::writev(fd(which), parts.data(), 2));
	}

	void receive(Choices &choices, int which)
	{
		std::vector<char> room(1 + choices.below(room_max), '.');
		iovec part = {room.data(), room.size()};
		msghdr message = {};
		int flags = 0;

		// AF_UNIX lets a call that does not wait try again, for nothing to come.
		if (type_ == SOCK_DGRAM && is_deaf_[static_cast<std::size_t>(which)])
			return;
		if (choices.one_in(4))
			flags |= MSG_PEEK;
		// On a stream of TCP, it throws bytes away; AF_UNIX gives them.
		if (!is_stream() && choices.one_in(4))
			flags |= MSG_TRUNC;
		// What AF_UNIX gives to a look at a stream ends where a write did.
		if (is_stream() && model_ == Model::Unix)
			flags &= ~MSG_PEEK;
		message.msg_iov = &part;
		message.msg_iovlen = 1;
		const long got = ::recvmsg(fd(which), &message, flags);
		call("recv " + std::to_string(room.size()), which, got);
		if (got < 0)
			return;
		lines_.back() += ' ';
		PrintText(lines_.back(),
			  {room.data(), std::min(static_cast<std::size_t>(got), room.size())});
		if (message.msg_flags & MSG_TRUNC)
			lines_.back() += " TRUNC";
	}

	void shut(int which, int how)
	{
		pollfd poll = {fd(which), 0, 0};

		// A connection that is over can still be shut down, as with AF_UNIX.
		if (model_ == Model::Tcp && ::poll(&poll, 1, 0) == 1)
			return;
		is_deaf_[static_cast<std::size_t>(which)] |= how == SHUT_RDWR;
		call("shutdown " + std::to_string(how), which, ::shutdown(fd(which), how));
	}

	void close(int which)
	{
		ends_[static_cast<std::size_t>(which)].reset();
		call("close", which, 0);
	}

	void queue_length(int which)
	{
		int length = -1;
		const long result = ::ioctl(fd(which), SIOCINQ, &length);

		call("SIOCINQ", which, result);
		lines_.back() += ' ' + std::to_string(length);
	}

	void ask(Choices &choices, int which)
	{
		constexpr int options[] = {SO_ERROR, SO_TYPE, SO_ACCEPTCONN, SO_KEEPALIVE};
		int value = -1;
		socklen_t size = sizeof(value);
		const int option = choices.of(options);
		const long result = ::getsockopt(fd(which), SOL_SOCKET, option, &value, &size);

		call("option " + std::to_string(option), which, result);
		lines_.back() += ' ' + std::to_string(value);
	}

	/* --- What is seen --- */

	void call(const std::string &what, int which, long result)
	{
		std::ostringstream line;

		line << which << ' ' << what << ": " << outcome(result);
		lines_.push_back(line.str());
		settle();
	}

	void ready(int which)
	{
		pollfd poll = {fd(which), POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};

		if (fd(which) < 0)
			return;
		must(::poll(&poll, 1, 0), "poll");
		std::ostringstream text;
		text << " [" << which << ": " << std::hex << poll.revents << ']';
		lines_.back() += text.str();
	}

	/* A connection needs a moment for what AF_UNIX does in the call. */
	void settle()
	{
		if (!is_connected())
			return;
		for (const auto &end : ends_) {
			int left = 0;

			if (!end)
				continue;
			EXPECT_TRUE(eventually([&] {
				pollfd poll = {end.get(), 0, 0};

				// Over is over, whatever is left; AF_UNIX counts what is
				// not read yet.
				return is_unix(end.get()) || ::poll(&poll, 1, 0) == 1 ||
				       ::ioctl(end.get(), SIOCOUTQ, &left) < 0 || left == 0;
			}));
		}
	}

	static bool is_unix(int fd)
	{
		int family = 0;
		socklen_t size = sizeof(family);

		must(::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size), "SO_DOMAIN");
		return family == AF_UNIX;
	}

	std::string letters(std::size_t size) { return text(pattern(size, ++written_)); }

	static void PrintText(std::string &to, std::string_view what)
	{
		std::ostringstream stream;

		PrintTo(Text(std::string(what)), &stream);
		to += stream.str();
	}

	std::array<glass::Fd, 2> ends_;
	int type_;
	Model model_;
	std::uint64_t written_ = 0;
	std::array<bool, 2> is_deaf_ = {};
	std::vector<std::string> lines_;
};

/* --- The comparison -------------------------------------------------------------------------- */

std::array<glass::Fd, 2> two(Ends ends)
{
	return {std::move(ends.writer), std::move(ends.reader)};
}

class ModelOf : public testing::TestWithParam<SocketType>
{
protected:
	ModelOf() { std::signal(SIGPIPE, SIG_IGN); }

	static void compare(Ends (*relative)(), Model model)
	{
		const int type = GetParam().type;
		const int runs = 50 * ktap::scale();

		for (int i = 0; i < runs; i++) {
			const auto number = seed() * 1'000'000 + static_cast<std::uint64_t>(i);
			const auto bytes = random_bytes(number, choices_per_run);
			const auto expected =
				Play(two(relative()), type, model).make(Choices(bytes));
			const auto seen =
				Play(two(glass_ends(type)), type, model).make(Choices(bytes));

			for (std::size_t j = 0; j < std::min(seen.size(), expected.size()); j++) {
				if (seen[j] == expected[j])
					continue;
				std::string before;
				for (std::size_t k = j > 8 ? j - 8 : 0; k < j; k++)
					before += seen[k] + '\n';
				FAIL() << "run " << number << ", call " << j << ": " << seen[j]
				       << "\nand the relative: " << expected[j] << "\nbefore:\n"
				       << before;
			}
			EXPECT_EQ(seen.size(), expected.size());
		}
	}
};
/* RAW has no relative whose messages look alike. */
INSTANTIATE_TEST_SUITE_P(Types, ModelOf,
			 testing::ValuesIn(socket_types.begin(), socket_types.end() - 1),
			 socket_type_name);

TEST_P(ModelOf, ChanceFindsNoDifference)
{
	switch (GetParam().type) {
	case SOCK_STREAM:
		set_device_up(true, "lo");
		compare(tcp_ends, Model::Tcp);
		compare([] { return relative_ends(SOCK_STREAM); }, Model::Unix);
		break;
	case SOCK_SEQPACKET:
		compare([] { return relative_ends(SOCK_SEQPACKET); }, Model::Unix);
		break;
	default:
		compare([] { return relative_ends(SOCK_DGRAM); }, Model::Unix);
	}
}

} // namespace
