// SPDX-License-Identifier: GPL-2.0
#include "tcb_model.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <sstream>

namespace model {
namespace {

const char *const state_names[] = {
	"?",	     "ESTABLISHED", "SYN_SENT",	  "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
	"TIME_WAIT", "CLOSE",	    "CLOSE_WAIT", "LAST_ACK", "LISTEN",	   "CLOSING",
};

bool is_open(const End &end)
{
	return end.tcb.state != TCP_CLOSE && end.tcb.state != TCP_TIME_WAIT;
}

// One event at one end, and what follows from it.
class Step
{
public:
	Step(const Scenario &scenario, State &state, int side)
		: scenario_(scenario), side_(scenario.side[side]), state_(state),
		  end_(state.end[side]), peer_(state.end[!side]), number_(side)
	{
	}

	void user();
	void read();
	void timer();
	void expire();
	void give_up();
	void see();
	void input(const Packet &packet);
	void send_ack();
	void check();

	std::string wrong;

private:
	void require(bool holds, const char *what)
	{
		if (!holds && wrong.empty())
			wrong = what;
	}

	void begin_connection();
	void end_connection(Ending ending);
	void forget_half_open();
	void listen(const glass_segment &seg);
	void transmit(const glass_segment &seg);
	void send_syn();
	void send_reset(const glass_segment &reset);
	void send_data(std::uint32_t seq, std::uint32_t len, bool fin);
	bool push();
	void open_window();
	void abort();
	int peer_connection() const;
	void keep(const glass_segment &seg, const Packet &packet, glass_tcb_result &result);
	void act(const glass_segment &seg, const Packet &packet, glass_tcb_result &result);

