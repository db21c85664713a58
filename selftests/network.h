/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Network namespaces that one process goes in and out of, and links in them.
 *
 * A socket stays in the namespace in which it was made, so that one thread can
 * speak on both sides. Nothing here has to be cleaned up: a namespace goes with
 * its last descriptor, and takes its links with it.
 */
#ifndef GLASS_SELFTESTS_NETWORK_H
#define GLASS_SELFTESTS_NETWORK_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "lib/control.h"
#include "lib/fd.h"

namespace helper {

/** A network namespace, held by a descriptor. */
class Namespace
{
public:
	/** A new one; the caller stays in its own. */
	static Namespace create();
	/** The caller's. */
	static Namespace current();
	/** The machine's, where settings that hold for all are. */
	static Namespace first();

	int fd() const { return fd_.get(); }
	/** Lets go of it: it ends when nothing else holds it. */
	void drop() { fd_.reset(); }

private:
	explicit Namespace(glass::Fd fd) : fd_(std::move(fd)) {}

	glass::Fd fd_;
};

/** The calling thread is in another namespace for as long as this lives. */
class Inside
{
public:
	explicit Inside(const Namespace &there);
	~Inside();
	Inside(const Inside &) = delete;
	Inside &operator=(const Inside &) = delete;

private:
	Namespace back_;
};

/* --- Links, in the caller's namespace ------------------------------------------ */

std::uint32_t ifindex_of(const std::string &name);
bool link_exists(const std::string &name);
/** A veth here, and its peer in @p there; both up. */
void add_veth(const std::string &name, const std::string &peer, const Namespace &there);
/** A device of kind glass that owns @p node, up. */
void add_glass(const std::string &name, std::uint32_t node);
void delete_link(const std::string &name);
void set_link_mtu(const std::string &name, std::uint32_t mtu);
glass::Result<void> rename_link(const std::string &name, const std::string &to);
glass::Result<void> move_link(const std::string &name, const Namespace &to);
glass::LinkAddress address_of_link(const std::string &name);

/** Frames received and sent. */
struct Traffic {
	std::uint64_t in = 0;
	std::uint64_t out = 0;

	friend bool operator==(const Traffic &, const Traffic &) = default;
};
std::ostream &operator<<(std::ostream &out, const Traffic &traffic);
Traffic traffic_of(const std::string &name);
/** Runs the lines as commands of tc; false when one of them fails. */
bool tc(const std::string &lines);

/* --- Glass ------------------------------------------------------------------------ */

/** glassctl's way into the caller's namespace. */
glass::Control control();
/** Whether a frame is handed straight to its receiver, in the caller's namespace. */
void set_fast_path(bool on);
/** How many references there are on the module. */
long module_references();
/** Tries again until it is true, for at most 10 s; whether it became so. */
bool eventually(const std::function<bool()> &is_so);
/** How many sockets, requests and remembered connections there are in a state ("LISTEN"). */
long in_state(const std::string &state);

/** Waits until no socket, request or remembered connection of this namespace is left. */
bool nothing_remains();

} // namespace helper

#endif // GLASS_SELFTESTS_NETWORK_H
