// SPDX-License-Identifier: GPL-2.0
// The connection state machine, rule by rule: module/tcb.c.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tcb_host.h"

namespace {

constexpr std::uint8_t SYN = GLASS_SEG_SYN;
constexpr std::uint8_t ACK = GLASS_SEG_ACK;
constexpr std::uint8_t FIN = GLASS_SEG_FIN;
constexpr std::uint8_t RST = GLASS_SEG_RST;

// Initial sequence numbers: where numbers wrap, and where the sign of a
// difference changes.
constexpr std::uint32_t numbers[] = {0xffffffff, 0xfffffffe, 0xffffff9c, 0,
				     0x7fffffff, 0x7ffffffe, 0x80000000, 0x7fffff9c};

// One end, and the segments that the test sends to it. Numbers are counted from
// the initial ones: the peer's first byte is 1, ours too.
struct End {
	glass_tcb tcb = {};
	glass_tcb_result result = {};
	std::uint32_t iss;
	std::uint32_t irs;
	std::uint32_t now = 5000;

	static constexpr std::uint32_t room = 100;

	glass_segment segment(std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
			      std::uint32_t len = 0) const
	{
		glass_segment seg = {};

		seg.flags = flags;
		seg.seq = irs + seq;
		seg.ack = iss + ack;
		seg.len = len;
		seg.window = room;
		seg.ts = now;
		return seg;
	}

	std::uint32_t input(const glass_segment &seg)
	{
		glass_tcb_input(&tcb, &seg, now, &result);
		return result.actions;
	}

	std::uint32_t input(std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
			    std::uint32_t len = 0)
	{
		return input(segment(flags, seq, ack, len));
	}

	// All up to here has arrived; what glass_tcb_input() said before counts on.
	std::uint32_t received(std::uint32_t rcv_nxt)
	{
		glass_tcb_received(&tcb, irs + rcv_nxt, &result);
		return result.actions;
	}

	void write(std::uint32_t len)
	{
		glass_tcb_write(&tcb, len);
		glass_tcb_sent(&tcb, tcb.snd_end);
	}

	void shutdown()
	{
		glass_tcb_shutdown(&tcb);
		glass_tcb_sent(&tcb, tcb.snd_end + 1);
	}

	// Bring it to a state the usual way, without data.
	void enter(int state)
	{
		tcb = {};
		tcb.state = TCP_CLOSE;
		switch (state) {
		case TCP_CLOSE:
			break;
		case TCP_SYN_SENT:
			glass_tcb_connect(&tcb, iss);
			glass_tcb_open_window(&tcb, room, 1);
			break;
		case TCP_SYN_RECV: {
			const glass_segment syn = segment(SYN, 0, 0);

			glass_tcb_accept(&tcb, iss, &syn, now);
			glass_tcb_open_window(&tcb, room, 1);
			break;
		}
		case TCP_ESTABLISHED:
			enter(TCP_SYN_SENT);
			input(SYN | ACK, 0, 1);
			glass_tcb_open_window(&tcb, room, 1);
			acknowledge();
			break;
		case TCP_FIN_WAIT1:
			enter(TCP_ESTABLISHED);
			shutdown();
			break;
		case TCP_FIN_WAIT2:
			enter(TCP_FIN_WAIT1);
			input(ACK, 1, 2);
			break;
		case TCP_CLOSING:
			enter(TCP_FIN_WAIT1);
			input(ACK | FIN, 1, 1);
			received(1);
			acknowledge();
			break;
		case TCP_TIME_WAIT:
			enter(TCP_FIN_WAIT2);
			input(ACK | FIN, 1, 2);
			received(1);
			acknowledge();
			break;
		case TCP_CLOSE_WAIT:
			enter(TCP_ESTABLISHED);
			input(ACK | FIN, 1, 1);
			received(1);
			acknowledge();
			break;
		case TCP_LAST_ACK:
			enter(TCP_CLOSE_WAIT);
			shutdown();
			break;
		}
		ASSERT_EQ(int(tcb.state), state);
	}

	glass_segment acknowledge()
	{
		glass_segment seg = {};

		seg.seq = tcb.snd_nxt;
		glass_tcb_fill(&tcb, &seg, now);
		return seg;
	}

