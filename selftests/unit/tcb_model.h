/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Two ends of a connection and the channel between them, as a state that can be
 * copied, compared and moved on by one event at a time.
 *
 * Each end is a glass_tcb and the least that a keeper of it must do: keep the
 * bytes, send what may be sent, send again when the timer fires. The channel is
 * a set of segments: each can be delivered any number of times and in any order
 * until it is dropped, which can be at once. So loss, duplication, reordering
 * and delay are all there is, without a counter for any of them.
 *
 * There is no clock. A timer may fire whenever it is set, and TIME_WAIT may end
 * whenever it has begun; so may, where a connection may fail, the patience of a
 * listener with one that is half open.
 */
#ifndef GLASS_UNIT_TCB_MODEL_H
#define GLASS_UNIT_TCB_MODEL_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tcb_host.h"

namespace model {

constexpr int bytes_max = 4;	   // that one end writes in one connection
constexpr int mss_max = 2;	   // bytes in one segment
constexpr int channel_max = 4;	   // segments on their way
constexpr int connections_max = 2; // that one end begins, one after another
constexpr std::uint8_t old = 15;   // "connection" of bytes from before

/** A segment on its way. */
struct Packet {
	std::uint32_t seq;
	std::uint32_t ack;
	std::uint8_t from;
	std::uint8_t flags;
	std::uint8_t window;
	std::uint8_t ts;
	std::uint8_t len;
	std::array<std::uint8_t, mss_max> data;
	std::uint8_t unused;

	auto operator<=>(const Packet &) const = default;
};

/** How an end's connection came to its end. */
enum Ending : std::uint8_t { none, reset, refused, timed_out, aborted };

/** One side: the control block and its keeper. */
struct End {
	glass_tcb tcb;
	std::uint32_t iss;
	std::uint32_t irs;
	std::uint32_t edge;	   // rcv_edge when it was last looked at,
				   // valid with has_edge
	std::uint8_t connection;   // how many were begun
	std::uint8_t action;	   // the user's next one
	std::uint8_t have;	   // bit mask: bytes kept
	std::uint8_t in_order;	   // of these, how many follow each other
	std::uint8_t unread;	   // of these, how many the user has not read
	std::uint8_t is_listening; // a SYN begins a connection
	std::uint8_t is_passive;   // so did this one begin
	std::uint8_t is_closed;	   // the user has no descriptor any more
	std::uint8_t eof;	   // the peer's FIN was counted
	std::uint8_t owes_ack;	   // one is held back
	std::uint8_t has_edge;
	std::uint8_t was_half_open;			    // and came to nothing: it was none
	Ending ending;					    // of the last connection
	std::array<std::uint8_t, connections_max> written;  // bytes, by connection
	std::array<std::uint8_t, connections_max> has_shut; // a FIN follows them
};

struct State {
	std::array<End, 2> end;
	std::array<Packet, channel_max> packet; // sorted; unused ones are zero
	std::uint8_t packets;
	std::uint8_t clock; // time stamps: moves when a connection is opened
	std::array<std::uint8_t, 2> unused;
};

/**
 * What one side does. The program's letters, each an event of its own:
 * c connect, w write a byte, s shut down, a abort, x close (abort if something
 * is unread; data that comes later is answered with a reset).
 */
struct Side {
	const char *program = "";
	bool listens = false;
	bool listens_again = false; // after its first connection too
	bool reads_late = false;    // reading is an event of its own
	bool acks_late = false;	    // so is an acknowledgement that is not urgent
	std::uint8_t room = 4;	    // bytes of receive buffer
	std::array<std::uint32_t, connections_max> iss = {};
};

struct Scenario {
	const char *name;
	std::array<Side, 2> side;
	int channel = 2;	     // segments on their way at once
	int mss = 1;		     // bytes in a segment
	bool fin_needs_room = false; // a FIN waits for the window, as data does
	bool sees_delivery = false;  // an end may look at what its peer has
	bool may_give_up = false;    // an end may find that its time is over
	bool may_fail = false;	     // a connection may end with an error
	std::vector<Packet> before;  // in the channel at the beginning
};

enum class Kind : std::uint8_t { deliver, drop, user, read, timer, ack, give_up, expire, see };

struct Event {
	Kind kind;
	std::uint8_t which; // the packet, or the side
};

/** The value of a byte tells where it comes from. */
constexpr std::uint8_t byte_value(int side, int connection, int index)
{
	return connection << 4 | side << 3 | index;
}

/** A segment without data, of no connection of this run. */
Packet packet(int from, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack);

State begin(const Scenario &scenario);

/** All that can happen now. */
std::vector<Event> events(const Scenario &scenario, const State &state);

/** Let it happen. Returns what is wrong with it, or nothing. */
std::string apply(const Scenario &scenario, State &state, Event event);

/** Is nothing left to do, and has nobody reason to believe otherwise? */
bool is_done(const Scenario &scenario, const State &state);

std::string describe(const State &state);
std::string describe(const State &state, Event event);

} // namespace model

#endif // GLASS_UNIT_TCB_MODEL_H
