// SPDX-License-Identifier: GPL-2.0
/*
 * What an open socket is made of, as the module tells it, against what the
 * kernel says elsewhere: fstat, fcntl, getsockopt and /proc of the values,
 * /proc/kallsyms, the kernel's types and its memory of the tables.
 */
#include <bpf/btf.h>
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "helper.h"
#include "lib/anatomy.h"
#include "lib/control.h"
#include "lib/family.h"
#include "network.h"

namespace {

using namespace helper;
using glass::Anatomy;
using glass::Control;
using glass::DescriptorName;
using glass::Fd;
using glass::Ops;
using glass::OpsTable;

constexpr int nobody = 65534;

/* --- The sockets ---------------------------------------------------------------------- */

/* A kind of socket, and what the kernel's source calls its parts. */
struct Kind {
	const char *name;
	int domain; /* 0: that of Glass */
	int type;
	int protocol;
	const char *ops;
	const char *prot;
	const char *prot_name;
	const char *write_space;
	const char *destruct;
};

void PrintTo(const Kind &kind, std::ostream *out)
{
	*out << kind.name;
}

constexpr std::array kinds = {
	Kind{"Stream", 0, SOCK_STREAM, 0, "glass_stream_ops", "glass_stream_prot", "GLASS-STREAM",
	     "transport_write_space", "transport_destruct"},
	Kind{"Seqpacket", 0, SOCK_SEQPACKET, 0, "glass_seqpacket_ops", "glass_seqpacket_prot",
	     "GLASS-SEQPACKET", "transport_write_space", "transport_destruct"},
	Kind{"Dgram", 0, SOCK_DGRAM, 0, "glass_dgram_ops", "glass_dgram_prot", "GLASS-DGRAM",
	     "sock_def_write_space", "glass_dgram_destruct"},
	Kind{"Raw", 0, SOCK_RAW, 0, "glass_raw_ops", "glass_raw_prot", "GLASS-RAW",
	     "sock_def_write_space", "glass_dgram_destruct"},
	Kind{"Tcp", AF_INET, SOCK_STREAM, 0, "inet_stream_ops", "tcp_prot", "TCP",
	     "sk_stream_write_space", "inet_sock_destruct"},
	Kind{"Udp", AF_INET, SOCK_DGRAM, 0, "inet_dgram_ops", "udp_prot", "UDP",
	     "sock_def_write_space", "udp_destruct_sock"},
	Kind{"IpRaw", AF_INET, SOCK_RAW, IPPROTO_ICMP, "inet_sockraw_ops", "raw_prot", "RAW",
	     "sock_def_write_space", "inet_sock_destruct"},
	Kind{"UnixStream", AF_UNIX, SOCK_STREAM, 0, "unix_stream_ops", "unix_stream_proto",
	     "UNIX-STREAM", "unix_write_space", "unix_sock_destructor"},
	Kind{"UnixDgram", AF_UNIX, SOCK_DGRAM, 0, "unix_dgram_ops", "unix_dgram_proto", "UNIX",
	     "unix_write_space", "unix_sock_destructor"},
	Kind{"Netlink", AF_NETLINK, SOCK_RAW, 0, "netlink_ops", "netlink_proto", "NETLINK",
	     "sock_def_write_space", "netlink_sock_destruct"},
	Kind{"Packet", AF_PACKET, SOCK_RAW, 0, "packet_ops", "packet_proto", "PACKET",
	     "sock_def_write_space", "packet_sock_destruct"},
};

int domain_of(const Kind &kind)
{
	return kind.domain ? kind.domain : glass::family();
}

Fd open_socket(const Kind &kind, int flags = 0)
{
	return Fd(static_cast<int>(
		must(::socket(domain_of(kind), kind.type | flags, kind.protocol), kind.name)));
}

Anatomy anatomy(int fd)
{
	return must(must(Control::open(), "netlink").anatomy(fd), "anatomy");
}

Ops ops(int fd, OpsTable table)
{
	return must(must(Control::open(), "netlink").ops(fd, table), "ops");
}

template <typename T = int> T option(int fd, int name, int level = SOL_SOCKET)
{
	T value = {};
	socklen_t size = sizeof(value);

	must(::getsockopt(fd, level, name, &value, &size), "getsockopt");
	return value;
}

/* A line's value in /proc/self/fdinfo. */
std::string fdinfo(int fd, const std::string &key)
{
	for (const auto &line : lines_of("/proc/self/fdinfo/" + std::to_string(fd))) {
		const auto words = words_of(line);

		if (words.size() > 1 && words[0] == key + ":")
			return words[1];
	}
	return "";
}

/* --- The kernel's symbols, types and memory -------------------------------------------- */

/* /proc/kallsyms. Static functions may share a name, and one place may have many. */
class Symbols
{
public:
	Symbols()
	{
		std::array<char, 1 << 16> part;
		const Fd file(
			static_cast<int>(must(::open("/proc/kallsyms", O_RDONLY), "symbols")));

		while (const long size = must(::read(file.get(), part.data(), part.size()), "read"))
			text_.append(part.data(), static_cast<std::size_t>(size));
		for (const char *at = text_.data(); *at; at = std::strchr(at, '\n') + 1) {
			char *rest = nullptr;
			const std::uint64_t address = std::strtoull(at, &rest, 16);

			/* " t name" and maybe "\t[module]" */
			all_.push_back({address, {rest + 3, std::strcspn(rest + 3, "\t\n")}});
		}
		std::ranges::stable_sort(all_, {}, &Symbol::address);
	}

