/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What can be seen and changed of Glass in a network namespace: counters,
 * routes, devices; and what open sockets are made of. By netlink;
 * module/netlink/glass.yaml is the protocol.
 *
 * A Control belongs to the network namespace in which it was opened. What
 * changes something needs CAP_NET_ADMIN in that namespace's user namespace.
 */
#ifndef GLASS_LIB_CONTROL_H
#define GLASS_LIB_CONTROL_H

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/anatomy.h"
#include "lib/netlink.h"
#include "lib/result.h"

namespace glass {

/** A link-layer address, written `02:67:00:00:00:07`. */
struct LinkAddress {
	std::array<std::uint8_t, 6> octets = {};

	/** Error: std::errc::invalid_argument. */
	static Result<LinkAddress> parse(std::string_view text);
	std::string text() const;

	friend bool operator==(const LinkAddress &, const LinkAddress &) = default;
};

/** What Glass is, in a namespace. */
struct Info {
	std::uint32_t family = 0; /**< the socket family number in use */
	std::uint32_t wire_version = 0;
	std::uint32_t ports = 0; /**< how many are bound */
	std::uint32_t routes = 0;
	std::uint32_t route_generation = 0; /**< changes whenever a route does */
};

/** The way to a node. */
struct Route {
	std::uint32_t node = 0;
	std::uint32_t ifindex = 0;
	std::uint32_t source = 0;	    /**< the node we are on that device */
	std::optional<LinkAddress> address; /**< none when the node is our own */

	bool is_local() const { return !address; }
	friend bool operator==(const Route &, const Route &) = default;
};

/** A device that owns a node. */
struct Device {
	std::uint32_t ifindex = 0;
	std::uint32_t node = 0;
	bool is_attached = false; /**< no Glass device: an administrator's doing */
	std::uint32_t mtu = 0;	  /**< in bytes, without the Ethernet header */
};

/** A change of the routes. */
struct RouteEvent {
	bool is_added = false; /**< else removed */
	Route route;
};

using Counters = std::vector<std::pair<std::string, std::uint64_t>>;

/** Asks the kernel about Glass, and tells it. */
class Control
{
public:
	/** Error: ENOENT without the module. */
	static Result<Control> open();

	Result<Info> info();
	/** All counters, in the kernel's order. */
	Result<Counters> counters();

	Result<std::vector<Route>> routes();
	/** Error: ENOENT. */
	Result<Route> route(std::uint32_t node);
	/** Errors: EINVAL for a device or an address that will not do, EEXIST, ENODEV, EPERM. */
	Result<void> add_route(std::uint32_t node, std::uint32_t ifindex,
			       const LinkAddress &address);
	/** Errors: ENOENT; EBUSY for a node that a device owns; EPERM. */
	Result<void> delete_route(std::uint32_t node);

	Result<std::vector<Device>> devices();
	/** Error: ENODEV also for a device that owns no node. */
	Result<Device> device(std::uint32_t ifindex);
	/** Makes a device of kind glass, down. Errors: EEXIST, EINVAL, EPERM. */
	Result<void> add_device(std::string_view name, std::uint32_t node);
	/** Errors: ENODEV for what is no device of kind glass; EOPNOTSUPP for glass0; EPERM. */
	Result<void> delete_device(std::uint32_t ifindex);
	/** Errors: EINVAL, EEXIST, ENODEV, EPERM. */
	Result<void> attach_device(std::uint32_t ifindex, std::uint32_t node);
	/** Errors: EINVAL when it is not attached; ENODEV, EPERM. */
	Result<void> detach_device(std::uint32_t ifindex);

	/**
	 * What this process's descriptor @p fd is made of, a socket of any family.
	 *
	 * Errors: EBADF, ENOTSOCK; EPERM when the process has come by more
	 * rights since this Control was opened.
	 */
	Result<Anatomy> anatomy(int fd);
	/** One of its tables of functions. Errors: the same. */
	Result<Ops> ops(int fd, OpsTable table);

	/** Begins to hear of changes; events before are not told. */
	Result<void> watch_routes();
	/** Waits for changes. Error: ENOBUFS when some were missed. */
	Result<void> next_events(const std::function<void(const RouteEvent &)> &handler);
	/** Readable when there is an event. */
	int events_fd() const noexcept { return events_.fd(); }

	/** The kernel's reason for the last failure in words; often empty. */
	const std::string &explanation() const noexcept { return explanation_; }

private:
	Control(Netlink requests, Netlink events)
		: requests_(std::move(requests)), events_(std::move(events))
	{
	}
	Result<void> find_family();
	NetlinkRequest command(std::uint8_t command, std::uint16_t flags = 0) const;
	Result<void> ask(NetlinkRequest &request, const Netlink::Handler &answer = {});
	Result<void> dump(std::uint8_t command, const Netlink::Handler &answer,
			  const std::function<void()> &restart);
	Result<void> ask_links(NetlinkRequest &request);

	Netlink requests_;
	Netlink events_;
	std::uint16_t family_ = 0;
	std::uint32_t route_group_ = 0;
	std::string explanation_;
};

} // namespace glass

#endif // GLASS_LIB_CONTROL_H
