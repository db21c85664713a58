// SPDX-License-Identifier: GPL-2.0
#include "glassctl/calls.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "glassctl/syscalls.h"

namespace glass::ctl {

namespace {

/** What sockfs puts into struct file_operations; the kernel gives no such table away. */
struct FileOperation {
	std::string_view function;
	std::string_view member;
};
constexpr std::array file_operations = {
	FileOperation{"sock_read_iter", "read_iter"},
	FileOperation{"sock_write_iter", "write_iter"},
	FileOperation{"sock_poll", "poll"},
	FileOperation{"sock_ioctl", "unlocked_ioctl"},
	FileOperation{"sock_mmap", "mmap"},
	FileOperation{"sock_close", "release"},
	FileOperation{"sock_fasync", "fasync"},
	FileOperation{"sock_splice_read", "splice_read"},
	FileOperation{"sock_splice_eof", "splice_eof"},
	FileOperation{"sock_show_fdinfo", "show_fdinfo"},
};
constexpr std::string_view sockets_f_op = "socket_file_ops";

/** Goes through a recording in the order of time. */
class Finder
{
public:
	Finder(const Recording &recording, const OpsTables &tables)
		: recording_(recording), tables_(tables)
	{
	}
	Trace find(const std::string &name);

private:
	/** A step in progress. */
	struct Open {
		std::size_t step; /* its place in the call */
		int depth;	  /* as the tracer counts it: of all that the thread does */
	};
	/** What a thread is doing. */
	struct Thread {
		int call = -1;		 /* in progress; its place in calls_ */
		std::vector<Open> stack; /* the outermost first */

		/** The step in progress, -1 for none. */
		int step() const
		{
			return stack.empty() ? -1 : static_cast<int>(stack.back().step);
		}
	};
	struct FramePlace {
		std::size_t call;
		std::size_t frame;
	};

	void take(const FunctionEvent &event);
	void take(const Event &event, const SyscallEnter &enter);
	void take(const Event &event, const SyscallReturn &result);
	void take(const Event &event, const SocketSeen &seen);
	void take(const Event &event, const Waking &waking);
	void take(const Event &event, const DeviceFrame &frame);
	void take(const Event &event, const GlassFrame &frame);
	Frame *send(const Event &event, std::uint64_t skb);
	void receive(const Event &event, std::uint64_t skb);
	void take(const ReturnedError &error);
	void leave(Thread &thread, std::uint64_t time);
	std::string symbol(std::uint64_t address) const;
	std::string name_of(pid_t thread) const;
	std::uint64_t since_begin(std::uint64_t time) const { return time - begin_; }

