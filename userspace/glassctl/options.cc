// SPDX-License-Identifier: GPL-2.0
#include "glassctl/options.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <vector>

#include "lib/address.h"

namespace glass::ctl {

namespace {

constexpr int exit_usage = 2;

const char *const description = "Shows and changes what Glass does in this network namespace.";

const char *const footer =
	"A node is a number; node 1 is this network namespace itself. To change something\n"
	"takes CAP_NET_ADMIN.\n"
	"\n"
	"Exit status: 0 done, 1 the kernel refused, 2 wrong usage.\n"
	"\n"
	"Examples:\n"
	"  glassctl dev add g1 node 7          a device that owns node 7\n"
	"  glassctl dev attach veth0 node 9    an Ethernet device carries Glass frames\n"
	"  glassctl route add 12 dev veth0 lladdr 52:54:00:00:00:01\n"
	"                                      who is beyond it\n"
	"  glassctl --json stats --all         all counters, for a program";

/** A usage error that CLI11 cannot find. */
class UsageError : public CLI::ValidationError
{
public:
	explicit UsageError(const std::string &text) : CLI::ValidationError(text) {}
};

std::uint32_t parse_node(const std::string &text)
{
	const auto node = Address::parse_part(text);

	if (!node)
		throw UsageError("node '" + text + "': " + node.error().message());
	if (*node == GLASS_NODE_ANY)
		throw UsageError("node '" + text + "': one node is needed");
	return *node;
}

LinkAddress parse_address(const std::string &text)
{
	const auto address = LinkAddress::parse(text);

	if (!address)
		throw UsageError("lladdr '" + text +
				 "': this is not of the form 02:67:00:00:00:01");
	return *address;
}

/** The words behind a command's object: `dev veth0 lladdr ...`, in any order. */
class Keywords
{
public:
	explicit Keywords(const std::vector<std::string> &words)
	{
		for (std::size_t i = 0; i < words.size(); i += 2) {
			if (i + 1 == words.size())
				throw UsageError(words[i] + ": a value is needed behind it");
			if (!values_.emplace(words[i], words[i + 1]).second)
				throw UsageError(words[i] + ": given twice");
		}
	}

	std::string take(const std::string &key)
	{
		const auto found = values_.extract(key);

		if (!found)
			throw UsageError(key + " is required");
		return found.mapped();
	}
	void expect_empty() const
	{
		if (!values_.empty())
			throw UsageError(values_.begin()->first + ": this is not known here");
	}

private:
	std::map<std::string, std::string> values_;
};

/** The command line's grammar, and what CLI11 found in it. */
class Parser
{
public:
	Parser();
	Options parse(int argc, char **argv);
	int exit(const CLI::Success &request) { return app_.exit(request); }

private:
	CLI::App *add(CLI::App &parent, const char *name, const char *text, Command command);
	void take_object(CLI::App &command, const char *name, const char *text);
	void take_keywords(CLI::App &command, const char *form);
	void add_route_commands();
	void add_device_commands();

