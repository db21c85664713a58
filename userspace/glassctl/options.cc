// SPDX-License-Identifier: GPL-2.0
#include "glassctl/options.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <vector>

#include "glassctl/kinds.h"
#include "glassctl/scenario.h"
#include "glassctl/syscalls.h"
#include "glassctl/watch.h"
#include "lib/address.h"
#include "lib/diag.h"

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
	"  glassctl ss --type stream -p        connections, and who has them\n"
	"  glassctl fd 812:3                   what process 812's descriptor 3 is made of\n"
	"  glassctl ops stream tcp unix        functions of three socket types\n"
	"  glassctl trace -- glass-ping 1      the way of a command's calls, down and up\n"
	"  glassctl why -- glass-cat 1:5000    where the error of a call came from\n"
	"  glassctl watch                      sockets and rates, live\n"
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

/* Glass comes first, unless one of its kinds is named; all must be able to make the same calls. */
void complete_beside(std::vector<std::string> &kinds)
{
	bool has_glass = false;

	for (const std::string &name : kinds) {
		const SocketKind *const kind = find_kind(name);

		if (!kind || !has_scenario(*kind))
			throw UsageError("--beside '" + name +
					 "': this is no kind of socket that can be compared");
		if (has_connections(*kind) != has_connections(*find_kind(kinds.front())))
			throw UsageError("--beside: connections and datagrams do not compare");
		has_glass = has_glass || !kind->domain;
	}
	if (!kinds.empty() && !has_glass)
		kinds.insert(kinds.begin(),
			     has_connections(*find_kind(kinds.front())) ? "stream" : "dgram");
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
	using Complete = std::function<void()>;

	CLI::App *add(CLI::App &parent, const char *name, const char *text, Command command,
		      const Complete &complete = {});
	CLI::App *add_noun(const char *name, const char *text);
	CLI::Option *take_object(CLI::App *command, const char *name, const char *text);
	void take_keywords(CLI::App *command, const char *form);
	void add_route_commands();
	void add_device_commands();
	void add_socket_command();
	void add_anatomy_commands();
	void add_trace_command();
	void add_watch_command();
	void add_why_command();

	CLI::App app_{description, "glassctl"};
	Options options_;
	std::string object_;
	std::vector<std::string> keywords_;
	std::vector<std::string> states_;
	std::string type_;
	std::string port_;
};

/* @complete fills in what the command takes. It runs when all is read, and may throw UsageError. */
CLI::App *Parser::add(CLI::App &parent, const char *name, const char *text, Command command,
		      const Complete &complete)
{
	CLI::App *const added = parent.add_subcommand(name, text);

	added->footer("");
	added->final_callback([this, &parent, name, command, complete] {
		const std::string noun = parent.get_parent() ? parent.get_name() + ' ' : "";

		options_.command = command;
		options_.text = noun + name + (object_.empty() ? "" : ' ' + object_);
		if (complete)
			complete();
	});
	return added;
}

CLI::App *Parser::add_noun(const char *name, const char *text)
{
	CLI::App *const noun = app_.add_subcommand(name, text);

	noun->require_subcommand(0, 1);
	noun->footer("Without a command: show.");
	return noun;
}

CLI::Option *Parser::take_object(CLI::App *command, const char *name, const char *text)
{
	return command->add_option(name, object_, text)->option_text(" ");
}

void Parser::take_keywords(CLI::App *command, const char *form)
{
	command->add_option("keywords", keywords_)->option_text(form)->required();
}

void Parser::add_route_commands()
{
	CLI::App *const route = add_noun("route", "How nodes are reached");
	const char *const destination = "The destination";

	take_object(add(*route, "show", "All routes, or one", Command::RouteShow,
			[this] {
				if (!object_.empty())
					options_.node = parse_node(object_);
			}),
		    "node", destination);

	CLI::App *const added = add(
		*route, "add", "Adds a route over an attached device", Command::RouteAdd, [this] {
			Keywords keywords(keywords_);

			options_.node = parse_node(object_);
			options_.device = keywords.take("dev");
			options_.address = parse_address(keywords.take("lladdr"));
			keywords.expect_empty();
		});
	take_object(added, "node", destination)->required();
	take_keywords(added, "dev NAME lladdr MAC");

	take_object(add(*route, "del", "Removes such a route", Command::RouteDelete,
			[this] { options_.node = parse_node(object_); }),
		    "node", destination)
		->required();

	add(*route, "monitor", "Prints changes as they come", Command::RouteMonitor)
		->add_option("-c,--count", options_.count, "Leave after so many")
		->type_name("COUNT");
}

