// SPDX-License-Identifier: GPL-2.0
#include "glass-bench/profile.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "glass-bench/kind.h"

namespace glass::bench {

namespace {

// A prime, so that it keeps no step with what repeats; the clock's least is 10 us.
constexpr std::uint64_t period_ns = 20'011;
constexpr std::size_t page = 4096;
// 16 bytes a sample: for 260,000 of them, which are five seconds.
constexpr std::size_t data_size = 1024 * page;

/** The kernel's functions by where they begin. */
std::map<std::uint64_t, std::string> kernel_functions()
{
	std::map<std::uint64_t, std::string> functions;
	std::ifstream file("/proc/kallsyms");
	std::string line;

	while (std::getline(file, line)) {
		std::istringstream words(line);
		std::uint64_t begin;
		char type;
		std::string name, module;

		words >> std::hex >> begin >> type >> name >> module;
		if (begin && (type == 't' || type == 'T'))
			functions[begin] = module.empty() ? name : name + " " + module;
	}
	return functions;
}

} // namespace

Sampler::Sampler()
{
	perf_event_attr attr{};

	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.sample_period = period_ns;
	attr.sample_type = PERF_SAMPLE_IP;
	event_ = Fd(static_cast<int>(
		check(::syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC),
		      "perf_event_open")));
	void *ring = ::mmap(nullptr, page + data_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    event_.get(), 0);

	check(ring == MAP_FAILED ? -1 : 0, "mmap");
	ring_ = static_cast<std::byte *>(ring);
}

Sampler::~Sampler()
{
	::munmap(ring_, page + data_size);
}

Profile Sampler::stop()
{
	check(::ioctl(event_.get(), PERF_EVENT_IOC_DISABLE, 0), "PERF_EVENT_IOC_DISABLE");
	perf_event_mmap_page head;
	const auto functions = kernel_functions();
	Profile profile;

	std::memcpy(&head, ring_, sizeof(head));
	// Never read in between, so what did not fit was not written.
	for (std::uint64_t at = 0; at < head.data_head;) {
		perf_event_header header;
		std::uint64_t ip;

		std::memcpy(&header, ring_ + page + at, sizeof(header));
		std::memcpy(&ip, ring_ + page + at + sizeof(header), sizeof(ip));
		at += header.size;
		if (header.type == PERF_RECORD_LOST)
			throw std::system_error(ENOBUFS, std::generic_category(), "samples");
		if (header.type != PERF_RECORD_SAMPLE)
			continue;
		const auto next = functions.upper_bound(ip);
		const bool kernel = ip >> 63 && next != functions.begin();

		profile[kernel ? std::prev(next)->second : "[user]"]++;
	}
	return profile;
}

} // namespace glass::bench