	CLI::App app_{description, "glassctl"};
	Options options_;
	std::string object_;
	std::vector<std::string> keywords_;
};

CLI::App *Parser::add(CLI::App &parent, const char *name, const char *text, Command command)
{
	CLI::App *const added = parent.add_subcommand(name, text);

	added->footer("");
	added->final_callback([this, &parent, name, command] {
		const std::string noun = parent.get_parent() ? parent.get_name() + ' ' : "";

		options_.command = command;
		options_.text = noun + name + (object_.empty() ? "" : ' ' + object_);
	});
	return added;
}

void Parser::take_object(CLI::App &command, const char *name, const char *text)
{
	command.add_option(name, object_, text)->option_text(" ");
}

void Parser::take_keywords(CLI::App &command, const char *form)
{
	command.add_option("keywords", keywords_)->option_text(form)->required();
}

void Parser::add_route_commands()
{
	CLI::App *const route = app_.add_subcommand("route", "How nodes are reached");

	route->require_subcommand(0, 1);
	route->footer("Without a command: show.");
	take_object(*add(*route, "show", "All routes, or one", Command::RouteShow), "node",
		    "The destination");

	CLI::App *const added =
		add(*route, "add", "Adds a route over an attached device", Command::RouteAdd);
	take_object(*added, "node", "The destination");
	take_keywords(*added, "dev NAME lladdr MAC");

	take_object(*add(*route, "del", "Removes such a route", Command::RouteDelete), "node",
		    "The destination");
	add(*route, "monitor", "Prints changes as they come", Command::RouteMonitor)
		->add_option("-c,--count", options_.count, "Leave after so many")
		->type_name("COUNT");
}

void Parser::add_device_commands()
{
	CLI::App *const device = app_.add_subcommand("dev", "Devices that own a node");
	const char *const name = "The device";

	device->require_subcommand(0, 1);
	device->footer("Without a command: show.");
	take_object(*add(*device, "show", "All of them, or one", Command::DeviceShow), "name",
		    name);

	CLI::App *const added =
		add(*device, "add", "Makes a device of kind glass, down", Command::DeviceAdd);
	take_object(*added, "name", name);
	take_keywords(*added, "node NODE");

	take_object(*add(*device, "del", "Deletes such a device", Command::DeviceDelete), "name",
		    name);

	CLI::App *const attach =
		add(*device, "attach", "Lets an Ethernet device carry Glass frames",
		    Command::DeviceAttach);
	take_object(*attach, "name", name);
	take_keywords(*attach, "node NODE");

	take_object(*add(*device, "detach", "Takes that back; its routes go with it",
			 Command::DeviceDetach),
		    "name", name);
}

Parser::Parser()
{
	app_.footer(footer);
	app_.require_subcommand(1);
	app_.fallthrough();
	app_.set_version_flag("-V,--version", std::string("glassctl ") + GLASS_VERSION);
	app_.add_flag("-j,--json", options_.json, "Print JSON");
	add(app_, "info", "What Glass is here", Command::Info);
	add(app_, "stats", "What it has counted here", Command::Stats)
		->add_flag("-a,--all", options_.all, "Counters that are zero too");
	add_route_commands();
	add_device_commands();
}

Options Parser::parse(int argc, char **argv)
{
	options_.command = Command::Info;
	app_.parse(argc, argv);

	if (options_.text.empty()) {
		const bool is_route = app_.got_subcommand("route");

		options_.command = is_route ? Command::RouteShow : Command::DeviceShow;
		options_.text = is_route ? "route show" : "dev show";
	}

	Keywords keywords(keywords_);
	const bool is_show =
		options_.command == Command::RouteShow || options_.command == Command::DeviceShow;

	switch (options_.command) {
	case Command::RouteShow:
	case Command::RouteAdd:
	case Command::RouteDelete:
		if (!object_.empty())
			options_.node = parse_node(object_);
		else if (!is_show)
			throw UsageError("a node is required");
		break;
	case Command::DeviceShow:
	case Command::DeviceAdd:
	case Command::DeviceDelete:
	case Command::DeviceAttach:
	case Command::DeviceDetach:
		options_.device = object_;
		if (object_.empty() && !is_show)
			throw UsageError("the name of a device is required");
		break;
	default:
		break;
	}
	if (options_.command == Command::RouteAdd) {
		options_.device = keywords.take("dev");
		options_.address = parse_address(keywords.take("lladdr"));
	} else if (options_.command == Command::DeviceAdd ||
		   options_.command == Command::DeviceAttach) {
		options_.node = parse_node(keywords.take("node"));
	}
	keywords.expect_empty();
	return options_;
}

} // namespace

std::variant<Options, int> parse_options(int argc, char **argv)
{
	Parser parser;

	try {
		return parser.parse(argc, argv);
	} catch (const CLI::Success &request) {
		return parser.exit(request); // --help and --version
	} catch (const CLI::ParseError &error) {
		std::cerr << "glassctl: " << error.what()
			  << "\nTry 'glassctl --help' for more information.\n";
		return exit_usage;
	}
}

} // namespace glass::ctl
