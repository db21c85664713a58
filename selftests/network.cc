// SPDX-License-Identifier: GPL-2.0
#include "network.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <ostream>
#include <thread>

#include "helper.h"

namespace helper {

namespace {

constexpr std::chrono::seconds long_wait(10);
constexpr std::chrono::milliseconds shortest_nap(1);
constexpr std::chrono::milliseconds longest_nap(64);

glass::Result<void> ask(glass::NetlinkRequest &request)
{
	return must(glass::Netlink::open(NETLINK_ROUTE), "netlink").request(request);
}

/* Sets one attribute of a link. */
template <typename T>
glass::Result<void> change_link(const std::string &name, std::uint16_t attribute, T value)
{
	glass::NetlinkRequest request(RTM_NEWLINK);

	request.add_header<ifinfomsg>().ifi_index = static_cast<int>(ifindex_of(name));
	request.add(attribute, value);
	return ask(request);
}

} // namespace

/* --- Namespaces ------------------------------------------------------------------- */

Namespace Namespace::current()
{
	return Namespace(glass::Fd(static_cast<int>(
		must(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open ns/net"))));
}

Namespace Namespace::first()
{
	return Namespace(glass::Fd(static_cast<int>(
		must(::open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC), "open init's ns/net"))));
}

Namespace Namespace::create()
{
	const Inside stay(current());

	enter_new_namespace();
	return current();
}

Inside::Inside(const Namespace &there) : back_(Namespace::current())
{
	must(::setns(there.fd(), CLONE_NEWNET), "setns");
}

Inside::~Inside()
{
	must(::setns(back_.fd(), CLONE_NEWNET), "setns back");
}

/* --- Links ------------------------------------------------------------------------ */

std::uint32_t ifindex_of(const std::string &name)
{
	const unsigned int index = ::if_nametoindex(name.c_str());

	must(index ? 0 : -1, "if_nametoindex");
	return index;
}

bool link_exists(const std::string &name)
{
	return ::if_nametoindex(name.c_str()) != 0;
}

void add_veth(const std::string &name, const std::string &peer, const Namespace &there)
{
	glass::NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

	request.add_header<ifinfomsg>();
	request.add(IFLA_IFNAME, name)
		.begin(IFLA_LINKINFO)
		.add(IFLA_INFO_KIND, std::string_view("veth"))
		.begin(IFLA_INFO_DATA)
		.begin(VETH_INFO_PEER);
	request.add_header<ifinfomsg>();
	request.add(IFLA_IFNAME, peer)
		.add(IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.fd()))
		.end()
		.end()
		.end();
	must(ask(request), "add veth");
	set_device_up(true, name.c_str());
	const Inside inside(there);
	set_device_up(true, peer.c_str());
}

void add_glass(const std::string &name, std::uint32_t node)
{
	must(control().add_device(name, node), "add device");
	set_device_up(true, name.c_str());
}

void delete_link(const std::string &name)
{
	glass::NetlinkRequest request(RTM_DELLINK);

	request.add_header<ifinfomsg>().ifi_index = static_cast<int>(ifindex_of(name));
	must(ask(request), "delete link");
}

void set_link_mtu(const std::string &name, std::uint32_t mtu)
{
	must(change_link(name, IFLA_MTU, mtu), "set MTU");
}

glass::Result<void> rename_link(const std::string &name, const std::string &to)
{
	return change_link(name, IFLA_IFNAME, std::string_view(to));
}

glass::Result<void> move_link(const std::string &name, const Namespace &to)
{
	return change_link(name, IFLA_NET_NS_FD, static_cast<std::uint32_t>(to.fd()));
}

glass::LinkAddress address_of_link(const std::string &name)
{
	glass::NetlinkRequest request(RTM_GETLINK);
	glass::LinkAddress address;

	request.add_header<ifinfomsg>().ifi_index = static_cast<int>(ifindex_of(name));
	must(must(glass::Netlink::open(NETLINK_ROUTE), "netlink")
		     .request(request,
			      [&address](const nlmsghdr &message) {
				      const auto octets =
					      glass::NetlinkAttributes(message, sizeof(ifinfomsg))
						      .bytes(IFLA_ADDRESS);

				      std::copy_n(octets.begin(), address.octets.size(),
						  address.octets.begin());
			      }),
	     "get link");
	return address;
}

std::ostream &operator<<(std::ostream &out, const Traffic &traffic)
{
	return out << traffic.in << " in, " << traffic.out << " out";
}

Traffic traffic_of(const std::string &name)
{
	for (const auto &line : lines_of("/proc/thread-self/net/dev")) {
		const auto words = words_of(line);

		if (words.size() == 17 && words[0] == name + ':')
			return {std::stoull(words[2]), std::stoull(words[10])};
	}
	throw std::runtime_error("no counters of " + name);
}

bool tc(const std::string &lines)
{
	const std::unique_ptr<FILE, int (*)(FILE *)> pipe(::popen("tc -batch - 2>&1", "w"),
							  [](FILE *) { return 0; });

	if (!pipe)
		return false;
	std::fputs(lines.c_str(), pipe.get());
	return ::pclose(pipe.get()) == 0;
}

/* --- Glass ------------------------------------------------------------------------ */

glass::Control control()
{
	return must(glass::Control::open(), "netlink family glass");
}

void set_fast_path(bool on)
{
	write_file("/proc/sys/net/glass/fast_path", on ? "1" : "0");
}

long module_references()
{
	return std::stol(lines_of("/sys/module/glass/refcnt").at(0));
}

bool eventually(const std::function<bool()> &is_so)
{
	const auto end = std::chrono::steady_clock::now() + long_wait;
	auto nap = shortest_nap;

	while (!is_so()) {
		if (std::chrono::steady_clock::now() > end)
			return false;
		std::this_thread::sleep_for(nap);
		nap = std::min(2 * nap, longest_nap);
	}
	return true;
}

long in_state(const std::string &state)
{
	return std::ranges::count_if(
		lines_of("/proc/thread-self/net/glass"),
		[&](const std::string &line) { return words_of(line).at(4) == state; });
}

bool nothing_remains()
{
	return eventually([] { return lines_of("/proc/thread-self/net/glass").size() == 1; });
}

} // namespace helper
