// SPDX-License-Identifier: GPL-2.0
// Walks every state that two ends of a connection can reach: tcb_model.h says
// what they are and what the channel between them does.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "ktap.h"
#include "tcb_model.h"

using model::Event;
using model::Kind;
using model::Scenario;
using model::State;

namespace {

// Enough that no two of some millions of states are taken for one.
struct Hash {
	std::uint64_t a;
	std::uint64_t b;

	bool operator==(const Hash &) const = default;
};

Hash hash(const State &state)
{
	static_assert(sizeof(State) % 8 == 4);
	Hash hash = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};
	const char *bytes = reinterpret_cast<const char *>(&state);

	for (std::size_t i = 0; i < sizeof(state); i += 4) {
		std::uint32_t word;

		std::memcpy(&word, bytes + i, 4);
		hash.a = (hash.a ^ word) * 0xff51afd7ed558ccd;
		hash.a ^= hash.a >> 29;
		hash.b = (hash.b + word) * 0x9fb21c651e98df25;
		hash.b ^= hash.b >> 32;
	}
	return hash;
}

class Walk
{
public:
	explicit Walk(const Scenario &scenario) : scenario_(scenario), slots_(1 << 12) {}

	void run();

private:
	// A state that was reached; how, to tell the way there.
	struct Node {
		Hash hash;
		std::uint32_t from;
		Event event;
		bool is_done;
	};

	struct Edge {
		std::uint32_t from;
		std::uint32_t to;
	};

	std::pair<std::uint32_t, bool> enter(const State &state, std::uint32_t from, Event event);
	void grow();
	void look_for_dead_ends();
	std::string way_to(std::uint32_t node) const;

	const Scenario &scenario_;
	std::vector<Node> nodes_;
	std::vector<Edge> edges_;
	std::vector<std::uint32_t> slots_; // of a hash table: 1 + a node's number, or 0
};

void Walk::grow()
{
	const std::size_t mask = slots_.size() * 4 - 1;

	slots_.assign(mask + 1, 0);
	for (std::uint32_t i = 0; i < nodes_.size(); i++) {
		std::size_t slot = nodes_[i].hash.a & mask;

		while (slots_[slot])
			slot = (slot + 1) & mask;
		slots_[slot] = i + 1;
	}
}

// The state's number, and whether it is new.
std::pair<std::uint32_t, bool> Walk::enter(const State &state, std::uint32_t from, Event event)
{
	if (nodes_.size() * 2 >= slots_.size())
		grow();

	const Hash key = hash(state);
	const std::size_t mask = slots_.size() - 1;
	std::size_t slot = key.a & mask;

	for (; slots_[slot]; slot = (slot + 1) & mask)
		if (nodes_[slots_[slot] - 1].hash == key)
			return {slots_[slot] - 1, false};
	nodes_.push_back({key, from, event, is_done(scenario_, state)});
	slots_[slot] = nodes_.size();
	return {nodes_.size() - 1, true};
}

// All events from the beginning to a state.
std::string Walk::way_to(std::uint32_t node) const
{
	std::vector<Event> way;
	State state = begin(scenario_);
	std::string text;

	for (; node; node = nodes_[node].from)
		way.push_back(nodes_[node].event);
	for (; !way.empty(); way.pop_back()) {
		text += describe(state, way.back()) + "\n";
		apply(scenario_, state, way.back());
		text += describe(state) + "\n";
	}
	return text;
}

void Walk::run()
{
	std::vector<std::pair<std::uint32_t, State>> wave, next;
	const State first = begin(scenario_);
	int depth = 0;

	enter(first, 0, {});
	wave.emplace_back(0, first);
	for (; !wave.empty(); depth++) {
		for (const auto &[number, state] : wave) {
			for (const Event event : events(scenario_, state)) {
				State then = state;
				const std::string wrong = apply(scenario_, then, event);

				ASSERT_EQ(wrong, "")
					<< way_to(number) << describe(state, event) << "\n"
					<< describe(then);
				const auto [to, is_new] = enter(then, number, event);

				if (is_new)
					next.emplace_back(to, then);
				if (event.kind != Kind::give_up)
					edges_.push_back({number, to});
			}
		}
		wave.swap(next);
		next.clear();
	}
	std::printf("%s: all of it: %zu states, %zu transitions, depth %d; at most %d segments on "
		    "their way, of %d bytes\n",
		    scenario_.name, nodes_.size(), edges_.size(), depth, scenario_.channel,
		    scenario_.mss);
	look_for_dead_ends();
}

