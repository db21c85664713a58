// SPDX-License-Identifier: GPL-2.0
/*
 * What all connections together may keep in memory (net.glass.mem): who stalls
 * is stopped, who goes on goes on, and nothing that was sent is lost.
 */
#include <gtest/gtest.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "helper.h"
#include "ktap.h"
#include "network.h"
#include "tracing.h"

namespace {

using namespace helper;

constexpr const char *setting = "/proc/sys/net/glass/mem";

/* What /proc/net/protocols tells of all connections together. */
struct Memory {
	long pages;
	bool is_short;
};

Memory memory()
{
	for (const auto &line : lines_of("/proc/self/net/protocols")) {
		const auto words = words_of(line);

		if (words.at(0) == "GLASS-STREAM")
			return {std::stol(words.at(3)), words.at(4) == "yes"};
	}
	throw std::runtime_error("no GLASS-STREAM in /proc/net/protocols");
}

/* The core lets each processor keep 1 MiB back before it counts it, either way. */
long uncounted()
{
	return 256 * ::sysconf(_SC_NPROCESSORS_CONF);
}

/* The limits hold for all namespaces, so that nobody else may have connections. */
class MemoryLimit : public testing::TestWithParam<int>
{
protected:
	MemoryLimit() : limits_(lines_of(setting).at(0)), before(memory())
	{
		enter_new_namespace();
	}
	~MemoryLimit() override { set_limits(limits_); }

	int type() const { return GetParam(); }

	static void set_limit(long pages)
	{
		std::ostringstream text;

		text << pages / 2 << ' ' << pages / 4 * 3 << ' ' << pages;
		set_limits(text.str());
	}
	/* All that was kept is given back. */
	void expect_as_before() const
	{
		EXPECT_TRUE(eventually([] { return lines_of("/proc/net/glass").size() == 1; }));
		EXPECT_TRUE(eventually([&] {
			return std::abs(memory().pages - before.pages) <= 2 * uncounted();
		})) << memory().pages
		    << " pages, before " << before.pages;
		EXPECT_FALSE(memory().is_short);
	}

private:
	static void set_limits(const std::string &text)
	{
		const Inside there(Namespace::first());

		write_file(setting, text);
	}

	const std::string limits_;

protected:
	const Memory before;
};

std::string type_name(const testing::TestParamInfo<int> &info)
{
	return info.param == SOCK_STREAM ? "Stream" : "Seqpacket";
}
INSTANTIATE_TEST_SUITE_P(Types, MemoryLimit, testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
			 type_name);

constexpr int own_buffer = 200'000;

/* A connection whose sender writes the same piece again and again. */
class Stalled
{
public:
	static constexpr std::size_t piece = 8192;

	Stalled(int type, std::uint64_t seed, bool has_own_buffer)
		: ends(connection(type)), data_(pattern(piece, seed))
	{
		ends.listening.close();
		if (has_own_buffer)
			must(ends.client.set_option(SOL_SOCKET, SO_SNDBUF, own_buffer),
			     "SO_SNDBUF");
	}

	/* The next bytes to be written. */
	std::span<const std::byte> next() const { return std::span(data_).subspan(sent % piece); }
	/* Writes until there is no room or memory; why it stopped. */
	Errno fill()
	{
		for (;;) {
			const auto n = ends.client.send(next(), MSG_DONTWAIT | MSG_NOSIGNAL);

			if (!n)
				return err(n);
			sent += *n;
		}
	}
	/* Reads what is there; whether that was all that was written. */
	bool drain()
	{
		while (received < sent) {
			const auto expected = std::span(data_).subspan(received % piece);
			const auto got = ends.server.receive(
				std::span(buffer_).first(expected.size()), MSG_DONTWAIT);

			if (!got) {
				EXPECT_EQ(err(got), EAGAIN);
				return false;
			}
			EXPECT_TRUE(std::equal(buffer_.begin(),
					       buffer_.begin() + static_cast<std::ptrdiff_t>(*got),
					       expected.begin()))
				<< "other bytes than were sent at " << received;
			received += *got;
			if (::testing::Test::HasFailure())
				return true;
		}
		return true;
	}

