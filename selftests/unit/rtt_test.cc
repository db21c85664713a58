// SPDX-License-Identifier: GPL-2.0
// Round-trip and retransmission times: module/rtt.c.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>

#include "tcb_host.h"

namespace {

glass_rtt measured(std::uint32_t us)
{
	glass_rtt rtt;

	glass_rtt_init(&rtt);
	glass_rtt_sample(&rtt, us);
	return rtt;
}

} // namespace

// RFC 6298, 2.1.
TEST(Rtt, BeforeTheFirstMeasurement)
{
	glass_rtt rtt;

	glass_rtt_init(&rtt);
	EXPECT_EQ(glass_rtt_rto(&rtt), GLASS_RTO_FIRST);
	glass_rtt_backoff(&rtt);
	EXPECT_EQ(glass_rtt_rto(&rtt), 2 * GLASS_RTO_FIRST);
}

// RFC 6298, 2.2: SRTT = R, RTTVAR = R / 2, RTO = SRTT + 4 * RTTVAR.
TEST(Rtt, FirstMeasurement)
{
	const glass_rtt rtt = measured(200000);

	EXPECT_EQ(rtt.srtt8 / 8, 200000u);
	EXPECT_EQ(rtt.var4 / 4, 100000u);
	EXPECT_EQ(rtt.min, 200000u);
	EXPECT_EQ(glass_rtt_rto(&rtt), 600000u);
}

// RFC 6298, 2.3: with alpha = 1/8 and beta = 1/4, RTTVAR before SRTT.
TEST(Rtt, FurtherMeasurements)
{
	std::mt19937 random(6298);
	glass_rtt rtt = measured(400000);
	double srtt = 400000, var = 200000;

	for (int round = 0; round < 1000; round++) {
		const std::uint32_t sample = 100000 + random() % 500000;

		var = 0.75 * var + 0.25 * std::abs(srtt - sample);
		srtt = 0.875 * srtt + 0.125 * sample;
		glass_rtt_sample(&rtt, sample);
		ASSERT_NEAR(rtt.srtt8 / 8.0, srtt, 8);
		ASSERT_NEAR(rtt.var4 / 4.0, var, 8);
		ASSERT_NEAR(glass_rtt_rto(&rtt), srtt + 4 * var, 40);
	}
}

TEST(Rtt, TheShortestIsKept)
{
	glass_rtt rtt = measured(300);

	for (const std::uint32_t sample : {500u, 200u, 250u})
		glass_rtt_sample(&rtt, sample);
	EXPECT_EQ(rtt.min, 200u);
}

TEST(Rtt, SteadySamplesConverge)
{
	glass_rtt rtt = measured(1000000);

	for (int i = 0; i < 200; i++)
		glass_rtt_sample(&rtt, 150000);
	EXPECT_NEAR(glass_rtt_rto(&rtt), 150000, 20);
	for (int i = 0; i < 200; i++)
		glass_rtt_sample(&rtt, 10);
	EXPECT_EQ(glass_rtt_rto(&rtt), GLASS_RTO_MIN);
}

// RFC 6298, 5.5: doubled each time, up to a limit; RFC 6298, 5.3: and again
// what was measured, once something is acknowledged.
TEST(Rtt, BackoffDoubles)
{
	glass_rtt rtt = measured(100000);
	std::uint32_t expected = 300000;

	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(glass_rtt_rto(&rtt), std::min(expected, GLASS_RTO_MAX));
		glass_rtt_backoff(&rtt);
		expected = std::min(expected * 2, GLASS_RTO_MAX);
	}
	EXPECT_EQ(rtt.backoff, 255);
	glass_rtt_sample(&rtt, 100000);
	EXPECT_EQ(rtt.backoff, 0);
	EXPECT_NEAR(glass_rtt_rto(&rtt), 250000, 2);
}

TEST(Rtt, TheShortestIsDoubledToo)
{
	glass_rtt rtt = measured(1);

	EXPECT_EQ(glass_rtt_rto(&rtt), GLASS_RTO_MIN);
	glass_rtt_backoff(&rtt);
	EXPECT_EQ(glass_rtt_rto(&rtt), 2 * GLASS_RTO_MIN);
}

TEST(Rtt, AnySampleWillDo)
{
	for (const std::uint32_t first : {0u, 1u, 60000000u, 0xffffffffu}) {
		for (const std::uint32_t second : {0u, 1u, 60000000u, 0xffffffffu}) {
			glass_rtt rtt = measured(first);

			for (int i = 0; i < 100; i++)
				glass_rtt_sample(&rtt, second);
			// 0 would say that nothing was measured.
			EXPECT_NE(rtt.srtt8, 0u);
			EXPECT_NE(rtt.min, 0u);
			EXPECT_LE(rtt.srtt8 / 8, 60000000u);
			// A way that is longer than the limit is given its time.
			if (second > 1)
				EXPECT_GE(glass_rtt_rto(&rtt), 60000000u);
			else
				EXPECT_EQ(glass_rtt_rto(&rtt), GLASS_RTO_MIN);
		}
	}
}