	/* Where the one of that name is; 0 if there is none or more. */
	std::uint64_t address_of(std::string_view name) const
	{
		std::uint64_t address = 0;

		for (const Symbol &symbol : all_)
			if (symbol.name == name)
				address = address ? ~0ULL : symbol.address;
		return address == ~0ULL ? 0 : address;
	}
	/* Is it one of the names of what is there? */
	bool fits(std::uint64_t address, std::string_view name) const
	{
		const auto there = std::ranges::equal_range(all_, address, {}, &Symbol::address);

		return std::ranges::any_of(there,
					   [&](const Symbol &one) { return one.name == name; });
	}
	/* Those of the names that nothing has. */
	std::set<std::string> unknown(std::set<std::string> names) const
	{
		std::unordered_set<std::string_view> left(names.begin(), names.end());

		for (const Symbol &symbol : all_)
			left.erase(symbol.name);
		return {left.begin(), left.end()};
	}

private:
	struct Symbol {
		std::uint64_t address;
		std::string_view name;
	};

	std::string text_;
	std::vector<Symbol> all_;
};

/* Read once, before the cases are forked off: it takes a second or two. */
const Symbols symbols;

/* A pointer to a function in a structure. */
struct Member {
	std::string name;
	std::size_t offset;
};

/* Those of a structure of the running kernel, in order. */
std::vector<Member> functions_of(const char *structure)
{
	const std::unique_ptr<btf, decltype(&::btf__free)> types(::btf__load_vmlinux_btf(),
								 &::btf__free);
	std::vector<Member> found;

	must(types ? 0 : -1, "the kernel's types");
	const auto id =
		must(::btf__find_by_name_kind(types.get(), structure, BTF_KIND_STRUCT), structure);
	const btf_type *type = ::btf__type_by_id(types.get(), static_cast<__u32>(id));
	for (__u32 i = 0; i < btf_vlen(type); i++) {
		const btf_member &member = btf_members(type)[i];
		const auto target = ::btf__resolve_type(types.get(), member.type);
		const btf_type *pointer =
			::btf__type_by_id(types.get(), static_cast<__u32>(target));

		if (!btf_is_ptr(pointer) ||
		    !btf_is_func_proto(::btf__type_by_id(types.get(), pointer->type)))
			continue;
		found.push_back({::btf__name_by_offset(types.get(), member.name_off),
				 btf_member_bit_offset(type, i) / 8});
	}
	return found;
}

/* The kernel's memory, as its own core file. */
class Core
{
public:
	Core() : file_(static_cast<int>(must(::open("/proc/kcore", O_RDONLY), "kcore")))
	{
		Elf64_Ehdr header;

		must(::pread(file_.get(), &header, sizeof(header), 0), "kcore's header");
		segments_.resize(header.e_phnum);
		must(::pread(file_.get(), segments_.data(), segments_.size() * sizeof(Elf64_Phdr),
			     static_cast<off_t>(header.e_phoff)),
		     "kcore's segments");
	}