	const Scenario &scenario_;
	const Side &side_;
	State &state_;
	End &end_;
	End &peer_;
	int number_;
};

void Step::transmit(const glass_segment &seg)
{
	Packet packet = {
		.seq = seg.seq,
		.ack = seg.ack,
		.from = static_cast<std::uint8_t>(number_),
		.flags = seg.flags,
		.window = static_cast<std::uint8_t>(seg.window),
		.ts = static_cast<std::uint8_t>(seg.ts),
		.len = static_cast<std::uint8_t>(seg.len),
		.data = {},
		.unused = 0,
	};

	for (std::uint32_t i = 0; i < seg.len; i++)
		packet.data[i] =
			byte_value(number_, end_.connection - 1, seg.seq + i - end_.iss - 1);

	auto *const first = state_.packet.data();
	auto *const last = first + state_.packets;
	auto *const place = std::lower_bound(first, last, packet);

	if ((place != last && *place == packet) || state_.packets == scenario_.channel)
		return;
	std::copy_backward(place, last, last + 1);
	*place = packet;
	state_.packets++;
}

void Step::send_ack()
{
	glass_segment seg = {};

	end_.owes_ack = 0;
	seg.seq = end_.tcb.snd_nxt;
	glass_tcb_fill(&end_.tcb, &seg, state_.clock);
	transmit(seg);
}

void Step::send_syn()
{
	glass_segment seg = {};

	seg.flags = GLASS_SEG_SYN;
	seg.seq = end_.iss;
	seg.max_payload = mss_max;
	glass_tcb_fill(&end_.tcb, &seg, state_.clock);
	transmit(seg);
}

void Step::send_reset(const glass_segment &reset)
{
	require(reset.flags & GLASS_SEG_RST, "a reset without RST");
	transmit(reset);
}

void Step::send_data(std::uint32_t seq, std::uint32_t len, bool fin)
{
	glass_segment seg = {};

	seg.seq = seq;
	seg.len = len;
	seg.flags = fin ? GLASS_SEG_FIN : 0;
	end_.owes_ack = 0;
	glass_tcb_fill(&end_.tcb, &seg, state_.clock);
	transmit(seg);
	glass_tcb_sent(&end_.tcb, seq + len + fin);
	if (len && glass_tcb_is_synchronized(&peer_.tcb) && peer_.irs == end_.iss)
		require(!glass_seq_after(seq + len, peer_.tcb.rcv_edge),
			"sent more than the peer has room for");
}

// Everything that may be sent now. Returns whether there was something.
bool Step::push()
{
	glass_tcb &tcb = end_.tcb;
	bool has_sent = false;

	switch (tcb.state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
		break;
	default:
		return false;
	}
	while (!glass_seq_after(tcb.snd_nxt, tcb.snd_end)) {
		const std::uint32_t room = glass_tcb_usable_window(&tcb);
		const std::uint32_t len = std::min({room, tcb.snd_end - tcb.snd_nxt,
						    static_cast<std::uint32_t>(scenario_.mss)});
		const bool fin = tcb.fin_queued && tcb.snd_nxt + len == tcb.snd_end &&
				 (!scenario_.fin_needs_room || room > len);

		if (!len && !fin)
			break;
		send_data(tcb.snd_nxt, len, fin);
		has_sent = true;
	}
	return has_sent;
}

void Step::open_window()
{
	glass_tcb_open_window(&end_.tcb, side_.room - end_.unread, 1);
}

void Step::begin_connection()
{
	require(end_.connection < connections_max, "more connections than expected");
	if (!wrong.empty())
		return;
	end_.iss = side_.iss[end_.connection];
	end_.connection++;
	end_.irs = end_.edge = end_.has_edge = 0;
	end_.have = end_.in_order = end_.unread = 0;
	end_.eof = end_.owes_ack = end_.is_passive = 0;
	end_.ending = none;
}

void Step::end_connection(Ending ending)
{
	end_.tcb.state = TCP_CLOSE;
	end_.owes_ack = 0;
	end_.ending = ending;
}

void Step::forget_half_open()
{
	end_connection(none);
	end_.was_half_open = 1;
}

void Step::abort()
{
	glass_segment reset;

	if (glass_tcb_abort(&end_.tcb, &reset))
		send_reset(reset);
	end_connection(aborted);
}

// The user does what his program says next.
void Step::user()
{
	switch (side_.program[end_.action++]) {
	case 'c':
		begin_connection();
		if (!wrong.empty())
			return;
		state_.clock++;
		glass_tcb_connect(&end_.tcb, end_.iss);
		open_window();
		send_syn();
		return;
	case 'w':
		end_.written[end_.connection - 1]++;
		glass_tcb_write(&end_.tcb, 1);
		break;
	case 'x':
		end_.is_closed = 1;
		if (end_.unread) {
			abort();
			return;
		}
		[[fallthrough]];
	case 's':
		end_.has_shut[end_.connection - 1] = 1;
		glass_tcb_shutdown(&end_.tcb);
		break;
	case 'a':
		abort();
		return;
	}
	push();
}

void Step::read()
{
	end_.unread = 0;
	if (is_open(end_) && glass_tcb_open_window(&end_.tcb, side_.room, 1))
		send_ack();
}

// Something waits for an answer for too long; or nothing does, and it is asked
// whether the peer is still there.
void Step::timer()
{
	glass_tcb &tcb = end_.tcb;

	if (tcb.state == TCP_SYN_SENT || tcb.state == TCP_SYN_RECV) {
		send_syn();
		return;
	}
	if (glass_tcb_in_flight(&tcb)) {
		const std::uint32_t end = glass_seq_min(tcb.snd_nxt, tcb.snd_end);
		const std::uint32_t len =
			std::min(end - tcb.snd_una, static_cast<std::uint32_t>(scenario_.mss));

		send_data(tcb.snd_una, len,
			  tcb.snd_nxt == tcb.snd_end + 1 && tcb.snd_una + len == tcb.snd_end);
		return;
	}

	glass_segment probe = {};

	probe.seq = tcb.snd_una - 1;
	glass_tcb_fill(&tcb, &probe, state_.clock);
	transmit(probe);
}

void Step::expire()
{
	if (end_.tcb.state == TCP_TIME_WAIT)
		end_.tcb.state = TCP_CLOSE;
	else
		forget_half_open();
}

void Step::give_up()
{
	end_connection(timed_out);
}

// How many numbers that are not acknowledged the peer has already.
std::uint32_t seen(const End &end, const End &peer)
{
	const glass_tcb &tcb = end.tcb;

	if (!glass_tcb_is_synchronized(&tcb) || tcb.state == TCP_SYN_RECV ||
	    !glass_tcb_is_synchronized(&peer.tcb) || peer.irs != end.iss || end.irs != peer.iss ||
	    !glass_seq_after(peer.tcb.rcv_nxt, tcb.snd_una))
		return 0;
	return peer.tcb.rcv_nxt - tcb.snd_una;
}

// The end looks itself, as one can that shares a machine with its peer.
void Step::see()
{
	if (glass_tcb_delivered(&end_.tcb, end_.tcb.snd_una + seen(end_, peer_)) & GLASS_TCB_CLOSED)
		end_connection(none);
}

// A segment comes to a listener (RFC 9293, 3.10.7.2).
void Step::listen(const glass_segment &seg)
{
	glass_segment reset;

	if (seg.flags & GLASS_SEG_RST)
		return;
	if (seg.flags & GLASS_SEG_ACK) {
		if (glass_segment_answer_reset(&seg, &reset))
			send_reset(reset);
		return;
	}
	if (!(seg.flags & GLASS_SEG_SYN))
		return;
	if (end_.was_half_open) {
		end_.was_half_open = 0;
		end_.connection--;
	}
	if (end_.connection == connections_max) {
		end_.is_listening = 0;
		if (glass_segment_answer_reset(&seg, &reset))
			send_reset(reset);
		return;
	}
	begin_connection();
	if (!wrong.empty())
		return;
	end_.is_passive = 1;
	end_.irs = seg.seq;
	// Initial numbers are drawn by the clock: who comes from before has another.
	end_.iss += (peer_connection() < 0 ? 500 : 0) + 10 * state_.clock;
	glass_tcb_accept(&end_.tcb, end_.iss, &seg, state_.clock);
	open_window();
	send_syn();
}

// Which of the peer's connections is ours; -1 if it is none of this run.
int Step::peer_connection() const
{
	for (int i = 0; i < peer_.connection; i++)
		if (end_.irs - scenario_.side[!number_].iss[i] < 100)
			return i;
	return -1;
}

void Step::keep(const glass_segment &seg, const Packet &packet, glass_tcb_result &result)
{
	if (result.actions & GLASS_TCB_DATA) {
		const glass_range &data = result.data;

		require(glass_seq_before(data.start, data.end) &&
				!glass_seq_before(data.start, end_.tcb.rcv_nxt) &&
				!glass_seq_after(data.end, end_.tcb.rcv_edge),
			"data that is outside the window");
		require(data.start - seg.seq < seg.len && data.end - seg.seq <= seg.len,
			"data that the segment does not have");
		require(!(result.actions & GLASS_TCB_HOLE) == (data.start == end_.tcb.rcv_nxt),
			"HOLE says the wrong thing");
		for (std::uint32_t seq = data.start; wrong.empty() && seq != data.end; seq++) {
			const std::uint32_t index = seq - end_.irs - 1;

			require(index < bytes_max, "a byte that nobody wrote");
			require(packet.data[seq - seg.seq] ==
					byte_value(!number_, peer_connection(), index),
				"a wrong byte");
			if (wrong.empty())
				end_.have |= 1 << index;
		}
	}

	const int in_order = std::countr_one(end_.have);

	end_.unread += in_order - end_.in_order;
	end_.in_order = in_order;
	glass_tcb_received(&end_.tcb, end_.irs + 1 + in_order, &result);
}

// Do what a segment asks for.
void Step::act(const glass_segment &seg, const Packet &packet, glass_tcb_result &result)
{
	if (result.actions & (GLASS_TCB_CLOSED | GLASS_TCB_RESET | GLASS_TCB_REFUSED)) {
		require(end_.tcb.state == TCP_CLOSE, "over, and not closed");
		if (result.actions & GLASS_TCB_CLOSED) {
			require(!(result.actions & (GLASS_TCB_ACK_NOW | GLASS_TCB_CHALLENGE)),
				"an answer after the end");
			end_connection(none);
		} else if (end_.is_passive && result.actions & GLASS_TCB_REFUSED) {
			forget_half_open();
		} else {
			end_connection(result.actions & GLASS_TCB_RESET ? reset : refused);
		}
		return;
	}
	if (result.actions & GLASS_TCB_REOPEN) {
		require(end_.tcb.state == TCP_CLOSE, "reopened, and not closed");
		if (end_.is_listening)
			listen(seg);
		else
			input(packet);
		return;
	}
	if (result.actions & GLASS_TCB_REPLY_RST)
		send_reset(result.reset);
	if (result.actions & GLASS_TCB_CONNECTED) {
		require(peer_connection() >= 0, "connected to somebody who has gone");
		end_.is_listening &= !end_.is_passive || side_.listens_again;
	}
	if (result.actions & GLASS_TCB_DATA || result.has_fin) {
		if (result.actions & GLASS_TCB_DATA && end_.is_closed) {
			abort();
			return;
		}
		keep(seg, packet, result);
		if (!wrong.empty())
			return;
		if (!side_.reads_late)
			end_.unread = 0;
	}
	if (result.actions & GLASS_TCB_FIN) {
		const int connection = peer_connection();

		require(!end_.eof, "the end came twice");
		require(connection >= 0 && peer_.has_shut[connection] &&
				peer_.written[connection] == end_.in_order,
			"the end came before the last byte");
		end_.eof = 1;
	}
	if (result.actions & GLASS_TCB_SYN)
		send_syn();
	if (!glass_tcb_is_synchronized(&end_.tcb))
		return;
	if (end_.tcb.state != TCP_SYN_RECV)
		open_window();

	const bool is_urgent = result.actions & (GLASS_TCB_ACK_NOW | GLASS_TCB_CHALLENGE);

	if (push() || (!is_urgent && !(result.actions & GLASS_TCB_DATA)))
		return;
	if (is_urgent || !side_.acks_late)
		send_ack();
	else
		end_.owes_ack = 1;
}

void Step::input(const Packet &packet)
{
	glass_segment seg = {};
	glass_tcb_result result;
	const std::uint32_t told = end_.tcb.rcv_edge - end_.tcb.rcv_nxt;
	const bool was_syn_sent = end_.tcb.state == TCP_SYN_SENT;
	const std::uint32_t una = end_.tcb.snd_una;

	seg.seq = packet.seq;
	seg.ack = packet.ack;
	seg.flags = packet.flags;
	seg.window = packet.window;
	seg.ts = packet.ts;
	seg.len = packet.len;
	seg.max_payload = mss_max;
	if (end_.tcb.state == TCP_CLOSE && end_.is_listening) {
		listen(seg);
		return;
	}
	glass_tcb_input(&end_.tcb, &seg, state_.clock, &result);
	require(!!(result.actions & GLASS_TCB_ACKED) == !!result.acked &&
			(result.actions & GLASS_TCB_REOPEN ||
			 result.acked == end_.tcb.snd_una - una),
		"acked is not what snd_una moved by");
	if (was_syn_sent && glass_tcb_is_synchronized(&end_.tcb)) {
		end_.irs = seg.seq;
		require(end_.tcb.rcv_edge - end_.tcb.rcv_nxt >= told,
			"the window of our SYN is forgotten");
	}
	act(seg, packet, result);
}

// What holds after each event.
void Step::check()
{
	const glass_tcb &tcb = end_.tcb;

	if (tcb.state == TCP_CLOSE)
		return;
	require(!glass_seq_after(tcb.snd_una, tcb.snd_nxt) &&
			!glass_seq_after(tcb.snd_nxt, tcb.snd_end + tcb.fin_queued),
		"una <= nxt <= end does not hold");
	require(tcb.snd_end == end_.iss + 1 + end_.written[end_.connection - 1],
		"snd_end is not what was written");
	if (tcb.state == TCP_SYN_SENT)
		return;
	require(tcb.rcv_nxt == end_.irs + 1 + end_.in_order + end_.eof,
		"rcv_nxt is not what was received");
	require(!glass_seq_after(tcb.rcv_nxt, tcb.rcv_edge), "rcv_nxt is behind the edge");
	require(!end_.has_edge || !glass_seq_before(tcb.rcv_edge, end_.edge),
		"the edge has moved back");
	end_.edge = tcb.rcv_edge;
	end_.has_edge = 1;
	if (glass_tcb_is_synchronized(&peer_.tcb) && peer_.irs == end_.iss && end_.irs == peer_.iss)
		require(!glass_seq_after(tcb.snd_una, peer_.tcb.rcv_nxt),
			"acknowledged, and not received");
	const bool has_shut = end_.has_shut[end_.connection - 1];

	switch (tcb.state) {
	case TCP_SYN_RECV:
		require(!end_.eof, "an end before the beginning");
		break;
	case TCP_ESTABLISHED:
		require(!end_.eof && !has_shut, "ESTABLISHED, and something has ended");
		break;
	case TCP_CLOSE_WAIT:
		require(end_.eof && !has_shut, "CLOSE_WAIT for something else");
		break;
	case TCP_FIN_WAIT1:
		require(!end_.eof && has_shut && !glass_tcb_fin_is_acked(&tcb),
			"FIN_WAIT1 for something else");
		break;
	case TCP_FIN_WAIT2:
		require(!end_.eof && glass_tcb_fin_is_acked(&tcb), "FIN_WAIT2 for something else");
		break;
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		require(end_.eof && has_shut && !glass_tcb_fin_is_acked(&tcb),
			"CLOSING or LAST_ACK for something else");
		break;
	case TCP_TIME_WAIT:
		require(end_.eof && glass_tcb_fin_is_acked(&tcb), "TIME_WAIT for something else");
		break;
	}
}

// May the user do what comes next in his program?
bool user_may_act(const Side &side, const End &end)
{
	const int state = end.tcb.state;

	switch (side.program[end.action]) {
	case 'c':
		return state == TCP_CLOSE;
	case 'w':
		return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
	case 's':
	case 'x':
		return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT ||
		       (state == TCP_SYN_RECV && !end.is_passive);
	case 'a':
		return is_open(end) && (state != TCP_SYN_RECV || !end.is_passive);
	}
	return false;
}

} // namespace

Packet packet(int from, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack)
{
	return {.seq = seq,
		.ack = ack,
		.from = static_cast<std::uint8_t>(from),
		.flags = flags,
		.window = 4,
		.ts = 0,
		.len = 0,
		.data = {},
		.unused = 0};
}

State begin(const Scenario &scenario)
{
	State state;

	std::memset(&state, 0, sizeof(state));
	// Later than what is in the channel from before.
	state.clock = 1;
	for (int i = 0; i < 2; i++) {
		state.end[i].tcb.state = TCP_CLOSE;
		state.end[i].is_listening = scenario.side[i].listens;
	}
	for (const Packet &before : scenario.before)
		state.packet[state.packets++] = before;
	std::sort(state.packet.begin(), state.packet.begin() + state.packets);
	return state;
}

std::vector<Event> events(const Scenario &scenario, const State &state)
{
	std::vector<Event> events;

	for (std::uint8_t i = 0; i < state.packets; i++) {
		events.push_back({Kind::deliver, i});
		events.push_back({Kind::drop, i});
	}
	for (std::uint8_t i = 0; i < 2; i++) {
		const End &end = state.end[i];
		const Side &side = scenario.side[i];

		if (user_may_act(side, end))
			events.push_back({Kind::user, i});
		if (end.unread && !end.is_closed)
			events.push_back({Kind::read, i});
		if (end.tcb.state == TCP_CLOSE)
			continue;
		if (end.tcb.state == TCP_TIME_WAIT) {
			events.push_back({Kind::expire, i});
			continue;
		}
		if (end.owes_ack)
			events.push_back({Kind::ack, i});
		if (scenario.sees_delivery && seen(end, state.end[!i]))
			events.push_back({Kind::see, i});
		events.push_back({Kind::timer, i});
		// A listener does not wait for ever, whatever comes in.
		if (end.is_passive && end.tcb.state == TCP_SYN_RECV) {
			if (scenario.may_fail)
				events.push_back({Kind::expire, i});
		} else if (scenario.may_give_up)
			events.push_back({Kind::give_up, i});
	}
	return events;
}

std::string apply(const Scenario &scenario, State &state, Event event)
{
	const bool is_packet = event.kind == Kind::deliver || event.kind == Kind::drop;
	const Packet packet = is_packet ? state.packet[event.which] : Packet{};
	Step step(scenario, state, is_packet ? !packet.from : event.which);

	switch (event.kind) {
	case Kind::deliver:
		step.input(packet);
		break;
	case Kind::drop:
		std::copy(state.packet.begin() + event.which + 1, state.packet.end(),
			  state.packet.begin() + event.which);
		state.packet.back() = {};
		state.packets--;
		return {};
	case Kind::user:
		step.user();
		break;
	case Kind::read:
		step.read();
		break;
	case Kind::timer:
		step.timer();
		break;
	case Kind::ack:
		step.send_ack();
		break;
	case Kind::give_up:
		step.give_up();
		break;
	case Kind::expire:
		step.expire();
		break;
	case Kind::see:
		step.see();
		break;
	}
	step.check();
	for (End &end : state.end) {
		// A closed control block says no more.
		if (end.tcb.state == TCP_CLOSE) {
			std::memset(&end.tcb, 0, sizeof(end.tcb));
			end.tcb.state = TCP_CLOSE;
			end.have = 0;
			end.edge = end.has_edge = 0;
		}
		// So that equal states have equal bytes: what the compiler pads with.
		static_assert(offsetof(glass_tcb, ts_valid) == 2 &&
			      offsetof(glass_tcb, snd_una) == 4);
		reinterpret_cast<char *>(&end.tcb)[3] = 0;
		if (step.wrong.empty() && !scenario.may_fail && end.ending != none)
			step.wrong = "a connection has failed for no reason";
	}
	return step.wrong;
}

bool is_done(const Scenario &scenario, const State &state)
{
	const bool is_idle = state.end[0].tcb.state == TCP_ESTABLISHED &&
			     state.end[1].tcb.state == TCP_ESTABLISHED;

	for (int i = 0; i < 2; i++) {
		const End &end = state.end[i];
		const End &peer = state.end[!i];

		if (is_open(end) && !is_idle)
			return false;
		if (is_idle &&
		    (glass_tcb_in_flight(&end.tcb) || end.tcb.snd_nxt != end.tcb.snd_end))
			return false;
		if (scenario.may_fail)
			continue;
		// All that was to be done was done, and everything arrived.
		if (scenario.side[i].program[end.action] || end.unread ||
		    end.in_order != (peer.connection ? peer.written[peer.connection - 1] : 0) ||
		    (!is_idle && !end.eof))
			return false;
	}
	return true;
}

std::string describe(const State &state)
{
	std::ostringstream out;

	for (const End &end : state.end) {
		const glass_tcb &tcb = end.tcb;

		out << "  [" << state_names[tcb.state] << (end.is_listening ? "+LISTEN" : "");
		if (tcb.state != TCP_CLOSE)
			out << " una " << tcb.snd_una - end.iss << " nxt " << tcb.snd_nxt - end.iss
			    << " end " << tcb.snd_end - end.iss << (tcb.fin_queued ? "+FIN" : "")
			    << " wnd " << tcb.snd_wnd << " rcv " << tcb.rcv_nxt - end.irs
			    << " edge " << tcb.rcv_edge - end.irs;
		if (end.ending != none)
			out << " ending " << int(end.ending);
		out << "]";
	}
	out << "  channel " << int(state.packets);
	return out.str();
}

std::string describe(const State &state, Event event)
{
	static const char *const kinds[] = {"deliver", "drop",	  "user",   "read", "timer",
					    "ack",     "give up", "expire", "see"};
	std::ostringstream out;

	out << kinds[int(event.kind)] << " ";
	if (event.kind != Kind::deliver && event.kind != Kind::drop) {
		out << "AB"[event.which];
		return out.str();
	}

	const Packet &packet = state.packet[event.which];

	out << (packet.from ? "B>A" : "A>B");
	for (int bit = 0; bit < 4; bit++)
		if (packet.flags >> bit & 1)
			out << " " << (const char *[]){"SYN", "ACK", "FIN", "RST"}[bit];
	out << " seq " << packet.seq - state.end[packet.from].iss << " ack "
	    << packet.ack - state.end[!packet.from].iss << " len " << int(packet.len) << " win "
	    << int(packet.window) << " ts " << int(packet.ts);
	return out.str();
}

} // namespace model
