// SPDX-License-Identifier: GPL-2.0
#include "glassctl/recording.h"

#include <net/if.h>
#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <set>
#include <utility>

#include "glassctl/commands.h"
#include "glassctl/syscalls.h"
#include "lib/symbols.h"
#include "lib/tracefs.h"

namespace glass::ctl {

namespace {

using std::string_literals::operator""s;

const std::string instance_name = "glassctl";
const std::string frames_name = "glassctl-frames";
const std::string group_name = "glassctl";

/* A call of some 300 functions makes twice as many events of 48 bytes. */
constexpr std::size_t most_functions = 4'000'000;
constexpr int most_buffer_kib = 16 << 10; /* per processor */
constexpr int all_buffers_kib = 64 << 10;
constexpr int frames_buffer_kib = 1 << 10;
constexpr int interval_ms = 100; /* between two looks at the buffers */

/** A function that is handed what a socket is made of, and where that stands. */
struct Probe {
	const char *event;
	const char *function;
	const char *fields;
};

#define SOCK_FIELDS                                                                                \
	"socket=sock:x64 ops=sock->ops:x64 sk=sock->sk:x64 "                                       \
	"prot=sock->sk->__sk_common.skc_prot:x64 family=sock->sk->__sk_common.skc_family:u16 "     \
	"type=sock->type:s16"
#define FILE_FIELDS(name)                                                                          \
	"socket=" name "->private_data:x64 file=" name ":x64 f_op=" name "->f_op:x64"

constexpr std::array probes = {
	Probe{"create", "security_socket_post_create", SOCK_FIELDS},
	Probe{"bind", "security_socket_bind", SOCK_FIELDS},
	Probe{"connect", "security_socket_connect", SOCK_FIELDS},
	Probe{"listen", "security_socket_listen", SOCK_FIELDS},
	Probe{"accept", "security_socket_accept", SOCK_FIELDS},
	Probe{"sendmsg", "security_socket_sendmsg", SOCK_FIELDS},
	Probe{"recvmsg", "security_socket_recvmsg", SOCK_FIELDS},
	Probe{"getsockname", "security_socket_getsockname", SOCK_FIELDS},
	Probe{"getpeername", "security_socket_getpeername", SOCK_FIELDS},
	Probe{"getsockopt", "security_socket_getsockopt", SOCK_FIELDS},
	Probe{"setsockopt", "security_socket_setsockopt", SOCK_FIELDS},
	Probe{"shutdown", "security_socket_shutdown", SOCK_FIELDS},
	Probe{"release", "__sock_release", SOCK_FIELDS},
	Probe{"install", "fd_install", FILE_FIELDS("file")},
	Probe{"poll", "sock_poll", FILE_FIELDS("file")},
	Probe{"ioctl", "sock_ioctl", FILE_FIELDS("file")},
	Probe{"close", "sock_close", FILE_FIELDS("filp")},
	Probe{"read", "sock_read_iter",
	      "socket=iocb->ki_filp->private_data:x64 file=iocb->ki_filp:x64 "
	      "f_op=iocb->ki_filp->f_op:x64"},
	Probe{"write", "sock_write_iter",
	      "socket=iocb->ki_filp->private_data:x64 file=iocb->ki_filp:x64 "
	      "f_op=iocb->ki_filp->f_op:x64"},
};

class Recorder
{
public:
	Recorder(Process &process, const Interrupts &interrupts, const RecordingPlan &plan,
		 const std::string &command)
		: process_(process), interrupts_(interrupts), plan_(plan), command_(command)
	{
	}
	Recording run();

private:
	[[noreturn]] void fail(std::error_code error, const std::string &explanation) const;
	void expect(const Result<void> &done, const std::string &explanation) const;

	void check_kernel() const;
	void follow_threads(TraceInstance &instance) const;
	void record_functions();
	void record_errors(const std::vector<TraceableFunction> &functions);
	void record_calls();
	void record_frames();
	void wait();
	void read();
	void take(const TraceRecord &record);
	void take_function(const TraceRecord &record, bool is_return);
	void take_frame(const TraceRecord &record);
	void name_tables();
	void add(const TraceRecord &record, decltype(Event::what) what);