	const Recording &recording_;
	const OpsTables &tables_;
	std::uint64_t begin_ = 0;
	int frames_ = 0;
	std::vector<Call> calls_;
	std::vector<bool> is_of_sockets_; /* of each call: there is no doubt */
	std::unordered_map<pid_t, Thread> threads_;
	std::unordered_map<std::uint64_t, CallSocket> sockets_; /* by struct socket */
	std::unordered_map<pid_t, std::uint64_t> announced_;	/* by its sender: struct sk_buff */
	std::unordered_map<std::uint64_t, FramePlace> on_way_;	/* by struct sk_buff */
};

std::string Finder::symbol(std::uint64_t address) const
{
	const auto found = recording_.symbols.find(address);

	return found == recording_.symbols.end() ? "" : found->second;
}

std::string Finder::name_of(pid_t thread) const
{
	const auto found = recording_.threads.find(thread);

	return found == recording_.threads.end() ? "" : found->second;
}

/*
 * An interrupt comes from outside; it is no step of the call that it came upon.
 * But what leads into it begins before the thread is in an interrupt and ends within
 * it, and what leads out of it the other way round: so it is the depth that tells
 * which steps are over, and an end of what was not seen to begin finds none.
 */
void Finder::take(const FunctionEvent &event)
{
	const auto known = recording_.known.find(event.address);
	Thread &thread = threads_[event.thread];

	if (thread.call < 0 || known == recording_.known.end() ||
	    (event.in_interrupt && !event.is_return))
		return;
	Call &call = calls_[static_cast<std::size_t>(thread.call)];
	const std::uint64_t time = since_begin(event.time) - call.begin;
	const auto close = [&] {
		Step &step = call.steps[thread.stack.back().step];

		step.duration = time - step.begin;
		thread.stack.pop_back();
	};
	while (!thread.stack.empty() && thread.stack.back().depth > event.depth)
		close(); // it has returned unseen
	const bool is_known = !thread.stack.empty() && thread.stack.back().depth == event.depth;
	if (event.is_return) {
		if (is_known && call.steps[thread.stack.back().step].function == known->second.name)
			close();
		return;
	}
	if (is_known)
		close();
	Step step;
	step.function = known->second.name;
	step.module = known->second.module;
	step.layer = known->second.layer;
	step.depth = static_cast<int>(thread.stack.size());
	step.begin = time;
	thread.stack.push_back({call.steps.size(), event.depth});
	call.steps.push_back(std::move(step));
}

/* The call is over, or is all that will be seen of it. */
void Finder::leave(Thread &thread, std::uint64_t time)
{
	if (thread.call < 0)
		return;
	Call &call = calls_[static_cast<std::size_t>(thread.call)];
	call.duration = since_begin(time) - call.begin;
	for (const Open &open : thread.stack) {
		Step &step = call.steps[open.step];

		step.duration = call.duration - step.begin;
	}
	thread = Thread();
}

void Finder::take(const Event &event, const SyscallEnter &enter)
{
	const Syscall *const syscall = find_syscall(enter.number);
	Thread &thread = threads_[event.thread];
	Call call;

	leave(thread, event.time);
	if (!syscall)
		return;
	call.name = syscall->name;
	call.arguments = arguments_text(*syscall, enter.arguments);
	call.thread = event.thread;
	call.command = name_of(event.thread);
	call.begin = since_begin(event.time);
	thread.call = static_cast<int>(calls_.size());
	calls_.push_back(std::move(call));
	is_of_sockets_.push_back(syscall->is_of_sockets);
}

void Finder::take(const Event &event, const SyscallReturn &result)
{
	Thread &thread = threads_[event.thread];

	if (thread.call < 0)
		return;
	Call &call = calls_[static_cast<std::size_t>(thread.call)];
	call.value = result.result;
	call.result = result_text(result.result);
	leave(thread, event.time);
}

/* Each event knows some of the pointers; together they are the socket. */
void Finder::take(const Event &event, const SocketSeen &seen)
{
	const Thread &thread = threads_[event.thread];

	if (seen.f_op && symbol(seen.f_op) != sockets_f_op)
		return; // another file: its private data is something else
	if (!seen.socket)
		return;
	CallSocket &socket = sockets_[seen.socket];
	if (seen.sk && socket.sk && socket.sk != seen.sk)
		socket = CallSocket(); // another one at an old one's place
	socket.socket = seen.socket;
	if (seen.f_op)
		socket.f_op = symbol(seen.f_op);
	if (seen.sk) {
		socket.sk = seen.sk;
		socket.family = seen.family;
		socket.type = seen.type;
		socket.ops = symbol(seen.ops);
		socket.prot = symbol(seen.prot);
	}
	if (thread.call < 0)
		return;
	CallSocket &of_call = calls_[static_cast<std::size_t>(thread.call)].socket;
	if (!of_call.socket || of_call.socket == seen.socket)
		of_call = socket;
}

/*
 * An interrupt that came upon the call may wake anybody: a timer's is none of its
 * own, nor what runs when it is over. But that may bring a frame, too.
 */
void Finder::take(const Event &event, const Waking &waking)
{
	const Thread &thread = threads_[event.thread];

	if (thread.call < 0 || thread.stack.empty() || event.in_interrupt)
		return;
	Call &call = calls_[static_cast<std::size_t>(thread.call)];
	const auto is_of_timer = [&](const Open &open) {
		const Step &step = call.steps[open.step];

		return step.layer == Layer::Interrupt && !step.function.starts_with("irq_exit");
	};
	if (std::ranges::any_of(thread.stack, is_of_timer))
		return;
	call.wakeups.push_back(
		{since_begin(event.time) - call.begin, waking.thread, waking.name, thread.step()});
}

/* A frame that the thread's call sends now; null if it is in none. */
Frame *Finder::send(const Event &event, std::uint64_t skb)
{
	const Thread &thread = threads_[event.thread];
	Frame frame;

	on_way_.erase(skb); // of an older frame, at the same place in memory
	if (thread.call < 0)
		return nullptr;
	frame.number = ++frames_;
	frame.sent = since_begin(event.time);
	frame.step = thread.step();
	frame.from_softirq = event.in_softirq;
	Call &call = calls_[static_cast<std::size_t>(thread.call)];
	on_way_[skb] = {static_cast<std::size_t>(thread.call), call.frames.size()};
	call.frames.push_back(std::move(frame));
	return &call.frames.back();
}

/* Glass told of its frames before; but not each of them passes the core's way to a device. */
void Finder::take(const Event &event, const DeviceFrame &seen)
{
	const auto announced = announced_.extract(event.thread);
	Frame *frame = nullptr;

	if (!seen.is_sent)
		return receive(event, seen.skb);
	if (announced && announced.mapped() == seen.skb)
		if (const auto found = on_way_.find(seen.skb); found != on_way_.end())
			frame = &calls_[found->second.call].frames[found->second.frame];
	if (!frame)
		frame = send(event, seen.skb);
	if (!frame)
		return;
	frame->device = seen.device;
	frame->length = seen.length;
}

void Finder::take(const Event &event, const GlassFrame &seen)
{
	if (seen.what == GlassFrame::What::Received)
		return receive(event, seen.skb);
	if (seen.what == GlassFrame::What::Dropped) {
		if (const auto found = on_way_.extract(seen.skb)) {
			const auto [call, frame] = found.mapped();

			calls_[call].frames[frame].dropped = seen.reason;
		}
		return;
	}
	announced_[event.thread] = seen.skb;
	if (Frame *const frame = send(event, seen.skb)) {
		frame->device = seen.device;
		frame->source = seen.source;
		frame->destination = seen.destination;
		frame->protocol = seen.protocol;
		frame->payload = seen.length;
	}
}

/* Both the device and Glass tell of it; the first one counts. */
void Finder::receive(const Event &event, std::uint64_t skb)
{
	const auto found = on_way_.find(skb);

	if (found == on_way_.end())
		return;
	const auto [number, place] = found->second;
	Frame &frame = calls_[number].frames[place];
	if (frame.received)
		return;
	frame.received = since_begin(event.time);
	frame.receiver = event.thread;
	frame.receiver_name = name_of(event.thread);
	frame.in_softirq = event.in_softirq;
	frame.in_call = threads_[event.thread].call == static_cast<int>(number);
}

/*
 * A function's end is told twice, at almost the same time: to the step that
 * ended then.
 */
void Finder::take(const ReturnedError &error)
{
	const auto known = recording_.known.find(error.address);
	const std::uint64_t time = since_begin(error.time);
	std::uint64_t least = UINT64_MAX;
	Step *nearest = nullptr;

	if (error.time < begin_ || known == recording_.known.end())
		return;
	for (Call &call : calls_) {
		if (call.thread != error.thread || call.begin > time ||
		    call.begin + call.duration < time)
			continue;
		for (Step &step : call.steps) {
			const std::uint64_t end = call.begin + step.begin + step.duration;
			const std::uint64_t distance = end > time ? end - time : time - end;

			if (step.function == known->second.name && distance < least) {
				least = distance;
				nearest = &step;
			}
		}
	}
	if (nearest)
		nearest->error = error.error;
}

/* --- Sense -------------------------------------------------------------------------- */

/* The steps' parents, -1 for the outermost. */
std::vector<int> parents_of(const std::vector<Step> &steps)
{
	std::vector<int> parents(steps.size(), -1);
	std::vector<int> last; /* at each depth */

	for (std::size_t i = 0; i < steps.size(); i++) {
		const auto depth = static_cast<std::size_t>(steps[i].depth);

		last.resize(depth + 1);
		last[depth] = static_cast<int>(i);
		parents[i] = depth ? last[depth - 1] : -1;
	}
	return parents;
}

/* They run what is due on this processor: timers, RCU, and perhaps a frame. */
bool runs_softirqs(const Step &step)
{
	return step.function.starts_with("do_softirq") || step.function == "__do_softirq" ||
	       step.function == "handle_softirqs";
}

/*
 * A lock that is released may let the backlog in, and the end of a section
 * without softirqs may run one that brings the frame: noise is only what leads
 * to nothing else. But what ran while the call slept, or in the place of an
 * interrupt, is nothing of its own.
 */
void mark_noise(std::vector<Step> &steps)
{
	const auto parents = parents_of(steps);
	const auto is_foreign = [](Layer layer) {
		return layer == Layer::Scheduler || layer == Layer::Interrupt;
	};
	std::vector<bool> is_useful(steps.size(), false);

	for (std::size_t i = 0; i < steps.size(); i++) {
		Step &step = steps[i];

		step.is_noise =
			is_foreign(step.layer) ||
			(parents[i] >= 0 && steps[static_cast<std::size_t>(parents[i])].is_noise);
	}
	for (std::size_t i = steps.size(); i-- > 0;) {
		Step &step = steps[i];

		step.is_noise = step.is_noise ||
				((is_noise(step.layer) || runs_softirqs(step)) && !is_useful[i]);
		if (!step.is_noise && parents[i] >= 0)
			is_useful[static_cast<std::size_t>(parents[i])] = true;
	}
}

const std::string *member_of(const OpsTables &tables, const std::string &table,
			     const std::string &function)
{
	const auto found = tables.find(table);

	if (found == tables.end())
		return nullptr;
	const auto member = found->second.find(function);
	return member == found->second.end() ? nullptr : &member->second;
}

/* Which steps were calls through a pointer of the socket, and which one. */
void follow_pointers(Call &call, const OpsTables &tables)
{
	const auto parents = parents_of(call.steps);

	for (std::size_t i = 0; i < call.steps.size(); i++) {
		Step &step = call.steps[i];
		const auto *file =
			std::ranges::find(file_operations, step.function, &FileOperation::function);
		const Layer above =
			parents[i] < 0 ? Layer::SystemCall
				       : call.steps[static_cast<std::size_t>(parents[i])].layer;
		const std::string *const op = member_of(tables, call.socket.ops, step.function);
		const std::string *const proto = member_of(tables, call.socket.prot, step.function);

		if (file != file_operations.end() && above != Layer::Sockfs) {
			step.pointer = "file->f_op->" + std::string(file->member);
			step.table = sockets_f_op;
		} else if (op && above <= Layer::Sockfs) {
			step.pointer = "socket->ops->" + *op;
			step.table = call.socket.ops;
		} else if (proto) {
			step.pointer = "sk->sk_prot->" + *proto;
			step.table = call.socket.prot;
		}
	}
}

Trace Finder::find(const std::string &name)
{
	auto function = recording_.functions.begin();
	std::uint64_t last = 0;
	Trace trace;

	trace.lost = recording_.lost;
	if (!recording_.events.empty())
		begin_ = recording_.events.front().time;
	if (function != recording_.functions.end())
		begin_ = std::min(begin_, function->time);
	for (const Event &event : recording_.events) {
		for (; function != recording_.functions.end() && function->time < event.time;
		     ++function)
			take(*function);
		std::visit([&](const auto &what) { take(event, what); }, event.what);
		last = event.time;
	}
	for (; function != recording_.functions.end(); ++function) {
		take(*function);
		last = function->time;
	}
	for (auto &[number, thread] : threads_)
		leave(thread, last);
	for (const ReturnedError &error : recording_.errors)
		take(error);

	int number = 0;
	for (std::size_t i = 0; i < calls_.size(); i++) {
		Call &call = calls_[i];

		mark_noise(call.steps);
		if (!is_of_sockets_[i] && std::ranges::none_of(call.steps, [](const Step &step) {
			    return step.layer == Layer::Sockfs && !step.is_noise;
		    }))
			continue;
		call.number = ++number;
		if (!name.empty() && call.name != name)
			continue;
		follow_pointers(call, tables_);
		trace.calls.push_back(std::move(call));
	}
	return trace;
}

} // namespace

/*
 * At each depth the last one that returned it: what failed before was tried
 * again, or did not matter. A function without a step of its own error (BTF
 * may not know it) does not end the way, if there is one below it.
 */
std::vector<const Step *> Call::way_of_error() const
{
	std::vector<const Step *> way;
	int depth = -1;
	std::size_t begin = 0;
	std::size_t end = steps.size();

	if (value >= 0 || value < -4095)
		return way;
	while (true) {
		std::size_t found = end;

		for (std::size_t i = begin; i < end; i++)
			if (steps[i].error == -value && !steps[i].is_noise &&
			    (found == end || steps[i].depth <= steps[found].depth))
				found = i;
		if (found == end)
			break;
		way.push_back(&steps[found]);
		depth = steps[found].depth;
		begin = found + 1;
		end = static_cast<std::size_t>(
			std::find_if(steps.begin() + static_cast<std::ptrdiff_t>(begin),
				     steps.begin() + static_cast<std::ptrdiff_t>(end),
				     [depth](const Step &step) { return step.depth <= depth; }) -
			steps.begin());
	}
	std::ranges::reverse(way);
	return way;
}

Trace find_calls(const Recording &recording, const OpsTables &tables, const std::string &name)
{
	return Finder(recording, tables).find(name);
}

} // namespace glass::ctl
