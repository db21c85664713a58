// SPDX-License-Identifier: GPL-2.0
// Congestion control: module/congestion.c.
#include <gtest/gtest.h>

#include <cstdint>

#include "tcb_host.h"

namespace {

constexpr std::uint32_t mss = 1000;
// Sequence numbers that wrap on the way.
constexpr std::uint32_t start = 0xffffff00;

glass_congestion begin()
{
	glass_congestion cc;

	glass_congestion_init(&cc, mss);
	return cc;
}

// In congestion avoidance, with a window of @segments, everything acknowledged.
glass_congestion avoiding(std::uint32_t segments)
{
	glass_congestion cc = begin();

	glass_congestion_lost(&cc, start, start, 2 * segments * mss);
	glass_congestion_acked(&cc, start, mss, 1);
	EXPECT_FALSE(cc.in_recovery);
	EXPECT_EQ(cc.cwnd, segments * mss);
	return cc;
}

} // namespace

TEST(Congestion, TheInitialWindowIsTenSegments)
{
	const glass_congestion cc = begin();

	EXPECT_EQ(cc.cwnd, 10 * mss);
	EXPECT_GE(cc.ssthresh, GLASS_WINDOW_MAX);
}

// RFC 5681, 3.1, counting bytes as RFC 3465 does, with L=2.
TEST(Congestion, SlowStartDoubles)
{
	glass_congestion cc = begin();

	for (int i = 0; i < 10; i++)
		glass_congestion_acked(&cc, start, mss, 1);
	EXPECT_EQ(cc.cwnd, 20 * mss);
	glass_congestion_acked(&cc, start, 2 * mss, 1);
	EXPECT_EQ(cc.cwnd, 22 * mss);
	glass_congestion_acked(&cc, start, 9 * mss, 1);
	EXPECT_EQ(cc.cwnd, 24 * mss);
	glass_congestion_acked(&cc, start, 1, 1);
	EXPECT_EQ(cc.cwnd, 24 * mss + 1);
}

TEST(Congestion, AvoidanceAddsASegmentPerWindow)
{
	glass_congestion cc = avoiding(8);

	for (int i = 0; i < 7; i++)
		glass_congestion_acked(&cc, start, mss, 1);
	EXPECT_EQ(cc.cwnd, 8 * mss);
	glass_congestion_acked(&cc, start, mss, 1);
	EXPECT_EQ(cc.cwnd, 9 * mss);
	for (int i = 0; i < 8; i++)
		glass_congestion_acked(&cc, start, mss, 1);
	EXPECT_EQ(cc.cwnd, 9 * mss);
	glass_congestion_acked(&cc, start, mss, 1);
	EXPECT_EQ(cc.cwnd, 10 * mss);
}

TEST(Congestion, AWindowThatIsNotUsedDoesNotGrow)
{
	glass_congestion cc = begin();

	for (int i = 0; i < 100; i++)
		glass_congestion_acked(&cc, start, mss, 0);
	EXPECT_EQ(cc.cwnd, 10 * mss);
	cc = avoiding(8);
	for (int i = 0; i < 100; i++)
		glass_congestion_acked(&cc, start, mss, 0);
	EXPECT_EQ(cc.cwnd, 8 * mss);
}

TEST(Congestion, TheWindowHasALimit)
{
	glass_congestion cc = begin();

	cc.cwnd = GLASS_WINDOW_MAX - 1;
	glass_congestion_acked(&cc, start, 2 * mss, 1);
	EXPECT_EQ(cc.cwnd, GLASS_WINDOW_MAX - 1 + 2 * mss);
	glass_congestion_acked(&cc, start, GLASS_WINDOW_MAX * 2, 1);
	EXPECT_EQ(cc.cwnd, GLASS_WINDOW_MAX - 1 + 2 * mss);
}

// RFC 5681, 3.2: half of what was in flight.
TEST(Congestion, LossHalves)
{
	glass_congestion cc = begin();

	EXPECT_TRUE(glass_congestion_lost(&cc, start, start + 10 * mss, 10 * mss));
	EXPECT_EQ(cc.ssthresh, 5 * mss);
	EXPECT_EQ(cc.cwnd, 5 * mss);
	// But not below two segments.
	cc = begin();
	glass_congestion_lost(&cc, start, start + 3 * mss, 3 * mss);
	EXPECT_EQ(cc.ssthresh, 2 * mss);
	EXPECT_EQ(cc.cwnd, 2 * mss);
}

