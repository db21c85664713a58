// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer ("make fuzz"): what its parts do, and each target for a short while, on
 * any kernel: the inputs of fuzz/seeds, which reach most of what was ever reached, and
 * some that follow from GLASS_SEED. The kernel must stand it, and nothing may be left.
 */
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "fuzz/engine.h"
#include "helper.h"
#include "ktap.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace fuzz;
using namespace helper;

std::uint64_t seed()
{
	const char *const text = std::getenv("GLASS_SEED");
	const std::uint64_t number = text ? std::strtoull(text, nullptr, 0) : 0;

	return number ? number : 1;
}

/* --- Its parts ------------------------------------------------------------------------ */

TEST(FuzzInput, IsTheSameAfterItsText)
{
	const Line line = {"calls", {0, 1, 0x7f, 0xff}};

	EXPECT_EQ(print_line(line.target, line.input), "calls 00017fff");
	EXPECT_EQ(parse_line("calls 00017fff"), line);
	EXPECT_EQ(parse_line("calls "), (Line{"calls", {}}));
}

TEST(FuzzInput, OtherTextIsNone)
{
	for (const auto *text :
	     {"", "calls", " 00", "calls 0", "calls 0g", "calls 00 ", "calls -1"})
		EXPECT_FALSE(parse_line(text)) << text;
	EXPECT_FALSE(parse_line("calls " + std::string(2 * input_max + 2, '0')));
}

TEST(FuzzMutator, TheSameSeedMakesTheSameInputs)
{
	const Input start(20, 7);
	const Input other(30, 9);
	Mutator one(5, {{1, 2}});
	Mutator same(5, {{1, 2}});
	Mutator another(6, {{1, 2}});
	int equal = 0;

	for (int i = 0; i < 100; i++) {
		const auto made = one.change(start, other);

		EXPECT_EQ(made, same.change(start, other));
		equal += made == another.change(start, other);
	}
	EXPECT_LT(equal, 20);
}

TEST(FuzzMutator, InputsAreNeverEmptyNorTooLong)
{
	Mutator mutator(seed(), {Input(100, 1)});
	Input input;

	for (int i = 0; i < 2000; i++) {
		EXPECT_FALSE(mutator.fresh().empty());
		input = mutator.change(input, input);
		EXPECT_FALSE(input.empty());
		EXPECT_LE(input.size(), input_max);
	}
	EXPECT_GT(input.size(), 100U);
}

/* A lock that opens byte by byte: each byte that is right leads to another block. */
class Lock : public Target, public Coverage
{
public:
	void begin_round() override { rounds++; }
	void execute(std::span<const std::uint8_t> input) override
	{
		row_ = {0x1000};
		for (std::size_t i = 0; i < std::min(input.size(), key.size()); i++) {
			if (input[i] != key[i])
				break;
			row_.push_back(0x1001 + i);
		}
		is_open = is_open || row_.size() == key.size() + 1;
	}
	std::span<const std::uint64_t> stop() override { return row_; }

	static constexpr std::array<std::uint8_t, 3> key = {0x12, 0xfe, 0x80};
	bool is_open = false;
	unsigned rounds = 0;

private:
	std::vector<std::uint64_t> row_;
};

TEST(FuzzEngine, CoverageLeadsItToWhatChanceWouldNotFind)
{
	std::vector<char> room(1 << 16);
	Journal journal(room);
	Lock lock;
	Engine engine("lock", lock, lock, journal, nullptr, seed());

	while (!lock.is_open && engine.executions() < 200'000)
		engine.step();
	EXPECT_TRUE(lock.is_open) << engine.executions() << " executions";
	/* One for each block that was new, and no more. */
	EXPECT_LE(engine.corpus_size(), Lock::key.size() + 1);
	EXPECT_EQ(engine.reached().blocks().size(), Lock::key.size() + 1);
	EXPECT_GE(lock.rounds, engine.executions() / Engine::round_max);
}

TEST(FuzzEngine, KeepsOnlyWhatIsNew)
{
	std::vector<char> room(1 << 16);
	Journal journal(room);
	Lock lock;
	Engine engine("lock", lock, lock, journal, nullptr, seed());

	EXPECT_TRUE(engine.take({1}));
	EXPECT_FALSE(engine.take({2}));
	EXPECT_TRUE(engine.take({Lock::key[0]}));
	EXPECT_EQ(engine.newest(), Input{Lock::key[0]});
	EXPECT_FALSE(engine.take({Lock::key[0]}));
}

/* The journal is what is left when the guest dies while it is in execute(). */
TEST(FuzzEngine, TheJournalHasTheRoundBeforeItRuns)
{
	struct Peek : Target {
		explicit Peek(const std::vector<char> &memory) : memory(memory) {}
		void begin_round() override {}
		void execute(std::span<const std::uint8_t>) override { seen = memory.data(); }
		const std::vector<char> &memory;
		std::string seen;
	};
	std::vector<char> room(30, 'x');
	Journal journal({room.data(), 29});
	Peek target(room);
	Coverage none;

	room[29] = '\0';
	Engine engine("peek", target, none, journal, nullptr, seed());
	engine.take({1});
	EXPECT_EQ(target.seen, "peek 01\n");
	engine.take({2, 3});
	EXPECT_EQ(target.seen, "peek 01\npeek 0203\n");
	// It is full: another round.
	engine.take({4, 5, 6, 7});
	EXPECT_EQ(target.seen, "peek 04050607\n");
}

/* --- The targets ------------------------------------------------------------------------ */

class FuzzTarget : public testing::TestWithParam<const char *>
{
};
INSTANTIATE_TEST_SUITE_P(Targets, FuzzTarget, testing::Values("calls", "frames", "netlink"),
			 [](const auto &info) { return std::string(info.param); });

/* Beside the program, as they are installed; or in the sources. */
std::vector<Line> seeds(const std::string &target)
{
	const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();

	return read_lines(folder / "seeds" / target);
}

TEST_P(FuzzTarget, TheKernelStandsSeedsAndChance)
{
	const auto target = make_target(GetParam());
	const auto kept = seeds(GetParam());
	Mutator mutator(seed(), target->words());
	Coverage none;
	std::vector<char> room(1 << 16);
	Journal journal(room);
	Engine engine(GetParam(), *target, none, journal, nullptr, seed());

	EXPECT_FALSE(kept.empty());
	for (const auto &line : kept) {
		EXPECT_EQ(line.target, GetParam());
		engine.take(line.input);
	}
	for (int left = 50 * ktap::scale(); left > 0; left--) {
		const auto &one = kept[mutator.below(kept.size())].input;
		const auto &other = kept[mutator.below(kept.size())].input;

		engine.take(mutator.change(one, other));
	}
	std::cout << "seed " << seed() << ": " << engine.executions() << " executions" << std::endl;
	// What is left works.
	target->begin_round();
	const auto ends = glass_ends(SOCK_STREAM);
	char byte = 0;
	EXPECT_EQ(::send(ends.writer.get(), "x", 1, MSG_NOSIGNAL), 1);
	EXPECT_EQ(::recv(ends.reader.get(), &byte, 1, 0), 1);
	EXPECT_EQ(byte, 'x');
}

} // namespace