// From every state, a way must lead to the end, without giving up on it.
void Walk::look_for_dead_ends()
{
	std::vector<std::uint32_t> first(nodes_.size() + 1), from(edges_.size()), stack;
	std::vector<bool> ends(nodes_.size());
	std::size_t done = 0;

	for (const Edge &edge : edges_)
		first[edge.to]++;
	for (std::size_t i = 1; i < first.size(); i++)
		first[i] += first[i - 1];
	for (const Edge &edge : edges_)
		from[--first[edge.to]] = edge.from;
	for (std::uint32_t i = 0; i < nodes_.size(); i++) {
		if (nodes_[i].is_done) {
			ends[i] = true;
			stack.push_back(i);
			done++;
		}
	}
	ASSERT_NE(done, 0u);
	while (!stack.empty()) {
		const std::uint32_t to = stack.back();

		stack.pop_back();
		for (std::uint32_t i = first[to]; i < first[to + 1]; i++) {
			if (!ends[from[i]]) {
				ends[from[i]] = true;
				stack.push_back(from[i]);
			}
		}
	}
	for (std::uint32_t i = 0; i < nodes_.size(); i++)
		ASSERT_TRUE(ends[i]) << "no way leads on from here:\n" << way_to(i);
}

// Larger bounds in a longer run: more segments on their way (ten times the
// states), and in a very long one more to do.
int longer(int few, int many)
{
	return ktap::scale() >= 10 ? many : few;
}

const char *longer(const char *few, const char *many)
{
	return ktap::scale() >= 100 ? many : few;
}

// The initial sequence numbers of both ends. The windows, the bytes and the
// FINs of a connection then lie on both sides of where numbers wrap, or of
// where the sign of a difference changes.
constexpr std::uint32_t iss_a = 0xfffffffe;
constexpr std::uint32_t iss_b = 0x7ffffffd;

Scenario scenario(const char *name, const char *a, const char *b)
{
	Scenario scenario = {.name = name, .side = {}, .before = {}};

	scenario.side[0].program = a;
	scenario.side[1].program = b;
	scenario.side[0].iss = {iss_a, iss_a + 1000};
	scenario.side[1].iss = {iss_b, iss_b + 1000};
	scenario.channel = longer(2, 3);
	return scenario;
}

} // namespace

TEST(Explorer, PassiveOpenAndClose)
{
	Scenario s = scenario("passive open", "cs", "s");

	s.side[1].listens = true;
	s.channel = longer(3, 4);
	Walk(s).run();
}

TEST(Explorer, BothSend)
{
	Scenario s = scenario("both send", longer("cws", "cwws"), "ws");

	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, OneSends)
{
	Scenario s = scenario("one sends", longer("cwws", "cwwws"), "s");

	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, HalfClose)
{
	Scenario s = scenario("half close", "cs", longer("ws", "wws"));

	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, LargerSegments)
{
	Scenario s =
		scenario("segments of two bytes", longer("cwwws", "cwwwws"), longer("s", "ws"));

	s.side[1].listens = true;
	s.mss = 2;
	s.side[1].room = 3;
	Walk(s).run();
}

TEST(Explorer, Idle)
{
	Scenario s = scenario("no close", "cww", "w");

	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, LateAcknowledgements)
{
	Scenario s = scenario("late acknowledgements", longer("cwws", "cwwws"), longer("s", "ws"));

	s.side[1].listens = true;
	s.side[0].acks_late = s.side[1].acks_late = true;
	Walk(s).run();
}

TEST(Explorer, ZeroWindow)
{
	Scenario s = scenario("zero window", "cwws", longer("s", "ws"));

	s.side[1].listens = true;
	s.side[1].reads_late = true;
	s.side[1].room = 1;
	s.mss = 2;
	Walk(s).run();
}

TEST(Explorer, ZeroWindowOnBothSides)
{
	Scenario s =
		scenario("zero window on both sides", longer("cws", "cwws"), longer("ws", "wws"));

	s.side[1].listens = true;
	s.side[0].reads_late = s.side[1].reads_late = true;
	s.side[0].room = s.side[1].room = 1;
	s.fin_needs_room = true;
	Walk(s).run();
}

TEST(Explorer, DeliveryIsSeen)
{
	Scenario s = scenario("delivery is seen", longer("cws", "cwws"), longer("ws", "wws"));

	s.side[1].listens = true;
	s.sees_delivery = true;
	s.side[0].acks_late = s.side[1].acks_late = true;
	Walk(s).run();
}

TEST(Explorer, DeliveryIsSeenThroughASmallWindow)
{
	Scenario s = scenario("delivery is seen through a small window", "cwws", "s");

	s.side[1].listens = true;
	s.side[1].reads_late = true;
	s.side[1].room = 1;
	s.sees_delivery = true;
	Walk(s).run();
}