// RFC 6582: one flight, one loss.
TEST(Congestion, ALossCountsOncePerFlight)
{
	glass_congestion cc = begin();
	const std::uint32_t recover = start + 10 * mss;

	EXPECT_TRUE(glass_congestion_lost(&cc, start, recover, 10 * mss));
	EXPECT_FALSE(glass_congestion_lost(&cc, start, recover + mss, 11 * mss));
	// A partial acknowledgement: not over, and nothing is earned.
	glass_congestion_acked(&cc, recover - 1, 9 * mss, 1);
	EXPECT_TRUE(cc.in_recovery);
	EXPECT_FALSE(glass_congestion_lost(&cc, recover - 1, recover + mss, 11 * mss));
	EXPECT_EQ(cc.cwnd, 5 * mss);
	glass_congestion_acked(&cc, recover, 1, 1);
	EXPECT_FALSE(cc.in_recovery);
	EXPECT_EQ(cc.cwnd, 5 * mss);
	EXPECT_TRUE(glass_congestion_lost(&cc, recover, recover + 8 * mss, 8 * mss));
	EXPECT_EQ(cc.cwnd, 4 * mss);
	// The next flight's, before an acknowledgement has ended the recovery.
	EXPECT_TRUE(glass_congestion_lost(&cc, recover + 8 * mss, recover + 20 * mss, 12 * mss));
	EXPECT_EQ(cc.cwnd, 6 * mss);
}

TEST(Congestion, LossForgetsTheCredit)
{
	glass_congestion cc = avoiding(8);

	for (int i = 0; i < 7; i++)
		glass_congestion_acked(&cc, start, mss, 1);
	glass_congestion_lost(&cc, start, start, 8 * mss);
	glass_congestion_acked(&cc, start, 1, 1);
	for (int i = 0; i < 3; i++)
		glass_congestion_acked(&cc, start, mss, 1);
	EXPECT_EQ(cc.cwnd, 4 * mss);
}

// RFC 5681, 3.1: one segment, and slow start up to half of the flight.
TEST(Congestion, TimeoutStartsFromOneSegment)
{
	glass_congestion cc = begin();
	const std::uint32_t nxt = start + 20 * mss;

	glass_congestion_timeout(&cc, nxt, 20 * mss, 1);
	EXPECT_EQ(cc.cwnd, mss);
	EXPECT_EQ(cc.ssthresh, 10 * mss);
	// The same data again: the threshold stays.
	glass_congestion_timeout(&cc, nxt, mss, 0);
	EXPECT_EQ(cc.cwnd, mss);
	EXPECT_EQ(cc.ssthresh, 10 * mss);
	for (int i = 0; i < 9; i++)
		glass_congestion_acked(&cc, nxt, mss, 1);
	EXPECT_EQ(cc.cwnd, 10 * mss);
	glass_congestion_acked(&cc, nxt, mss, 1);
	EXPECT_EQ(cc.cwnd, 10 * mss);
}

TEST(Congestion, TimeoutEndsARecovery)
{
	glass_congestion cc = begin();

	glass_congestion_lost(&cc, start, start + 10 * mss, 10 * mss);
	glass_congestion_timeout(&cc, start + 10 * mss, 10 * mss, 1);
	EXPECT_FALSE(cc.in_recovery);
	glass_congestion_acked(&cc, start + mss, mss, 1);
	EXPECT_EQ(cc.cwnd, 2 * mss);
}

TEST(Congestion, Room)
{
	const glass_congestion cc = begin();

	EXPECT_EQ(glass_congestion_room(&cc, 0), 10 * mss);
	EXPECT_EQ(glass_congestion_room(&cc, 4 * mss), 6 * mss);
	EXPECT_EQ(glass_congestion_room(&cc, 9 * mss), mss);
	// Less than a segment is not worth sending.
	EXPECT_EQ(glass_congestion_room(&cc, 9 * mss + 1), 0u);
	EXPECT_EQ(glass_congestion_room(&cc, 10 * mss), 0u);
	EXPECT_EQ(glass_congestion_room(&cc, 0xffffffff), 0u);

	glass_congestion small = cc;

	small.cwnd = mss - 1;
	EXPECT_EQ(glass_congestion_room(&small, 0), mss);
	EXPECT_EQ(glass_congestion_room(&small, 1), 0u);
}

// RFC 6582, 3.2: what was in flight when the timer fired has been paid for.
TEST(Congestion, LossAfterATimeoutCountsOnce)
{
	glass_congestion cc = begin();
	const std::uint32_t recover = start + 10 * mss;

	glass_congestion_timeout(&cc, recover, 10 * mss, 1);
	EXPECT_FALSE(glass_congestion_lost(&cc, recover - 1, recover + mss, 4 * mss));
	EXPECT_EQ(cc.ssthresh, 5 * mss);
	EXPECT_EQ(cc.cwnd, mss);
	EXPECT_TRUE(glass_congestion_lost(&cc, recover, recover + 8 * mss, 8 * mss));
	EXPECT_EQ(cc.ssthresh, 4 * mss);
}

// RFC 3465, 2.3.
TEST(Congestion, SlowStartAfterATimeoutCountsOneSegment)
{
	glass_congestion cc = begin();
	const std::uint32_t recover = start + 40 * mss;

	glass_congestion_timeout(&cc, recover, 40 * mss, 1);
	glass_congestion_acked(&cc, start + 5 * mss, 5 * mss, 1);
	EXPECT_EQ(cc.cwnd, 2 * mss);
	glass_congestion_acked(&cc, recover, 35 * mss, 1);
	EXPECT_EQ(cc.cwnd, 3 * mss);
	glass_congestion_acked(&cc, recover + 3 * mss, 3 * mss, 1);
	EXPECT_EQ(cc.cwnd, 5 * mss);
}
