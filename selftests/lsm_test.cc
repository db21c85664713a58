// SPDX-License-Identifier: GPL-2.0
/*
 * Security modules: what one refuses fails with its errno, and nothing is half
 * done. The one that refuses here is a BPF program on one hook at a time, put
 * together by hand, so that no compiler for it is needed.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "helper.h"
#include "lib/anatomy.h"
#include "lib/control.h"
#include "lib/family.h"
#include "network.h"

namespace {

using namespace helper;

/* --- The security module -------------------------------------------------------------- */

/*
 * One program on each hook, which refuses the process whose number stands in the
 * hook's slot. To take a program off its hook costs a tenth of a second, and to
 * find the hooks among the kernel's types another: so all are attached once,
 * before the cases are forked off, which change nothing but slots.
 */
class SecurityModule
{
public:
	SecurityModule()
	{
		try {
			attach();
			why_not = refuses_nothing() ? "the BPF LSM is not active: see lsm= of the "
						      "kernel's command line"
						    : "";
		} catch (const std::exception &error) {
			why_not = std::string("no BPF LSM: ") + error.what();
		}
	}

	/* The process that is refused there; 0 is nobody. */
	std::uint32_t &slot(const std::string &hook)
	{
		return slots_[std::ranges::find(hooks, hook) - hooks.begin()];
	}

	std::string why_not; /* why nothing will be refused */

private:
	static constexpr std::array<std::string_view, 11> hooks = {
		"socket_create",   "socket_socketpair", "socket_bind",	  "socket_connect",
		"socket_listen",   "socket_accept",	"socket_sendmsg", "socket_recvmsg",
		"socket_shutdown", "file_permission",	"file_receive",
	};
	static constexpr std::size_t slots_size = hooks.size() * sizeof(std::uint32_t);

