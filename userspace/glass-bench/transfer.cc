// SPDX-License-Identifier: GPL-2.0
/*
 * Messages from a process to another one. Both do what a plain program would:
 * blocking calls, a buffer of the message's size, buffers of the sockets as they
 * are by default.
 */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "glass-bench/cell.h"
#include "glass-bench/process.h"

namespace glass::bench {

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = kib * kib;
constexpr std::size_t udp_max = 65507;

/** How many flows there are at once: how does the cost of a message grow with them? */
constexpr std::size_t flow_counts[] = {1, 8, 64, 256};

struct Size {
	std::size_t bytes;
	std::string_view name;
};

/** What such a message has to be for UDP, whose largest is a little less than 64 KiB. */
std::size_t fitting(const Kind &kind, std::size_t size)
{
	return kind.family == Family::Inet && kind.type == SOCK_DGRAM ? std::min(size, udp_max)
								      : size;
}

/** How many messages of @p size bytes make a steady figure: many, or many bytes. */
std::size_t count_of(std::size_t size, const Setting &setting)
{
	const double wish = 48.0 * static_cast<double>(mib) / static_cast<double>(size + 6 * kib);

	return static_cast<std::size_t>(std::max(20.0, wish * setting.scale));
}

void write_all(int fd, std::span<const std::byte> data)
{
	while (!data.empty()) {
		const auto sent = check(::write(fd, data.data(), data.size()), "write");

		data = data.subspan(static_cast<std::size_t>(sent));
	}
}

std::size_t read_some(int fd, std::span<std::byte> buffer)
{
	const auto got = check(::read(fd, buffer.data(), buffer.size()), "read");

	if (!got)
		throw std::system_error(EPIPE, std::generic_category(), "read");
	return static_cast<std::size_t>(got);
}

void read_all(int fd, std::span<std::byte> buffer)
{
	while (!buffer.empty())
		buffer = buffer.subspan(read_some(fd, buffer));
}

/** Takes what comes until @p bytes have come; returns how many more there were. */
void drain(int fd, std::span<std::byte> buffer, std::size_t bytes)
{
	for (std::size_t got = 0; got < bytes;)
		got += read_some(fd, buffer);
}

unsigned other_cpu(const Setting &setting)
{
	return setting.two_cpus ? 1 : 0;
}

/** A process that sends without end, seen by its reader when both are in their stride. */
template <typename Send>
double one_way(const Kind &kind, const Setting &setting, std::size_t size, Send send)
{
	Pair pair = open_pair(kind, size);
	std::vector<std::byte> buffer(size, std::byte{1});
	const std::size_t count = count_of(size, setting);
	// Twice what any kind holds by default, so that the sender has met its limit.
	const std::size_t ahead = std::max(count / 4, 2 * mib / (size + kib)) + 4;

	const Child sender(other_cpu(setting), [&] {
		pair.right = {};
		send(pair.left.writer(), std::span(buffer));
	});
	pair.left = {};
	drain(pair.right.reader(), buffer, ahead * size);
	const auto begin = now(setting.unit);
	drain(pair.right.reader(), buffer, count * size);
	return static_cast<double>(now(setting.unit) - begin) / static_cast<double>(count);
}

[[noreturn]] void send_plain(int fd, std::span<std::byte> data)
{
	for (;;)
		write_all(fd, data);
}

double round_trip(const Kind &kind, const Setting &setting, std::size_t size)
{
	Pair pair = open_pair(kind, size);
	std::vector<std::byte> buffer(size, std::byte{1});
	const std::size_t count = std::max<std::size_t>(50, count_of(size, setting) / 4);
	std::uint64_t begin = 0;

	const Child echo(other_cpu(setting), [&] {
		pair.right = {};
		for (;;) {
			read_all(pair.left.reader(), buffer);
			write_all(pair.left.writer(), buffer);
		}
	});
	pair.left = {};
	for (std::size_t i = 0, warm = count / 4; i < warm + count; i++) {
		if (i == warm)
			begin = now(setting.unit);
		write_all(pair.right.writer(), buffer);
		read_all(pair.right.reader(), buffer);
	}
	return static_cast<double>(now(setting.unit) - begin) / static_cast<double>(count);
}

/** Waits for the word of the kernel that it no longer needs what was sent before. */
void await_completion(int fd)
{
	std::array<std::byte, 128> control;
	msghdr message{};

	for (;;) {
		message.msg_control = control.data();
		message.msg_controllen = control.size();
		if (::recvmsg(fd, &message, MSG_ERRQUEUE) >= 0)
			return;
		if (errno != EAGAIN)
			check(-1, "MSG_ERRQUEUE");
		// Errors are told without being asked for.
		pollfd wait{fd, 0, 0};

		check(::poll(&wait, 1, -1), "poll");
	}
}

void allow_zerocopy(int fd)
{
	const int on = 1;

	check(::setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), "SO_ZEROCOPY");
}

[[noreturn]] void send_zerocopy(int fd, std::span<std::byte> data)
{
	allow_zerocopy(fd);
	for (;;) {
		for (auto rest = data; !rest.empty();) {
			const auto sent = check(::send(fd, rest.data(), rest.size(), MSG_ZEROCOPY),
						"MSG_ZEROCOPY");

			rest = rest.subspan(static_cast<std::size_t>(sent));
		}
		await_completion(fd);
	}
}

/** A file in memory with @p data in it. */
Fd memory_file(std::span<const std::byte> data)
{
	Fd file(check(::memfd_create("glass-bench", MFD_CLOEXEC), "memfd_create"));

	write_all(file.get(), data);
	return file;
}

