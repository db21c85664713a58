// SPDX-License-Identifier: GPL-2.0
#include "helper.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace helper {

namespace {

constexpr int long_wait_ms = 10'000;

std::string task_file(pid_t tid, const char *name)
{
	return "/proc/" + std::to_string(tid) + '/' + name;
}

std::string first_line(const std::string &path)
{
	std::ifstream file(path);
	std::string line;

	std::getline(file, line);
	return line;
}

/* Any socket will do to name a device in an ioctl. */
ifreq device_request(const char *device)
{
	ifreq request = {};

	std::strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	return request;
}

} // namespace

std::chrono::nanoseconds ticked_time()
{
	timespec now = {};

	::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::ostream &operator<<(std::ostream &out, const Errno &error)
{
	const char *name = error.value ? ::strerrorname_np(error.value) : "success";

	return name ? out << name : out << error.value;
}

Errno err(long result)
{
	return {result < 0 ? errno : 0};
}

long must(long result, const char *what)
{
	if (result < 0)
		throw std::system_error(glass::last_error(), what);
	return result;
}

glass::Fd own(long fd, const char *what)
{
	return glass::Fd(static_cast<int>(must(fd, what)));
}

std::span<const std::byte> bytes(std::string_view text)
{
	return std::as_bytes(std::span(text.data(), text.size()));
}

Text text(std::span<const std::byte> data)
{
	return {reinterpret_cast<const char *>(data.data()), data.size()};
}

void PrintTo(const Text &text, std::ostream *out)
{
	constexpr std::size_t shown = 48;
	std::uint64_t hash = 0xcbf29ce484222325; // FNV-1a: tells apart what is not shown

	*out << '"';
	for (std::size_t i = 0; i < text.size(); i++) {
		const auto byte = static_cast<unsigned char>(text[i]);

		hash = (hash ^ byte) * 0x100000001b3;
		if (i >= shown)
			continue;
		if (byte >= ' ' && byte < 0x7f)
			*out << text[i];
		else
			*out << "\\x" << std::hex << std::setw(2) << std::setfill('0')
			     << static_cast<int>(byte) << std::dec;
	}
	*out << '"';
	if (text.size() > shown)
		*out << "... (" << text.size() << " bytes, FNV-1a " << std::hex << hash << std::dec
		     << ')';
}

std::ostream &operator<<(std::ostream &out, const Text &text)
{
	PrintTo(text, &out);
	return out;
}

std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed)
{
	std::vector<std::byte> data(size);
	std::uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;

	for (auto &byte : data) {
		state = state * 6364136223846793005 + 1442695040888963407;
		byte = static_cast<std::byte>(state >> 56);
	}
	return data;
}

Text read_message(Socket &socket)
{
	std::vector<std::byte> buffer(1 << 17);
	const auto size = must(socket.receive(buffer, MSG_DONTWAIT), "receive");

	return text(std::span(buffer).first(size));
}

Text read_some(Socket &socket, std::size_t size, int flags)
{
	std::vector<std::byte> buffer(size);
	const auto got = must(socket.receive(buffer, flags), "receive");

	return text(std::span(buffer).first(std::min(got, size)));
}

short poll_now(const Socket &socket, short events)
{
	pollfd fd = {socket.fd(), events, 0};

	must(::poll(&fd, 1, 0), "poll");
	return fd.revents;
}

short poll_long(const Socket &socket, short events)
{
	const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(long_wait_ms);
	pollfd fd = {socket.fd(), events, 0};

	must(::poll(&fd, 1, long_wait_ms), "poll");
	// When its time is up, poll() looks once more: what it finds then woke nobody.
	return std::chrono::steady_clock::now() < end ? fd.revents : short{0};
}

bool is_readable(const Socket &socket)
{
	return poll_now(socket, POLLIN) & POLLIN;
}

