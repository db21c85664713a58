// SPDX-License-Identifier: GPL-2.0
#include "fuzz/coverage.h"

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>

#include "helper.h"

namespace fuzz {

namespace {

constexpr const char *kcov_path = "/sys/kernel/debug/kcov";
/* Longer rows are cut: 2 MiB of addresses. */
constexpr std::size_t area_size = 1 << 18;

} // namespace

std::unique_ptr<Kcov> Kcov::open()
{
	glass::Fd fd(::open(kcov_path, O_RDWR | O_CLOEXEC));

	if (!fd)
		return nullptr;
	helper::must(::ioctl(fd.get(), KCOV_INIT_TRACE, area_size), "KCOV_INIT_TRACE");
	void *const area = ::mmap(nullptr, area_size * sizeof(std::uint64_t),
				  PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
	helper::must(area == MAP_FAILED ? -1 : 0, "mmap of KCOV");
	helper::must(::ioctl(fd.get(), KCOV_ENABLE, KCOV_TRACE_PC), "KCOV_ENABLE");
	return std::unique_ptr<Kcov>(new Kcov(std::move(fd), static_cast<std::uint64_t *>(area)));
}

Kcov::~Kcov()
{
	::ioctl(fd_.get(), KCOV_DISABLE, 0);
	::munmap(area_, area_size * sizeof(std::uint64_t));
}

void Kcov::start()
{
	std::atomic_ref(area_[0]).store(0, std::memory_order_relaxed);
}

std::span<const std::uint64_t> Kcov::stop()
{
	const auto size = std::atomic_ref(area_[0]).load(std::memory_order_relaxed);

	return {area_ + 1, std::min<std::size_t>(size, area_size - 1)};
}

std::size_t Reached::add(std::span<const std::uint64_t> row)
{
	const auto before = edges_;
	std::uint64_t last = 0;

	for (const auto address : row) {
		const auto edge = (address ^ last << 21) * 0x9e3779b97f4a7c15;

		if (auto seen = seen_[edge >> (64 - table_bits)]; !seen) {
			seen = true;
			edges_++;
		}
		last = address;
	}
	if (edges_ != before)
		blocks_.insert(row.begin(), row.end());
	return edges_ - before;
}

std::map<std::string, std::size_t> by_function(const std::set<std::uint64_t> &blocks)
{
	std::ifstream symbols("/proc/kallsyms");
	std::map<std::uint64_t, std::string> functions;
	std::map<std::string, std::size_t> counts;
	std::string text;

	while (std::getline(symbols, text)) {
		if (!text.ends_with("\t[glass]"))
			continue;
		std::istringstream words(text);
		std::uint64_t address;
		std::string type;
		std::string name;

		if (words >> std::hex >> address >> type >> name && (type == "t" || type == "T"))
			functions[address] = name;
	}
	for (const auto block : blocks) {
		const auto next = functions.upper_bound(block);

		if (next != functions.begin())
			counts[std::prev(next)->second]++;
	}
	return counts;
}

} // namespace fuzz
