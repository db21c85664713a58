/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The work of glass-cat: standard input to a socket, a socket to standard output.
 */
#ifndef GLASS_CAT_TRANSFER_H
#define GLASS_CAT_TRANSFER_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "glass-cat/options.h"
#include "lib/socket.h"

namespace glass::cat {

/** A call that failed; prints as `connect 1:5000: Connection refused`. */
class Failure : public std::system_error
{
public:
	/** @p subject is what the call was made on: an address, or a stream. */
	Failure(std::error_code error, const std::string &call, const std::string &subject)
		: std::system_error(error), text_(call + ' ' + subject + ": " + error.message())
	{
	}
	const char *what() const noexcept override { return text_.c_str(); }

private:
	std::string text_;
};

/** Carries both directions between the standard streams and one socket. */
class Transfer
{
public:
	explicit Transfer(const Options &options);

	/** Serves the peer, or with keep_open each one in turn. Throws Failure. */
	void run();

private:
	using Clock = std::chrono::steady_clock;

	/** What is known about the other side; a listener starts afresh with each. */
	struct Peer {
		Address address;
		bool known = false;
		bool gone = false;   /**< its port is closed; messages of it may be left */
		bool ended = false;  /**< it has said that no more comes */
		bool end_due = true; /**< the own end mark is still to be sent */
	};

	/** What went one way. */
	struct Traffic {
		std::uint64_t bytes = 0;
		std::uint64_t messages = 0;
	};

	void open();
	/** Stream and seqpacket. */
	bool has_connections() const { return options_.type != SOCK_DGRAM; }
	bool awaits_connection() const { return has_connections() && !peer_.known; }
	void accept_peer();
	void serve_peer();
	void part_from_peer();
	bool is_all_sent() const;
	bool owes_end() const;
	bool is_done() const;
	void wait();
	void check_timeouts();
	void check_peer_lives();

	void receive_message();
	void adopt_peer(const Address &source);
	void take_message(std::size_t size);
	void read_input();
	Result<std::size_t> end_direction();
	void send_pending();

	void say(const std::string &text) const;
	void say_progress();
	void say_totals() const;

	const Options options_;
	Socket socket_;
	Socket listener_; /* of a type that has connections */
	Address local_;
	Peer peer_;
	bool input_open_ = true;
	std::size_t pending_ = 0;	/* bytes of outgoing_ that wait to be sent, */
	std::size_t pending_begin_ = 0; /* and where they are */
	std::vector<std::byte> outgoing_;
	std::vector<std::byte> incoming_;
	Traffic sent_;
	Traffic received_;
	Clock::time_point started_;
	Clock::time_point last_event_;
	Clock::time_point last_progress_;
};

} // namespace glass::cat

#endif // GLASS_CAT_TRANSFER_H