Watch::Watch(const Socket &socket, std::uint32_t events)
	: epoll_(static_cast<int>(must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")))
{
	epoll_event event = {};

	event.events = events;
	must(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.fd(), &event), "epoll_ctl");
}

std::uint32_t Watch::ready(int wait_ms)
{
	epoll_event event = {};

	return must(::epoll_wait(epoll_.get(), &event, 1, wait_ms), "epoll_wait") ? event.events
										  : 0;
}

Socket dgram(int flags)
{
	return must(Socket::create(SOCK_DGRAM | flags), "socket");
}

Socket bound(std::uint32_t port, int flags)
{
	Socket socket = dgram(flags);

	must(socket.bind({GLASS_NODE_ANY, port}), "bind");
	return socket;
}

Address address_of(const Socket &socket)
{
	return {GLASS_NODE_LOCAL, must(socket.local(), "getsockname").port};
}

Pair make_pair(int sender_flags)
{
	Pair pair = {dgram(sender_flags), bound()};

	must(pair.sender.connect(address_of(pair.receiver)), "connect");
	return pair;
}

Socket stream(int type, int flags)
{
	return must(Socket::create(type | flags), "socket");
}

Socket listener(int type, std::uint32_t port, int backlog)
{
	Socket socket = stream(type);

	must(socket.bind({GLASS_NODE_ANY, port}), "bind");
	must(socket.listen(backlog), "listen");
	return socket;
}

glass_info info_of(const Socket &socket)
{
	glass_info info = {};
	socklen_t size = sizeof(info);

	must(::getsockopt(socket.fd(), SOL_GLASS, GLASS_INFO, &info, &size), "GLASS_INFO");
	return info;
}

Connection connection(int type)
{
	Connection ends = {stream(type), {}, listener(type)};

	must(ends.client.connect(address_of(ends.listening)), "connect");
	ends.server = must(ends.listening.accept(), "accept");
	return ends;
}

bool send_all(Socket &socket, std::span<const std::byte> data)
{
	while (!data.empty()) {
		const auto sent = socket.send(data, MSG_NOSIGNAL);

		if (!sent)
			return false;
		data = data.subspan(*sent);
	}
	return true;
}

std::vector<std::byte> receive_all(Socket &socket, std::size_t size)
{
	std::vector<std::byte> data(size);
	std::size_t have = 0;

	while (have < size) {
		const auto got = socket.receive(std::span(data).subspan(have));

		if (!got || *got == 0)
			break;
		have += *got;
	}
	data.resize(have);
	return data;
}

int fill(Socket &sender, std::size_t size, int first)
{
	int count = 0;

	for (;; count++) {
		const auto data = pattern(size, static_cast<std::uint64_t>(first + count));
		const auto sent = sender.send(data, MSG_DONTWAIT);

		if (sent.error() == std::errc::resource_unavailable_try_again)
			return count;
		must(sent, "send");
	}
}

int fill_connection(Socket &sender, std::size_t size)
{
	bool is_still = false;
	int count = 0;

	/* While something is under way, or may be, room can still come. */
	for (;;) {
		const int added = fill(sender, size, count);

		if (is_still && !added)
			return count;
		count += added;

		const glass_info info = info_of(sender);

		is_still = !info.unacked && !info.snd_wnd;
	}
}

std::uint32_t free_port()
{
	return address_of(bound()).port;
}

bool is_asleep_in(pid_t tid, long system_call)
{
	const std::string call = first_line(task_file(tid, "syscall"));
	const std::string stat = first_line(task_file(tid, "stat"));
	const auto state = stat.rfind(") ");

	::sched_yield();
	return state != std::string::npos && stat[state + 2] == 'S' &&
	       call.starts_with(std::to_string(system_call) + ' ');
}

long voluntary_switches(pid_t tid)
{
	static const std::string key = "voluntary_ctxt_switches:";

	for (const auto &line : lines_of(task_file(tid, "status")))
		if (line.starts_with(key))
			return std::stol(line.substr(key.size()));
	throw std::runtime_error("no voluntary_ctxt_switches");
}

void interrupt_thread(pid_t tid, int signal)
{
	must(::syscall(SYS_tgkill, ::getpid(), tid, signal), "tgkill");
}

void catch_signal(int signal, bool restart)
{
	struct sigaction action = {};

	action.sa_handler = [](int) {};
	action.sa_flags = restart ? SA_RESTART : 0;
	must(::sigaction(signal, &action, nullptr), "sigaction");
}

int in_child(const std::function<int()> &body)
{
	int status = 0;

	std::cout.flush();
	const auto child = static_cast<pid_t>(must(::fork(), "fork"));
	if (child == 0) {
		try {
			status = body();
		} catch (const std::exception &error) {
			std::cout << "in the child: " << error.what() << std::endl;
			status = 127;
		}
		std::cout.flush();
		::_exit(status);
	}
	must(::waitpid(child, &status, 0), "waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void drop_capability(int capability)
{
	__user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets = {};

	must(::syscall(SYS_capget, &header, sets.data()), "capget");
	auto &set = sets.at(CAP_TO_INDEX(static_cast<unsigned>(capability)));
	set.effective &= ~CAP_TO_MASK(static_cast<unsigned>(capability));
	set.permitted &= ~CAP_TO_MASK(static_cast<unsigned>(capability));
	must(::syscall(SYS_capset, &header, sets.data()), "capset");
}

void enter_new_namespace()
{
	must(::unshare(CLONE_NEWNET), "unshare");
}

void set_device_up(bool up, const char *device)
{
	const glass::Fd fd(static_cast<int>(must(::socket(AF_UNIX, SOCK_DGRAM, 0), "socket")));
	ifreq request = device_request(device);

	must(::ioctl(fd.get(), SIOCGIFFLAGS, &request), "SIOCGIFFLAGS");
	if (up)
		request.ifr_flags |= IFF_UP;
	else
		request.ifr_flags &= static_cast<short>(~IFF_UP);
	must(::ioctl(fd.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
}

void set_device_mtu(int mtu)
{
	const glass::Fd fd(static_cast<int>(must(::socket(AF_UNIX, SOCK_DGRAM, 0), "socket")));
	ifreq request = device_request("glass0");

	request.ifr_mtu = mtu;
	must(::ioctl(fd.get(), SIOCSIFMTU, &request), "SIOCSIFMTU");
}

bool kernel_is_at_least(int version, int patchlevel)
{
	utsname system;
	std::size_t size = 0;

	must(::uname(&system), "uname");
	const std::string release = system.release;
	const int ours = std::stoi(release, &size);
	return std::pair(ours, std::stoi(release.substr(size + 1))) >=
	       std::pair(version, patchlevel);
}

std::string module_path(const std::string &name)
{
	utsname system;

	must(::uname(&system), "uname");
	return std::string("/lib/modules/") + system.release + "/extra/" + name + ".ko";
}

bool module_is_loaded(const std::string &name)
{
	return std::filesystem::exists("/sys/module/" + name);
}

Errno load_module(const std::string &name, const std::string &parameters)
{
	const glass::Fd file(static_cast<int>(
		must(::open(module_path(name).c_str(), O_RDONLY | O_CLOEXEC), "module file")));

	return err(::syscall(SYS_finit_module, file.get(), parameters.c_str(), 0));
}

Errno unload_module(const std::string &name)
{
	return err(::syscall(SYS_delete_module, name.c_str(), O_NONBLOCK));
}

std::vector<std::string> lines_of(const std::string &path)
{
	std::ifstream file(path);
	std::vector<std::string> lines;
	std::string line;

	if (!file)
		throw std::system_error(glass::last_error(), path);
	while (std::getline(file, line))
		lines.push_back(line);
	return lines;
}

std::vector<std::string> words_of(const std::string &line)
{
	std::istringstream stream(line);
	std::vector<std::string> words;
	std::string word;

	while (stream >> word)
		words.push_back(word);
	return words;
}

std::uint32_t read_overflow(Socket &socket)
{
	std::array<char, 1 << 16> buffer;
	std::array<char, 256> control;
	iovec part = {buffer.data(), buffer.size()};
	msghdr message = {};
	std::uint32_t lost = 0;

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();
	must(::recvmsg(socket.fd(), &message, 0), "recvmsg");
	for (cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at))
		if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_RXQ_OVFL)
			std::memcpy(&lost, CMSG_DATA(at), sizeof(lost));
	return lost;
}

void write_file(const std::string &path, const std::string &text)
{
	std::ofstream file(path);

	if (!(file << text << '\n' << std::flush))
		throw std::system_error(glass::last_error(), path);
}

std::size_t objects_in_slab(const std::string &slab)
{
	write_file("/sys/kernel/slab/" + slab + "/shrink", "1");
	for (const auto &line : lines_of("/proc/slabinfo"))
		if (line.starts_with(slab + ' '))
			return std::stoul(words_of(line).at(1));
	throw std::runtime_error("no slab " + slab);
}

std::map<std::string, std::uint64_t> counters()
{
	std::map<std::string, std::uint64_t> counters;

	for (const auto &line : lines_of("/proc/self/net/glass_stat")) {
		const auto words = words_of(line);

		if (words.size() == 2)
			counters[words[0]] = std::stoull(words[1]);
	}
	return counters;
}

std::string losses()
{
	const auto now = counters();
	std::string text;

	for (const char *name : {"GlassRetransmits", "GlassRecoveries", "GlassDropRcvbuf"})
		if (now.at(name))
			text += std::string(name) + ' ' + std::to_string(now.at(name)) + ' ';
	return text;
}

} // namespace helper
