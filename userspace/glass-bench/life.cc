// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets that come and go, and what idle ones take.
 */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "glass-bench/cell.h"
#include "glass-bench/process.h"

namespace glass::bench {

namespace {

/** The cost of one @p work, when it has been done a while. */
template <typename Work> double repeat(const Setting &setting, std::size_t count, Work work)
{
	count = std::max<std::size_t>(
		20, static_cast<std::size_t>(static_cast<double>(count) * setting.scale));
	for (std::size_t i = 0; i < count / 4; i++)
		work();
	const auto begin = now(setting.unit);
	for (std::size_t i = 0; i < count; i++)
		work();
	return static_cast<double>(now(setting.unit) - begin) / static_cast<double>(count);
}

/** Both ends in one process: connect() is complete before accept() is called. */
double connecting(const Kind &kind, const Setting &setting)
{
	const Fd listener = open_listener(kind);
	const Name name = name_of(kind, listener);

	return repeat(setting, 1000, [&] {
		const Fd left = open_socket(kind);

		check(::connect(left.get(), name.get(), name.size), "connect");
		Fd(check(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
	});
}

double creating(const Kind &kind, const Setting &setting)
{
	return repeat(setting, 2000, [&] { open_socket(kind); });
}

/** Bytes that the kernel has taken for its objects: slabs, and per processor. */
double kernel_bytes()
{
	double sum = 0;
	std::string name;
	double kib = 0;

	// What RCU still has to free is not in use.
	::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	for (std::ifstream info("/proc/meminfo"); info >> name >> kib; info.ignore(80, '\n'))
		if (name == "Slab:" || name == "Percpu:" || name == "VmallocUsed:")
			sum += kib * 1024;
	return sum;
}

double idle_pair(const Kind &kind, const Setting &setting)
{
	constexpr std::size_t first = 500; // fill what slabs have room for
	const auto count = static_cast<std::size_t>(4000 * std::clamp(setting.scale, 0.1, 1.0));
	std::vector<Pair> pairs;
	double before = 0;

	pairs.reserve(first + count);
	// The table of descriptors grows now, and not with the sockets.
	Fd(check(::fcntl(0, F_DUPFD_CLOEXEC, 4 * static_cast<int>(first + count)), "F_DUPFD"));
	for (std::size_t i = 0; i < first + count; i++) {
		if (i == first)
			before = kernel_bytes();
		pairs.push_back(open_pair(kind));
	}
	return (kernel_bytes() - before) / static_cast<double>(count);
}

bool is_socket(const Kind &kind)
{
	return kind.family != Family::Pipe;
}

/** A cell with one figure. */
auto single(double (*measure)(const Kind &, const Setting &))
{
	return [measure](const Kind &kind, const Setting &setting, const Report &report) {
		report("", measure(kind, setting));
	};
}

} // namespace

void add_lives(std::vector<Cell> &cells)
{
	cells.push_back({"connect", &Kind::connects, single(connecting)});
	cells.push_back({"socket", is_socket, single(creating)});
	cells.push_back({"memory", [](const Kind &) { return true; }, single(idle_pair)});
}

} // namespace glass::bench
