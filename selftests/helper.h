/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What the socket tests share: sockets that must come to be, errors that print
 * by name, calls that block on a thread of their own.
 */
#ifndef GLASS_SELFTESTS_HELPER_H
#define GLASS_SELFTESTS_HELPER_H

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <iosfwd>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "lib/result.h"
#include "lib/socket.h"

namespace helper {

using glass::Address;
using glass::Socket;

/* --- Time ------------------------------------------------------------------ */

/** The kernel's clock ticks at least that often; a part of a tick may be gone already. */
constexpr std::chrono::milliseconds tick(10);

/**
 * The time as the kernel's ticks have it, which is what timeouts of sockets
 * follow. In a guest that its host lets wait, ticks come late: by any other
 * clock, a timeout set then is too short (on AF_UNIX too).
 */
std::chrono::nanoseconds ticked_time();

/* --- Errors ---------------------------------------------------------------- */

/** An errno that prints by its name; 0 is success. */
struct Errno {
	int value = 0;

	friend bool operator==(const Errno &a, int b) { return a.value == b; }
	friend bool operator==(const Errno &, const Errno &) = default;
};
std::ostream &operator<<(std::ostream &out, const Errno &error);

/** The error of a library call. */
template <typename T> Errno err(const glass::Result<T> &result)
{
	return {result.error().value()};
}
/** The error of a system call that returned @p result just now. */
Errno err(long result);

/** The value, or an exception that names @p what: for what must not fail here. */
template <typename T> T must(glass::Result<T> result, const char *what)
{
	if (!result)
		throw std::system_error(result.error(), what);
	if constexpr (!std::is_void_v<T>)
		return std::move(*result);
}
/** The same for a system call that returned @p result just now. */
long must(long result, const char *what);
/** The same for one that returned a descriptor, which is the caller's. */
glass::Fd own(long fd, const char *what);

/* --- Messages --------------------------------------------------------------- */

/** A message's contents: a string that prints short, however long it is. */
class Text : public std::string
{
public:
	using std::string::string;
	Text(std::string text) : std::string(std::move(text)) {}
};
std::ostream &operator<<(std::ostream &out, const Text &text);
/** What GoogleTest calls. */
void PrintTo(const Text &text, std::ostream *out);

std::span<const std::byte> bytes(std::string_view text);
Text text(std::span<const std::byte> data);

/** @p size bytes that depend on @p seed and on their place. */
std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed = 0);

/** Receives one message that must be there; its text. */
Text read_message(Socket &socket);
/** Receives @p size bytes of what is there into a buffer that is as large. */
Text read_some(Socket &socket, std::size_t size, int flags = MSG_DONTWAIT);
/** Is anything to be read? */
bool is_readable(const Socket &socket);
/** Does poll() report one of @p events now? Those it reports. */
short poll_now(const Socket &socket, short events);
/** Waits up to 10 s for one of @p events; those that woke it. */
short poll_long(const Socket &socket, short events);

/* --- Sockets ----------------------------------------------------------------- */

/** A new datagram socket; @p flags as SOCK_NONBLOCK. */
Socket dgram(int flags = 0);
/** One bound to @p port of every node, by default a port that the kernel chooses. */
Socket bound(std::uint32_t port = GLASS_PORT_ANY, int flags = 0);
/** Where @p socket can be reached from its own namespace. */
Address address_of(const Socket &socket);

/** Two sockets of which the first is connected to the second. */
struct Pair {
	Socket sender;
	Socket receiver;
};
Pair make_pair(int sender_flags = 0);

/** An epoll set with one socket in it. */
class Watch
{
public:
	Watch(const Socket &socket, std::uint32_t events);
	/** What is ready now, or by the time; 0 when nothing is. */
	std::uint32_t ready(int wait_ms = 0);

private:
	glass::Fd epoll_;
};

/** A new socket of @p type; @p flags as SOCK_NONBLOCK. */
Socket stream(int type, int flags = 0);
/** One that listens, by default on a port that the kernel chooses. */
Socket listener(int type, std::uint32_t port = GLASS_PORT_ANY, int backlog = SOMAXCONN);

/** The two ends of a connection, and what it came from. */
struct Connection {
	Socket client;
	Socket server;
	Socket listening;
};
Connection connection(int type);
/** GLASS_INFO of a connection. */
glass_info info_of(const Socket &socket);

