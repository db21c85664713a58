// SPDX-License-Identifier: GPL-2.0
#include "lib/control.h"

#include <linux/genetlink.h>
#include <linux/glass.h>
#include <linux/glass_netlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstdio>

namespace glass {

namespace {

/* How often a dump is begun again when the table changed under it. */
constexpr int dump_tries = 10;

NetlinkAttributes attributes_of(const nlmsghdr &message)
{
	return {message, GENL_HDRLEN};
}

Route route_of(const nlmsghdr &message)
{
	const auto attributes = attributes_of(message);
	const auto octets = attributes.bytes(GLASS_A_ROUTE_LLADDR);
	Route route;

	route.node = attributes.u32(GLASS_A_ROUTE_NODE);
	route.ifindex = attributes.u32(GLASS_A_ROUTE_IFINDEX);
	route.source = attributes.u32(GLASS_A_ROUTE_SRC_NODE);
	if (attributes.u32(GLASS_A_ROUTE_TYPE) == GLASS_ROUTE_TYPE_LINK) {
		route.address.emplace();
		std::copy_n(octets.begin(), std::min(octets.size(), route.address->octets.size()),
			    route.address->octets.begin());
	}
	return route;
}

Device device_of(const nlmsghdr &message)
{
	const auto attributes = attributes_of(message);
	Device device;

	device.ifindex = attributes.u32(GLASS_A_DEV_IFINDEX);
	device.node = attributes.u32(GLASS_A_DEV_NODE);
	device.is_attached = attributes.u32(GLASS_A_DEV_ATTACHED);
	device.mtu = attributes.u32(GLASS_A_DEV_MTU);
	return device;
}

} // namespace

/* --- Link-layer addresses ----------------------------------------------------- */

Result<LinkAddress> LinkAddress::parse(std::string_view text)
{
	const std::string copy(text);
	LinkAddress address;
	auto &octets = address.octets;
	int end = 0;

	if (std::sscanf(copy.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &octets[0],
			&octets[1], &octets[2], &octets[3], &octets[4], &octets[5], &end) != 6 ||
	    static_cast<std::size_t>(end) != copy.size() ||
	    copy.find_first_not_of("0123456789abcdefABCDEF:") != std::string::npos)
		return std::make_error_code(std::errc::invalid_argument);
	return address;
}

std::string LinkAddress::text() const
{
	std::array<char, 18> text;

	std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", octets[0],
		      octets[1], octets[2], octets[3], octets[4], octets[5]);
	return text.data();
}

/* --- Requests ------------------------------------------------------------------ */

Result<Control> Control::open()
{
	auto requests = Netlink::open(NETLINK_GENERIC);
	if (!requests)
		return requests.error();
	auto events = Netlink::open(NETLINK_GENERIC);
	if (!events)
		return events.error();

	Control control(std::move(*requests), std::move(*events));
	const auto found = control.find_family();
	if (!found)
		return found.error();
	return control;
}

/* The family's number and that of its group are the kernel's choice. */
Result<void> Control::find_family()
{
	NetlinkRequest request(GENL_ID_CTRL);
	auto &header = request.add_header<genlmsghdr>();

	header.cmd = CTRL_CMD_GETFAMILY;
	header.version = 1;
	request.add(CTRL_ATTR_FAMILY_NAME, std::string_view(GLASS_FAMILY_NAME));
	return ask(request, [this](const nlmsghdr &message) {
		const auto attributes = attributes_of(message);
		const auto groups = attributes.nested(CTRL_ATTR_MCAST_GROUPS);

		family_ = attributes.u16(CTRL_ATTR_FAMILY_ID);
		for (const nlattr *element : groups.all()) {
			const NetlinkAttributes group(*element);

			if (group.text(CTRL_ATTR_MCAST_GRP_NAME) == GLASS_MCGRP_ROUTE)
				route_group_ = group.u32(CTRL_ATTR_MCAST_GRP_ID);
		}
	});
}

