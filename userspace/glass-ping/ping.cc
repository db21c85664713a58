// SPDX-License-Identifier: GPL-2.0
#include "glass-ping/ping.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace glass::ping {

namespace {

/* Replies that are later than so many echoes are not known any more. */
constexpr std::size_t probes_max = 1 << 16;
/* With a full send buffer, how soon to try again. */
constexpr auto retry_interval = std::chrono::milliseconds(10);

constexpr std::size_t headers_size = sizeof(glass_hdr) + sizeof(glass_control_hdr);

std::string node_text(std::uint32_t node)
{
	return "node " + std::to_string(node);
}

/* Identifies our echoes; two runs at once have different ones, almost surely. */
std::uint32_t random_port()
{
	std::uint32_t port = 0;

	if (::getrandom(&port, sizeof(port), 0) != sizeof(port))
		throw Failure(last_error(), "getrandom");
	return GLASS_PORT_RESERVED + port % (GLASS_PORT_ANY - GLASS_PORT_RESERVED);
}

void check(const Result<void> &result, const std::string &call)
{
	if (!result)
		throw Failure(result.error(), call);
}

} // namespace

Ping::Ping(const Options &options)
	: options_(options), view_(options_), outgoing_(sizeof(glass_control_hdr) + options.size),
	  incoming_(sizeof(glass_hdr) + outgoing_.size() + 1)
{
	for (std::size_t i = sizeof(glass_control_hdr); i < outgoing_.size(); i++)
		outgoing_[i] = static_cast<std::byte>(i);
}

bool Ping::run()
{
	open();
	watch_signals();
	view_.begin();
	started_ = next_send_ = last_send_ = Clock::now();
	for (auto now = started_; !is_over(now); now = Clock::now()) {
		if (!is_all_sent() && now >= next_send_)
			send_echo();
		wait_until(next_event());
		receive_replies();
	}
	statistics_.elapsed = Clock::now() - started_;
	view_.end(statistics_);
	return statistics_.received > 0;
}

void Ping::open()
{
	auto created = Socket::create(SOCK_RAW, GLASS_PROTO_CONTROL);

	if (!created)
		throw Failure(created.error(), "socket AF_GLASS",
			      created.error() == std::errc::operation_not_permitted
				      ? " (raw sockets need CAP_NET_RAW: be root)"
				      : "");
	socket_ = std::move(*created);
	if (!options_.device.empty() &&
	    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_BINDTODEVICE, options_.device.c_str(),
			 static_cast<socklen_t>(options_.device.size())) < 0)
		throw Failure(last_error(), "device " + options_.device);
	port_ = random_port();
	check(socket_.bind({GLASS_NODE_ANY, port_}), "bind");
	check(socket_.connect({options_.node, GLASS_PORT_ANY}),
	      "connect " + node_text(options_.node));
}

/* They are read in wait_until(), so that the summary is printed. */
void Ping::watch_signals()
{
	sigset_t set;

	::sigemptyset(&set);
	::sigaddset(&set, SIGINT);
	::sigaddset(&set, SIGTERM);
	if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0)
		throw Failure(last_error(), "sigprocmask");
	signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
	if (!signals_)
		throw Failure(last_error(), "signalfd");
}

bool Ping::is_all_sent() const
{
	return options_.count && statistics_.transmitted + statistics_.errors >= *options_.count;
}

bool Ping::is_over(Clock::time_point now) const
{
	if (is_stopped_ || (options_.deadline && now >= started_ + *options_.deadline))
		return true;
	return is_all_sent() && (!unanswered_ || now >= last_send_ + options_.timeout);
}

Ping::Clock::time_point Ping::next_event() const
{
	const auto time = is_all_sent() ? last_send_ + options_.timeout : next_send_;

	return options_.deadline ? std::min(time, started_ + *options_.deadline) : time;
}