	std::uint32_t una() const { return tcb.snd_una - iss; }
	std::uint32_t nxt() const { return tcb.rcv_nxt - irs; }
	std::uint32_t edge() const { return tcb.rcv_edge - irs; }
};

// What stands behind it is done for each pair of initial numbers.
#define TCB_TEST(name)                                                                             \
	void name(End &end);                                                                       \
	TEST(Tcb, name)                                                                            \
	{                                                                                          \
		for (const std::uint32_t iss : numbers) {                                          \
			for (const std::uint32_t irs : numbers) {                                  \
				End end = {.iss = iss, .irs = irs};                                \
                                                                                                   \
				SCOPED_TRACE(testing::Message()                                    \
					     << "iss " << iss << " irs " << irs);                  \
				name(end);                                                         \
				if (HasFailure())                                                  \
					return;                                                    \
			}                                                                          \
		}                                                                                  \
	}                                                                                          \
	void name(End &end)

const std::vector<int> synchronized = {TCP_ESTABLISHED, TCP_FIN_WAIT1,	TCP_FIN_WAIT2, TCP_CLOSING,
				       TCP_TIME_WAIT,	TCP_CLOSE_WAIT, TCP_LAST_ACK};

// ---- Opening --------------------------------------------------------------

TCB_TEST(ActiveOpen)
{
	glass_segment syn = {};

	glass_tcb_connect(&end.tcb, end.iss);
	EXPECT_EQ(end.tcb.state, TCP_SYN_SENT);
	EXPECT_TRUE(glass_tcb_in_flight(&end.tcb));
	glass_tcb_open_window(&end.tcb, End::room, 1);
	glass_tcb_fill(&end.tcb, &syn, 7);
	EXPECT_EQ(syn.flags, 0);
	EXPECT_EQ(syn.window, End::room);
	EXPECT_EQ(syn.ack, 0u);
	EXPECT_EQ(syn.ts, 7u);

	EXPECT_EQ(end.input(SYN | ACK, 0, 1),
		  GLASS_TCB_CONNECTED | GLASS_TCB_ACKED | GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
	EXPECT_EQ(end.result.acked, 1u);
	EXPECT_EQ(end.una(), 1u);
	EXPECT_EQ(end.nxt(), 1u);
	EXPECT_FALSE(glass_tcb_in_flight(&end.tcb));
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), End::room);

	end.now++;
	const glass_segment ack = end.acknowledge();

	EXPECT_EQ(ack.flags, ACK);
	EXPECT_EQ(ack.ack, end.irs + 1);
	EXPECT_EQ(ack.ts, 5001u);
	EXPECT_EQ(ack.ts_echo, 5000u);
}

TCB_TEST(PassiveOpen)
{
	end.enter(TCP_SYN_RECV);
	EXPECT_TRUE(glass_tcb_in_flight(&end.tcb));
	EXPECT_EQ(end.input(ACK, 1, 1), GLASS_TCB_CONNECTED | GLASS_TCB_ACKED | GLASS_TCB_WINDOW);
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
	EXPECT_EQ(end.result.acked, 1u);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), End::room);
}

TCB_TEST(PassiveOpenByData)
{
	end.enter(TCP_SYN_RECV);
	EXPECT_EQ(end.input(ACK | FIN, 1, 1, 10) & (GLASS_TCB_CONNECTED | GLASS_TCB_DATA),
		  GLASS_TCB_CONNECTED | GLASS_TCB_DATA);
	EXPECT_TRUE(end.received(11) & GLASS_TCB_FIN);
	EXPECT_EQ(end.tcb.state, TCP_CLOSE_WAIT);
}

TCB_TEST(SimultaneousOpen)
{
	// The peer's SYN crosses ours, then its SYN with ACK comes.
	end.enter(TCP_SYN_SENT);
	EXPECT_EQ(end.input(SYN, 0, 0), GLASS_TCB_SYN);
	EXPECT_EQ(end.tcb.state, TCP_SYN_RECV);
	EXPECT_EQ(end.input(SYN | ACK, 0, 1),
		  GLASS_TCB_CONNECTED | GLASS_TCB_ACKED | GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
	EXPECT_EQ(end.una(), 1u);
	// Once more: our answer was lost.
	EXPECT_EQ(end.input(SYN | ACK, 0, 1), GLASS_TCB_CHALLENGE);

	// The SYN with ACK is lost, and what follows it is not.
	end.enter(TCP_SYN_SENT);
	end.input(SYN, 0, 0);
	EXPECT_TRUE(end.input(ACK, 1, 1) & GLASS_TCB_CONNECTED);
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
}

TCB_TEST(SynAgainIsAnsweredAgain)
{
	end.enter(TCP_SYN_RECV);
	EXPECT_EQ(end.input(SYN, 0, 0), GLASS_TCB_SYN);
	EXPECT_EQ(end.tcb.state, TCP_SYN_RECV);
}

TCB_TEST(AnotherSynIsChallenged)
{
	end.enter(TCP_SYN_RECV);
	EXPECT_EQ(end.input(SYN, 50, 0), GLASS_TCB_CHALLENGE);
	EXPECT_EQ(end.nxt(), 1u);
}

TCB_TEST(SynSentTakesOnlyItsOwnAck)
{
	for (const std::uint32_t ack : {0u, 2u, 0x80000000u, 0xffffffffu}) {
		end.enter(TCP_SYN_SENT);
		EXPECT_EQ(end.input(SYN | ACK, 0, ack), GLASS_TCB_REPLY_RST);
		EXPECT_EQ(end.result.reset.flags, RST);
		EXPECT_EQ(end.result.reset.seq, end.iss + ack);
		EXPECT_EQ(end.input(ACK, 0, ack), GLASS_TCB_REPLY_RST);
		// A reset is never answered.
		EXPECT_EQ(end.input(RST | ACK, 0, ack), 0u);
		EXPECT_EQ(end.tcb.state, TCP_SYN_SENT);
	}
	// Neither SYN nor RST: nothing that one could follow.
	EXPECT_EQ(end.input(ACK, 0, 1), 0u);
	EXPECT_EQ(end.input(FIN, 0, 1), 0u);
	EXPECT_NE(end.result.drop, GLASS_DROP_NONE);
	EXPECT_EQ(end.tcb.state, TCP_SYN_SENT);
}

TCB_TEST(SynRecvResetsWrongAcks)
{
	for (const std::uint32_t ack : {0u, 2u, 0x80000000u, 0xffffffffu}) {
		end.enter(TCP_SYN_RECV);
		EXPECT_EQ(end.input(ACK, 1, ack), GLASS_TCB_REPLY_RST);
		EXPECT_EQ(end.result.reset.seq, end.iss + ack);
		EXPECT_EQ(end.tcb.state, TCP_SYN_RECV);
	}
}

TCB_TEST(JoinNeedsNoHandshake)
{
	glass_tcb_join(&end.tcb, end.iss, end.irs, 30);
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
	EXPECT_FALSE(glass_tcb_in_flight(&end.tcb));
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 30u);
	EXPECT_TRUE(glass_tcb_open_window(&end.tcb, End::room, 1));
	EXPECT_EQ(end.edge(), 1 + End::room);
	EXPECT_TRUE(end.input(ACK, 1, 1, 10) & GLASS_TCB_DATA);
	EXPECT_TRUE(end.tcb.ts_valid);
}