void Parser::add_device_commands()
{
	CLI::App *const noun = add_noun("dev", "Devices that own a node");
	const auto take_device = [this](CLI::App *command) {
		return take_object(command, "name", "The device");
	};
	const auto with_device = [this] { options_.device = object_; };
	const auto with_device_and_node = [this] {
		Keywords keywords(keywords_);

		options_.device = object_;
		options_.node = parse_node(keywords.take("node"));
		keywords.expect_empty();
	};

	take_device(add(*noun, "show", "All of them, or one", Command::DeviceShow, with_device));

	CLI::App *const added = add(*noun, "add", "Makes a device of kind glass, down",
				    Command::DeviceAdd, with_device_and_node);
	take_device(added)->required();
	take_keywords(added, "node NODE");

	take_device(add(*noun, "del", "Deletes such a device", Command::DeviceDelete, with_device))
		->required();

	CLI::App *const attach = add(*noun, "attach", "Lets an Ethernet device carry Glass frames",
				     Command::DeviceAttach, with_device_and_node);
	take_device(attach)->required();
	take_keywords(attach, "node NODE");

	take_device(add(*noun, "detach", "Takes that back; its routes go with it",
			Command::DeviceDetach, with_device))
		->required();
}

void Parser::add_socket_command()
{
	CLI::App *const command = add(
		app_, "ss", "The sockets, and connections without one", Command::Sockets, [this] {
			SocketFilter &filter = options_.sockets;

			for (const auto &name : states_) {
				const auto state = parse_state(name);

				if (!state)
					throw UsageError("state '" + name + "': there is no such");
				filter.states |= 1U << *state;
			}
			if (!type_.empty() && !(filter.type = parse_type(type_)))
				throw UsageError("type '" + type_ + "': there is no such");
			if (!port_.empty()) {
				const auto port = Address::parse_part(port_);

				if (!port)
					throw UsageError("port '" + port_ +
							 "': " + port.error().message());
				filter.port = *port;
			}
		});

	command->add_option("-s,--state", states_, "In this state only, as LISTEN; may be repeated")
		->type_name("STATE")
		->allow_extra_args(false);
	command->add_option("-t,--type", type_, "Of this type only, as STREAM")->type_name("TYPE");
	command->add_option("--port", port_, "With this port at either end")->type_name("PORT");
	command->add_flag("-p,--processes", options_.sockets.with_users,
			  "Say which processes have them: command/pid/descriptor");
}

void Parser::add_anatomy_commands()
{
	const auto is_descriptor = [](const std::string &text) {
		return DescriptorName::parse(text).ok();
	};
	const char *const form = "FD, PID:FD or /proc/PID/fd/FD";

	take_object(add(app_, "fd", "What an open socket, of any family, is made of",
			Command::Anatomy,
			[this, is_descriptor, form] {
				if (!is_descriptor(object_))
					throw UsageError("descriptor '" + object_ +
							 "': this is not of the form " + form);
				options_.descriptors = {object_};
			}),
		    "descriptor", form)
		->required();

	CLI::App *const ops =
		add(app_, "ops", "The functions of sockets, side by side", Command::Ops,
		    [this, is_descriptor] {
			    for (const auto &word : options_.descriptors)
				    if (!find_kind(word) && !is_descriptor(word))
					    throw UsageError("'" + word +
							     "': no socket goes by this name");
		    });
	ops->add_option("sockets", options_.descriptors,
			"Descriptors, as of fd; or kinds of socket: " + kind_names())
		->option_text(" ");
	ops->add_flag(
		"--proto", [this](std::int64_t) { options_.table = OpsTable::Proto; },
		"Those of the transport (struct proto), not of the calls (struct proto_ops)");
}