	Connection ends;
	std::size_t sent = 0;
	std::size_t received = 0;

private:
	std::vector<std::byte> data_;
	std::vector<std::byte> buffer_ = std::vector<std::byte>(piece);
};

using Crowd = std::vector<std::unique_ptr<Stalled>>;

/* Reads from all in turn until nothing is left. */
void drain_all(Crowd &all)
{
	EXPECT_TRUE(eventually([&] {
		bool is_all = true;

		for (auto &stalled : all)
			is_all &= stalled->drain();
		return is_all;
	}));
	for (std::size_t i = 0; i < all.size(); i++)
		EXPECT_EQ(all[i]->received, all[i]->sent) << "of number " << i;
}

TEST_P(MemoryLimit, BoundsAllThatStallAndKeepsWhatTheySent)
{
	constexpr long limit = 6000; /* 24 MiB */
	const unsigned count = ktap::scale() < 10 ? 80 : 400;
	Connection healthy = connection(type());
	const int buffer = must(healthy.client.option(SOL_SOCKET, SO_SNDBUF), "SO_SNDBUF");
	Crowd all;

	for (unsigned i = 0; i < count; i++)
		all.push_back(std::make_unique<Stalled>(type(), i, i % 2));
	EXPECT_FALSE(memory().is_short);
	set_limit(limit);
	for (auto &stalled : all)
		EXPECT_EQ(stalled->fill(), EAGAIN);
	EXPECT_TRUE(memory().is_short);
	EXPECT_GT(counters().at("GlassMemoryPressures"), 0u);
	/* Everyone has a little, whatever the others have. */
	const long minimum = 8L * static_cast<long>(count);
	EXPECT_GT(memory().pages, limit / 2 - uncounted());
	EXPECT_LT(memory().pages, limit + uncounted() + minimum);
	std::cout << memory().pages << " pages of " << limit << std::endl;

	/* Who is read is served nevertheless. */
	for (int i = 0; i < 50; i++) {
		const auto text = std::to_string(i);

		must(healthy.client.send(bytes(text)), "send");
		ASSERT_EQ(read_some(healthy.server, text.size(), 0), text);
		must(healthy.server.send(bytes(text)), "send");
		ASSERT_EQ(read_some(healthy.client, text.size(), 0), text);
	}
	{
		Stalled &waiting = *all.back();
		Task<bool> sending([&] {
			for (int i = 0; i < 100; i++) {
				const auto rest = waiting.next();

				if (!send_all(waiting.ends.client, rest))
					return false;
				waiting.sent += rest.size();
			}
			return true;
		});

		EXPECT_TRUE(sending.sleeps_in(SYS_sendto));
		/* All is read that was written, and who waits goes on. */
		EXPECT_TRUE(eventually([&] {
			for (auto &stalled : all)
				stalled->drain();
			return sending.is_done();
		}));
		EXPECT_TRUE(sending.result());
		drain_all(all);
	}
	EXPECT_FALSE(memory().is_short);
	for (unsigned i = 0; i < count; i++) {
		Connection &ends = all[i]->ends;

		must(ends.client.send(bytes("on")), "send");
		EXPECT_EQ(read_some(ends.server, 2, 0), "on");
		EXPECT_EQ(must(ends.client.option(SOL_SOCKET, SO_SNDBUF), "SO_SNDBUF"),
			  i % 2 ? 2 * own_buffer : buffer)
			<< "as large as it was";
	}
	all.clear();
	healthy = {};
	expect_as_before();
}

TEST_P(MemoryLimit, IsGivenBackByWhoIsKilled)
{
	EXPECT_EQ(in_child([&] {
			  Crowd all;

			  set_limit(4000);
			  for (unsigned i = 0; i < 60; i++) {
				  all.push_back(std::make_unique<Stalled>(type(), i, false));
				  all.back()->fill();
			  }
			  ::raise(SIGKILL);
			  return 0;
		  }),
		  128 + SIGKILL);
	expect_as_before();
}

/* Losses are repaired although there is no memory for what comes early. */
TEST_P(MemoryLimit, LossesAreRepairedWithoutMemory)
{
	const std::size_t size = 50'000u * static_cast<std::size_t>(ktap::scale());
	const auto data = pattern(size);
	Connection healthy = connection(type());
	Crowd all;

	set_device_mtu(9000);
	set_limit(3000);
	for (unsigned i = 0; !memory().is_short || i < 40; i++) {
		all.push_back(std::make_unique<Stalled>(type(), i, false));
		EXPECT_EQ(all.back()->fill(), EAGAIN);
	}
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem limit 10000 loss 5%"));
	Task<bool> sending([&] {
		for (std::size_t at = 0; at < size; at += 1000) /* a page has room for it */
			if (!send_all(healthy.client, std::span(data).subspan(at, 1000)))
				return false;
		return true;
	});
	EXPECT_TRUE(receive_all(healthy.server, size) == data);
	EXPECT_TRUE(sending.result());
	EXPECT_TRUE(memory().is_short);
	std::cout << "again " << counters().at("GlassRetransmits") << ", dropped "
		  << counters().at("GlassDropRcvbuf") << std::endl;
	must(tc("qdisc del dev glass0 root") ? 0 : -1, "netem");
	drain_all(all);
	all.clear();
	healthy = {};
	expect_as_before();
}

std::array<std::uint32_t, SK_MEMINFO_VARS> memory_of(int fd)
{
	std::array<std::uint32_t, SK_MEMINFO_VARS> memory = {};
	socklen_t size = sizeof(memory);

	must(::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size), "SO_MEMINFO");
	return memory;
}