// ---- RST and SYN where they do not belong ---------------------------------

TCB_TEST(ResetOfTheExpectedNumber)
{
	const struct {
		int state;
		std::uint32_t actions;
	} cases[] = {
		{TCP_SYN_RECV, GLASS_TCB_REFUSED}, {TCP_ESTABLISHED, GLASS_TCB_RESET},
		{TCP_FIN_WAIT1, GLASS_TCB_RESET},  {TCP_FIN_WAIT2, GLASS_TCB_RESET},
		{TCP_CLOSE_WAIT, GLASS_TCB_RESET}, {TCP_CLOSING, GLASS_TCB_CLOSED},
		{TCP_LAST_ACK, GLASS_TCB_CLOSED},
	};

	for (const auto &it : cases) {
		for (const std::uint8_t flags : {RST, std::uint8_t(RST | ACK)}) {
			end.enter(it.state);
			EXPECT_EQ(end.input(flags, end.nxt(), 77), it.actions) << it.state;
			EXPECT_EQ(end.tcb.state, TCP_CLOSE);
		}
	}
	end.enter(TCP_SYN_SENT);
	EXPECT_EQ(end.input(RST | ACK, 0, 1), GLASS_TCB_REFUSED);
	EXPECT_EQ(end.tcb.state, TCP_CLOSE);
	end.enter(TCP_SYN_SENT);
	EXPECT_EQ(end.input(RST, 0, 1), 0u);
	EXPECT_EQ(end.tcb.state, TCP_SYN_SENT);
}

// RFC 5961, 3.2.
TCB_TEST(OtherResetsAreChallengedOrIgnored)
{
	for (const int state : synchronized) {
		end.enter(state);
		if (state == TCP_TIME_WAIT)
			continue;
		EXPECT_EQ(end.input(RST, end.nxt() + 1, 0), GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.input(RST, end.edge(), 0), GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.input(RST, end.nxt() - 1, 0), 0u);
		EXPECT_EQ(end.input(RST, end.edge() + 1, 0), 0u);
		EXPECT_EQ(end.input(RST, end.nxt() + 0x80000000, 0), 0u);
		EXPECT_EQ(int(end.tcb.state), state);
	}
}

// RFC 5961, 4.2: whatever its number is.
TCB_TEST(SynInAConnectionIsChallenged)
{
	for (const int state : synchronized) {
		end.enter(state);
		for (const std::uint32_t seq : {0u, 1u, 2u, 50u, 0x80000000u, 0xffffff00u}) {
			EXPECT_EQ(end.input(SYN | ACK, seq, 1), GLASS_TCB_CHALLENGE);
			if (state != TCP_TIME_WAIT) {
				EXPECT_EQ(end.input(SYN, seq, 0), GLASS_TCB_CHALLENGE);
			}
			EXPECT_EQ(int(end.tcb.state), state);
		}
	}
}

// RFC 5961, 5.2.
TCB_TEST(ImplausibleAcks)
{
	for (const int state : synchronized) {
		end.enter(state);
		const std::uint32_t una = end.una(), sent = end.tcb.snd_nxt - end.iss;
		const std::uint32_t seq = end.nxt();

		EXPECT_EQ(end.input(ACK, seq, sent + 1), GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.result.drop, GLASS_DROP_ACK);
		EXPECT_EQ(end.input(ACK, seq, una - End::room - 1), GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.input(ACK, seq, una + 0x80000000), GLASS_TCB_CHALLENGE);
		EXPECT_FALSE(end.input(ACK, seq, una - End::room) & GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.una(), una);
		EXPECT_EQ(int(end.tcb.state), state);
		// Nor does such a segment bring data.
		EXPECT_EQ(end.input(ACK, seq, sent + 1, 10), GLASS_TCB_CHALLENGE);
	}
}

TCB_TEST(NoAckIsNoSegment)
{
	for (const int state : synchronized) {
		end.enter(state);
		EXPECT_EQ(end.input(0, end.nxt(), 1, 5), 0u);
		EXPECT_EQ(end.input(FIN, end.nxt(), 1), 0u);
		EXPECT_EQ(int(end.tcb.state), state);
	}
}

