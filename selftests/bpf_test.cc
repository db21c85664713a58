// SPDX-License-Identifier: GPL-2.0
/*
 * What BPF and control groups know of a socket: storage of its own, hooks of its
 * options, memory accounted to its group. The programs are put together by hand, so
 * that no compiler for them is needed. (Filters: pktinfo_test. The LSM: lsm_test.)
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/glass.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "bpf.h"
#include "helper.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

/* --- Control groups ---------------------------------------------------------------------------- */

/* One of its own, with this process in it; the first namespace's, where all of them are. */
class Cgroup
{
public:
	Cgroup()
	{
		write_file(root + "/cgroup.subtree_control", "+memory");
		must(::mkdir(path_.c_str(), 0755), "mkdir");
		fd_ = own(::open(path_.c_str(), O_DIRECTORY | O_CLOEXEC), "open");
	}
	~Cgroup()
	{
		leave();
		EXPECT_TRUE(eventually([this] { return ::rmdir(path_.c_str()) == 0; }));
	}
	void enter() const { write_file(path_ + "/cgroup.procs", "0"); }
	static void leave() { write_file(root + "/cgroup.procs", "0"); }
	int fd() const { return fd_.get(); }
	/* Bytes that its sockets have, of memory.stat. */
	long socket_memory() const
	{
		for (const auto &line : lines_of(path_ + "/memory.stat"))
			if (const auto words = words_of(line); words.at(0) == "sock")
				return std::stol(words.at(1));
		throw std::runtime_error("no sock in memory.stat");
	}

private:
	static inline const std::string root = "/sys/fs/cgroup";

	const std::string path_ = root + "/glass-" + std::to_string(::getpid());
	glass::Fd fd_;
};

class Bpf : public testing::TestWithParam<SocketType>
{
protected:
	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }
};
INSTANTIATE_TEST_SUITE_P(Types, Bpf, testing::ValuesIn(socket_types), socket_type_name);

/* So much is written, and not read. */
constexpr long much = 40'000;

void write_much(const Ends &ends)
{
	const std::string text(1000, 'x');

	for (int i = 0; i < much / 1000; i++)
		must(::send(ends.writer.get(), text.data(), text.size(), 0), "send");
	wait_until_arrived(ends);
}

/*
 * What connections keep is accounted to the group of who made them, as of TCP; an
 * accepted one's to the listener's. Messages are not, as of AF_UNIX.
 */
TEST_P(Bpf, MemoryIsAccountedToTheGroup)
{
	const Cgroup cgroup;
	const auto has = [&](long least) {
		return eventually([&] { return cgroup.socket_memory() >= least; });
	};
	const auto has_none = [&] {
		return eventually([&] { return cgroup.socket_memory() == 0; });
	};

	enter_new_namespace();
	set_device_up(true, "lo");
	const auto before = glass_ends(type());
	cgroup.enter();
	auto ends = glass_ends(type());
	auto tcp = tcp_ends();

	/* The kernel sums up now and then: who sees what TCP has sees all that was before. */
	write_much(before);
	if (!is_connection())
		write_much(ends);
	write_much(tcp);
	EXPECT_TRUE(has(much));
	tcp = {};
	EXPECT_TRUE(has_none()) << "it is of who made it, not of who uses it";
	if (!is_connection())
		return;
	write_much(ends);
	EXPECT_TRUE(has(much));
	ends = {};
	EXPECT_TRUE(has_none());

	const auto listening = listener(type());
	Cgroup::leave();
	Ends accepted = {glass_socket(type()), {}};
	const auto name = address_of(listening).raw(glass::family());
	must(::connect(accepted.writer.get(), reinterpret_cast<const sockaddr *>(&name),
		       sizeof(name)),
	     "connect");
	accepted.reader = own(::accept(listening.fd(), nullptr, nullptr), "accept");
	write_much(accepted);
	EXPECT_TRUE(has(much));
	accepted = {};
	EXPECT_TRUE(has_none());
}

/* --- Hooks of options ----------------------------------------------------------------------------- */

glass::Fd load(bpf_prog_type type, bpf_attach_type attach, std::span<const bpf_insn> code)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options);
	std::array<char, 16384> log = {};

	options.expected_attach_type = attach;
	options.log_buf = log.data();
	options.log_size = log.size();
	options.log_level = 1;
	const int fd = ::bpf_prog_load(type, "options", "GPL", code.data(), code.size(), &options);
	if (fd < 0)
		throw std::runtime_error(std::string("load: ") + log.data());
	return glass::Fd(fd);
}

/* setsockopt(2) of SO_PRIORITY is refused; of GLASS_RECVERR, not looked at. */
glass::Fd refuse_priority()
{
	const std::array code = {
		instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1,
			    offsetof(bpf_sockopt, optname), 0),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1),
		instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 1, SO_PRIORITY),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return load(BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, code);
}

/* What getsockopt(2) gives of an option of any level is another number, if it is an int. */
glass::Fd answer(int level, int option, int value)
{
	const std::array code = {
		instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1,
			    offsetof(bpf_sockopt, level), 0),
		instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 8, level),
		instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1,
			    offsetof(bpf_sockopt, optname), 0),
		instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 6, option),
		instruction(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_2, BPF_REG_1,
			    offsetof(bpf_sockopt, optval), 0),
		instruction(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_3, BPF_REG_1,
			    offsetof(bpf_sockopt, optval_end), 0),
		instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_4, BPF_REG_2, 0, 0),
		instruction(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_4, 0, 0, sizeof(int)),
		instruction(BPF_JMP | BPF_JGT | BPF_X, BPF_REG_4, BPF_REG_3, 1, 0),
		instruction(BPF_ST | BPF_MEM | BPF_W, BPF_REG_2, 0, 0, value),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return load(BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT, code);
}