	std::uint64_t word_at(std::uint64_t address) const
	{
		std::uint64_t word = 0;

		for (const Elf64_Phdr &segment : segments_)
			if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
			    address - segment.p_vaddr < segment.p_memsz) {
				const auto place = segment.p_offset + (address - segment.p_vaddr);

				must(::pread(file_.get(), &word, sizeof(word),
					     static_cast<off_t>(place)),
				     "the kernel's memory");
				return word;
			}
		throw std::runtime_error("no memory there");
	}

private:
	Fd file_;
	std::vector<Elf64_Phdr> segments_;
};

/* --- Every kind -------------------------------------------------------------------------- */

class EveryKind : public testing::TestWithParam<Kind>
{
protected:
	Fd socket = open_socket(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Anatomy, EveryKind, testing::ValuesIn(kinds),
			 [](const auto &kind) { return kind.param.name; });

TEST_P(EveryKind, FileAndInodeAreThoseOfStat)
{
	const int fd = socket.get();
	struct stat status;
	struct statfs system;
	std::array<char, 64> link = {};

	must(::fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND), "F_SETFL");
	must(::fchown(fd, 1234, 5678), "fchown");
	must(::fstat(fd, &status), "fstat");
	must(::fstatfs(fd, &system), "fstatfs");
	must(::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link.data(), link.size()),
	     "readlink");

	const Anatomy found = anatomy(fd);
	EXPECT_EQ(found.file.op, "socket_file_ops");
	EXPECT_EQ(found.file.flags, static_cast<unsigned int>(::fcntl(fd, F_GETFL)));
	EXPECT_TRUE(found.file.flags & O_NONBLOCK);
	EXPECT_EQ(std::to_string(found.file.position), fdinfo(fd, "pos"));
	EXPECT_EQ(found.dentry_name, link.data());
	EXPECT_EQ(found.inode.number, status.st_ino);
	EXPECT_EQ(std::to_string(found.inode.number), fdinfo(fd, "ino"));
	EXPECT_EQ(found.inode.mode, status.st_mode);
	EXPECT_EQ(found.inode.uid, 1234U);
	EXPECT_EQ(found.inode.magic, static_cast<std::uint64_t>(system.f_type));
	EXPECT_EQ(found.inode.magic, static_cast<std::uint64_t>(SOCKFS_MAGIC));
	EXPECT_EQ(found.inode.file_system, "sockfs");
}

TEST_P(EveryKind, NumbersAreThoseOfGetsockopt)
{
	const int fd = socket.get();
	std::array<std::uint32_t, SK_MEMINFO_VARS> memory = {};
	socklen_t size = sizeof(memory);

	must(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, "\x39\x30\0\0", 4), "SO_RCVBUF");
	must(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, "\x3a\x30\0\0", 4), "SO_SNDBUF");
	must(::setsockopt(fd, SOL_SOCKET, SO_MARK, "\x3b\x30\0\0", 4), "SO_MARK");
	must(::setsockopt(fd, SOL_SOCKET, SO_PRIORITY, "\x05\0\0\0", 4), "SO_PRIORITY");
	must(::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size), "SO_MEMINFO");

	const Anatomy::Sock sock = anatomy(fd).sock;
	EXPECT_EQ(sock.family, option(fd, SO_DOMAIN));
	EXPECT_EQ(sock.family, domain_of(GetParam()));
	EXPECT_EQ(sock.type, option(fd, SO_TYPE));
	EXPECT_EQ(sock.protocol, option(fd, SO_PROTOCOL));
	EXPECT_EQ(sock.mark, 12347U);
	EXPECT_EQ(sock.priority, 5U);
	EXPECT_EQ(sock.receive_buffer, memory[SK_MEMINFO_RCVBUF]);
	EXPECT_EQ(sock.send_buffer, memory[SK_MEMINFO_SNDBUF]);
	EXPECT_NE(sock.receive_buffer, sock.send_buffer);
	EXPECT_EQ(sock.receive_memory, memory[SK_MEMINFO_RMEM_ALLOC]);
	EXPECT_EQ(sock.send_memory, memory[SK_MEMINFO_WMEM_ALLOC]);
	EXPECT_EQ(sock.send_queued, memory[SK_MEMINFO_WMEM_QUEUED]);
	EXPECT_EQ(sock.backlog, memory[SK_MEMINFO_BACKLOG]);
	EXPECT_EQ(sock.drops, memory[SK_MEMINFO_DROPS]);
	EXPECT_EQ(sock.cookie, option<std::uint64_t>(fd, SO_COOKIE));
	EXPECT_EQ(sock.netns_cookie, option<std::uint64_t>(fd, SO_NETNS_COOKIE));
	EXPECT_EQ(sock.error, 0);
	EXPECT_EQ(sock.soft_error, 0);
	EXPECT_EQ(sock.shutdown, 0U);
	EXPECT_EQ(sock.receive_queue, 0U);
	EXPECT_EQ(sock.write_queue, 0U);
	EXPECT_EQ(sock.error_queue, 0U);
	EXPECT_EQ(sock.bound_device, 0U);
	EXPECT_GE(sock.references, 1U);
	EXPECT_LT(sock.references, 10U);
}