TCB_TEST(ClosedAnswersWithAReset)
{
	end.enter(TCP_CLOSE);
	EXPECT_EQ(end.input(SYN, 0, 9), GLASS_TCB_REPLY_RST);
	EXPECT_EQ(end.result.reset.flags, RST | ACK);
	EXPECT_EQ(end.result.reset.seq, 0u);
	EXPECT_EQ(end.result.reset.ack, end.irs + 1);
	EXPECT_EQ(end.input(FIN, 5, 9, 10), GLASS_TCB_REPLY_RST);
	EXPECT_EQ(end.result.reset.ack, end.irs + 16);
	EXPECT_EQ(end.input(ACK, 5, 9, 10), GLASS_TCB_REPLY_RST);
	EXPECT_EQ(end.result.reset.flags, RST);
	EXPECT_EQ(end.result.reset.seq, end.iss + 9);
	EXPECT_EQ(end.result.reset.ts_echo, end.now);
	EXPECT_EQ(end.input(RST, 5, 9), 0u);
	EXPECT_EQ(end.input(RST | ACK, 5, 9), 0u);
}

TCB_TEST(Abort)
{
	const struct {
		int state;
		bool is_told;
	} cases[] = {
		{TCP_CLOSE, false},	 {TCP_SYN_SENT, false},	 {TCP_SYN_RECV, true},
		{TCP_ESTABLISHED, true}, {TCP_FIN_WAIT1, true},	 {TCP_FIN_WAIT2, true},
		{TCP_CLOSE_WAIT, true},	 {TCP_TIME_WAIT, false},
	};

	for (const auto &it : cases) {
		glass_segment reset = {};

		end.enter(it.state);
		if (it.state == TCP_ESTABLISHED)
			end.write(10);

		const glass_tcb before = end.tcb;

		EXPECT_EQ(glass_tcb_abort(&end.tcb, &reset), it.is_told) << it.state;
		EXPECT_EQ(end.tcb.state, TCP_CLOSE);
		if (!it.is_told)
			continue;
		EXPECT_EQ(reset.flags, RST | ACK);
		EXPECT_EQ(reset.seq, before.snd_nxt);
		EXPECT_EQ(reset.ack, before.rcv_nxt);
	}
}

// ---- Closing ---------------------------------------------------------------

TCB_TEST(CloseByUs)
{
	end.enter(TCP_ESTABLISHED);
	end.write(10);
	end.shutdown();
	EXPECT_EQ(end.tcb.state, TCP_FIN_WAIT1);
	// The data is acknowledged, the FIN is not.
	EXPECT_EQ(end.input(ACK, 1, 11), GLASS_TCB_ACKED | GLASS_TCB_WINDOW);
	EXPECT_EQ(end.tcb.state, TCP_FIN_WAIT1);
	EXPECT_FALSE(glass_tcb_fin_is_acked(&end.tcb));
	EXPECT_TRUE(glass_tcb_in_flight(&end.tcb));
	EXPECT_TRUE(end.input(ACK, 1, 12) & GLASS_TCB_ACKED);
	EXPECT_EQ(end.result.acked, 1u);
	EXPECT_EQ(end.tcb.state, TCP_FIN_WAIT2);
	// Half closed: the peer goes on.
	EXPECT_TRUE(end.input(ACK, 1, 12, 20) & GLASS_TCB_DATA);
	end.received(21);
	EXPECT_TRUE(end.input(ACK | FIN, 21, 12) & GLASS_TCB_ACK_NOW);
	EXPECT_TRUE(end.received(21) & GLASS_TCB_FIN);
	EXPECT_TRUE(end.result.actions & GLASS_TCB_TIME_WAIT);
	EXPECT_EQ(end.tcb.state, TCP_TIME_WAIT);
	EXPECT_EQ(end.nxt(), 22u);
}

TCB_TEST(CloseByThePeer)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_TRUE(end.input(ACK | FIN, 1, 1, 5) & GLASS_TCB_DATA);
	EXPECT_TRUE(end.result.has_fin);
	EXPECT_EQ(end.result.fin, end.irs + 6);
	EXPECT_TRUE(end.received(6) & GLASS_TCB_FIN);
	EXPECT_EQ(end.tcb.state, TCP_CLOSE_WAIT);
	EXPECT_EQ(end.nxt(), 7u);
	end.write(10);
	EXPECT_TRUE(end.input(ACK, 7, 11) & GLASS_TCB_ACKED);
	EXPECT_EQ(end.tcb.state, TCP_CLOSE_WAIT);
	end.shutdown();
	EXPECT_EQ(end.tcb.state, TCP_LAST_ACK);
	EXPECT_FALSE(end.input(ACK, 7, 11) & GLASS_TCB_CLOSED);
	EXPECT_TRUE(end.input(ACK, 7, 12) & GLASS_TCB_CLOSED);
	EXPECT_EQ(end.tcb.state, TCP_CLOSE);
}

TCB_TEST(SimultaneousClose)
{
	end.enter(TCP_FIN_WAIT1);
	end.input(ACK | FIN, 1, 1);
	EXPECT_TRUE(end.received(1) & GLASS_TCB_FIN);
	EXPECT_FALSE(end.result.actions & GLASS_TCB_TIME_WAIT);
	EXPECT_EQ(end.tcb.state, TCP_CLOSING);
	EXPECT_TRUE(end.input(ACK, 2, 2) & GLASS_TCB_TIME_WAIT);
	EXPECT_EQ(end.tcb.state, TCP_TIME_WAIT);
}

