// SPDX-License-Identifier: GPL-2.0
#include "glass-bench/options.h"

#include <CLI/CLI.hpp>
#include <iostream>

namespace glass::bench {

namespace {

const char *const description =
	"Measures what an operation costs on sockets of Glass and of its relatives.";

const char *const footer =
	"Each figure, per operation, is a line of JSON: {\"cell\", \"kind\", \"value\"}, or "
	"\"error\"\n"
	"in place of the value. Needs root, the modules of what is compared, and 512 MiB of "
	"memory.\n"
	"\n"
	"Exit status: 0 done, 1 a cell failed, 2 an error or wrong usage.\n"
	"\n"
	"Examples:\n"
	"  glass-bench --list                          the cells that there are\n"
	"  glass-bench --cell roundtrip --rounds 5     those of that name, in nanoseconds\n"
	"  glass-bench --instructions                  all, in a guest under -icount";

} // namespace

std::variant<Options, int> parse_options(int argc, char **argv)
{
	Options options;
	bool instructions = false;
	unsigned cpus = 1;
	auto warm_up = static_cast<unsigned>(options.warm_up.count());

	CLI::App app(description, "glass-bench");
	app.footer(footer);
	app.set_version_flag("-V,--version", std::string("glass-bench ") + GLASS_VERSION);
	app.add_option("--cell", options.cells,
		       "Only those with that in their CELL/KIND; repeatable")
		->type_name("PATTERN");
	app.add_option("--rounds", options.rounds, "Measure each so often (default: 1)")
		->check(CLI::Range(1U, 1000U))
		->type_name("COUNT");
	app.add_option("--cpus", cpus, "1: both processes on one processor; 2: each on its own")
		->check(CLI::Range(1U, 2U))
		->type_name("COUNT");
	app.add_option("--scale", options.setting.scale, "Do so many times as much (default: 1)")
		->check(CLI::Range(0.001, 1000.0))
		->type_name("FACTOR");
	app.add_option("--warm-up", warm_up,
		       "Milliseconds before the first round; 0: none at all (default: 1500)")
		->check(CLI::Range(0U, 60'000U))
		->type_name("TIME");
	app.add_flag("--instructions", instructions,
		     "Read the time-stamp counter, which counts them under QEMU's -icount");
	app.add_flag(
		"--profile", options.profile,
		"Measure all once more, saying when each begins: for who logs what is executed");
	app.add_flag("--list", options.list, "Say which cells there are");

	try {
		app.parse(argc, argv);
	} catch (const CLI::Success &request) {
		return app.exit(request); // --help and --version
	} catch (const CLI::ParseError &error) {
		std::cerr << "glass-bench: " << error.what()
			  << "\nTry 'glass-bench --help' for more information.\n";
		return exit_error;
	}
	options.setting.unit = instructions ? Unit::Instructions : Unit::Nanoseconds;
	options.warm_up = std::chrono::milliseconds(warm_up);
	options.setting.two_cpus = cpus == 2;
	return options;
}

} // namespace glass::bench
