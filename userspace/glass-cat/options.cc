// SPDX-License-Identifier: GPL-2.0
#include "glass-cat/options.h"

#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace glass::cat {

namespace {

constexpr int exit_usage = 2;
constexpr std::size_t message_size_default = GLASS_PAYLOAD_DEFAULT;
constexpr std::size_t message_size_max = std::size_t{1} << 30;

/** The socket types that can be asked for; a new one is a row here. */
const std::map<std::string, int> socket_types = {
	{"dgram", SOCK_DGRAM},
	{"seqpacket", SOCK_SEQPACKET},
	{"stream", SOCK_STREAM},
};

const char *const description =
	"Carries standard input to a Glass socket, and what comes from there to standard output.";

const char *const footer =
	"Addresses are node:port, 1:5000 being port 5000 of this network namespace.\n"
	"\n"
	"The end of the input is told to the peer by an end mark: an empty message, or the\n"
	"end of that direction where the type has connections (stream, seqpacket). The\n"
	"connecting side leaves when both inputs have ended, the listening side as soon as\n"
	"its peer's has. A peer that disappears before its end mark is an error. With\n"
	"--no-end there are no end marks: the connecting side leaves when its input is sent\n"
	"(or after --quit-after), the listening side when its peer is gone; use it with\n"
	"peers that give empty messages another meaning. A receiver that is slow makes the\n"
	"sender wait; nothing is dropped.\n"
	"\n"
	"Exit status: 0 done, 1 a call failed, 2 wrong usage.\n"
	"\n"
	"Examples:\n"
	"  glass-cat -l 5000 > copy       receive a file\n"
	"  glass-cat 1:5000 < file        send it\n"
	"  tar c . | glass-cat -v 1:5000  send a pipe, and say how much";

/** A usage error that CLI11 cannot find. */
class UsageError : public CLI::ValidationError
{
public:
	explicit UsageError(const std::string &text) : CLI::ValidationError(text) {}
};

std::string type_names()
{
	std::string names;

	for (const auto &[name, type] : socket_types)
		names += (names.empty() ? "" : ", ") + name;
	return names;
}

template <typename T> T checked(Result<T> result, const std::string &what, const std::string &text)
{
	if (!result)
		throw UsageError(what + " '" + text + "': " + result.error().message());
	return *result;
}

int parse_type(const std::string &name)
{
	const auto found = socket_types.find(name);

	if (found == socket_types.end())
		throw UsageError("type '" + name + "': this is none of: " + type_names());
	return found->second;
}

/** `NODE:PORT`, `NODE PORT`, or, where @p node_optional, `PORT`. */
Address parse_destination(const std::vector<std::string> &words, bool node_optional)
{
	if (words.size() == 2)
		return {checked(Address::parse_part(words[0]), "node", words[0]),
			checked(Address::parse_part(words[1]), "port", words[1])};
	if (node_optional && words[0].find(':') == std::string::npos)
		return {GLASS_NODE_ANY, checked(Address::parse_part(words[0]), "port", words[0])};
	return checked(Address::parse(words[0]), "address", words[0]);
}

void resolve_addresses(Options &options, const std::vector<std::string> &words,
		       const std::string &port)
{
	if (!port.empty())
		options.local.port = checked(Address::parse_part(port), "port", port);
	if (options.listen) {
		if (words.empty() == port.empty())
			throw UsageError("--listen needs one port to listen on");
		if (!words.empty())
			options.local = parse_destination(words, true);
		return;
	}
	if (words.empty())
		throw UsageError("an address to connect to is needed");
	if (options.keep_open)
		throw UsageError("--keep-open needs --listen");
	options.remote = parse_destination(words, false);
}

} // namespace

std::variant<Options, int> parse_options(int argc, char **argv)
{
	Options options;
	std::vector<std::string> words;
	std::string port;
	std::string type = "dgram";
	int quit_after = 0;
	int idle_timeout = 0;

	options.message_size = message_size_default;

	CLI::App app(description, "glass-cat");
	app.footer(footer);
	app.set_version_flag("-V,--version", std::string("glass-cat ") + GLASS_VERSION);
	app.add_option("address", words, "NODE:PORT or NODE PORT to connect to; PORT with --listen")
		->expected(0, 2)
		->type_name("");
	app.add_flag("-l,--listen", options.listen, "Wait for a peer and take what it sends");
	app.add_flag("-k,--keep-open", options.keep_open,
		     "With --listen: after one peer, wait for the next");
	app.add_option("-p,--port", port, "Own port (default: the kernel chooses)")
		->type_name("PORT");
	app.add_option("-t,--type", type, "Socket type: " + type_names() + " (default: dgram)")
		->type_name("TYPE");
	app.add_option("-m,--message-size", options.message_size,
		       "Most bytes of input in one message (default: 65536)")
		->check(CLI::Range(std::size_t{1}, message_size_max))
		->type_name("BYTES");
	auto *quit = app.add_option("-q,--quit-after", quit_after,
				    "Seconds to wait for the peer's end after the own")
			     ->check(CLI::NonNegativeNumber)
			     ->type_name("SECONDS");
	auto *idle = app.add_option("-w,--timeout", idle_timeout,
				    "Fail when nothing happens for so many seconds")
			     ->check(CLI::PositiveNumber)
			     ->type_name("SECONDS");
	app.add_flag("--no-end", options.no_end, "Neither send nor expect an end mark");
	app.add_flag("-v,--verbose", options.verbose,
		     "Say on standard error who sends to whom, and how much");

	try {
		app.parse(argc, argv);
		if (quit->count())
			options.quit_after = std::chrono::seconds(quit_after);
		else if (options.no_end)
			options.quit_after = std::chrono::seconds(0);
		if (idle->count())
			options.idle_timeout = std::chrono::seconds(idle_timeout);
		options.type = parse_type(type);
		resolve_addresses(options, words, port);
	} catch (const CLI::Success &request) {
		return app.exit(request); // --help and --version
	} catch (const CLI::ParseError &error) {
		std::cerr << "glass-cat: " << error.what()
			  << "\nTry 'glass-cat --help' for more information.\n";
		return exit_usage;
	}
	return options;
}

} // namespace glass::cat