TCB_TEST(FinWithTheAckOfOurs)
{
	end.enter(TCP_FIN_WAIT1);
	end.input(ACK | FIN, 1, 2);
	EXPECT_TRUE(end.received(1) & GLASS_TCB_TIME_WAIT);
	EXPECT_EQ(end.tcb.state, TCP_TIME_WAIT);
}

TCB_TEST(FinAheadOfAHoleDoesNotCount)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_TRUE(end.input(ACK | FIN, 6, 1, 5) & GLASS_TCB_HOLE);
	EXPECT_FALSE(end.received(1) & GLASS_TCB_FIN);
	EXPECT_TRUE(end.input(ACK, 1, 1, 5) & GLASS_TCB_DATA);
	EXPECT_FALSE(end.received(11) & GLASS_TCB_FIN);
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
	// It comes again.
	end.input(ACK | FIN, 11, 1);
	EXPECT_TRUE(end.received(11) & GLASS_TCB_FIN);
	EXPECT_EQ(end.tcb.state, TCP_CLOSE_WAIT);
}

TCB_TEST(FinBeyondTheWindowDoesNotCount)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_TRUE(end.input(ACK | FIN, 1, 1, End::room + 1) & GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.result.data.end, end.irs + 1 + End::room);
	EXPECT_FALSE(end.received(1 + End::room) & GLASS_TCB_FIN);
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
}

TCB_TEST(FinFitsIntoAClosedWindow)
{
	end.enter(TCP_ESTABLISHED);
	end.input(ACK | FIN, 1, 1, End::room);
	EXPECT_TRUE(end.received(1 + End::room) & GLASS_TCB_FIN);
	EXPECT_EQ(end.edge(), end.nxt());
	EXPECT_EQ(end.acknowledge().window, 0u);
}

TCB_TEST(FinAgainIsAcknowledgedAgain)
{
	for (const int state : {TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK, TCP_TIME_WAIT}) {
		end.enter(state);
		const std::uint32_t ack = state == TCP_TIME_WAIT ? 2 : 1;

		EXPECT_TRUE(end.input(ACK | FIN, 1, ack) & GLASS_TCB_ACK_NOW);
		EXPECT_FALSE(end.result.has_fin);
		EXPECT_EQ(end.nxt(), 2u);
		EXPECT_EQ(int(end.tcb.state), state);
		EXPECT_EQ(!!(end.result.actions & GLASS_TCB_TIME_WAIT), state == TCP_TIME_WAIT);
	}
}

TCB_TEST(DataBehindTheFinIsRefused)
{
	end.enter(TCP_CLOSE_WAIT);
	EXPECT_FALSE(end.input(ACK, 2, 1, 5) & GLASS_TCB_DATA);
	EXPECT_TRUE(end.result.actions & GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.nxt(), 2u);
}

TCB_TEST(ShutdownOnlyOnceAndOnlyWithAConnection)
{
	for (const int state : {TCP_CLOSE, TCP_SYN_SENT, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSING,
				TCP_TIME_WAIT, TCP_LAST_ACK}) {
		end.enter(state);
		const bool was_queued = end.tcb.fin_queued;

		glass_tcb_shutdown(&end.tcb);
		EXPECT_EQ(int(end.tcb.state), state);
		EXPECT_EQ(end.tcb.fin_queued, was_queued);
	}
}

TCB_TEST(ShutdownInSynRecvWaitsForTheHandshake)
{
	end.enter(TCP_SYN_RECV);
	glass_tcb_shutdown(&end.tcb);
	EXPECT_EQ(end.tcb.state, TCP_SYN_RECV);
	end.input(ACK, 1, 1);
	EXPECT_EQ(end.tcb.state, TCP_FIN_WAIT1);
	glass_tcb_sent(&end.tcb, end.tcb.snd_end + 1);
	end.input(ACK, 1, 2);
	EXPECT_EQ(end.tcb.state, TCP_FIN_WAIT2);
}

// RFC 1337.
TCB_TEST(TimeWaitIgnoresResets)
{
	end.enter(TCP_TIME_WAIT);
	EXPECT_EQ(end.input(RST, 2, 2), 0u);
	EXPECT_EQ(end.input(RST | ACK, 2, 2), 0u);
	EXPECT_EQ(end.input(RST, 3, 2), 0u);
	EXPECT_EQ(end.tcb.state, TCP_TIME_WAIT);
}

// RFC 6191.
TCB_TEST(TimeWaitReopens)
{
	// A later time stamp, whatever the number is.
	for (const std::uint32_t seq : {0u, 2u, 0x80000000u, 0x80000003u}) {
		end.enter(TCP_TIME_WAIT);
		end.now++;
		EXPECT_EQ(end.input(SYN, seq, 0), GLASS_TCB_REOPEN);
		EXPECT_EQ(end.tcb.state, TCP_CLOSE);
		end.now--;
	}
	// The same time stamp, and a later number.
	end.enter(TCP_TIME_WAIT);
	EXPECT_EQ(end.input(SYN, 2, 0), GLASS_TCB_CHALLENGE);
	EXPECT_EQ(end.input(SYN, 0, 0), GLASS_TCB_CHALLENGE);
	EXPECT_EQ(end.tcb.state, TCP_TIME_WAIT);
	EXPECT_EQ(end.input(SYN, 3, 0), GLASS_TCB_REOPEN);
}