[[noreturn]] void send_file(int fd, std::span<std::byte> data)
{
	const Fd file = memory_file(data);

	for (;;) {
		off_t offset = 0;

		while (static_cast<std::size_t>(offset) < data.size())
			check(::sendfile(fd, file.get(), &offset,
					 data.size() - static_cast<std::size_t>(offset)),
			      "sendfile");
	}
}

[[noreturn]] void send_spliced(int fd, std::span<std::byte> data)
{
	const Fd file = memory_file(data);
	int ends[2];

	check(::pipe2(ends, O_CLOEXEC), "pipe2");
	const Fd in(ends[0]), out(ends[1]);
	for (;;) {
		loff_t offset = 0;

		while (static_cast<std::size_t>(offset) < data.size()) {
			auto held =
				check(::splice(file.get(), &offset, out.get(), nullptr,
					       data.size() - static_cast<std::size_t>(offset), 0),
				      "splice");
			while (held > 0)
				held -= check(::splice(in.get(), nullptr, fd, nullptr,
						       static_cast<std::size_t>(held), 0),
					      "splice");
		}
	}
}

/** A message to each of many, in turn, and a reader that asks epoll which has one. */
double many_flows(const Kind &kind, const Setting &setting, std::size_t size, std::size_t flows)
{
	std::vector<Pair> pairs;
	std::vector<std::byte> buffer(size, std::byte{1});
	const std::size_t count = count_of(size, setting);
	const Fd epoll(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
	std::vector<epoll_event> events(flows);

	for (std::size_t i = 0; i < flows; i++)
		pairs.push_back(open_pair(kind, size));
	const Child sender(other_cpu(setting), [&] {
		for (Pair &pair : pairs)
			pair.right = {};
		for (;;)
			for (Pair &pair : pairs)
				write_all(pair.left.writer(), buffer);
	});
	for (Pair &pair : pairs) {
		epoll_event event{};

		pair.left = {};
		event.events = EPOLLIN;
		event.data.fd = pair.right.reader();
		check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, event.data.fd, &event), "epoll_ctl");
	}
	const auto take = [&](std::size_t bytes) {
		for (std::size_t got = 0; got < bytes;) {
			const int ready = check(::epoll_wait(epoll.get(), events.data(),
							     static_cast<int>(flows), -1),
						"epoll_wait");

			for (int i = 0; i < ready; i++)
				got += read_some(events[static_cast<std::size_t>(i)].data.fd,
						 buffer);
		}
	};
	take(count / 4 * size);
	const auto begin = now(setting.unit);
	take(count * size);
	return static_cast<double>(now(setting.unit) - begin) / static_cast<double>(count);
}

bool always(const Kind &)
{
	return true;
}

bool is_socket(const Kind &kind)
{
	return kind.family != Family::Pipe;
}

bool is_stream_socket(const Kind &kind)
{
	return is_socket(kind) && kind.bytes();
}

/**
 * A datagram is at most 64 KiB; and vsock's loopback drops small packets of a
 * sender that runs ahead, and ends their connection, with ENOBUFS (Linux 6.12).
 */
bool has_one_way(const Kind &kind, std::size_t bytes)
{
	return (bytes <= 64 * kib || kind.type != SOCK_DGRAM) &&
	       (bytes >= kib || kind.family != Family::Vsock);
}

/** Not every family has SO_ZEROCOPY, and a socket may have to be connected for it. */
bool has_zerocopy(const Kind &kind)
{
	if (!is_stream_socket(kind))
		return false;
	try {
		const Pair pair = open_pair(kind);

		allow_zerocopy(pair.left.writer());
		return true;
	} catch (const std::system_error &) {
		return false; // AF_UNIX; or the family is not there at all
	}
}

} // namespace

void add_transfers(std::vector<Cell> &cells)
{
	constexpr std::array ways{Size{64, "64"}, Size{kib, "1K"}, Size{16 * kib, "16K"},
				  Size{64 * kib, "64K"}, Size{mib, "1M"}};
	constexpr std::array trips{Size{1, "1"}, Size{64, "64"}, Size{kib, "1K"},
				   Size{16 * kib, "16K"}};
	using Send = void (*)(int, std::span<std::byte>);
	struct Saving {
		std::string_view name;
		bool (*has)(const Kind &);
		Send send;
	};
	constexpr std::array savings{Saving{"zerocopy-1M", has_zerocopy, send_zerocopy},
				     Saving{"sendfile-1M", is_stream_socket, send_file},
				     Saving{"splice-1M", is_stream_socket, send_spliced}};

	for (const Size &size : ways)
		cells.push_back({"oneway-" + std::string(size.name),
				 [bytes = size.bytes](const Kind &kind) {
					 return has_one_way(kind, bytes);
				 },
				 [bytes = size.bytes](const Kind &kind, const Setting &setting,
						      const Report &report) {
					 report("", one_way(kind, setting, fitting(kind, bytes),
							    send_plain));
				 }});
	for (const Size &size : trips)
		cells.push_back({"roundtrip-" + std::string(size.name), always,
				 [bytes = size.bytes](const Kind &kind, const Setting &setting,
						      const Report &report) {
					 report("", round_trip(kind, setting, bytes));
				 }});
	for (const Saving &saving : savings)
		cells.push_back({std::string(saving.name), saving.has,
				 [send = saving.send](const Kind &kind, const Setting &setting,
						      const Report &report) {
					 report("", one_way(kind, setting, mib, send));
				 }});
	for (const std::size_t flows : flow_counts)
		cells.push_back(
			{"flows-" + std::to_string(flows) + "x1K", is_socket,
			 [flows](const Kind &kind, const Setting &setting, const Report &report) {
				 report("", many_flows(kind, setting, kib, flows));
			 }});
}

} // namespace glass::bench
