// SPDX-License-Identifier: GPL-2.0
#include "fault.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <new>

namespace helper {

namespace {

const std::string fail_nth = "/proc/thread-self/fail-nth";
/* No call of ours asks for so much; one that does asks for ever. */
constexpr int most = 5000;

/* Of the stack's entries, the first of which are those of the allocator. */
constexpr int all_depths = 32;
constexpr int near_depth = 10;

/* Those that take memory. */
const std::vector<std::string> kinds = {"failslab", "fail_page_alloc"};

void set(const std::string &kind, const std::string &attribute, const std::string &value)
{
	write_file("/sys/kernel/debug/" + kind + '/' + attribute, value);
}

/* The text of a function of the kernel's. */
std::pair<std::uint64_t, std::uint64_t> text_of(const std::string &function)
{
	std::uint64_t begin = 0;

	for (const auto &line : lines_of("/proc/kallsyms")) {
		const auto words = words_of(line);
		const std::uint64_t address = std::stoull(words.at(0), nullptr, 16);

		if (begin && address > begin)
			return {begin, address};
		if (words.at(2) == function)
			begin = address;
	}
	throw std::runtime_error("no symbol " + function);
}

/* From the first of a module's functions to behind the last. */
std::pair<std::uint64_t, std::uint64_t> text_of_module(const std::string &module)
{
	std::uint64_t begin = UINT64_MAX;
	std::uint64_t end = 0;

	for (const auto &line : lines_of("/proc/kallsyms")) {
		const auto words = words_of(line);

		if (words.size() < 4 || words[3] != '[' + module + ']' ||
		    (words[1] != "t" && words[1] != "T"))
			continue;
		const std::uint64_t address = std::stoull(words[0], nullptr, 16);
		begin = std::min(begin, address);
		end = std::max(end, address + 1);
	}
	must(begin < end ? 0 : -1, module.c_str());
	return {begin, end};
}

/* Only what is asked for below functions of that text, @p depth calls down at most. */
void require(std::pair<std::uint64_t, std::uint64_t> text, int depth)
{
	for (const auto &kind : kinds) {
		set(kind, "stacktrace-depth", std::to_string(depth));
		set(kind, "require-start", std::to_string(text.first));
		set(kind, "require-end", std::to_string(text.second));
	}
}

} // namespace

bool Faults::are_there()
{
	return ::access(fail_nth.c_str(), W_OK) == 0;
}

/* What may sleep is refused, too, and the console does not hear of each. */
Faults::Faults() : nth_(::open(fail_nth.c_str(), O_RDWR | O_CLOEXEC))
{
	const auto [begin, end] = text_of("ref_tracker_alloc");

	must(nth_ ? 0 : -1, fail_nth.c_str());
	set("fail_usercopy", "verbose", "0");
	for (const auto &kind : kinds) {
		set(kind, "verbose", "0");
		set(kind, "ignore-gfp-wait", "N");
		set(kind, "reject-start", std::to_string(begin));
		set(kind, "reject-end", std::to_string(end));
	}
	require({0, UINT64_MAX}, all_depths);
	set("fail_page_alloc", "ignore-gfp-highmem", "N");
	set("fail_page_alloc", "min-order", "0");
	// Our own pages are here, so that none of them is what is refused.
	must(::mlockall(MCL_CURRENT), "mlockall");
}

void Faults::only_near(const std::string &module)
{
	require(text_of_module(module), near_depth);
}

void Faults::only_below(const std::string &function, int depth)
{
	require(text_of(function), depth);
}

std::pair<Errno, bool> Faults::refuse(int nth, const std::function<Errno()> &call)
{
	const auto number = std::to_string(nth);
	std::array<char, 16> text = {};
	int left = 0;

	must(::pwrite(nth_.get(), number.data(), number.size(), 0), fail_nth.c_str());
	Errno error;
	try {
		error = call();
	} catch (const std::bad_alloc &) {
		error = {ENOMEM}; // the library had asked for pages
	}
	// To copy the answer to us may be what is refused; then the call was not.
	const bool is_over = ::pread(nth_.get(), text.data(), text.size() - 1, 0) < 0;
	if (!is_over)
		std::from_chars(text.data(), text.data() + text.size(), left);
	while (::pwrite(nth_.get(), "0", 1, 0) < 0)
		must(errno == EFAULT ? 0 : -1, fail_nth.c_str());
	return {error, !is_over && left == 0};
}

int Faults::walk(const std::function<FaultyCall()> &prepare, const std::set<int> &others)
{
	const auto may_be = [&](Errno error) {
		return error == 0 || error == ENOMEM || error == ENOBUFS || error == EFAULT ||
		       others.contains(error.value);
	};

	for (int nth = 1; nth <= most; nth++) {
		SCOPED_TRACE("refused: number " + std::to_string(nth));
		const FaultyCall call = prepare();
		const auto [error, is_refused] = refuse(nth, call.make);

		if (is_refused)
			EXPECT_TRUE(may_be(error)) << error;
		else
			EXPECT_EQ(error, 0);
		if (error.value && is_refused) {
			EXPECT_EQ(call.make(), 0) << "again, after " << error;
		}
		if (call.check)
			call.check();
		if (testing::Test::HasFailure() || !is_refused)
			return nth - 1;
	}
	ADD_FAILURE() << "it asks for more than " << most << " things";
	return most;
}

} // namespace helper
