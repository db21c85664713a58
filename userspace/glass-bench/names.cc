// SPDX-License-Identifier: GPL-2.0
/*
 * Binding a name, and reaching one, when few or many others are bound.
 */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "glass-bench/cell.h"

namespace glass::bench {

namespace {

constexpr std::uint32_t few = 100;

/** Binds more sockets, each to a name of its own, until there are @p count. */
void bind_until(const Kind &kind, std::vector<Fd> &bound, std::uint32_t count)
{
	while (bound.size() < count) {
		const Name name = numbered_name(kind, static_cast<std::uint32_t>(bound.size()));

		bound.push_back(open_socket(kind));
		check(::bind(bound.back().get(), name.get(), name.size), "bind");
	}
}

/** The cost of one of a few calls. */
template <typename Work> double each(const Setting &setting, Work work)
{
	const auto begin = now(setting.unit);

	for (std::uint32_t i = 0; i < few; i++)
		work(i);
	return static_cast<double>(now(setting.unit) - begin) / few;
}

/** The cost of bind() alone, of new sockets, to what @p name gives for each. */
template <typename Naming> double binding(const Kind &kind, const Setting &setting, Naming name_for)
{
	std::vector<Fd> sockets;
	std::vector<Name> names;

	for (std::uint32_t i = 0; i < few; i++) {
		sockets.push_back(open_socket(kind));
		names.push_back(name_for(i));
	}
	return each(setting, [&](std::uint32_t i) {
		check(::bind(sockets[i].get(), names[i].get(), names[i].size), "bind");
	});
}

/**
 * The cost of reaching the sockets that were bound first: for connections
 * connect() and accept(), for datagrams to send one and to receive it.
 */
double reaching(const Kind &kind, const Setting &setting, const std::vector<Fd> &bound)
{
	std::vector<Fd> sockets;
	std::vector<Fd> accepted(few);
	std::vector<Name> names;
	char byte = 1;

	for (std::uint32_t i = 0; i < few; i++) {
		sockets.push_back(open_socket(kind));
		names.push_back(numbered_name(kind, i));
	}
	return each(setting, [&](std::uint32_t i) {
		const Name &name = names[i];

		if (kind.connects()) {
			check(::connect(sockets[i].get(), name.get(), name.size), "connect");
			accepted[i] =
				Fd(check(::accept4(bound[i].get(), nullptr, nullptr, SOCK_CLOEXEC),
					 "accept"));
			return;
		}
		check(::sendto(sockets[i].get(), &byte, 1, 0, name.get(), name.size), "sendto");
		check(::recv(bound[i].get(), &byte, 1, 0), "recv");
	});
}

/**
 * A network of our own, as long as this lives: ports that other cells have left in
 * TIME_WAIT cannot be bound, and 60,000 would leave none to choose from.
 */
class OwnNetwork
{
public:
	OwnNetwork() : before_(check(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "open"))
	{
		check(::unshare(CLONE_NEWNET), "unshare");
		const Fd socket(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
		ifreq request{};

		std::strcpy(request.ifr_name, "lo");
		request.ifr_flags = IFF_UP;
		check(::ioctl(socket.get(), SIOCSIFFLAGS, &request), "lo up");
		std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "1024 65535";
	}
	~OwnNetwork() { ::setns(before_.get(), CLONE_NEWNET); }
	OwnNetwork(const OwnNetwork &) = delete;
	OwnNetwork &operator=(const OwnNetwork &) = delete;

private:
	Fd before_;
};

void measure_ports(const Kind &kind, const Setting &setting, const Report &report)
{
	constexpr std::array<std::uint32_t, 3> counts{100, 10'000, 60'000};
	const OwnNetwork network;
	std::vector<Fd> bound;

	// The first call of each costs more: what it needs is not in the caches.
	bind_until(kind, bound, few);
	if (kind.connects())
		for (const Fd &socket : bound)
			check(::listen(socket.get(), 8), "listen");
	reaching(kind, setting, bound);
	for (std::uint32_t count : counts) {
		// A quick run has fewer.
		const auto least = static_cast<double>(few);
		const auto scaled = static_cast<std::uint32_t>(
			std::max(least, count * std::min(1.0, setting.scale)));
		const std::string at = "-" + std::to_string(count);

		bind_until(kind, bound, scaled);
		report("-named" + at, binding(kind, setting, [&](std::uint32_t i) {
			       return numbered_name(kind, scaled + i);
		       }));
		report("-any" + at,
		       binding(kind, setting, [&](std::uint32_t) { return any_name(kind); }));
		report("-reach" + at, reaching(kind, setting, bound));
	}
}

} // namespace

void add_names(std::vector<Cell> &cells)
{
	cells.push_back({"ports", [](const Kind &kind) { return kind.family != Family::Pipe; },
			 measure_ports, true});
}

} // namespace glass::bench
