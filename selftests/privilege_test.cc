// SPDX-License-Identifier: GPL-2.0
/*
 * What needs which capability, and what root of a user namespace may: in a network
 * of its own what root may, in somebody else's no more than anybody. What the core
 * decides is compared with the relative. (Raw sockets: raw_test. Files: sockfs_test.)
 */
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "helper.h"
#include "message.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

class Privilege : public testing::TestWithParam<SocketType>
{
protected:
	Privilege()
	{
		enter_new_namespace();
		set_device_up(true, "lo");
	}

	static int type() { return GetParam().type; }
	/* A new socket's bind(2) to a port. */
	static Errno bind_to(std::uint32_t port)
	{
		return err(Socket(glass_socket(type())).bind({GLASS_NODE_ANY, port}));
	}
};
INSTANTIATE_TEST_SUITE_P(Types, Privilege, testing::ValuesIn(socket_types), socket_type_name);

TEST_P(Privilege, ReservedPortsNeedACapability)
{
	constexpr std::uint32_t any = 0xffffffff;

	for (const std::uint32_t port : {1u, 7u, GLASS_PORT_RESERVED - 1})
		EXPECT_EQ(bind_to(port), 0) << port;

	drop_capability(CAP_NET_BIND_SERVICE);
	Socket socket(glass_socket(type()));
	for (const std::uint32_t port : {0u, 1u, 7u, GLASS_PORT_RESERVED - 1})
		EXPECT_EQ(err(socket.bind({GLASS_NODE_ANY, port})), EACCES) << port;
	EXPECT_EQ(must(socket.local(), "getsockname"), (Address{any, any}));
	EXPECT_EQ(err(socket.bind({GLASS_NODE_ANY, GLASS_PORT_RESERVED})), 0);
	EXPECT_EQ(bind_to(0xfffffffe), 0);
	EXPECT_EQ(bind_to(any), 0);
}

/* Options that not everybody may set. */
std::vector<Outcome> privileged_options(int fd)
{
	std::vector<Outcome> outcomes;
	const int value = 7;

	for (const int option : {SO_MARK, SO_PRIORITY, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_DEBUG,
				 SO_BUSY_POLL, SO_PREFER_BUSY_POLL})
		outcomes.push_back(
			outcome(::setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value))));
	for (const char *device : {"lo", ""})
		outcomes.push_back(outcome(::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
							static_cast<socklen_t>(2))));
	return outcomes;
}

TEST_P(Privilege, RootOfAUserNamespaceIsNobodyInAnothersNetwork)
{
	const auto ends = glass_ends(type());
	const auto socket = glass_socket(type());
	const auto relative = relative_socket(type());
	const std::uint32_t mark = 7;

	must(::unshare(CLONE_NEWUSER), "unshare");
	EXPECT_EQ(err(Socket(glass::Fd(::dup(socket.get()))).bind({GLASS_NODE_ANY, 7})), EACCES);
	const auto outcomes = privileged_options(socket.get());
	EXPECT_EQ(outcomes, privileged_options(relative.get()));
	EXPECT_EQ(outcomes[0].error, EPERM) << "SO_MARK";
	EXPECT_EQ(outcomes[2].error, EPERM) << "SO_SNDBUFFORCE";
	EXPECT_EQ(send_with_control(ends.writer.get(), SOL_SOCKET, SO_MARK, mark), EPERM);
	EXPECT_EQ(err(control().add_device("g1", 7)), EPERM);
	EXPECT_EQ(err(control().attach_device(ifindex_of("lo"), 7)), EPERM);
	/* It may go on with what it has. */
	EXPECT_EQ(err(::send(ends.writer.get(), "x", 1, 0)), 0);
}

TEST_P(Privilege, RootOfAUserNamespaceMayInItsOwnNetwork)
{
	const std::uint32_t mark = 7;
	const Namespace foreign = Namespace::current();

	must(::unshare(CLONE_NEWUSER), "unshare");
	enter_new_namespace();
	EXPECT_EQ(bind_to(7), 0);
	const auto outcomes = privileged_options(glass_socket(type()).get());
	EXPECT_EQ(outcomes, privileged_options(relative_socket(type()).get()));
	EXPECT_EQ(outcomes[0].error, 0) << "SO_MARK";
	EXPECT_EQ(outcomes[2].error, EPERM) << "SO_SNDBUFFORCE is for the machine's root";
	const auto ends = glass_ends(type());
	EXPECT_EQ(send_with_control(ends.writer.get(), SOL_SOCKET, SO_MARK, mark), 0);
	EXPECT_EQ(err(control().add_device("g1", 7)), 0);
	EXPECT_EQ(must(control().routes(), "routes").size(), 2u);
	EXPECT_EQ(err(::setns(foreign.fd(), CLONE_NEWNET)), EPERM) << "it cannot go back";
}

TEST_P(Privilege, AnybodyMayUseIt)
{
	must(::setgid(65534), "setgid");
	must(::setuid(65534), "setuid");
	if (type() == SOCK_RAW) {
		EXPECT_EQ(err(Socket::create(SOCK_RAW)), EPERM);
		return;
	}
	const auto ends = glass_ends(type());
	std::array<char, 10> buffer;

	EXPECT_EQ(bind_to(GLASS_PORT_RESERVED), 0);
	EXPECT_EQ(err(::send(ends.writer.get(), "x", 1, 0)), 0);
	EXPECT_EQ(::recv(ends.reader.get(), buffer.data(), buffer.size(), 0), 1);
}

} // namespace