NetlinkRequest Control::command(std::uint8_t command, std::uint16_t flags) const
{
	NetlinkRequest request(family_, flags);
	auto &header = request.add_header<genlmsghdr>();

	header.cmd = command;
	header.version = GLASS_FAMILY_VERSION;
	return request;
}

Result<void> Control::ask(NetlinkRequest &request, const Netlink::Handler &answer)
{
	const auto done = requests_.request(request, answer);

	explanation_ = requests_.explanation();
	return done;
}

/* Calls @restart before each try: what was answered until then is void. */
Result<void> Control::dump(std::uint8_t number, const Netlink::Handler &answer,
			   const std::function<void()> &restart)
{
	Result<void> done;

	for (int i = 0; i < dump_tries; i++) {
		auto request = command(number, NLM_F_DUMP);

		restart();
		done = ask(request, answer);
		if (done.error() != std::errc::interrupted)
			break;
	}
	return done;
}

/* --- What there is --------------------------------------------------------------- */

Result<Info> Control::info()
{
	auto request = command(GLASS_CMD_INFO_GET);
	Info info;

	const auto done = ask(request, [&info](const nlmsghdr &message) {
		const auto attributes = attributes_of(message);

		info.family = attributes.u32(GLASS_A_INFO_FAMILY);
		info.wire_version = attributes.u32(GLASS_A_INFO_WIRE_VERSION);
		info.ports = attributes.u32(GLASS_A_INFO_PORTS);
		info.routes = attributes.u32(GLASS_A_INFO_ROUTES);
		info.route_generation = attributes.u32(GLASS_A_INFO_ROUTE_GENERATION);
	});
	if (!done)
		return done.error();
	return info;
}

Result<Counters> Control::counters()
{
	Counters counters;

	const auto done = dump(
		GLASS_CMD_STAT_GET,
		[&counters](const nlmsghdr &message) {
			const auto attributes = attributes_of(message);

			counters.emplace_back(attributes.text(GLASS_A_STAT_NAME),
					      attributes.u64(GLASS_A_STAT_VALUE));
		},
		[&counters] { counters.clear(); });
	if (!done)
		return done.error();
	return counters;
}

/* --- Routes ------------------------------------------------------------------------ */

Result<std::vector<Route>> Control::routes()
{
	std::vector<Route> routes;

	const auto done = dump(
		GLASS_CMD_ROUTE_GET,
		[&routes](const nlmsghdr &message) { routes.push_back(route_of(message)); },
		[&routes] { routes.clear(); });
	if (!done)
		return done.error();
	return routes;
}

Result<Route> Control::route(std::uint32_t node)
{
	auto request = command(GLASS_CMD_ROUTE_GET);
	Route route;

	request.add(GLASS_A_ROUTE_NODE, node);
	const auto done =
		ask(request, [&route](const nlmsghdr &message) { route = route_of(message); });
	if (!done)
		return done.error();
	return route;
}

Result<void> Control::add_route(std::uint32_t node, std::uint32_t ifindex,
				const LinkAddress &address)
{
	auto request = command(GLASS_CMD_ROUTE_NEW);

	request.add(GLASS_A_ROUTE_NODE, node)
		.add(GLASS_A_ROUTE_IFINDEX, ifindex)
		.add(GLASS_A_ROUTE_LLADDR, address.octets);
	return ask(request);
}

Result<void> Control::delete_route(std::uint32_t node)
{
	auto request = command(GLASS_CMD_ROUTE_DEL);

	request.add(GLASS_A_ROUTE_NODE, node);
	return ask(request);
}

/* --- Devices ------------------------------------------------------------------------- */

Result<std::vector<Device>> Control::devices()
{
	std::vector<Device> devices;

	const auto done = dump(
		GLASS_CMD_DEV_GET,
		[&devices](const nlmsghdr &message) { devices.push_back(device_of(message)); },
		[&devices] { devices.clear(); });
	if (!done)
		return done.error();
	return devices;
}