/* Or until there is something to read. */
void Ping::wait_until(Clock::time_point time)
{
	std::array<pollfd, 2> fds = {{{socket_.fd(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
	const auto left = std::max(Duration(time - Clock::now()), Duration(0));
	const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
	timespec timeout = {};

	timeout.tv_sec = seconds.count();
	timeout.tv_nsec = (left - seconds).count();
	if (::ppoll(fds.data(), fds.size(), &timeout, nullptr) < 0 && errno != EINTR)
		throw Failure(last_error(), "poll");
	is_stopped_ = fds[1].revents != 0;
}

/* An error is the device's or the route's: it may be mended, so we go on. */
void Ping::send_echo()
{
	glass_control_hdr header = {};

	header.type = GLASS_CONTROL_ECHO;
	header.sequence = htonl(next_sequence_);
	std::memcpy(outgoing_.data(), &header, sizeof(header));

	const auto now = Clock::now();
	const auto sent = socket_.send(outgoing_, MSG_DONTWAIT);

	if (sent.error() == std::errc::resource_unavailable_try_again) {
		next_send_ = now + retry_interval;
		return;
	}
	if (sent.error() == std::errc::message_size)
		throw Failure(sent.error(), "send " + std::to_string(options_.size) + " bytes");
	last_send_ = now;
	next_send_ = std::max(next_send_ + options_.interval, now);
	if (!sent) {
		statistics_.errors++;
		view_.send_failed(sent.error());
		return;
	}
	next_sequence_++;
	statistics_.transmitted++;
	probes_.push_back({.sent = now});
	unanswered_++;
	if (probes_.size() > probes_max) {
		unanswered_ -= !probes_.front().is_answered;
		probes_.pop_front();
	}
	view_.sent();
}

void Ping::receive_replies()
{
	for (;;) {
		const auto size = socket_.receive(incoming_, MSG_DONTWAIT);

		if (size)
			take_frame(std::span(incoming_).first(*size), Clock::now());
		else if (size.error() == std::errc::resource_unavailable_try_again)
			return;
		else if (size.error() != std::errc::interrupted)
			throw Failure(size.error(), "receive");
	}
}

Ping::Probe *Ping::find_probe(std::uint32_t sequence)
{
	const std::uint32_t age = next_sequence_ - sequence;

	return age && age <= probes_.size() ? &probes_[probes_.size() - age] : nullptr;
}

/*
 * The kernel has checked the frame. That it is for us, it checks from bind() and
 * connect() on: what came between socket() and those is anybody's.
 */
void Ping::take_frame(std::span<const std::byte> frame, Clock::time_point now)
{
	glass_hdr glass_header;
	glass_control_hdr header;
	Reply reply;

	if (frame.size() < headers_size)
		return;
	std::memcpy(&glass_header, frame.data(), sizeof(glass_header));
	std::memcpy(&header, frame.data() + sizeof(glass_header), sizeof(header));
	if (header.type != GLASS_CONTROL_ECHO_REPLY || ntohl(glass_header.dst_port) != port_ ||
	    ntohl(glass_header.src_node) != options_.node)
		return;
	reply.sequence = ntohl(header.sequence);
	Probe *const probe = find_probe(reply.sequence);
	if (!probe)
		return;

	reply.node = ntohl(glass_header.src_node);
	reply.bytes = frame.size() - sizeof(glass_header);
	reply.time = now - probe->sent;
	reply.is_duplicate = probe->is_answered;
	reply.is_damaged =
		!std::ranges::equal(frame.subspan(headers_size),
				    std::span<const std::byte>(outgoing_).subspan(sizeof(header)));
	if (reply.is_damaged) {
		statistics_.damaged++;
	} else if (reply.is_duplicate) {
		statistics_.duplicates++;
	} else {
		probe->is_answered = true;
		unanswered_--;
		statistics_.received++;
		statistics_.round_trips.add(reply.time);
		if (options_.flood)
			next_send_ = now;
	}
	view_.reply(reply);
}

} // namespace glass::ping
