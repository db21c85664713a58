// SPDX-License-Identifier: GPL-2.0
/*
 * glass-bench: what an operation costs, on Glass and on its relatives.
 */
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "glass-bench/options.h"
#include "glass-bench/process.h"

namespace glass::bench {

const std::vector<Cell> &cells()
{
	static const std::vector<Cell> all = [] {
		std::vector<Cell> rows;

		add_transfers(rows);
		add_lives(rows);
		add_names(rows);
		return rows;
	}();

	return all;
}

namespace {

/** 60,000 sockets need as many descriptors; who may have fewer can measure the rest. */
void allow_descriptors()
{
	rlimit limit{100'000, 100'000};

	if (!::setrlimit(RLIMIT_NOFILE, &limit))
		return;
	check(::getrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	check(::setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
}

/** Writes the beginning of a line of JSON. */
std::ostream &begin_line(std::ostream &out, const Cell &cell, std::string_view suffix,
			 const Kind &kind, const Setting &setting)
{
	return out << R"({"cell": ")" << cell.name << suffix << (setting.two_cpus ? "@2" : "")
		   << R"(", "kind": ")" << kind.name << "\", ";
}

/** Writes the figures of one cell for one kind, each on a line; false if it failed. */
bool measure(std::ostream &out, const Cell &cell, const Kind &kind, const Setting &setting)
{
	try {
		cell.measure(kind, setting, [&](std::string_view suffix, double figure) {
			begin_line(out, cell, suffix, kind, setting)
				<< R"("value": )" << figure << "}\n";
		});
		return true;
	} catch (const std::system_error &error) {
		begin_line(out, cell, "", kind, setting)
			<< R"("error": ")" << error.what() << "\"}\n";
		return false;
	}
}

/** The same once more, for who logs what is executed: says when it begins. */
bool measure_watched(std::ostream &out, const Cell &cell, const Kind &kind, const Setting &setting)
{
	std::ostringstream nobody;

	begin_line(out, cell, "", kind, setting) << R"("begins": true})" << std::endl;
	return measure(nobody, cell, kind, setting);
}

/** What is measured of which kind. */
struct Choice {
	const Cell *cell;
	const Kind *kind;
	std::string name; /**< "oneway-64/glass-stream" */
};

std::vector<Choice> choose(const std::vector<std::string> &patterns)
{
	std::vector<Choice> chosen;

	for (const Cell &cell : cells())
		for (const Kind &kind : kinds()) {
			std::string name = cell.name + "/" + std::string(kind.name);
			const auto matches = [&](const std::string &pattern) {
				return name.find(pattern) != name.npos;
			};

			if (cell.has(kind) &&
			    (patterns.empty() || std::ranges::any_of(patterns, matches)))
				chosen.push_back({&cell, &kind, std::move(name)});
		}
	return chosen;
}

/**
 * Does a little of everything, for nothing, again until @p least has passed: the
 * first use of a path costs more, and what has just booted has work of its own.
 */
void warm_up(const std::vector<Choice> &chosen, Setting setting, std::chrono::milliseconds least)
{
	const auto end = std::chrono::steady_clock::now() + least;

	std::ostringstream nobody; // a cell that fails does so again, and is told then

	setting.scale /= 50;
	do {
		for (const Choice &choice : chosen)
			measure(nobody, *choice.cell, *choice.kind, setting);
	} while (std::chrono::steady_clock::now() < end);
}

int run(const Options &options)
{
	using namespace std::chrono_literals;

	const auto chosen = choose(options.cells);
	bool good = true;

	if (chosen.empty()) {
		std::cerr << "glass-bench: there is no such cell\n";
		return exit_error;
	}
	if (options.list) {
		for (const Choice &choice : chosen)
			std::cout << choice.name << '\n';
		return 0;
	}
	allow_descriptors();
	std::signal(SIGPIPE, SIG_IGN);
	run_on(0);
	for (unsigned round = 0; round < options.rounds; round++) {
		// Not sooner: whoever takes the figures away needs the processor too.
		std::ostringstream figures;

		figures << std::fixed << std::setprecision(1);
		if (options.warm_up > 0ms)
			warm_up(chosen, options.setting, round ? 0ms : options.warm_up);
		for (const Choice &choice : chosen)
			if (!round || !choice.cell->once)
				good = measure(figures, *choice.cell, *choice.kind,
					       options.setting) &&
				       good;
		std::cout << figures.str() << std::flush;
	}
	if (options.profile)
		for (const Choice &choice : chosen)
			good = measure_watched(std::cout, *choice.cell, *choice.kind,
					       options.setting) &&
			       good;
	return good ? 0 : 1;
}

} // namespace

} // namespace glass::bench

int main(int argc, char **argv)
{
	using namespace glass::bench;

	const auto parsed = parse_options(argc, argv);

	if (const int *status = std::get_if<int>(&parsed))
		return *status;
	try {
		return run(std::get<Options>(parsed));
	} catch (const std::system_error &error) {
		std::cerr << "glass-bench: " << error.what() << '\n';
		return exit_error;
	}
}