	void attach()
	{
		const std::unique_ptr<btf, decltype(&::btf__free)> types(::btf__load_vmlinux_btf(),
									 &::btf__free);
		LIBBPF_OPTS(bpf_map_create_opts, options);

		must(types ? 0 : -1, "the kernel's types");
		options.map_flags = BPF_F_MMAPABLE;
		map_ = own(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "refused", sizeof(std::uint32_t),
					    slots_size, 1, &options),
			   "make a map");
		void *memory = ::mmap(nullptr, slots_size, PROT_READ | PROT_WRITE, MAP_SHARED,
				      map_.get(), 0);
		must(memory == MAP_FAILED ? -1 : 0, "map it");
		slots_ = static_cast<std::uint32_t *>(memory);
		for (std::size_t i = 0; i < hooks.size(); i++)
			attach(i, must(::btf__find_by_name_kind(
					       types.get(),
					       ("bpf_lsm_" + std::string(hooks[i])).c_str(),
					       BTF_KIND_FUNC),
				       hooks[i].data()));
	}

	/* if (tgid of current == slot @index) return -EPERM; return 0; */
	void attach(std::size_t index, long hook)
	{
		constexpr __s32 refused = -EPERM;
		const auto offset = static_cast<__s32>(index * sizeof(std::uint32_t));
		const std::array<bpf_insn, 10> code = {{
			{BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid},
			{BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32},
			{BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0, map_.get()},
			{0, 0, 0, 0, offset},
			{BPF_LDX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_1, 0, 0},
			{BPF_JMP | BPF_JNE | BPF_X, BPF_REG_0, BPF_REG_1, 2, 0},
			{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, refused},
			{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
			{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
			{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
		}};
		LIBBPF_OPTS(bpf_prog_load_opts, options);

		options.expected_attach_type = BPF_LSM_MAC;
		options.attach_btf_id = static_cast<__u32>(hook);
		const auto program = own(::bpf_prog_load(BPF_PROG_TYPE_LSM, "refuse", "GPL",
							 code.data(), code.size(), &options),
					 "load a program");
		links_.push_back(
			own(::bpf_raw_tracepoint_open(nullptr, program.get()), "attach a program"));
	}

	/* Programs can be attached where nobody asks them: without "bpf" in lsm=. */
	bool refuses_nothing()
	{
		auto &refused = slot("socket_create");

		refused = static_cast<std::uint32_t>(::getpid());
		const glass::Fd socket(::socket(AF_UNIX, SOCK_DGRAM, 0));
		refused = 0;
		return static_cast<bool>(socket);
	}

	glass::Fd map_;
	std::vector<glass::Fd> links_;
	std::uint32_t *slots_ = nullptr;
};

SecurityModule security_module;

/* What @p call fails with while this process is refused @p hook. */
template <typename Call> Errno refused(const std::string &hook, Call call)
{
	auto &refused = security_module.slot(hook);

	refused = static_cast<std::uint32_t>(::getpid());
	const Errno error = err(call());
	refused = 0;
	return error;
}

/* --- The sockets ------------------------------------------------------------------------ */

constexpr std::uint32_t any = 0xffffffff;
constexpr Address there = {GLASS_NODE_LOCAL, 5000};
constexpr int nobodys_protocol = 77;

struct Type {
	const char *name;
	int type;
	int protocol;
	std::size_t header; /* bytes in front of what it receives */
	bool has_connections = false;
};

void PrintTo(const Type &type, std::ostream *out)
{
	*out << type.name;
}

class Lsm : public testing::TestWithParam<Type>
{
protected:
	void SetUp() override
	{
		if (!security_module.why_not.empty())
			GTEST_SKIP() << security_module.why_not;
		enter_new_namespace();
	}

	static Socket create()
	{
		return must(Socket::create(GetParam().type, GetParam().protocol), "socket");
	}
	/* Somebody to connect to. */
	static Socket peer()
	{
		Socket socket = create();

		must(socket.bind(there), "bind");
		if (GetParam().has_connections)
			must(socket.listen(), "listen");
		return socket;
	}
	/* The first connects to the second, which is where its messages come out then. */
	static void join(Pair &pair)
	{
		must(pair.sender.connect(there), "connect");
		if (GetParam().has_connections)
			pair.receiver = must(pair.receiver.accept(), "accept");
	}
	static Pair joined()
	{
		Pair pair = {create(), peer()};

		join(pair);
		return pair;
	}
	static Text read(Socket &socket)
	{
		poll_long(socket, POLLIN);
		return read_message(socket).substr(GetParam().header);
	}
	static void expect_it_works(Pair &pair)
	{
		must(pair.sender.send(bytes("it works")), "send");
		EXPECT_EQ(read(pair.receiver), "it works");
		EXPECT_FALSE(is_readable(pair.receiver));
	}
};

/* What there is of Glass in this namespace, and what this process has. */
struct Inventory {
	long sockets = 0;
	std::size_t shown = lines_of("/proc/self/net/glass").size();
	std::uint64_t frames = counters().at("GlassOutFrames");
	int next_descriptor;

	Inventory()
	{
		for (const auto &line : lines_of("/proc/self/net/protocols"))
			if (line.starts_with("GLASS"))
				sockets += std::stol(words_of(line).at(2));
		const glass::Fd next(static_cast<int>(must(::dup(0), "dup")));
		next_descriptor = next.get();
	}
	friend bool operator==(const Inventory &, const Inventory &) = default;
};

std::ostream &operator<<(std::ostream &out, const Inventory &inventory)
{
	return out << inventory.sockets << " sockets, " << inventory.shown << " lines, "
		   << inventory.frames << " frames sent, next descriptor "
		   << inventory.next_descriptor;
}

/* --- What it refuses -------------------------------------------------------------------- */

TEST_P(Lsm, RefusesToCreate)
{
	const Inventory before;
	const long references = module_references();

	EXPECT_EQ(refused("socket_create",
			  [] { return Socket::create(GetParam().type, GetParam().protocol); }),
		  EPERM);
	EXPECT_EQ(refused("socket_create",
			  [] { return Socket::pair(GetParam().type, GetParam().protocol); }),
		  EPERM);
	EXPECT_EQ(Inventory(), before);
	EXPECT_EQ(module_references(), references);
	create();
}

TEST_P(Lsm, RefusesToMakeAPair)
{
	const Inventory before;
	std::array<int, 2> pair = {-2, -2};

	EXPECT_EQ(refused("socket_socketpair",
			  [&pair] {
				  return ::socketpair(glass::family(), GetParam().type,
						      GetParam().protocol, pair.data());
			  }),
		  EPERM);
	EXPECT_EQ(Inventory(), before);
}

TEST_P(Lsm, RefusesToBind)
{
	Socket socket = create();
	const Inventory before;

	EXPECT_EQ(refused("socket_bind", [&] { return socket.bind(there); }), EPERM);
	EXPECT_EQ(must(socket.local(), "getsockname"), (Address{any, any}));
	EXPECT_EQ(Inventory(), before);
	// The port is free, and the socket may still take it.
	peer().close();
	must(socket.bind(there), "bind");
	EXPECT_EQ(must(socket.local(), "getsockname"), there);
}

TEST_P(Lsm, RefusesToConnect)
{
	Pair pair = {create(), peer()};
	const Inventory before;

	EXPECT_EQ(refused("socket_connect", [&] { return pair.sender.connect(there); }), EPERM);
	EXPECT_EQ(err(pair.sender.peer()), ENOTCONN);
	EXPECT_EQ(must(pair.sender.local(), "getsockname"), (Address{any, any}));
	EXPECT_EQ(Inventory(), before);
	join(pair);
	expect_it_works(pair);
}

TEST_P(Lsm, RefusesToDisconnect)
{
	Pair pair = joined();

	EXPECT_EQ(refused("socket_connect", [&] { return pair.sender.disconnect(); }), EPERM);
	EXPECT_EQ(must(pair.sender.peer(), "getpeername"), there);
	expect_it_works(pair);
}

/* Asked before the type is: what cannot listen anyway is refused as well. */
TEST_P(Lsm, RefusesToListen)
{
	Pair pair = joined();
	const Inventory before;

	EXPECT_EQ(refused("socket_listen", [&] { return ::listen(pair.receiver.fd(), 1); }), EPERM);
	EXPECT_EQ(must(pair.receiver.option(SOL_SOCKET, SO_ACCEPTCONN), "SO_ACCEPTCONN"), 0);
	EXPECT_EQ(Inventory(), before);
	expect_it_works(pair);
}

TEST_P(Lsm, RefusesToAccept)
{
	Pair pair = joined();
	const Inventory before;

	EXPECT_EQ(refused("socket_accept",
			  [&] { return ::accept(pair.receiver.fd(), nullptr, nullptr); }),
		  EPERM);
	EXPECT_EQ(Inventory(), before);
	expect_it_works(pair);
}

/* And those that can. */
TEST_P(Lsm, RefusesToListenAtFirst)
{
	Socket socket = create();
	Socket client = create();

	if (!GetParam().has_connections)
		return;
	must(socket.bind(there), "bind");
	EXPECT_EQ(refused("socket_listen", [&] { return socket.listen(); }), EPERM);
	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_ACCEPTCONN), "SO_ACCEPTCONN"), 0);
	EXPECT_EQ(err(client.connect(there)), ECONNREFUSED);
	must(socket.listen(), "listen");
	EXPECT_EQ(err(client.connect(there)), 0);
}