TEST(Explorer, SmallWindow)
{
	Scenario s = scenario("small window", longer("cwws", "cwwws"), "s");

	s.side[1].listens = true;
	s.side[1].reads_late = true;
	s.side[1].room = 2;
	s.mss = 2;
	Walk(s).run();
}

TEST(Explorer, NoRoomAtFirst)
{
	Scenario s = scenario("no room at all", "cws", "s");

	s.side[1].listens = true;
	s.side[0].room = 0;
	s.fin_needs_room = false;
	Walk(s).run();
}

TEST(Explorer, SimultaneousOpen)
{
	Scenario s = scenario("simultaneous open", "cws", longer("cs", "cws"));

	// Who opens too late is refused.
	s.may_fail = true;
	Walk(s).run();
}

TEST(Explorer, Abort)
{
	Scenario s = scenario("abort", "cwa", "ws");

	s.may_fail = true;
	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, AbortAfterShutdown)
{
	Scenario s = scenario("abort after shutdown", "cwsa", "wsa");

	s.may_fail = true;
	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, CloseWithUnreadData)
{
	Scenario s = scenario("close with unread data", "cwx", longer("wx", "wwx"));

	s.may_fail = true;
	s.side[1].listens = true;
	s.side[0].reads_late = s.side[1].reads_late = true;
	Walk(s).run();
}

TEST(Explorer, NobodyListens)
{
	Scenario s = scenario("nobody listens", "cws", "");

	s.may_fail = true;
	Walk(s).run();
}

TEST(Explorer, GiveUp)
{
	Scenario s = scenario("give up", "cws", "s");

	s.may_fail = s.may_give_up = true;
	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, GiveUpWhenIdle)
{
	Scenario s = scenario("give up, no close", "cw", "w");

	s.may_fail = s.may_give_up = true;
	s.side[1].listens = true;
	Walk(s).run();
}

TEST(Explorer, ConnectAgainAfterAbort)
{
	Scenario s = scenario("connect again after an abort", longer("cacws", "cwacws"),
			      longer("ss", "wss"));

	s.may_fail = true;
	s.side[1].listens = s.side[1].listens_again = true;
	Walk(s).run();
}

TEST(Explorer, ConnectAgainInTimeWait)
{
	Scenario s = scenario("connect again in TIME_WAIT", "cwscws", "ss");

	s.may_fail = true;
	s.side[1].listens = s.side[1].listens_again = true;
	Walk(s).run();
}

// What an earlier connection between the same ports left in the channel. Its
// numbers lie in the windows of the new one, so only time stamps tell them.
TEST(Explorer, OldDuplicates)
{
	const auto data = [](int from, std::uint32_t seq, std::uint32_t ack) {
		model::Packet packet = model::packet(from, GLASS_SEG_ACK, seq, ack);

		packet.len = 1;
		packet.data[0] = model::byte_value(from, model::old, 0);
		return packet;
	};
	// A SYN has no time stamp to be compared with: initial numbers keep their
	// distance by themselves (RFC 6528).
	const std::vector<model::Packet> left = {
		model::packet(0, GLASS_SEG_SYN, iss_a - 100, 0),
		model::packet(1, GLASS_SEG_SYN, iss_b - 100, 0),
		model::packet(1, GLASS_SEG_SYN | GLASS_SEG_ACK, iss_b - 100, iss_a - 99),
		model::packet(1, GLASS_SEG_SYN | GLASS_SEG_ACK, iss_b - 100, iss_a),
		model::packet(1, GLASS_SEG_SYN | GLASS_SEG_ACK, iss_b - 100, iss_a + 2),
		model::packet(0, GLASS_SEG_ACK, iss_a, iss_b),
		model::packet(0, GLASS_SEG_ACK, iss_a + 1, iss_b + 1),
		model::packet(0, GLASS_SEG_ACK | GLASS_SEG_FIN, iss_a + 1, iss_b + 1),
		model::packet(0, GLASS_SEG_ACK | GLASS_SEG_FIN, iss_a + 2, iss_b + 1),
		model::packet(1, GLASS_SEG_ACK | GLASS_SEG_FIN, iss_b + 1, iss_a + 1),
		data(0, iss_a, iss_b),
		data(0, iss_a + 1, iss_b + 1),
		data(0, iss_a + 2, iss_b + 1),
		data(1, iss_b + 1, iss_a + 1),
		data(1, iss_b + 1, iss_a + 2),
	};
	Scenario s = scenario("old duplicates", "cws", "s");

	s.side[1].listens = true;
	// The answer to an old segment is a reset that looks like a new one.
	s.may_fail = true;
	for (std::size_t i = 0; i < left.size(); i++) {
		s.before = {left[i]};
		Walk(s).run();
		if (HasFatalFailure())
			FAIL() << "with segment " << i;
	}
}