Result<Device> Control::device(std::uint32_t ifindex)
{
	auto request = command(GLASS_CMD_DEV_GET);
	Device device;

	request.add(GLASS_A_DEV_IFINDEX, ifindex);
	const auto done =
		ask(request, [&device](const nlmsghdr &message) { device = device_of(message); });
	if (!done)
		return done.error();
	return device;
}

/* Devices come and go by rtnetlink, which the kernel gives to every kind. */
Result<void> Control::ask_links(NetlinkRequest &request)
{
	auto links = Netlink::open(NETLINK_ROUTE);

	explanation_.clear();
	if (!links)
		return links.error();
	const auto done = links->request(request);
	explanation_ = links->explanation();
	return done;
}

Result<void> Control::add_device(std::string_view name, std::uint32_t node)
{
	NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

	request.add_header<ifinfomsg>();
	request.add(IFLA_IFNAME, name)
		.begin(IFLA_LINKINFO)
		.add(IFLA_INFO_KIND, std::string_view("glass"))
		.begin(IFLA_INFO_DATA)
		.add(IFLA_GLASS_NODE, node)
		.end()
		.end();
	return ask_links(request);
}

Result<void> Control::delete_device(std::uint32_t ifindex)
{
	NetlinkRequest request(RTM_DELLINK);

	// Rtnetlink would delete whatever it is.
	const auto found = device(ifindex);
	if (!found)
		return found.error();
	if (found->is_attached) {
		explanation_ = "The device is only attached";
		return std::make_error_code(std::errc::no_such_device);
	}
	request.add_header<ifinfomsg>().ifi_index = static_cast<int>(ifindex);
	return ask_links(request);
}

Result<void> Control::attach_device(std::uint32_t ifindex, std::uint32_t node)
{
	auto request = command(GLASS_CMD_DEV_ATTACH);

	request.add(GLASS_A_DEV_IFINDEX, ifindex).add(GLASS_A_DEV_NODE, node);
	return ask(request);
}

Result<void> Control::detach_device(std::uint32_t ifindex)
{
	auto request = command(GLASS_CMD_DEV_DETACH);

	request.add(GLASS_A_DEV_IFINDEX, ifindex);
	return ask(request);
}

/* --- Open sockets -------------------------------------------------------------------- */

Result<Anatomy> Control::anatomy(int fd)
{
	auto request = command(GLASS_CMD_ANATOMY_GET);
	Anatomy anatomy;

	request.add(GLASS_A_ANATOMY_FD, static_cast<std::uint32_t>(fd));
	const auto done = ask(request, [&anatomy](const nlmsghdr &message) {
		anatomy = anatomy_of(attributes_of(message));
	});
	if (!done)
		return done.error();
	return anatomy;
}

Result<Ops> Control::ops(int fd, OpsTable table)
{
	auto request = command(GLASS_CMD_OPS_GET);
	Ops ops;

	request.add(GLASS_A_OPS_FD, static_cast<std::uint32_t>(fd))
		.add(GLASS_A_OPS_TABLE, static_cast<std::uint32_t>(table));
	const auto done = ask(
		request, [&ops](const nlmsghdr &message) { ops = ops_of(attributes_of(message)); });
	if (!done)
		return done.error();
	return ops;
}

/* --- Events -------------------------------------------------------------------------- */

Result<void> Control::watch_routes()
{
	return events_.join(route_group_);
}

Result<void> Control::next_events(const std::function<void(const RouteEvent &)> &handler)
{
	return events_.receive([&](const nlmsghdr &message) {
		const auto *header = static_cast<const genlmsghdr *>(NLMSG_DATA(&message));

		if (message.nlmsg_type != family_)
			return;
		if (header->cmd == GLASS_CMD_ROUTE_NEW_NTF)
			handler({true, route_of(message)});
		else if (header->cmd == GLASS_CMD_ROUTE_DEL_NTF)
			handler({false, route_of(message)});
	});
}

} // namespace glass