TEST_P(Lsm, RefusesToAcceptWhatStaysInTheQueue)
{
	Pair pair = {create(), peer()};

	if (!GetParam().has_connections)
		return;
	must(pair.sender.connect(there), "connect");
	must(pair.sender.send(bytes("before it is accepted")), "send");
	const Inventory before;
	EXPECT_EQ(refused("socket_accept", [&] { return pair.receiver.accept(); }), EPERM);
	EXPECT_EQ(Inventory().sockets, before.sockets);
	EXPECT_EQ(Inventory().next_descriptor, before.next_descriptor);
	pair.receiver = must(pair.receiver.accept(), "accept");
	EXPECT_EQ(read(pair.receiver), "before it is accepted");
	expect_it_works(pair);
}

TEST_P(Lsm, RefusesToSend)
{
	Pair pair = joined();
	Socket unbound = create();
	const Inventory before;
	iovec part = {const_cast<char *>("x"), 1};
	mmsghdr message = {};
	const int fd = pair.sender.fd();

	message.msg_hdr.msg_iov = &part;
	message.msg_hdr.msg_iovlen = 1;
	EXPECT_EQ(refused("socket_sendmsg", [&] { return pair.sender.send(bytes("x")); }), EPERM);
	EXPECT_EQ(refused("socket_sendmsg", [&] { return unbound.send_to(bytes("x"), there); }),
		  EPERM);
	EXPECT_EQ(refused("socket_sendmsg", [fd] { return ::write(fd, "x", 1); }), EPERM);
	EXPECT_EQ(refused("socket_sendmsg", [&] { return ::sendmmsg(fd, &message, 1, 0); }), EPERM);
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(must(unbound.local(), "getsockname"), (Address{any, any}));
	EXPECT_EQ(Inventory(), before);
	expect_it_works(pair);
}

