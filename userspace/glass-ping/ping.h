/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The work of glass-ping: echoes out, replies in.
 */
#ifndef GLASS_PING_PING_H
#define GLASS_PING_PING_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <system_error>
#include <vector>

#include "glass-ping/options.h"
#include "glass-ping/statistics.h"
#include "glass-ping/view.h"
#include "lib/fd.h"
#include "lib/socket.h"

namespace glass::ping {

/** A call that failed; prints as `connect node 9: No route to host`. */
class Failure : public std::system_error
{
public:
	Failure(std::error_code error, const std::string &call, const std::string &hint = "")
		: std::system_error(error), text_(call + ": " + error.message() + hint)
	{
	}
	const char *what() const noexcept override { return text_.c_str(); }

private:
	std::string text_;
};

/**
 * A run of echoes to one node.
 *
 * A raw socket of the control protocol, bound to a random port and connected
 * to the node: so it sees the replies to its own echoes and nothing else.
 */
class Ping
{
public:
	explicit Ping(const Options &options);

	/** Until it is over, or SIGINT or SIGTERM came. Did anything come back? Throws Failure. */
	bool run();

private:
	using Clock = std::chrono::steady_clock;

	/** An echo that was sent. */
	struct Probe {
		Clock::time_point sent;
		bool is_answered = false;
	};

	void open();
	void watch_signals();
	bool is_all_sent() const;
	bool is_over(Clock::time_point now) const;
	Clock::time_point next_event() const;
	void wait_until(Clock::time_point time);

	void send_echo();
	void receive_replies();
	void take_frame(std::span<const std::byte> frame, Clock::time_point now);
	Probe *find_probe(std::uint32_t sequence);

	const Options options_;
	View view_;
	Statistics statistics_;
	Socket socket_;
	std::uint32_t port_ = 0; /**< what our echoes come from */
	Fd signals_;
	bool is_stopped_ = false;
	std::vector<std::byte> outgoing_; /* header of echoes, and data */
	std::vector<std::byte> incoming_;
	std::deque<Probe> probes_; /* the newest, without a gap */
	std::uint32_t next_sequence_ = 1;
	std::uint64_t unanswered_ = 0; /* of probes_ */
	Clock::time_point started_;
	Clock::time_point next_send_;
	Clock::time_point last_send_;
};

} // namespace glass::ping

#endif // GLASS_PING_PING_H