/** Sends all of @p data; false with errno if it cannot. */
bool send_all(Socket &socket, std::span<const std::byte> data);
/** Receives @p size bytes, or as many as come before the end. */
std::vector<std::byte> receive_all(Socket &socket, std::size_t size);

/** Sends messages of @p size bytes without waiting until EAGAIN; how many fitted. */
int fill(Socket &sender, std::size_t size, int first = 0);

/** The same for a connection whose peer reads nothing, until that can take no more either. */
int fill_connection(Socket &sender, std::size_t size);

/** A port that nobody has: it was free a moment ago. */
std::uint32_t free_port();

/* --- Calls that block --------------------------------------------------------- */

/** The kernel's view of a thread, of this process or another. */
bool is_asleep_in(pid_t tid, long system_call);
/** How often it gave up the processor by itself: it rises when it is woken and sleeps again. */
long voluntary_switches(pid_t tid);

/** A call on a thread of its own. */
template <typename T> class Task
{
public:
	explicit Task(std::function<T()> call)
	{
		std::promise<pid_t> tid;
		auto started = tid.get_future();

		thread_ = std::thread([this, call = std::move(call), &tid] {
			std::promise<T> result;

			result_ = result.get_future();
			tid.set_value(::gettid());
			try {
				result.set_value(call());
			} catch (...) {
				result.set_exception(std::current_exception());
			}
		});
		tid_ = started.get();
	}
	~Task() { thread_.join(); }
	Task(const Task &) = delete;
	Task &operator=(const Task &) = delete;

	/** Waits until it sleeps in @p system_call (SYS_*); false if it has returned instead. */
	bool sleeps_in(long system_call)
	{
		while (!is_done())
			if (is_asleep_in(tid_, system_call))
				return true;
		return false;
	}
	bool is_done()
	{
		return result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
	}
	/** Waits for the end; what the call returned. Once. */
	T result() { return result_.get(); }
	/** Sends a signal to this thread. */
	void interrupt(int signal);
	pid_t tid() const { return tid_; }

private:
	std::thread thread_;
	std::future<T> result_;
	pid_t tid_ = 0;
};

/** Sends @p signal to thread @p tid of this process. */
void interrupt_thread(pid_t tid, int signal);

template <typename T> void Task<T>::interrupt(int signal)
{
	interrupt_thread(tid_, signal);
}

/** Installs a handler that does nothing, with SA_RESTART or without. */
void catch_signal(int signal, bool restart);

/* --- The machine -------------------------------------------------------------- */

/** Runs @p body in a child process; its return value, or 128 + the signal that ended it. */
int in_child(const std::function<int()> &body);
/** Gives up a capability (CAP_*) for this thread. */
void drop_capability(int capability);
/** Moves this process (a case is one) into a new network namespace, where glass0 is up. */
void enter_new_namespace();
/** Sets a device of this namespace up or down. */
void set_device_up(bool up, const char *device = "glass0");
/** Sets the MTU of glass0, in bytes. */
void set_device_mtu(int mtu);

/** Is the running kernel that version of Linux, or a later one? */
bool kernel_is_at_least(int version, int patchlevel);

/** Where the guest has a module of ours. */
std::string module_path(const std::string &name);
bool module_is_loaded(const std::string &name);
/** finit_module(2), with the module's @p parameters. */
Errno load_module(const std::string &name, const std::string &parameters = "");
/** delete_module(2), which refuses one that is in use. */
Errno unload_module(const std::string &name);

/** The lines of a small file, as those in /proc. */
std::vector<std::string> lines_of(const std::string &path);
/** A line's words. */
std::vector<std::string> words_of(const std::string &line);

/** Sets a file of /proc or /sys. */
void write_file(const std::string &path, const std::string &text);

/* Reads the next message: what SO_RXQ_OVFL tells with it, 0 where it tells nothing. */
std::uint32_t read_overflow(Socket &socket);

/*
 * Objects of the slab that sockets of a kind come from. The free ones are given back
 * first: those that a CPU keeps at hand count as used, and so do those that KASAN
 * keeps in quarantine.
 */
std::size_t objects_in_slab(const std::string &slab = "GLASS-DGRAM");
/** /proc/net/glass_stat of this namespace: counter by name. */
std::map<std::string, std::uint64_t> counters();
/**
 * What connections have lost or sent again in this namespace; empty when nothing. On a
 * clean device it is, however busy the machine.
 */
std::string losses();

} // namespace helper

#endif // GLASS_SELFTESTS_HELPER_H
