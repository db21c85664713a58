// SPDX-License-Identifier: GPL-2.0
#include "glass-ping/options.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "lib/address.h"

namespace glass::ping {

namespace {

constexpr std::size_t size_max = std::size_t{1} << 30;
constexpr double seconds_max = 1e9;

const char *const description =
	"Asks a Glass node for an echo, again and again, and says what came back and when.";

const char *const footer =
	"The node's kernel module answers by itself. Raw sockets need CAP_NET_RAW.\n"
	"\n"
	"Exit status: 0 something came back, 1 nothing did, 2 an error or wrong usage.\n"
	"\n"
	"Examples:\n"
	"  glass-ping -c 3 1             three echoes to this network namespace\n"
	"  glass-ping -q -f -c 10000 7   how many does the device of node 7 lose?\n"
	"  glass-ping --json -c 3 1      one object, when it is over";

/** A usage error that CLI11 cannot find. */
class UsageError : public CLI::ValidationError
{
public:
	explicit UsageError(const std::string &text) : CLI::ValidationError(text) {}
};

std::uint32_t parse_node(const std::string &word)
{
	const auto node = Address::parse_part(word);

	if (!node)
		throw UsageError("node '" + word + "': " + node.error().message());
	if (*node == GLASS_NODE_ANY)
		throw UsageError("node '" + word + "': one node is needed");
	return *node;
}

Duration seconds(double value)
{
	return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

} // namespace

std::variant<Options, int> parse_options(int argc, char **argv)
{
	Options options;
	std::string node;
	std::uint64_t count = 0;
	double interval = 0;
	double timeout = 0;
	double deadline = 0;

	CLI::App app(description, "glass-ping");
	app.footer(footer);
	app.set_version_flag("-V,--version", std::string("glass-ping ") + GLASS_VERSION);
	app.add_option("node", node, "The node to ask")->required()->type_name("");
	auto *count_option = app.add_option("-c,--count", count, "Stop after so many")
				     ->check(CLI::PositiveNumber)
				     ->type_name("COUNT");
	auto *interval_option =
		app.add_option("-i,--interval", interval, "Seconds between two (default: 1)")
			->check(CLI::Range(0.0, seconds_max))
			->type_name("SECONDS");
	app.add_option("-s,--size", options.size, "Bytes of data in each (default: 56)")
		->check(CLI::Range(std::size_t{0}, size_max))
		->type_name("BYTES");
	auto *timeout_option =
		app.add_option("-W,--timeout", timeout, "Seconds to wait for the last (default: 1)")
			->check(CLI::Range(0.0, seconds_max))
			->type_name("SECONDS");
	auto *deadline_option = app.add_option("-w,--deadline", deadline,
					       "Stop after so many seconds, whatever came")
					->check(CLI::Range(0.0, seconds_max))
					->type_name("SECONDS");
	app.add_option("-I,--device", options.device, "Use this device only")->type_name("DEVICE");
	app.add_flag("-q,--quiet", options.quiet, "No line for each reply");
	app.add_flag("-f,--flood", options.flood,
		     "The next one as soon as one is answered, and 100 a second at least")
		->excludes(interval_option);
	app.add_flag("--json", options.json, "One object at the end, for programs");

	try {
		app.parse(argc, argv);
		options.node = parse_node(node);
		if (count_option->count())
			options.count = count;
		if (interval_option->count())
			options.interval = seconds(interval);
		if (timeout_option->count())
			options.timeout = seconds(timeout);
		if (deadline_option->count())
			options.deadline = seconds(deadline);
		if (options.flood)
			options.interval = std::chrono::milliseconds(10);
	} catch (const CLI::Success &request) {
		return app.exit(request); // --help and --version
	} catch (const CLI::ParseError &error) {
		std::cerr << "glass-ping: " << error.what()
			  << "\nTry 'glass-ping --help' for more information.\n";
		return exit_error;
	}
	return options;
}

} // namespace glass::ping