// ---- Data ------------------------------------------------------------------

TCB_TEST(DataInOrder)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_EQ(end.input(ACK, 1, 1, 10), GLASS_TCB_DATA);
	EXPECT_EQ(end.result.data.start, end.irs + 1);
	EXPECT_EQ(end.result.data.end, end.irs + 11);
	end.received(11);
	EXPECT_EQ(end.nxt(), 11u);
	EXPECT_EQ(end.acknowledge().window, End::room - 10);
}

TCB_TEST(DataAheadOfAHole)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_EQ(end.input(ACK, 11, 1, 10), GLASS_TCB_DATA | GLASS_TCB_HOLE | GLASS_TCB_ACK_NOW);
	end.received(1);
	EXPECT_EQ(end.nxt(), 1u);
	EXPECT_EQ(end.input(ACK, 1, 1, 10), GLASS_TCB_DATA);
	end.received(21);
	EXPECT_EQ(end.nxt(), 21u);
}

TCB_TEST(OldDataIsAcknowledgedAgain)
{
	end.enter(TCP_ESTABLISHED);
	end.input(ACK, 1, 1, 10);
	end.received(11);
	EXPECT_EQ(end.input(ACK, 1, 1, 10), GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.result.drop, GLASS_DROP_WINDOW);
	EXPECT_EQ(end.input(ACK, 1, 1, 9), GLASS_TCB_ACK_NOW);
	// Part of it is new.
	EXPECT_EQ(end.input(ACK, 1, 1, 15), GLASS_TCB_DATA);
	EXPECT_EQ(end.result.data.start, end.irs + 11);
	EXPECT_EQ(end.result.data.end, end.irs + 16);
}

TCB_TEST(DataIsCutAtTheEdge)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_EQ(end.input(ACK, 91, 1, 20), GLASS_TCB_DATA | GLASS_TCB_HOLE | GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.result.data.end, end.irs + 101);
	EXPECT_EQ(end.input(ACK, 101, 1, 1), GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.input(ACK, 102, 1, 1), GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.result.drop, GLASS_DROP_WINDOW);
}

TCB_TEST(ClosedReceiveWindowTakesAcks)
{
	end.enter(TCP_ESTABLISHED);
	end.write(10);
	end.input(ACK, 1, 1, End::room);
	end.received(1 + End::room);
	EXPECT_EQ(end.acknowledge().window, 0u);
	// Data that does not fit still acknowledges.
	EXPECT_EQ(end.input(ACK, 101, 6, 5),
		  GLASS_TCB_ACKED | GLASS_TCB_WINDOW | GLASS_TCB_ACK_NOW);
	EXPECT_EQ(end.una(), 6u);
	EXPECT_TRUE(end.input(ACK, 101, 11) & GLASS_TCB_ACKED);
}

TCB_TEST(ProbesAreAnswered)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_TRUE(end.input(ACK, 0, 1) & (GLASS_TCB_ACK_NOW | GLASS_TCB_CHALLENGE));
	EXPECT_EQ(end.tcb.state, TCP_ESTABLISHED);
}

TCB_TEST(ReceiveWindowNeverRetreats)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_EQ(end.edge(), 101u);
	EXPECT_FALSE(glass_tcb_open_window(&end.tcb, End::room - 1, 0));
	EXPECT_FALSE(glass_tcb_open_window(&end.tcb, 0, 0));
	EXPECT_EQ(end.edge(), 101u);
	EXPECT_FALSE(glass_tcb_open_window(&end.tcb, End::room + 9, 10));
	EXPECT_EQ(end.edge(), 101u);
	EXPECT_TRUE(glass_tcb_open_window(&end.tcb, End::room + 10, 10));
	EXPECT_EQ(end.edge(), 111u);
	EXPECT_TRUE(glass_tcb_open_window(&end.tcb, 0xffffffff, 1));
	EXPECT_EQ(end.acknowledge().window, GLASS_WINDOW_MAX);
}

TCB_TEST(AcksMoveUna)
{
	end.enter(TCP_ESTABLISHED);
	end.write(50);
	EXPECT_EQ(end.input(ACK, 1, 21), GLASS_TCB_ACKED | GLASS_TCB_WINDOW);
	EXPECT_EQ(end.result.acked, 20u);
	EXPECT_EQ(end.una(), 21u);
	// An old one says nothing.
	EXPECT_EQ(end.input(ACK, 1, 11), 0u);
	EXPECT_EQ(end.una(), 21u);
	EXPECT_EQ(end.input(ACK, 1, 51), GLASS_TCB_ACKED | GLASS_TCB_WINDOW);
	EXPECT_FALSE(glass_tcb_in_flight(&end.tcb));
}

TCB_TEST(SendingAgainDoesNotMoveNxtBack)
{
	end.enter(TCP_ESTABLISHED);
	end.write(50);
	glass_tcb_sent(&end.tcb, end.iss + 11);
	EXPECT_EQ(end.tcb.snd_nxt, end.iss + 51);
}