TEST_P(Lsm, RefusesToReceive)
{
	Pair pair = joined();
	std::array<std::byte, 100> buffer;
	const int fd = pair.receiver.fd();

	must(pair.sender.send(bytes("still there")), "send");
	EXPECT_EQ(refused("socket_recvmsg", [&] { return pair.receiver.receive(buffer); }), EPERM);
	EXPECT_EQ(refused("socket_recvmsg",
			  [&] { return pair.receiver.receive(buffer, MSG_PEEK | MSG_TRUNC); }),
		  EPERM);
	EXPECT_EQ(
		refused("socket_recvmsg", [&] { return ::read(fd, buffer.data(), buffer.size()); }),
		EPERM);
	EXPECT_TRUE(is_readable(pair.receiver));
	EXPECT_EQ(read(pair.receiver), "still there");
	expect_it_works(pair);
}

TEST_P(Lsm, RefusesToShutDown)
{
	Pair pair = joined();

	for (const auto half : {glass::Half::Write, glass::Half::Read, glass::Half::Both})
		for (Socket *socket : {&pair.sender, &pair.receiver}) {
			EXPECT_EQ(
				refused("socket_shutdown", [&] { return socket->shutdown(half); }),
				EPERM);
			EXPECT_EQ(poll_now(*socket, POLLOUT | POLLRDHUP), POLLOUT);
		}
	expect_it_works(pair);
}

/* Of every file, and asked before the socket: this process can print nothing meanwhile. */
TEST_P(Lsm, RefusesToReadAndWriteTheFile)
{
	Pair pair = joined();
	std::array<std::byte, 100> buffer;
	const iovec part = {buffer.data(), buffer.size()};
	const int in = pair.receiver.fd();
	const int out = pair.sender.fd();

	const std::uint64_t frames = counters().at("GlassOutFrames");

	must(pair.sender.send(bytes("still there")), "send");
	/* No acknowledgment is to come while we count: it is the second frame. */
	EXPECT_TRUE(!GetParam().has_connections ||
		    eventually([&] { return counters().at("GlassOutFrames") == frames + 2; }));
	const Inventory before;
	EXPECT_EQ(refused("file_permission",
			  [&] { return ::read(in, buffer.data(), buffer.size()); }),
		  EPERM);
	EXPECT_EQ(refused("file_permission", [&] { return ::readv(in, &part, 1); }), EPERM);
	EXPECT_EQ(refused("file_permission", [out] { return ::write(out, "x", 1); }), EPERM);
	EXPECT_EQ(refused("file_permission", [&] { return ::writev(out, &part, 1); }), EPERM);
	EXPECT_EQ(Inventory(), before);
	EXPECT_EQ(read(pair.receiver), "still there");
	expect_it_works(pair);
}

/* What a socket is made of: who may receive its descriptor, and may ask, may know. */
TEST_P(Lsm, RefusesAnotherProcesssDescriptorAndTheQuestion)
{
	const Socket socket = create();
	const glass::DescriptorName name = {::getpid(), socket.fd()};
	auto control = must(glass::Control::open(), "netlink");

	EXPECT_EQ(refused("file_receive", [&] { return glass::fetch_descriptor(name); }), EPERM);
	EXPECT_EQ(refused("socket_sendmsg", [&] { return control.anatomy(socket.fd()); }), EPERM);
	const auto copy = must(glass::fetch_descriptor(name), "fetch");
	EXPECT_EQ(err(control.anatomy(copy.get())), 0);
}

INSTANTIATE_TEST_SUITE_P(OfType, Lsm,
			 testing::Values(Type{"Stream", SOCK_STREAM, 0, 0, true},
					 Type{"Seqpacket", SOCK_SEQPACKET, 0, 0, true},
					 Type{"Dgram", SOCK_DGRAM, 0, 0},
					 Type{"Raw", SOCK_RAW, nobodys_protocol,
					      sizeof(glass_hdr)}),
			 [](const auto &info) { return std::string(info.param.name); });

} // namespace
