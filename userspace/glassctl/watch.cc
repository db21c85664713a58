// SPDX-License-Identifier: GPL-2.0
#include "glassctl/watch.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <thread>

#include "glassctl/commands.h"
#include "glassctl/process.h"
#include "glassctl/sample.h"
#include "glassctl/sockets.h"
#include "glassctl/watch_screen.h"

namespace glass::ctl {

namespace {

using Clock = std::chrono::steady_clock;

Clock::duration interval_of(const Options &options)
{
	return std::chrono::duration_cast<Clock::duration>(options.watch.interval);
}

/* Counters that have risen, with the rate; then the sockets as ss has them. */
void print_text(const Sample &sample, Clock::time_point begin)
{
	std::vector<Row> counters;
	std::vector<Row> sockets;

	std::cout << "-- " << std::chrono::duration<double>(sample.time - begin).count() << " s\n";
	for (const auto &[name, value] : sample.counters) {
		Row row;

		if (!sample.rate(name))
			continue;
		row["counter"] = name;
		row["value"] = value;
		row["per_s"] = sample.rate(name);
		counters.push_back(std::move(row));
	}
	for (const WatchedSocket &socket : sample.sockets)
		sockets.push_back(watched_row(socket));
	const View view(false);
	if (!counters.empty())
		view.print_rows({"counter", "value", "per_s"}, counters);
	view.print_rows(watch_columns(), sockets);
}

void print_samples(const Options &options)
{
	Sampler sampler(options);
	const auto begin = sampler.take().time;
	auto next = begin;

	// What there is to tell is what happened since the one before.
	for (std::uint64_t i = 0; !*options.watch.batch || i < *options.watch.batch; i++) {
		next += interval_of(options);
		std::this_thread::sleep_until(next);
		const Sample sample = sampler.take();
		if (options.json)
			std::cout << sample_row(sample, begin) << '\n';
		else
			print_text(sample, begin);
		std::cout.flush();
	}
}

/* Until there is a key or an interrupt, or the time has come; true: leave. */
bool wait_until(Clock::time_point time, const Interrupts &interrupts)
{
	const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now()).count();
	std::array<pollfd, 2> fds = {{{STDIN_FILENO, POLLIN, 0}, {interrupts.fd(), POLLIN, 0}}};

	// A change of the terminal's size ends it early, and is a key.
	::poll(fds.data(), fds.size(), static_cast<int>(std::max<long>(left, 0)));
	return fds[1].revents || (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL));
}

void show_screen(const Options &options)
{
	const Interrupts interrupts;
	Sampler sampler(options);
	Sample sample = sampler.take();
	auto screen = WatchScreen::open(options.watch);

	if (screen.error() == std::errc::inappropriate_io_control_operation)
		throw Failure(screen.error(), options.text, "This is no terminal: use --batch");
	if (!screen)
		throw Failure(screen.error(), options.text, "The terminal's kind, $TERM");
	for (auto next = sample.time + interval_of(options);;) {
		screen->draw(sample);
		if (wait_until(next, interrupts) || !screen->take_keys())
			return;
		if (Clock::now() < next)
			continue;
		next = Clock::now() + interval_of(options);
		if (!screen->is_paused())
			sample = sampler.take();
	}
}

} // namespace

bool is_watch_column(std::string_view name)
{
	return std::ranges::find(watch_columns(), name) != watch_columns().end();
}

void watch(const Options &options)
{
	if (options.watch.batch)
		print_samples(options);
	else
		show_screen(options);
}

} // namespace glass::ctl