void Parser::add_trace_command()
{
	TraceOptions &wanted = options_.trace;
	CLI::App *const trace =
		add(app_, "trace", "The way of a process's socket calls through the kernel",
		    Command::Trace, [this, &wanted] {
			    if (wanted.pid.has_value() + !wanted.command.empty() +
					!wanted.beside.empty() !=
				1)
				    throw UsageError("trace: a command is needed, or --pid, "
						     "or --beside");
			    complete_beside(wanted.beside);
			    if (!wanted.call.empty() && !is_socket_syscall(wanted.call))
				    throw UsageError("--call '" + wanted.call +
						     "': no call of sockets goes by this name");
		    });

	trace->add_option("--html", wanted.html_file, "Write a page that a browser shows")
		->type_name("FILE");
	trace->add_option("--json", wanted.json_file, "Write JSON to a file, - for standard output")
		->type_name("FILE");
	trace->add_option("--call", wanted.call, "Only calls of this name, as sendto")
		->type_name("NAME");
	trace->add_option("--pid", wanted.pid, "Watch this process until it ends, or Ctrl-C")
		->type_name("PID")
		->check(CLI::PositiveNumber);
	trace->add_option("--beside", wanted.beside,
			  "Compare the calls of a built-in scenario on Glass and on other kinds of "
			  "socket, as unix,tcp")
		->delimiter(',')
		->allow_extra_args(false)
		->type_name("KINDS");
	trace->add_flag("--unfold", wanted.unfold, "Show locks, RCU, memory, accounting too");
	trace->add_option("command", wanted.command, "What to run, behind --")
		->option_text("COMMAND...");
	trace->footer("Needs root, and a kernel with the function_graph tracer.");
}

void Parser::add_why_command()
{
	TraceOptions &wanted = options_.trace;
	CLI::App *const why = add(
		app_, "why", "Where in the kernel the errors of a command's socket calls come from",
		Command::Why, [&wanted] {
			if (!wanted.call.empty() && !is_socket_syscall(wanted.call))
				throw UsageError("--call '" + wanted.call +
						 "': no call of sockets goes by this name");
		});

	why->add_option("--call", wanted.call, "Only calls of this name, as connect")
		->type_name("NAME");
	why->add_option("command", wanted.command, "What to run, behind --")
		->option_text("COMMAND...")
		->required();
	why->footer("Needs root, and a kernel with the function_graph tracer, fprobes and BTF.");
}

void Parser::add_watch_command()
{
	WatchOptions &wanted = options_.watch;
	CLI::App *const watch = add(
		app_, "watch", "Sockets, rates, queues and drops, live", Command::Watch, [this] {
			const std::string &sort = options_.watch.sort;

			if (!sort.empty() && !is_watch_column(sort))
				throw UsageError("--sort '" + sort + "': there is no such column");
			if (options_.json && !options_.watch.batch)
				throw UsageError("watch: --json needs --batch");
		});

	watch->add_option_function<double>(
		     "-i,--interval",
		     [&wanted](double seconds) {
			     wanted.interval = std::chrono::duration<double>(seconds);
		     },
		     "Seconds between two samples; 1, if not given")
		->type_name("SECONDS")
		->check(CLI::Range(0.05, 3600.0));
	watch->add_option("-b,--batch", wanted.batch,
			  "Print so many samples, as into a pipe; 0 does not end")
		->type_name("COUNT");
	watch->add_option("--sort", wanted.sort, "Sort the screen by this column, as recv-q")
		->type_name("COLUMN");
	watch->footer(
		"Keys: q leaves; s and S sort by the next column, or the one before; r turns\n"
		"the order round; p pauses; arrows and Page keys move.");
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
	add_socket_command();
	add_anatomy_commands();
	add_trace_command();
	add_watch_command();
	add_why_command();
}

Options Parser::parse(int argc, char **argv)
{
	app_.parse(argc, argv);
	if (options_.text.empty()) {
		const bool is_route = app_.got_subcommand("route");

		options_.command = is_route ? Command::RouteShow : Command::DeviceShow;
		options_.text = is_route ? "route show" : "dev show";
	}
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
