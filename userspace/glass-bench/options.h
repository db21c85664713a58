/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What the command line asks for.
 */
#ifndef GLASS_BENCH_OPTIONS_H
#define GLASS_BENCH_OPTIONS_H

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "glass-bench/cell.h"

namespace glass::bench {

/** The exit status of an error or of wrong usage. */
constexpr int exit_error = 2;

/** The run that is asked for. */
struct Options {
	/** Only cells with one of these in "<cell>/<kind>"; none: all. */
	std::vector<std::string> cells;
	Setting setting;
	unsigned rounds = 1;			 /**< each cell is measured so often, all in turn */
	std::chrono::milliseconds warm_up{1500}; /**< for so long, before the first round */
	bool profile = false; /**< also tell where the time goes, by kernel function */
	bool list = false;    /**< only tell which there are */
};

/** Reads the command line; or the exit status, when all is said. */
std::variant<Options, int> parse_options(int argc, char **argv);

} // namespace glass::bench

#endif // GLASS_BENCH_OPTIONS_H
