// SPDX-License-Identifier: GPL-2.0
/*
 * The library in userspace/lib, its own part: text, ownership, errors.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "helper.h"
#include "lib/address.h"
#include "lib/family.h"
#include "lib/fd.h"
#include "lib/socket.h"

namespace {

using glass::Address;
using glass::Fd;
using helper::err;

TEST(AddressText, IsReadAndWrittenTheSame)
{
	for (const char *text :
	     {"1:5000", "0:0", "7:65536", "4294967294:4294967294", "*:5000", "1:*", "*:*"}) {
		const auto parsed = Address::parse(text);

		ASSERT_TRUE(parsed) << text;
		EXPECT_EQ(parsed->text(), text);
		std::ostringstream stream;
		stream << *parsed;
		EXPECT_EQ(stream.str(), text);
	}
	EXPECT_EQ(*Address::parse("1:5000"), (Address{1, 5000}));
	EXPECT_EQ(*Address::parse("*:*"), (Address{GLASS_NODE_ANY, GLASS_PORT_ANY}));
}

TEST(AddressText, OtherFormsAreRefused)
{
	for (const char *text : {"", ":", "1", "1:", ":1", "1:2:3", " 1:2", "1:2 ", "1:-2", "+1:2",
				 "0x1:2", "a:b", "1:2x", "**:1", "*"})
		EXPECT_EQ(Address::parse(text).error(), std::errc::invalid_argument) << text;
	for (const char *text : {"4294967295:1", "1:4294967296", "1:99999999999999999999"})
		EXPECT_EQ(Address::parse(text).error(), std::errc::result_out_of_range) << text;
}

TEST(AddressRaw, IsWhatTheKernelReadsAndWrites)
{
	const sockaddr_glass raw = Address{1, 5000}.raw(18);

	EXPECT_EQ(raw.sgl_family, 18);
	EXPECT_EQ(raw.sgl_reserved, 0);
	EXPECT_EQ(raw.sgl_node, 1u);
	EXPECT_EQ(raw.sgl_port, 5000u);
	for (auto byte : raw.sgl_zero)
		EXPECT_EQ(byte, 0);
	EXPECT_EQ(*Address::from(raw, 18), (Address{1, 5000}));
	EXPECT_EQ(Address::from(raw, 19).error(), std::errc::address_family_not_supported);
}

TEST(FdOwner, ClosesWhatItOwnsAndKeepsErrno)
{
	const int number = ::open("/dev/null", O_RDONLY);
	{
		Fd first(number);
		Fd second(std::move(first));

		EXPECT_FALSE(first);
		EXPECT_EQ(second.get(), number);
		errno = ENOTTY;
	}
	EXPECT_EQ(errno, ENOTTY);
	EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "still open";

	Fd given(::open("/dev/null", O_RDONLY));
	const int released = given.release();
	EXPECT_FALSE(given);
	EXPECT_NE(::fcntl(released, F_GETFD), -1);
	given.reset(released);
	given = Fd();
	EXPECT_EQ(::fcntl(released, F_GETFD), -1);
}

TEST(FdOwner, AMoveClosesWhatWasThere)
{
	Fd one(::open("/dev/null", O_RDONLY));
	const int closed = one.get();
	Fd two(::open("/dev/null", O_RDONLY));
	const int kept = two.get();

	one = std::move(two);
	EXPECT_EQ(one.get(), kept);
	EXPECT_EQ(::fcntl(closed, F_GETFD), -1);
	EXPECT_NE(::fcntl(kept, F_GETFD), -1);
}

TEST(SocketOwner, WithoutASocketEachCallSaysSo)
{
	glass::Socket none;

	EXPECT_FALSE(none);
	EXPECT_EQ(err(none.bind({1, 5000})), EBADF);
	EXPECT_EQ(err(none.connect({1, 5000})), EBADF);
	EXPECT_EQ(err(none.disconnect()), EBADF);
	EXPECT_EQ(err(none.local()), EBADF);
	EXPECT_EQ(err(none.peer()), EBADF);
	EXPECT_EQ(err(none.send({})), EBADF);
	EXPECT_EQ(err(none.receive_from({})), EBADF);
	EXPECT_EQ(err(none.set_nonblocking(true)), EBADF);
	EXPECT_EQ(err(none.input_queued()), EBADF);
	EXPECT_EQ(none.take_error(), std::errc::bad_file_descriptor);
}

TEST(SocketOwner, IsClosedOnExecAndBlocksUnlessToldOtherwise)
{
	glass::Socket socket = helper::dgram();

	EXPECT_EQ(::fcntl(socket.fd(), F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK, 0);
	helper::must(socket.set_nonblocking(true), "O_NONBLOCK");
	EXPECT_EQ(::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	helper::must(socket.set_nonblocking(false), "O_NONBLOCK");
	EXPECT_EQ(::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK, 0);
	EXPECT_EQ(socket.family(), glass::family());
}

TEST(FamilyNumber, IsTheModulesOrTheDefault)
{
	EXPECT_EQ(glass::family(), glass::loaded_family().value_or(GLASS_FAMILY_DEFAULT));
}

} // namespace
