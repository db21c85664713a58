// SPDX-License-Identifier: GPL-2.0
#include "glass-cat/transfer.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <span>

namespace glass::cat {

namespace {

/* How often a silent peer is asked whether it is still there, and progress is told. */
constexpr std::chrono::milliseconds tick(200);
constexpr std::chrono::milliseconds progress_interval(1000);

bool is_temporary(std::error_code error)
{
	return error == std::errc::resource_unavailable_try_again ||
	       error == std::errc::interrupted;
}

void write_all(std::span<const std::byte> data)
{
	while (!data.empty()) {
		const ssize_t size = ::write(STDOUT_FILENO, data.data(), data.size());

		if (size >= 0) {
			data = data.subspan(static_cast<std::size_t>(size));
		} else if (errno == EAGAIN) {
			pollfd fd = {STDOUT_FILENO, POLLOUT, 0};

			::poll(&fd, 1, -1);
		} else if (errno != EINTR) {
			throw Failure(last_error(), "write", "standard output");
		}
	}
}

/* "64.0 MiB", for people; the totals have the exact number. */
std::string mebibytes(std::uint64_t bytes)
{
	std::array<char, 32> text;

	std::snprintf(text.data(), text.size(), "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
	return text.data();
}

} // namespace

Transfer::Transfer(const Options &options)
	: options_(options), local_(options.local), outgoing_(options.message_size),
	  incoming_(std::max<std::size_t>(options.message_size, GLASS_PAYLOAD_DEFAULT))
{
}

void Transfer::run()
{
	open();
	do {
		serve_peer();
	} while (options_.keep_open);
}

void Transfer::open()
{
	auto created = Socket::create(options_.type);

	if (!created)
		throw Failure(created.error(), "socket", "AF_GLASS");
	socket_ = std::move(*created);
	if (options_.local != Address{}) {
		const auto bound = socket_.bind(options_.local);

		if (!bound)
			throw Failure(bound.error(), "bind", options_.local.text());
	}
	if (options_.listen) {
		if (has_connections()) {
			const auto listens = socket_.listen();

			if (!listens)
				throw Failure(listens.error(), "listen", options_.local.text());
			listener_ = std::move(socket_);
		}
		say("listening on " + options_.local.text());
		return;
	}
	const auto connected = socket_.connect(options_.remote);
	if (!connected)
		throw Failure(connected.error(), "connect", options_.remote.text());
	if (const auto local = socket_.local())
		local_ = *local;
	peer_.address = options_.remote;
	peer_.known = true;
	say("connected from " + local_.text() + " to " + peer_.address.text());
}

/* Until both sides have said what they have to say. */
void Transfer::serve_peer()
{
	started_ = last_event_ = last_progress_ = Clock::now();
	peer_.end_due = !options_.no_end;
	while (!is_done())
		wait();
	say_totals();
	if (options_.keep_open)
		part_from_peer();
}

void Transfer::part_from_peer()
{
	if (has_connections()) {
		socket_.close();
	} else {
		const auto done = socket_.disconnect();

		if (!done)
			throw Failure(done.error(), "disconnect", peer_.address.text());
	}
	peer_ = {};
	pending_ = 0;
	sent_ = received_ = {};
}

bool Transfer::is_all_sent() const
{
	return !input_open_ && pending_ == 0 && !peer_.end_due;
}

/*
 * A listener leaves with its peer, whatever its own input would still have had:
 * the peer may be waiting for the end.
 */
bool Transfer::owes_end() const
{
	return peer_.end_due && pending_ == 0 && (!input_open_ || (options_.listen && peer_.ended));
}

bool Transfer::is_done() const
{
	if (options_.listen)
		return peer_.ended && pending_ == 0 && (!peer_.end_due || peer_.gone);
	return is_all_sent() && (peer_.ended || options_.quit_after == std::chrono::seconds(0));
}

/* Waits for the next thing that can be done, and does it. */
void Transfer::wait()
{
	const bool can_send = peer_.known && !peer_.gone;
	const bool has_to_send = pending_ != 0 || owes_end();
	std::array<pollfd, 2> fds = {};

	fds[0].fd = awaits_connection() ? listener_.fd() : socket_.fd();
	/* The end of a connection would be told again and again. */
	fds[0].events = has_connections() && peer_.ended ? 0 : POLLIN;
	if (can_send && has_to_send)
		fds[0].events |= POLLOUT;
	fds[1].fd = can_send && !has_to_send && input_open_ ? STDIN_FILENO : -1;
	fds[1].events = POLLIN;
	const int ready = ::poll(fds.data(), fds.size(), peer_.gone ? 0 : tick.count());
	if (ready < 0 && errno != EINTR)
		throw Failure(last_error(), "poll", peer_.address.text());
	say_progress();
	if (ready <= 0) {
		check_timeouts();
		check_peer_lives();
		return;
	}
	last_event_ = Clock::now();
	if (fds[0].revents & POLLERR) {
		if (const auto error = socket_.take_error())
			throw Failure(error, "poll", peer_.address.text());
	}
	if (fds[0].revents & POLLIN && awaits_connection())
		accept_peer();
	else if (fds[0].revents & POLLIN)
		receive_message();
	if (fds[0].revents & POLLOUT)
		send_pending();
	if (fds[1].revents)
		read_input();
}

void Transfer::check_timeouts()
{
	const auto silence = Clock::now() - last_event_;

	if (!options_.listen && is_all_sent() && options_.quit_after &&
	    silence >= *options_.quit_after)
		peer_.ended = true;
	else if (options_.idle_timeout && silence >= *options_.idle_timeout)
		throw Failure(std::make_error_code(std::errc::timed_out), "wait for",
			      peer_.known ? peer_.address.text() : "a peer");
}

/*
 * Nothing came for a while. A datagram socket is not told when its peer goes
 * away; connecting to it again tells, and changes nothing when it is there.
 */
void Transfer::check_peer_lives()
{
	// A connection tells by itself.
	if (!peer_.known || peer_.ended || has_connections())
		return;
	if (!peer_.gone) {
		const auto there = socket_.connect(peer_.address);

		if (there)
			return;
		if (there.error() != std::errc::connection_refused)
			throw Failure(there.error(), "connect", peer_.address.text());
		peer_.gone = true; // what it left behind is read first
		return;
	}
	if (!options_.no_end)
		throw Failure(std::make_error_code(std::errc::connection_reset), "receive",
			      peer_.address.text());
	peer_.ended = true;
	pending_ = 0;
}

void Transfer::receive_message()
{
	const auto received = socket_.receive_from(incoming_, MSG_DONTWAIT);

	if (!received) {
		if (is_temporary(received.error()))
			return;
		throw Failure(received.error(), "receive",
			      (peer_.known ? peer_.address : local_).text());
	}
	if (received->flags & MSG_TRUNC)
		throw Failure(std::make_error_code(std::errc::message_size), "receive",
			      received->source.text());
	if (!peer_.known)
		adopt_peer(received->source);
	if (has_connections() || received->source == peer_.address) {
		take_message(received->size);
		return;
	}
	// It was queued before this socket was connected to its peer.
	std::cerr << "glass-cat: left out " << received->size << " bytes of " << received->source
		  << ": busy with " << peer_.address << '\n';
}

void Transfer::accept_peer()
{
	auto accepted = listener_.accept();

	if (!accepted)
		throw Failure(accepted.error(), "accept", options_.local.text());
	socket_ = std::move(*accepted);
	const auto peer = socket_.peer();
	if (!peer)
		throw Failure(peer.error(), "getpeername", options_.local.text());
	peer_.address = *peer;
	peer_.known = true;
	started_ = Clock::now();
	say("connected with " + peer_.address.text());
}

/* The first who sends something is the peer; from then on others get EPERM. */
void Transfer::adopt_peer(const Address &source)
{
	peer_.address = source;
	peer_.known = true;
	started_ = Clock::now();
	const auto connected = socket_.connect(source);
	if (connected.error() == std::errc::connection_refused)
		peer_.gone = true;
	else if (!connected)
		throw Failure(connected.error(), "connect", source.text());
	if (const auto local = socket_.local())
		local_ = *local;
	say("receiving from " + source.text() + " on " + local_.text());
}

void Transfer::take_message(std::size_t size)
{
	if (size == 0 && (has_connections() || !options_.no_end)) {
		peer_.ended = true;
		return;
	}
	received_.bytes += size;
	received_.messages++;
	write_all(std::span(incoming_).first(size));
}

void Transfer::read_input()
{
	const ssize_t size = ::read(STDIN_FILENO, outgoing_.data(), outgoing_.size());

	pending_begin_ = 0;
	if (size > 0)
		pending_ = static_cast<std::size_t>(size);
	else if (size == 0)
		input_open_ = false;
	else if (errno != EINTR && errno != EAGAIN)
		throw Failure(last_error(), "read", "standard input");
}

/* The end mark of a connection. */
Result<std::size_t> Transfer::end_direction()
{
	const auto done = socket_.shutdown(Half::Write);

	if (!done)
		return done.error();
	return std::size_t{0};
}

/* Sends what was read, or, when that is over, the end mark. */
void Transfer::send_pending()
{
	const auto message = std::span(outgoing_).subspan(pending_begin_, pending_);
	const bool is_end = pending_ == 0;
	const auto sent = is_end && has_connections()
				  ? end_direction()
				  : socket_.send(message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (!sent) {
		if (is_temporary(sent.error()))
			return;
		// A peer that has heard enough needs no end mark.
		if (!is_end || !peer_.ended || sent.error() != std::errc::connection_refused)
			throw Failure(sent.error(), "send", peer_.address.text());
	}
	if (is_end) {
		peer_.end_due = false;
		return;
	}
	sent_.bytes += *sent;
	sent_.messages++;
	pending_begin_ += *sent;
	pending_ -= *sent;
}

void Transfer::say(const std::string &text) const
{
	if (options_.verbose)
		std::cerr << "glass-cat: " << text << '\n';
}

void Transfer::say_progress()
{
	const auto now = Clock::now();

	if (!options_.verbose || !peer_.known || now - last_progress_ < progress_interval)
		return;
	last_progress_ = now;
	say(mebibytes(sent_.bytes) + " sent, " + mebibytes(received_.bytes) + " received");
}

void Transfer::say_totals() const
{
	const std::chrono::duration<double> time = Clock::now() - started_;
	const auto line = [&](const char *verb, const Traffic &traffic, const char *join) {
		std::array<char, 64> rate = {};

		if (traffic.messages == 0)
			return;
		std::snprintf(rate.data(), rate.size(), "%.2f s, %.1f MiB/s", time.count(),
			      static_cast<double>(traffic.bytes) / (1 << 20) / time.count());
		say(std::string(verb) + std::to_string(traffic.bytes) + " bytes in " +
		    std::to_string(traffic.messages) + " messages" + join + peer_.address.text() +
		    ", " + rate.data());
	};

	line("sent ", sent_, " to ");
	line("received ", received_, " from ");
}

} // namespace glass::cat