	Process &process_;
	const Interrupts &interrupts_;
	const RecordingPlan &plan_;
	const std::string &command_;
	Recording result_;
	// The last one goes first: a probe cannot go while an instance records it.
	std::optional<ProbeGroup> probes_;
	std::optional<TraceInstance> calls_;
	std::optional<TraceInstance> frames_;
	std::optional<TraceReader> reader_;
	std::optional<ErrorReturns> errors_;
};

void Recorder::fail(std::error_code error, const std::string &explanation) const
{
	throw Failure(error, command_, explanation);
}

void Recorder::expect(const Result<void> &done, const std::string &explanation) const
{
	if (!done)
		fail(done.error(), explanation);
}

/*
 * Linux 7.3.4 panics where function_graph and a probe meet in one function, with
 * Glass and without: docs/trace.md.
 */
bool functions_and_probes_can_meet()
{
	utsname system;
	int version = 0;
	int patchlevel = 0;

	if (::uname(&system) != 0 ||
	    std::sscanf(system.release, "%d.%d", &version, &patchlevel) != 2)
		return false;
	return std::pair(version, patchlevel) < std::pair(7, 3);
}

void Recorder::check_kernel() const
{
	const auto tracers = available_tracers();

	if (tracers.error() == std::errc::permission_denied)
		fail(tracers.error(), "Recording what the kernel does needs root");
	if (!tracers)
		fail(tracers.error(), "There is no tracefs at /sys/kernel/tracing");
	if (plan_.with_functions && std::ranges::find(*tracers, "function_graph") == tracers->end())
		fail(std::make_error_code(std::errc::operation_not_supported),
		     "This kernel has no function_graph tracer (CONFIG_FUNCTION_GRAPH_TRACER)");
	if (plan_.with_functions && !functions_and_probes_can_meet())
		fail(std::make_error_code(std::errc::operation_not_supported),
		     "Linux 7.3 panics where function_graph and a probe meet");
}

void Recorder::follow_threads(TraceInstance &instance) const
{
	std::string threads;

	for (const pid_t thread : process_.threads())
		threads += std::to_string(thread) + ' ';
	expect(instance.write("set_event_pid", threads), "set_event_pid");
	expect(instance.write("options/event-fork", "1"), "event-fork");
	if (plan_.with_functions) {
		expect(instance.write("set_ftrace_pid", threads), "set_ftrace_pid");
		expect(instance.write("options/function-fork", "1"), "function-fork");
	}
}

/*
 * Only those that have a place on a call's way: to have all of them stop by
 * would change the text of the kernel in 40,000 places. By their numbers, for
 * to find a name takes the kernel a walk over all of them.
 */
void Recorder::record_functions()
{
	const auto functions = traceable_functions();
	std::vector<TraceableFunction> followed;
	std::string numbers;

	if (!functions)
		fail(functions.error(), "available_filter_functions_addrs");
	for (std::size_t i = 0; i < functions->size(); i++) {
		const TraceableFunction &function = (*functions)[i];
		const auto layer = plan_.layers->find(function.name, function.module);

		if (!layer)
			continue;
		numbers += std::to_string(i + 1) + ' ';
		if (plan_.with_errors && !is_noise(*layer))
			followed.push_back(function);
		result_.known[function.address] = {function.name, function.module, *layer};
	}
	// First, so that a function's end is told to us before the tracer hears of it.
	if (plan_.with_errors)
		record_errors(followed);
	expect(calls_->write("set_ftrace_filter", numbers), "set_ftrace_filter");
	expect(calls_->write("current_tracer", "function_graph"),
	       "function_graph in an instance (Linux 6.11 or newer)");
}

void Recorder::record_errors(const std::vector<TraceableFunction> &functions)
{
	const auto that_fail = functions_that_can_fail(functions);

	if (!that_fail)
		fail(that_fail.error(),
		     "This kernel does not tell what functions return (CONFIG_DEBUG_INFO_BTF)");
	auto errors = ErrorReturns::open(*that_fail);
	if (!errors)
		fail(errors.error(), "This kernel lets no program look at the ends of functions "
				     "(CONFIG_BPF_EVENTS, CONFIG_FPROBE)");
	errors_.emplace(std::move(*errors));
}

void Recorder::record_calls()
{
	const long processors = std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
	const long size =
		std::clamp(all_buffers_kib / processors, 1024L, static_cast<long>(most_buffer_kib));
	std::string filter;

	for (const Syscall &call : socket_syscalls())
		filter += (filter.empty() ? "id == " : " || id == ") + std::to_string(call.number);
	expect(calls_->write("trace_clock", "mono"), "trace_clock");
	expect(calls_->write("buffer_size_kb", std::to_string(size)), "buffer_size_kb");
	follow_threads(*calls_);
	expect(calls_->enable("raw_syscalls/sys_enter", filter),
	       "This kernel does not tell of system calls (CONFIG_FTRACE_SYSCALLS)");
	expect(calls_->enable("raw_syscalls/sys_exit", filter), "raw_syscalls/sys_exit");
	expect(calls_->enable("sched/sched_waking"), "sched/sched_waking");
	// A kernel that has not all of them shows less, and no less true.
	for (const auto &event : probes_->events())
		expect(calls_->enable(probes_->name() + '/' + event), "probe of " + event);
}

/* Of all threads: who sends a frame and who gets it need not be one. */
void Recorder::record_frames()
{
	expect(frames_->write("trace_clock", "mono"), "trace_clock");
	expect(frames_->write("buffer_size_kb", std::to_string(frames_buffer_kib)),
	       "buffer_size_kb");
	for (const char *event : {"net/net_dev_start_xmit", "net/netif_receive_skb"})
		expect(frames_->enable(event), event);
	for (const char *event :
	     {"glass/glass_pkt_send", "glass/glass_pkt_receive", "glass/glass_pkt_drop"})
		(void)frames_->enable(event); // other families can be looked at without Glass
}

void Recorder::add(const TraceRecord &record, decltype(Event::what) what)
{
	result_.events.push_back({record.time(), record.thread(), record.cpu(), record.in_softirq(),
				  record.in_hardirq(), std::move(what)});
}

void Recorder::take_function(const TraceRecord &record, bool is_return)
{
	if (result_.functions.size() >= most_functions) {
		result_.lost++;
		return;
	}
	result_.functions.push_back({record.time(), record.number("func"), record.thread(),
				     static_cast<std::int16_t>(record.number("depth")), is_return,
				     record.in_hardirq()});
}

/* In another namespace than ours it may have another name, or none. */
std::string device_text(unsigned int ifindex)
{
	std::array<char, IF_NAMESIZE> name;

	return ::if_indextoname(ifindex, name.data()) ? name.data()
						      : "device " + std::to_string(ifindex);
}

/* "… 1:4000 -> 1:5000 len=64 …" and "… reason=port". */
void Recorder::take_frame(const TraceRecord &record)
{
	const std::string_view name = record.name();
	const auto end = [&record](const char *node, const char *port) {
		return std::to_string(record.number(node)) + ':' +
		       std::to_string(record.number(port));
	};
	GlassFrame frame;

	frame.skb = record.number("skbaddr");
	frame.device = device_text(static_cast<unsigned int>(record.number("ifindex")));
	frame.length = static_cast<std::uint32_t>(record.number("len"));
	if (name == "glass_pkt_drop") {
		const std::string text = record.printed();
		const auto reason = text.find("reason=");

		frame.what = GlassFrame::What::Dropped;
		if (reason != std::string::npos)
			frame.reason = text.substr(reason + 7);
	} else {
		frame.what = name == "glass_pkt_send" ? GlassFrame::What::Sent
						      : GlassFrame::What::Received;
		frame.protocol = static_cast<int>(record.number("protocol"));
		frame.source = end("src_node", "src_port");
		frame.destination = end("dst_node", "dst_port");
	}
	add(record, frame);
}

void Recorder::take(const TraceRecord &record)
{
	const std::string_view name = record.name();

	if (name == "funcgraph_entry")
		return take_function(record, false);
	if (name == "funcgraph_exit")
		return take_function(record, true);
	if (record.system() == probes_->name())
		return add(record, SocketSeen{record.number("socket"), record.number("file"),
					      record.number("f_op"), record.number("ops"),
					      record.number("sk"), record.number("prot"),
					      static_cast<int>(record.number("family")),
					      static_cast<int>(record.number("type"))});
	if (name == "sys_enter") {
		SyscallEnter enter{static_cast<long>(record.number("id")), {}};

		for (std::size_t i = 0; i < enter.arguments.size(); i++)
			enter.arguments[i] = record.element("args", i);
		return add(record, enter);
	}
	if (name == "sys_exit")
		return add(record, SyscallReturn{static_cast<long>(record.number("id")),
						 record.signed_number("ret")});
	if (name == "sched_waking")
		return add(record,
			   Waking{static_cast<pid_t>(record.number("pid")), record.text("comm")});
	if (record.system() == "net")
		return add(record,
			   DeviceFrame{name == "net_dev_start_xmit", record.number("skbaddr"),
				       static_cast<std::uint32_t>(record.number("len")),
				       record.text("name")});
	if (record.system() == "glass")
		take_frame(record);
}

/* One that has no name, or whose name is not told to us, stays without. */
void Recorder::name_tables()
{
	std::set<std::uint64_t> addresses;

	for (const Event &event : result_.events)
		if (const auto *seen = std::get_if<SocketSeen>(&event.what))
			addresses.insert({seen->f_op, seen->ops, seen->prot});
	if (auto symbols = symbols_at(addresses))
		result_.symbols = std::move(*symbols);
}

void Recorder::read()
{
	const auto handler = [this](const TraceRecord &record) { take(record); };

	expect(reader_->read(*calls_, handler), "trace_pipe_raw");
	expect(reader_->read(*frames_, handler), "trace_pipe_raw");
	if (errors_)
		expect(errors_->read([this](const ReturnedError &error) {
			result_.errors.push_back(error);
		}),
		       "the errors that functions returned");
}

/* Until the process has ended, or somebody has had enough. */
void Recorder::wait()
{
	std::array<pollfd, 2> fds = {{{process_.fd(), POLLIN, 0}, {interrupts_.fd(), POLLIN, 0}}};

	while (::poll(fds.data(), fds.size(), interval_ms) == 0)
		read();
}

Recording Recorder::run()
{
	check_kernel();
	TraceInstance::remove_stale(instance_name);
	ProbeGroup::remove_stale(group_name);

	probes_.emplace(group_name);
	for (const Probe &probe : probes)
		(void)probes_->add(probe.event, probe.function, probe.fields);
	const auto make = [this](const std::string &name) {
		auto instance = TraceInstance::create(name);

		if (!instance)
			fail(instance.error(), "an instance in tracefs");
		return std::move(*instance);
	};
	calls_.emplace(make(instance_name));
	frames_.emplace(make(frames_name));
	auto reader = TraceReader::open(
		{"ftrace", "raw_syscalls", "sched", "net", "glass", probes_->name()});
	if (!reader)
		fail(reader.error(), "events of tracefs");
	reader_.emplace(std::move(*reader));

	record_calls();
	record_frames();
	if (plan_.with_functions)
		record_functions();
	if (const auto done = plan_.begin(); !done)
		fail(done.error(), plan_.title);
	wait();
	expect(calls_->stop(), "tracing_on");
	expect(frames_->stop(), "tracing_on");
	read();
	result_.lost += calls_->lost() + frames_->lost();
	result_.threads = thread_names();
	name_tables();
	result_.status = process_.status();
	std::ranges::stable_sort(result_.functions, {}, &FunctionEvent::time);
	std::ranges::stable_sort(result_.events, {}, &Event::time);
	return std::move(result_);
}

} // namespace

Recording record(Process &process, const Interrupts &interrupts, const RecordingPlan &plan,
		 const std::string &command)
{
	return Recorder(process, interrupts, plan, command).run();
}

} // namespace glass::ctl
