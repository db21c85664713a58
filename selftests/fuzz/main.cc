// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer, in the guest; "make fuzz" starts it.
 *
 *   fuzzer [OPTION]... TARGET FILE...   fuzzes; the FILEs have inputs to begin with
 *   fuzzer [OPTION]... --replay FILE    the inputs of a round, once more
 *
 *   --seconds N       how long; by default 60
 *   --seed N          what chance begins with; by default 1
 *   --complaint FILE  an expression: what the kernel says when something is wrong
 *
 * It tells every 10 s what it has done. A line that begins with + or - has an input
 * that the corpus gains or does not need; one with @ has a function of the module, and
 * how many of its blocks were reached.
 *
 * Exit status: 0 no fault; 1 the kernel complained; 2 it could not begin.
 */
#include <getopt.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/engine.h"
#include "helper.h"

namespace {

using namespace fuzz;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto news = 10s;

struct Options {
	std::chrono::seconds time = 60s;
	std::uint64_t seed = 1;
	std::string complaint;
	std::string replay;
	std::vector<std::string> words;
};

struct Usage {
};

Options parse(int argc, char **argv)
{
	static constexpr option names[] = {{"seconds", required_argument, nullptr, 's'},
					   {"seed", required_argument, nullptr, 'r'},
					   {"complaint", required_argument, nullptr, 'c'},
					   {"replay", required_argument, nullptr, 'i'},
					   {}};
	Options options;
	int letter;

	while ((letter = ::getopt_long(argc, argv, "", names, nullptr)) >= 0)
		switch (letter) {
		case 's':
			options.time = std::chrono::seconds(std::atol(optarg));
			break;
		case 'r':
			options.seed = std::strtoull(optarg, nullptr, 0);
			break;
		case 'c':
			options.complaint = helper::lines_of(optarg).at(0);
			break;
		case 'i':
			options.replay = optarg;
			break;
		default:
			throw Usage();
		}
	options.words.assign(argv + optind, argv + argc);
	if (options.replay.empty() == options.words.empty())
		throw Usage();
	return options;
}

/* A target and its engine. */
struct Run {
	Run(const std::string &name, const Options &options, Coverage &coverage)
		: target(make_target(name))
	{
		if (!target)
			throw Usage();
		if (!options.complaint.empty())
			log.emplace(options.complaint);
		engine.emplace(name, *target, coverage, journal, log ? &*log : nullptr,
			       options.seed);
	}

	std::unique_ptr<Target> target;
	Journal journal;
	std::optional<KernelLog> log;
	std::optional<Engine> engine;
};

void tell(const std::string &name, const Engine &engine, Clock::duration time)
{
	const auto seconds = std::chrono::duration<double>(time).count();

	std::cout << name << ": " << static_cast<long>(seconds) << " s, " << engine.executions()
		  << " executions, "
		  << static_cast<long>(static_cast<double>(engine.executions()) / seconds) << "/s, "
		  << engine.reached().blocks().size() << " blocks, " << engine.reached().edges()
		  << " edges, " << engine.corpus_size() << " inputs" << std::endl;
}

void fuzz_target(const Options &options)
{
	const auto &name = options.words[0];
	const auto kcov = Kcov::open();

	if (!kcov)
		throw std::runtime_error("this kernel has no KCOV");
	Run run(name, options, *kcov);
	auto &engine = *run.engine;
	const auto start = Clock::now();
	auto told = start;
	const auto is_over = [&] {
		const auto now = Clock::now();

		if (now - told >= news) {
			tell(name, engine, now - start);
			told = now;
		}
		return now - start >= options.time;
	};

	for (std::size_t i = 1; i < options.words.size(); i++)
		for (const auto &[target, input] : read_lines(options.words[i])) {
			if (is_over())
				break;
			if (target == name && !engine.take(input))
				std::cout << '-' << print_line(name, input) << std::endl;
		}
	while (!is_over())
		if (engine.step())
			std::cout << '+' << print_line(name, engine.newest()) << std::endl;
	for (const auto &[function, count] : by_function(engine.reached().blocks()))
		std::cout << '@' << name << ' ' << function << ' ' << count << '\n';
	tell(name, engine, Clock::now() - start);
}

/* First the last input alone: if that is enough, the rest had nothing to do with it. */
void replay(const Options &options)
{
	const auto lines = read_lines(options.replay);
	Coverage none;

	if (lines.empty())
		throw std::runtime_error(options.replay + " has no input");
	Run run(lines.back().target, options, none);
	std::cout << "the last input alone" << std::endl;
	run.engine->take(lines.back().input);
	run.engine->end_round();
	std::cout << "all inputs: " << lines.size() << std::endl;
	for (const auto &line : lines)
		run.engine->take(line.input);
	std::cout << "no fault" << std::endl;
}

} // namespace

int main(int argc, char **argv)
{
	try {
		const auto options = parse(argc, argv);

		if (options.replay.empty())
			fuzz_target(options);
		else
			replay(options);
		return 0;
	} catch (const Usage &) {
		std::cerr << "fuzzer [--seconds N] [--seed N] [--complaint FILE] "
			     "{calls|frames|netlink} FILE... | --replay FILE\n";
		return 2;
	} catch (const Fault &fault) {
		std::cout << "the kernel complains: " << fault.what() << std::endl;
		return 1;
	} catch (const std::exception &error) {
		std::cerr << "fuzzer: " << error.what() << std::endl;
		return 2;
	}
}