Errno set(int fd, int level, int option, int value)
{
	return err(::setsockopt(fd, level, option, &value, sizeof(value)));
}

int get(int fd, int level, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);

	must(::getsockopt(fd, level, option, &value, &size), "getsockopt");
	return value;
}

TEST_P(Bpf, AGroupMayRefuseAndAnswerOptions)
{
	const Cgroup cgroup;
	const auto before = glass_socket(type());
	const auto refuse = refuse_priority();
	const auto priority = answer(SOL_SOCKET, SO_PRIORITY, 4711);
	const auto errors = answer(SOL_GLASS, GLASS_RECVERR, 4712);

	must(::bpf_prog_attach(refuse.get(), cgroup.fd(), BPF_CGROUP_SETSOCKOPT, 0), "attach");
	must(::bpf_prog_attach(priority.get(), cgroup.fd(), BPF_CGROUP_GETSOCKOPT,
			       BPF_F_ALLOW_MULTI),
	     "attach");
	must(::bpf_prog_attach(errors.get(), cgroup.fd(), BPF_CGROUP_GETSOCKOPT, BPF_F_ALLOW_MULTI),
	     "attach");
	cgroup.enter();
	const auto socket = glass_socket(type());
	const auto relative = relative_socket(type());
	for (const int fd : {socket.get(), relative.get()}) {
		EXPECT_EQ(set(fd, SOL_SOCKET, SO_PRIORITY, 3), EPERM);
		EXPECT_EQ(get(fd, SOL_SOCKET, SO_PRIORITY), 4711);
		EXPECT_EQ(set(fd, SOL_SOCKET, SO_RCVLOWAT, 3), 0);
		EXPECT_EQ(get(fd, SOL_SOCKET, SO_RCVLOWAT), 3);
	}
	EXPECT_EQ(set(socket.get(), SOL_GLASS, GLASS_RECVERR, 1), 0);
	EXPECT_EQ(get(socket.get(), SOL_GLASS, GLASS_RECVERR), 4712);
	/* The group of a socket is that of who made it. */
	EXPECT_EQ(set(before.get(), SOL_SOCKET, SO_PRIORITY, 3), 0);
	EXPECT_EQ(get(before.get(), SOL_SOCKET, SO_PRIORITY), 3);
	if (!is_connection())
		return;
	/* And an accepted one's is the listener's. */
	const auto listening = listener(type());
	Cgroup::leave();
	Socket client = stream(type());
	must(client.connect(address_of(listening)), "connect");
	const auto server = own(::accept(listening.fd(), nullptr, nullptr), "accept");
	EXPECT_EQ(get(server.get(), SOL_SOCKET, SO_PRIORITY), 4711);
	EXPECT_EQ(get(client.fd(), SOL_SOCKET, SO_PRIORITY), 0);
}

/* --- Storage ---------------------------------------------------------------------------------------- */

/* A map from sockets to numbers; what a listener has, its connections have, too. */
class Storage
{
public:
	Storage()
	{
		const std::unique_ptr<btf, decltype(&::btf__free)> types(::btf__new_empty(),
									 &::btf__free);
		const int number = ::btf__add_int(types.get(), "int", sizeof(int), BTF_INT_SIGNED);
		LIBBPF_OPTS(bpf_map_create_opts, options);

		must(::btf__load_into_kernel(types.get()), "types");
		options.map_flags = BPF_F_NO_PREALLOC | BPF_F_CLONE;
		options.btf_fd = static_cast<__u32>(::btf__fd(types.get()));
		options.btf_key_type_id = static_cast<__u32>(number);
		options.btf_value_type_id = static_cast<__u32>(number);
		map_ = own(::bpf_map_create(BPF_MAP_TYPE_SK_STORAGE, "storage", sizeof(int),
					    sizeof(int), 0, &options),
			   "make a map");
	}
	Errno put(int fd, int value) const
	{
		return err(::bpf_map_update_elem(map_.get(), &fd, &value, BPF_ANY));
	}
	Errno remove(int fd) const { return err(::bpf_map_delete_elem(map_.get(), &fd)); }
	/* What is there, or -1. */
	int get(int fd) const
	{
		int value = -1;

		return ::bpf_map_lookup_elem(map_.get(), &fd, &value) ? -1 : value;
	}

private:
	glass::Fd map_;
};

TEST_P(Bpf, ASocketHasStorage)
{
	const Storage storage;
	const auto socket = glass_socket(type());
	const auto other = glass_socket(type());
	const glass::Fd copy(::dup(socket.get()));

	EXPECT_EQ(storage.get(socket.get()), -1);
	EXPECT_EQ(storage.put(socket.get(), 77), 0);
	EXPECT_EQ(storage.put(other.get(), 78), 0);
	EXPECT_EQ(storage.get(copy.get()), 77) << "of the socket, not of the descriptor";
	EXPECT_EQ(storage.get(other.get()), 78);
	EXPECT_EQ(storage.remove(copy.get()), 0);
	EXPECT_EQ(storage.remove(socket.get()), ENOENT);
	EXPECT_EQ(storage.get(socket.get()), -1);
	if (!is_connection())
		return;
	const auto listening = listener(type());
	EXPECT_EQ(storage.put(listening.fd(), 79), 0);
	Socket client = stream(type());
	must(client.connect(address_of(listening)), "connect");
	const auto server = own(::accept(listening.fd(), nullptr, nullptr), "accept");
	EXPECT_EQ(storage.get(server.get()), 79);
	EXPECT_EQ(storage.put(server.get(), 80), 0);
	EXPECT_EQ(storage.get(listening.fd()), 79);
}

} // namespace