/* For its next message: the page that one needs is not asked for each time. */
TEST_P(MemoryLimit, OfWhatWasReadASocketKeepsAPage)
{
	const auto page = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
	Connection ends = connection(type());

	for (const std::size_t size : {1u, 1000u, 100'000u, 1u}) {
		const auto sent = pattern(size, 1);

		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(must(ends.client.send(sent), "send"), size);
			EXPECT_EQ(read_some(ends.server, size, MSG_WAITALL).size(), size);
		}
		for (const int fd : {ends.client.fd(), ends.server.fd()}) {
			/* What went as a clone is held until it is acknowledged. */
			EXPECT_TRUE(eventually(
				[fd] { return !memory_of(fd)[SK_MEMINFO_WMEM_QUEUED]; }));
			EXPECT_EQ(memory_of(fd)[SK_MEMINFO_RMEM_ALLOC], 0u);
			EXPECT_GE(memory_of(fd)[SK_MEMINFO_FWD_ALLOC], page) << size;
			EXPECT_LT(memory_of(fd)[SK_MEMINFO_FWD_ALLOC], 2 * page) << size;
		}
	}
}

/* What Glass gives back of the pages that readers have emptied, when all must. */
long pages_given_back(Tracing &tracing)
{
	long sum = 0;

	tracing.events();
	write_file("/proc/sys/vm/drop_caches", "2");
	for (const TraceEvent &event : tracing.events())
		if (event.text.find("[glass]") != std::string::npos)
			sum += std::stol(words_of(event.text).back());
	return sum;
}

TEST(Pages, WhatWasEmptiedIsGivenBackWhenMemoryIsShort)
{
	Connection ends = connection(SOCK_STREAM);
	const auto sent = pattern(100'000, 1);
	Tracing tracing;

	tracing.enable("vmscan/mm_shrink_slab_end");
	pages_given_back(tracing);
	EXPECT_EQ(pages_given_back(tracing), 0) << "there are none any more";
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(must(ends.client.send(sent), "send"), sent.size());
		EXPECT_EQ(read_some(ends.server, sent.size(), MSG_WAITALL).size(), sent.size());
		EXPECT_GT(pages_given_back(tracing), 0);
	}
}

} // namespace