TCB_TEST(SendWindow)
{
	glass_segment seg;

	end.enter(TCP_ESTABLISHED);
	end.write(60);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 40u);
	// The same acknowledgement with another window.
	seg = end.segment(ACK, 1, 1);
	seg.window = 70;
	EXPECT_EQ(end.input(seg), GLASS_TCB_WINDOW);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 10u);
	// The peer takes back what it had allowed.
	seg.window = 50;
	EXPECT_EQ(end.input(seg), GLASS_TCB_WINDOW);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 0u);
	seg.window = 0;
	end.input(seg);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 0u);
	seg.window = 61;
	EXPECT_EQ(end.input(seg), GLASS_TCB_WINDOW);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 1u);
	EXPECT_EQ(end.tcb.snd_wnd_max, End::room);
	// No news.
	EXPECT_EQ(end.input(seg), 0u);
	// A segment sent earlier, by its number.
	seg = end.segment(ACK, 1, 1, 10);
	seg.window = 61;
	end.input(seg);
	end.received(11);
	seg = end.segment(ACK, 11, 1);
	seg.window = 80;
	EXPECT_EQ(end.input(seg), GLASS_TCB_WINDOW);
	seg = end.segment(ACK, 10, 1, 1);
	seg.window = 90;
	EXPECT_FALSE(end.input(seg) & GLASS_TCB_WINDOW);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 20u);
}

// ---- Time stamps -----------------------------------------------------------

// RFC 7323, 5.
TCB_TEST(OldSegmentsAreKnownByTheirTimeStamps)
{
	for (const std::uint32_t start : {5000u, 0u, 0x7fffffffu, 0xffffffffu}) {
		end.now = start;
		for (const int state : synchronized) {
			end.enter(state);
			glass_segment seg = end.segment(ACK | FIN, end.nxt(), end.una(), 5);

			seg.ts--;
			EXPECT_EQ(end.input(seg), GLASS_TCB_ACK_NOW);
			EXPECT_EQ(end.result.drop, GLASS_DROP_OLD);
			EXPECT_FALSE(end.result.has_fin);
			// A reset is not asked.
			seg = end.segment(RST, end.nxt(), 0);
			seg.ts = 0;
			if (state != TCP_TIME_WAIT) {
				EXPECT_TRUE(end.input(seg) & (GLASS_TCB_RESET | GLASS_TCB_CLOSED));
			}
		}
	}
}

TCB_TEST(TimeStampsGrowTooOldToCompare)
{
	constexpr std::uint32_t limit = 20u * 60 * 1000000;
	glass_segment seg;

	for (const bool is_too_long : {false, true}) {
		end.enter(TCP_ESTABLISHED);
		const std::uint32_t before = end.now;

		seg = end.segment(ACK, 1, 1, 5);
		seg.ts--;
		end.now += is_too_long ? limit : limit - 1;
		EXPECT_EQ(end.input(seg) == GLASS_TCB_DATA, is_too_long);
		end.now = before;
	}
}

TCB_TEST(TheEchoIsOfTheOldestUnacknowledged)
{
	end.enter(TCP_ESTABLISHED);
	end.now = 6000;
	end.input(ACK, 1, 1, 10);
	end.received(11);
	end.now = 7000;
	end.input(ACK, 11, 1, 10);
	end.received(21);
	EXPECT_EQ(end.acknowledge().ts_echo, 6000u);
	end.now = 8000;
	end.input(ACK, 21, 1, 10);
	EXPECT_EQ(end.acknowledge().ts_echo, 8000u);
	// Ahead of a hole: not yet.
	end.received(31);
	end.acknowledge();
	end.now = 9000;
	end.input(ACK, 41, 1, 10);
	EXPECT_EQ(end.acknowledge().ts_echo, 8000u);
}

TCB_TEST(TheWindowOfOurSynHolds)
{
	end.enter(TCP_SYN_SENT);
	end.input(SYN | ACK, 0, 1);
	EXPECT_EQ(end.acknowledge().window, End::room);
	end.enter(TCP_SYN_SENT);
	end.input(SYN, 0, 0);
	EXPECT_EQ(end.acknowledge().window, End::room);
}

TCB_TEST(ShutdownInASimultaneousOpen)
{
	end.enter(TCP_SYN_SENT);
	end.input(SYN, 0, 0);
	glass_tcb_shutdown(&end.tcb);
	EXPECT_TRUE(end.input(SYN | ACK, 0, 1) & GLASS_TCB_CONNECTED);
	EXPECT_EQ(end.tcb.state, TCP_FIN_WAIT1);
	glass_tcb_sent(&end.tcb, end.tcb.snd_end + 1);
	end.input(ACK, 1, 2);
	EXPECT_EQ(end.tcb.state, TCP_FIN_WAIT2);
}

TCB_TEST(TimeWaitIsNotReopenedByAnOldSyn)
{
	end.enter(TCP_TIME_WAIT);
	glass_segment syn = end.segment(SYN, 3, 0);

	syn.ts--;
	EXPECT_EQ(end.input(syn), GLASS_TCB_CHALLENGE);
	EXPECT_EQ(end.tcb.state, TCP_TIME_WAIT);
}

TCB_TEST(NothingFollowsTheEnd)
{
	end.enter(TCP_LAST_ACK);
	EXPECT_EQ(end.input(ACK | FIN, 1, 2),
		  GLASS_TCB_ACKED | GLASS_TCB_WINDOW | GLASS_TCB_CLOSED);
	EXPECT_EQ(end.result.drop, GLASS_DROP_NONE);
	EXPECT_EQ(end.tcb.state, TCP_CLOSE);
}