TEST_P(EveryKind, PartsGoByTheirSymbols)
{
	const Anatomy found = anatomy(socket.get());
	const Kind &kind = GetParam();

	EXPECT_EQ(found.socket.state, 1); /* SS_UNCONNECTED */
	EXPECT_EQ(found.socket.type, kind.type);
	EXPECT_EQ(found.socket.ops, kind.ops);
	EXPECT_EQ(found.sock.prot, kind.prot);
	EXPECT_EQ(found.sock.prot_name, kind.prot_name);
	EXPECT_EQ(found.sock.data_ready, "sock_def_readable");
	EXPECT_EQ(found.sock.write_space, kind.write_space);
	EXPECT_EQ(found.sock.state_change, "sock_def_wakeup");
	EXPECT_EQ(found.sock.error_report, "sock_def_error_report");
	EXPECT_EQ(found.sock.destruct, kind.destruct);
	EXPECT_EQ(found.protocol.has_value(), !kind.domain);
	EXPECT_FALSE(found.device);

	const auto lines = lines_of("/proc/net/protocols");
	EXPECT_TRUE(std::ranges::any_of(lines, [&](const auto &line) {
		return words_of(line).front() == found.sock.prot_name;
	})) << found.sock.prot_name;
}

/* The table's functions are those that stand in the kernel's memory, none missing. */
TEST_P(EveryKind, TablesAreThoseInMemory)
{
	const Core core;

	for (const OpsTable table : {OpsTable::ProtoOps, OpsTable::Proto}) {
		const bool is_proto = table == OpsTable::Proto;
		const Ops found = ops(socket.get(), table);
		const auto members = functions_of(is_proto ? "proto" : "proto_ops");

		EXPECT_EQ(found.symbol, is_proto ? GetParam().prot : GetParam().ops);
		EXPECT_EQ(found.owner, GetParam().domain ? "" : "glass");
		const std::uint64_t base = symbols.address_of(found.symbol);
		ASSERT_NE(base, 0U) << found.symbol;
		ASSERT_EQ(found.members.size(), members.size());
		for (std::size_t i = 0; i < members.size(); i++) {
			const auto &[name, symbol] = found.members[i];
			const std::uint64_t function = core.word_at(base + members[i].offset);

			EXPECT_EQ(name, members[i].name);
			if (function)
				EXPECT_TRUE(symbols.fits(function, symbol))
					<< name << " is " << symbol;
			else
				EXPECT_EQ(symbol, "") << name;
		}
	}
}

/* --- What changes -------------------------------------------------------------------------- */

TEST(AnatomyOf, ConnectionsHaveAPeerADeviceAndTheirInfo)
{
	for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
		enter_new_namespace();
		Connection pair = connection(type);
		const auto listening = anatomy(pair.listening.fd());
		const auto client = anatomy(pair.client.fd());
		const auto local = must(pair.client.local(), "local");

		EXPECT_EQ(client.socket.state, 3); /* SS_CONNECTED */
		EXPECT_EQ(client.sock.state, TCP_ESTABLISHED);
		EXPECT_EQ(listening.sock.state, TCP_LISTEN);
		ASSERT_TRUE(client.protocol && listening.protocol);
		EXPECT_EQ(client.protocol->local, local);
		EXPECT_EQ(client.protocol->remote, must(pair.client.peer(), "peer"));
		EXPECT_EQ(listening.protocol->local, must(pair.listening.local(), "local"));
		EXPECT_FALSE(listening.protocol->info);
		ASSERT_TRUE(client.protocol->info);
		const glass_info info = info_of(pair.client);
		EXPECT_EQ(std::memcmp(&*client.protocol->info, &info, sizeof(info)), 0);
		ASSERT_TRUE(client.device);
		EXPECT_EQ(client.device->name, "glass0");
		EXPECT_EQ(client.device->ifindex, ::if_nametoindex("glass0"));
	}
}

