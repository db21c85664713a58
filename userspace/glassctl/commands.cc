// SPDX-License-Identifier: GPL-2.0
#include "glassctl/commands.h"

#include <net/if.h>

#include <array>
#include <iostream>
#include <map>

#include "glassctl/anatomy.h"
#include "glassctl/sockets.h"
#include "glassctl/trace.h"
#include "glassctl/view.h"
#include "glassctl/watch.h"

namespace glass::ctl {

namespace {

const std::vector<std::string> route_columns = {"node", "type", "dev", "source", "lladdr"};
const std::vector<std::string> device_columns = {"dev", "node", "kind", "mtu"};
const std::vector<std::string> event_columns = {"event", "node", "type", "dev", "source", "lladdr"};
const std::vector<std::size_t> event_widths = {7, 10, 5, IFNAMSIZ - 1, 10, 17};

/** Names of devices. Remembered, because the routes of a device are removed after its name. */
class Names
{
public:
	std::string of(std::uint32_t ifindex)
	{
		std::array<char, IFNAMSIZ> name;
		std::string &known = names_[ifindex];

		if (::if_indextoname(ifindex, name.data()))
			known = name.data();
		return known.empty() ? "if" + std::to_string(ifindex) : known;
	}

private:
	std::map<std::uint32_t, std::string> names_;
};

class Runner
{
public:
	explicit Runner(const Options &options)
		: options_(options), control_(open_control()), view_(options.json)
	{
	}
	void run();

private:
	template <typename T> T checked(Result<T> result);
	std::uint32_t ifindex() const;

	void show_info();
	void show_counters();
	void show_routes();
	void monitor_routes();
	void show_devices();

	Row row_of(const Route &route);
	Row row_of(const Device &device);

	const Options &options_;
	Control control_;
	View view_;
	Names names_;
};

template <typename T> T Runner::checked(Result<T> result)
{
	if (!result)
		throw Failure(result.error(), options_.text, control_.explanation());
	if constexpr (!std::is_void_v<T>)
		return std::move(*result);
}

/* Of the device that the command names. */
std::uint32_t Runner::ifindex() const
{
	const unsigned int index = ::if_nametoindex(options_.device.c_str());

	if (!index)
		throw Failure(last_error(), options_.text, "device " + options_.device);
	return index;
}

Row Runner::row_of(const Route &route)
{
	Row row;

	row["node"] = route.node;
	row["type"] = route.is_local() ? "local" : "link";
	row["dev"] = names_.of(route.ifindex);
	row["source"] = route.source;
	row["lladdr"] = nullptr;
	if (route.address)
		row["lladdr"] = route.address->text();
	return row;
}

Row Runner::row_of(const Device &device)
{
	Row row;

	row["dev"] = names_.of(device.ifindex);
	row["node"] = device.node;
	row["kind"] = device.is_attached ? "attached" : "glass";
	row["mtu"] = device.mtu;
	return row;
}

void Runner::show_info()
{
	const Info info = checked(control_.info());
	Row row;

	row["family"] = info.family;
	row["wire_version"] = info.wire_version;
	row["ports"] = info.ports;
	row["routes"] = info.routes;
	row["route_generation"] = info.route_generation;
	view_.print_object(row);
}

void Runner::show_counters()
{
	Row row = Row::object();

	for (const auto &[name, value] : checked(control_.counters()))
		if (value || options_.all)
			row[name] = value;
	view_.print_object(row);
}

void Runner::show_routes()
{
	std::vector<Row> rows;

	if (options_.node)
		rows.push_back(row_of(checked(control_.route(*options_.node))));
	else
		for (const Route &route : checked(control_.routes()))
			rows.push_back(row_of(route));
	view_.print_rows(route_columns, rows);
}

void Runner::show_devices()
{
	std::vector<Row> rows;

	if (!options_.device.empty())
		rows.push_back(row_of(checked(control_.device(ifindex()))));
	else
		for (const Device &device : checked(control_.devices()))
			rows.push_back(row_of(device));
	view_.print_rows(device_columns, rows);
}

/* Until it is killed, or has seen as much as it shall. */
void Runner::monitor_routes()
{
	std::uint64_t seen = 0;

	checked(control_.watch_routes());
	for (const Route &route : checked(control_.routes()))
		names_.of(route.ifindex);
	view_.begin_stream(event_columns, event_widths);
	while (!options_.count || seen < options_.count) {
		const auto done = control_.next_events([this, &seen](const RouteEvent &event) {
			Row row;

			if (options_.count && seen == options_.count)
				return;
			row["event"] = event.is_added ? "added" : "removed";
			row.update(row_of(event.route));
			view_.print_next(row);
			seen++;
		});
		if (done.error() == std::errc::no_buffer_space)
			std::cerr << "glassctl: " << options_.text
				  << ": some changes were missed\n";
		else if (!done)
			throw Failure(done.error(), options_.text, "");
	}
}

void Runner::run()
{
	switch (options_.command) {
	case Command::Info:
		return show_info();
	case Command::Stats:
		return show_counters();
	case Command::RouteShow:
		return show_routes();
	case Command::RouteAdd:
		return checked(control_.add_route(*options_.node, ifindex(), options_.address));
	case Command::RouteDelete:
		return checked(control_.delete_route(*options_.node));
	case Command::RouteMonitor:
		return monitor_routes();
	case Command::DeviceShow:
		return show_devices();
	case Command::DeviceAdd:
		return checked(control_.add_device(options_.device, *options_.node));
	case Command::DeviceDelete:
		return checked(control_.delete_device(ifindex()));
	case Command::DeviceAttach:
		return checked(control_.attach_device(ifindex(), *options_.node));
	case Command::DeviceDetach:
		return checked(control_.detach_device(ifindex()));
	case Command::Sockets:
	case Command::Anatomy:
	case Command::Ops:
	case Command::Trace:
	case Command::Watch:
	case Command::Why:
		break; // these ask for nothing that is open yet
	}
}

} // namespace

Control open_control()
{
	auto control = Control::open();

	if (control.error() == std::errc::no_such_file_or_directory)
		throw Failure(control.error(), "netlink family glass", "Is the module loaded?");
	if (!control)
		throw Failure(control.error(), "netlink family glass", "");
	return std::move(*control);
}

void run(const Options &options)
{
	switch (options.command) {
	case Command::Sockets:
		return show_sockets(options);
	case Command::Anatomy:
		return show_anatomy(options);
	case Command::Ops:
		return show_ops(options);
	case Command::Trace:
		return show_trace(options);
	case Command::Watch:
		return watch(options);
	case Command::Why:
		return show_why(options);
	default:
		return Runner(options).run();
	}
}

} // namespace glass::ctl