// Else two ends that disagree would answer each other for ever.
TCB_TEST(UnacceptableAcksAreAnsweredAtALimitedRate)
{
	for (const int state : synchronized) {
		end.enter(state);
		glass_segment seg = end.segment(ACK, end.nxt(), end.una());

		seg.ts--;
		EXPECT_EQ(end.input(seg), GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.result.drop, GLASS_DROP_OLD);
		EXPECT_EQ(end.input(ACK, end.nxt() - 1, end.una()), GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.input(ACK, end.edge() + 1, end.una()), GLASS_TCB_CHALLENGE);
		EXPECT_EQ(end.result.drop, GLASS_DROP_WINDOW);
		// Data is what the peer needs to hear about.
		EXPECT_EQ(end.input(ACK, end.nxt() - 10, end.una(), 5), GLASS_TCB_ACK_NOW);
		EXPECT_EQ(end.input(ACK, end.edge() + 1, end.una(), 5), GLASS_TCB_ACK_NOW);
	}
}

TCB_TEST(AnEdgeThatStaysHasNotMoved)
{
	end.enter(TCP_ESTABLISHED);
	EXPECT_FALSE(glass_tcb_open_window(&end.tcb, End::room, 0));
	EXPECT_TRUE(glass_tcb_open_window(&end.tcb, End::room + 1, 0));
}

TCB_TEST(TheWindowOfARetransmissionCounts)
{
	glass_segment seg;

	end.enter(TCP_ESTABLISHED);
	end.write(50);
	// The second byte overtakes the first, which then comes again and
	// acknowledges more.
	seg = end.segment(ACK, 2, 1, 1);
	seg.window = 60;
	end.input(seg);
	seg = end.segment(ACK, 1, 51, 1);
	seg.window = 10;
	EXPECT_TRUE(end.input(seg) & GLASS_TCB_ACKED);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 10u);
}

TCB_TEST(WhatIsSeenToArriveIsAcknowledged)
{
	end.enter(TCP_ESTABLISHED);
	end.write(50);
	EXPECT_TRUE(glass_tcb_in_flight(&end.tcb));
	glass_tcb_delivered(&end.tcb, end.iss + 51);
	EXPECT_FALSE(glass_tcb_in_flight(&end.tcb));
	// The edge stays where it was, and the peer has said nothing yet.
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), End::room - 50);
	EXPECT_TRUE(glass_tcb_is_unanswered(&end.tcb));
	EXPECT_EQ(end.input(ACK, 1, 51), GLASS_TCB_WINDOW);
	EXPECT_FALSE(glass_tcb_is_unanswered(&end.tcb));
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), End::room);
}

TCB_TEST(AnEndThatIsSeenToArriveIsAcknowledged)
{
	static const struct {
		int before;
		int after;
		std::uint32_t asks;
	} ends[] = {
		{TCP_FIN_WAIT1, TCP_FIN_WAIT2, 0},
		{TCP_CLOSING, TCP_TIME_WAIT, GLASS_TCB_TIME_WAIT},
		{TCP_LAST_ACK, TCP_CLOSE, GLASS_TCB_CLOSED},
	};

	for (const auto &each : ends) {
		end.enter(each.before);
		EXPECT_EQ(glass_tcb_delivered(&end.tcb, end.iss + 1), 0u);
		EXPECT_EQ(int(end.tcb.state), each.before) << "nothing is seen of the end";
		EXPECT_EQ(glass_tcb_delivered(&end.tcb, end.iss + 2), each.asks);
		EXPECT_EQ(int(end.tcb.state), each.after);
		EXPECT_FALSE(glass_tcb_in_flight(&end.tcb));
	}
}

TCB_TEST(WhatIsSeenToArriveMayFillTheWindow)
{
	end.enter(TCP_ESTABLISHED);
	end.write(End::room);
	glass_tcb_delivered(&end.tcb, end.iss + 1 + End::room);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 0u);
}

TCB_TEST(AnOvertakenAckOpensTheWindowAndNeverClosesIt)
{
	glass_segment seg;

	end.enter(TCP_ESTABLISHED);
	end.write(50);
	glass_tcb_delivered(&end.tcb, end.iss + 51);
	// It was on its way before the peer had those bytes.
	seg = end.segment(ACK, 1, 21);
	seg.window = 20;
	EXPECT_EQ(end.input(seg), 0u);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), End::room - 50);
	EXPECT_TRUE(glass_tcb_is_unanswered(&end.tcb));
	seg.window = 200;
	EXPECT_EQ(end.input(seg), GLASS_TCB_WINDOW);
	EXPECT_EQ(glass_tcb_usable_window(&end.tcb), 170u);
}

TCB_TEST(ASynWithAWrongAckIsReset)
{
	for (const std::uint32_t ack : {0u, 2u, 0x80000000u}) {
		end.enter(TCP_SYN_SENT);
		end.input(SYN, 0, 0);
		EXPECT_EQ(end.input(SYN | ACK, 0, ack), GLASS_TCB_REPLY_RST);
		EXPECT_EQ(end.result.reset.flags, RST);
		EXPECT_EQ(end.result.reset.seq, end.iss + ack);
		EXPECT_EQ(end.tcb.state, TCP_SYN_RECV);
	}
}

} // namespace