TEST(AnatomyOf, QueuesAndShutdownAreSeen)
{
	enter_new_namespace();
	Pair pair = make_pair();

	for (int i = 0; i < 3; i++)
		must(pair.sender.send(bytes("message")), "send");
	auto found = anatomy(pair.receiver.fd());
	EXPECT_EQ(found.sock.receive_queue, 3U);
	EXPECT_EQ(anatomy(pair.sender.fd()).sock.receive_queue, 0U);
	/* Their memory is the sender's until they are read. */
	EXPECT_GT(anatomy(pair.sender.fd()).sock.send_memory, 0U);
	EXPECT_EQ(anatomy(pair.sender.fd()).protocol->send_queue,
		  must(pair.sender.output_queued(), "SIOCOUTQ"));
	read_message(pair.receiver);
	EXPECT_EQ(anatomy(pair.receiver.fd()).sock.receive_queue, 2U);

	must(pair.receiver.shutdown(glass::Half::Read), "shutdown");
	EXPECT_EQ(anatomy(pair.receiver.fd()).sock.shutdown, 1U);
	must(pair.receiver.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(anatomy(pair.receiver.fd()).sock.shutdown, 3U);
}

/* It shows an error, and leaves it to the call that gets it. */
TEST(AnatomyOf, AnErrorIsSeenAndStays)
{
	sockaddr_in there = {};
	const Fd socket = open_socket(kinds[5]);

	enter_new_namespace();
	set_device_up(true, "lo");
	const Fd udp = open_socket(kinds[5]);
	there.sin_family = AF_INET;
	there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	there.sin_port = htons(9);
	must(::connect(udp.get(), reinterpret_cast<sockaddr *>(&there), sizeof(there)), "connect");
	auto found = anatomy(udp.get());
	ASSERT_TRUE(found.device);
	EXPECT_EQ(found.device->name, "lo");
	EXPECT_EQ(found.sock.state, TCP_ESTABLISHED);
	EXPECT_NE(found.sock.netns_cookie, anatomy(socket.get()).sock.netns_cookie);
	must(::send(udp.get(), "x", 1, 0), "send");
	EXPECT_EQ(anatomy(udp.get()).sock.error, ECONNREFUSED);
	EXPECT_EQ(anatomy(udp.get()).sock.error, ECONNREFUSED);
	EXPECT_EQ(option(udp.get(), SO_ERROR), ECONNREFUSED);
	EXPECT_EQ(anatomy(udp.get()).sock.error, 0);
}

TEST(AnatomyOf, TheDeviceIsWhereItIsBoundTo)
{
	enter_new_namespace();
	const Fd udp = open_socket(kinds[5]);
	must(::setsockopt(udp.get(), SOL_SOCKET, SO_BINDTODEVICE, "glass0", 6), "SO_BINDTODEVICE");
	const auto found = anatomy(udp.get());
	ASSERT_TRUE(found.device);
	EXPECT_EQ(found.device->name, "glass0");
	EXPECT_EQ(found.sock.bound_device, found.device->ifindex);

	Socket socket = dgram();
	EXPECT_FALSE(anatomy(socket.fd()).device);
	EXPECT_EQ(anatomy(socket.fd()).protocol->local, (Address{GLASS_NODE_ANY, GLASS_PORT_ANY}));
	must(socket.bind({GLASS_NODE_LOCAL, 5000}), "bind");
	ASSERT_TRUE(anatomy(socket.fd()).device);
	EXPECT_EQ(anatomy(socket.fd()).device->name, "glass0");
	EXPECT_EQ(anatomy(socket.fd()).protocol->local, (Address{GLASS_NODE_LOCAL, 5000}));
}

/* Looking counts nothing and holds on to nothing. */
TEST(AnatomyOf, LookingLeavesNoTrace)
{
	enter_new_namespace();
	Pair pair = make_pair(); // nobody else looks at these: they have no timers
	const auto before = anatomy(pair.sender.fd());
	const auto counted = counters();

	for (int i = 0; i < 100; i++) {
		anatomy(pair.sender.fd());
		ops(pair.sender.fd(), OpsTable::Proto);
	}
	EXPECT_EQ(anatomy(pair.sender.fd()).sock.references, before.sock.references);
	EXPECT_EQ(counters(), counted);

	/* The last descriptor is the last reference on the file. */
	Connection last = connection(SOCK_STREAM);
	anatomy(last.client.fd());
	last.client.close();
	EXPECT_EQ(poll_long(last.server, POLLIN) & POLLIN, POLLIN);
	Connection again = connection(SOCK_STREAM);
	ops(again.client.fd(), OpsTable::Proto);
	again.client.close();
	EXPECT_EQ(poll_long(again.server, POLLIN) & POLLIN, POLLIN);
}

/* --- Refusals and rights --------------------------------------------------------------------- */

TEST(AnatomyRefuses, WhatIsNoSocket)
{
	Control control = must(Control::open(), "netlink");
	std::array<int, 2> ends;

	must(::pipe(ends.data()), "pipe");
	EXPECT_EQ(err(control.anatomy(ends[0])), ENOTSOCK);
	EXPECT_EQ(control.explanation(), "The descriptor is not a socket");
	EXPECT_EQ(err(control.ops(ends[0], OpsTable::Proto)), ENOTSOCK);
	::close(ends[0]);
	pollfd writer = {ends[1], 0, 0};
	EXPECT_EQ(::poll(&writer, 1, 0), 1);
	EXPECT_EQ(writer.revents, POLLERR); // nobody holds on to the other end
	EXPECT_EQ(err(control.anatomy(ends[0])), EBADF);
	EXPECT_EQ(control.explanation(), "There is no such descriptor");
	EXPECT_EQ(err(control.ops(ends[0], OpsTable::ProtoOps)), EBADF);
	EXPECT_EQ(err(control.anatomy(-1)), EBADF);
	/* Who has no more than the name may not look either, as with getsockopt. */
	const Fd socket = open_socket(kinds[0]);
	const Fd path(::open(("/proc/self/fd/" + std::to_string(socket.get())).c_str(), O_PATH));
	ASSERT_TRUE(path);
	EXPECT_EQ(err(control.anatomy(path.get())), EBADF);
	EXPECT_EQ(err(control.ops(socket.get(), static_cast<OpsTable>(2))), ERANGE);
}

TEST(AnatomyRights, HoldingTheDescriptorIsEnough)
{
	const Fd socket = open_socket(kinds[3]);

	EXPECT_EQ(in_child([&socket] {
			  must(::setresuid(nobody, nobody, nobody), "setresuid");
			  const Anatomy found = anatomy(socket.get());
			  const Ops table = ops(socket.get(), OpsTable::ProtoOps);

			  EXPECT_EQ(found.socket.ops, "glass_raw_ops");
			  EXPECT_EQ(found.sock.data_ready, "sock_def_readable");
			  EXPECT_EQ(table.members.at(0).second, "glass_sk_release");
			  return testing::Test::HasFailure() ? 1 : 0;
		  }),
		  0);
}

/* No address, not even hashed: what has no name is a question mark. */
TEST(AnatomyRights, NoAddressLeaves)
{
	std::set<std::string> names;

	for (const Kind &kind : kinds) {
		const Fd socket = open_socket(kind);
		const Anatomy found = anatomy(socket.get());

		names.insert({found.file.op, found.socket.ops, found.sock.prot,
			      found.sock.data_ready, found.sock.write_space,
			      found.sock.state_change, found.sock.error_report,
			      found.sock.backlog_rcv, found.sock.destruct});
		for (const OpsTable table : {OpsTable::ProtoOps, OpsTable::Proto})
			for (const auto &[member, symbol] : ops(socket.get(), table).members)
				names.insert(symbol);
	}
	names.erase("");
	EXPECT_GT(names.size(), 150U);
	EXPECT_EQ(symbols.unknown(names), std::set<std::string>());
}

/* A process with a socket, until this one lets it go. */
class Other
{
public:
	explicit Other(uid_t uid)
	{
		std::array<int, 2> ready;
		char byte;

		must(::pipe(ready.data()), "pipe");
		must(::pipe(ends_.data()), "pipe");
		pid_ = static_cast<pid_t>(must(::fork(), "fork"));
		if (!pid_) {
			::close(ends_[1]);
			::dup2(open_socket(kinds[0]).get(), fd);
			if (uid && (::setresgid(uid, uid, uid) || ::setresuid(uid, uid, uid)))
				::_exit(1);
			::close(ready[1]);
			::_exit(::read(ends_[0], &byte, 1) < 0);
		}
		::close(ready[1]);
		::close(ends_[0]);
		must(::read(ready[0], &byte, 1), "read");
		::close(ready[0]);
	}
	~Other()
	{
		::close(ends_[1]);
		::waitpid(pid_, nullptr, 0);
	}

	DescriptorName name(int number = fd) const { return {pid_, number}; }
	static constexpr int fd = 77;

private:
	pid_t pid_;
	std::array<int, 2> ends_;
};

TEST(AnatomyOfOthers, IsSeenByWhoMayLookIntoThem)
{
	const Other other(0);
	const Fd copy = must(glass::fetch_descriptor(other.name()), "fetch");
	struct stat status;
	const std::string link = "/proc/" + std::to_string(other.name().pid) + "/fd/77";

	must(::stat(link.c_str(), &status), "stat");
	EXPECT_EQ(anatomy(copy.get()).inode.number, status.st_ino);
	EXPECT_EQ(anatomy(copy.get()).sock.prot_name, "GLASS-STREAM");
	EXPECT_EQ(err(glass::fetch_descriptor(other.name(78))), EBADF);
	EXPECT_EQ(err(glass::fetch_descriptor({0x7fffffff, 3})), ESRCH);
}

TEST(AnatomyOfOthers, IsRefusedToOthers)
{
	const Other root(0);

	EXPECT_EQ(in_child([&root] {
			  must(::setresuid(nobody, nobody, nobody), "setresuid");
			  EXPECT_EQ(err(glass::fetch_descriptor(root.name())), EPERM);
			  return testing::Test::HasFailure() ? 1 : 0;
		  }),
		  0);
}

/* Whoever opened the netlink socket could read the answer. */
TEST(AnatomyRights, OfWhoOpenedTheNetlinkSocketAreEnoughForTheSender)
{
	const Fd socket = open_socket(kinds[0]);

	must(::seteuid(nobody), "seteuid");
	Control theirs = must(Control::open(), "netlink");
	EXPECT_EQ(err(theirs.anatomy(socket.get())), 0);
	must(::seteuid(0), "seteuid");
	EXPECT_EQ(err(theirs.anatomy(socket.get())), EPERM);
	EXPECT_EQ(theirs.explanation(), "The netlink socket was opened with other rights");
	EXPECT_EQ(err(theirs.ops(socket.get(), OpsTable::Proto)), EPERM);
	EXPECT_EQ(err(theirs.anatomy(-1)), EPERM);

	/* The same user's: fewer are no harm, more are. */
	Control more = must(Control::open(), "netlink");
	std::optional<Control> fewer;
	std::thread([&] {
		drop_capability(CAP_NET_RAW); // of this thread
		fewer = must(Control::open(), "netlink");
		EXPECT_EQ(err(more.anatomy(socket.get())), 0);
		EXPECT_EQ(err(fewer->anatomy(socket.get())), 0);
	}).join();
	EXPECT_EQ(err(fewer->anatomy(socket.get())), EPERM);
}

/* --- Names of descriptors ------------------------------------------------------------------------ */

TEST(DescriptorNames, AreReadInThreeForms)
{
	const auto parse = [](const char *text) {
		const auto name = DescriptorName::parse(text);

		return name ? std::to_string(name->pid) + " " + std::to_string(name->fd) : "?";
	};

	EXPECT_EQ(parse("3"), "0 3");
	EXPECT_EQ(parse("812:3"), "812 3");
	EXPECT_EQ(parse("/proc/812/fd/3"), "812 3");
	EXPECT_EQ(parse("/proc/self/fd/3"), "0 3");
	for (const char *text : {"", "x", "-1", "3 ", "812:", ":3", "0:3", "812:3x",
				 "/proc/812/fd/", "/proc/812/fd/-3", "/proc/fd/3",
				 "/proc/812/fd/3/", "99999999999", "self:3", "/proc/self/fd/3:4"})
		EXPECT_EQ(parse(text), "?") << text;
}

} // namespace
