// SPDX-License-Identifier: GPL-2.0
/*
 * What STREAM and SEQPACKET promise on devices that lose, double, reorder,
 * alter and delay frames: every byte arrives once, unaltered and in order, both
 * ways at the same time; connections come about and end as on a good device.
 */
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/glass.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <ostream>
#include <sstream>
#include <thread>

#include "frame.h"
#include "helper.h"
#include "ktap.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;

/*
 * An endless text. Its period is prime, so that no two segments, pages or
 * messages of it are alike.
 */
class Endless
{
public:
	explicit Endless(std::uint64_t seed) : data_(pattern(period, seed))
	{
		data_.resize(period + piece);
		std::copy_n(data_.begin(), piece, data_.begin() + period);
	}

	/* What is at @p place, up to @p size bytes but not more than a piece. */
	std::span<const std::byte> at(std::size_t place, std::size_t size) const
	{
		return std::span(data_).subspan(place % period, std::min(size, piece));
	}

	static constexpr std::size_t period = 1'000'003;
	static constexpr std::size_t piece = 900 * KiB;

private:
	std::vector<std::byte> data_;
};

/* How much one way carries, and what it is. */
struct Load {
	int type;
	std::size_t size;
	std::uint64_t seed;
	std::size_t max_message = Endless::piece;

	/* The size of message @p number: all magnitudes are as likely. */
	std::size_t message(unsigned number) const
	{
		const auto random = (number + 1) * 0x9e3779b97f4a7c15 ^ seed << 32;
		const auto magnitude = random >> 59; // 0 to 31

		return std::min(max_message, (1 + (random >> 20) % 1000) << magnitude / 3);
	}
	/* The next piece to be sent. */
	std::size_t next(std::size_t done, unsigned number) const
	{
		return std::min(size - done, type == SOCK_STREAM ? 300'000 : message(number));
	}
};

/* Sends it all; an empty string, or what is wrong. */
std::string send_load(Socket &socket, const Load &load)
{
	const Endless source(load.seed);

	for (std::size_t done = 0, n = 0; done < load.size; n++) {
		const auto data = source.at(done, load.next(done, static_cast<unsigned>(n)));
		const auto sent = socket.send(data, MSG_NOSIGNAL);

		if (!sent)
			return "send: " + sent.error().message();
		done += *sent;
	}
	return {};
}

std::string receive_load(Socket &socket, const Load &load)
{
	const Endless source(load.seed);
	std::vector<std::byte> buffer(Endless::piece);

	for (std::size_t done = 0, n = 0; done < load.size; n++) {
		const auto got = socket.receive(buffer);
		const std::string where = " at " + std::to_string(done);

		if (!got)
			return "receive" + where + ": " + got.error().message();
		if (*got == 0)
			return "the end" + where;
		if (load.type == SOCK_SEQPACKET &&
		    *got != load.next(done, static_cast<unsigned>(n)))
			return "a message of " + std::to_string(*got) + where;
		if (*got > load.size - done)
			return "more than was sent";
		if (std::memcmp(buffer.data(), source.at(done, *got).data(), *got) != 0)
			return "other bytes" + where;
		done += *got;
	}
	return {};
}

/* The same both ways at once; then both sides say that this was all. */
void exchange(Connection &ends, int type, std::size_t size)
{
	const Load there = {type, size, 1};
	const Load back = {type, size, 2};
	const auto begin = Clock::now();
	std::array<std::byte, 1> rest;
	{
		Task<std::string> client_sends([&] { return send_load(ends.client, there); });
		Task<std::string> server_sends([&] { return send_load(ends.server, back); });
		Task<std::string> server_reads([&] { return receive_load(ends.server, there); });

		EXPECT_EQ(receive_load(ends.client, back), "");
		EXPECT_EQ(server_reads.result(), "");
		EXPECT_EQ(client_sends.result(), "");
		EXPECT_EQ(server_sends.result(), "");
	}
	const std::chrono::duration<double> took = Clock::now() - begin;
	const auto after = counters();

	std::cout << "each way " << size / KiB << " KiB in " << took.count() << " s; segments "
		  << after.at("GlassOutSegments") << ", again " << after.at("GlassRetransmits")
		  << ", timeouts " << after.at("GlassTimeouts") << ", recoveries "
		  << after.at("GlassRecoveries") << ", early " << after.at("GlassEarly")
		  << ", probes " << after.at("GlassProbes") << std::endl;
	EXPECT_EQ(err(ends.client.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(err(ends.server.shutdown(glass::Half::Write)), 0);
	EXPECT_EQ(must(ends.client.receive(rest), "receive"), 0u) << "more than was sent";
	EXPECT_EQ(must(ends.server.receive(rest), "receive"), 0u) << "more than was sent";
}

/*
 * Nothing was lost, so nothing was held for lost. But if a processor of a busy
 * machine stands still for as long as a retransmission takes, the timer fires.
 */
void set_buffers(Socket &socket, std::size_t size)
{
	must(socket.set_option(SOL_SOCKET, SO_SNDBUFFORCE, static_cast<int>(size)), "SO_SNDBUF");
	must(socket.set_option(SOL_SOCKET, SO_RCVBUFFORCE, static_cast<int>(size)), "SO_RCVBUF");
}

/* With buffers for messages of 1 MiB. */
Connection large_connection(int type)
{
	Connection ends = {stream(type), {}, listener(type)};

	set_buffers(ends.client, 2 * MiB);
	set_buffers(ends.listening, 2 * MiB);
	must(ends.client.connect(address_of(ends.listening)), "connect");
	ends.server = must(ends.listening.accept(), "accept");
	return ends;
}

void set_sysctl(const std::string &name, std::uint64_t value)
{
	std::ofstream file("/proc/sys/net/glass/" + name);

	file << value << std::flush;
	must(file ? 0 : -1, name.c_str());
}

/* A namespace for a case, which leaves nothing behind that still sends. */
class Elsewhere
{
public:
	Elsewhere()
	{
		enter_new_namespace();
		/* A way that carries little is not one that carries nothing. */
		set_sysctl("user_timeout_ms", 600'000);
		set_sysctl("time_wait_ms", 50);
	}
	~Elsewhere()
	{
		set_sysctl("user_timeout_ms", 1);
		set_sysctl("time_wait_ms", 1);
	}
	Elsewhere(const Elsewhere &) = delete;
	Elsewhere &operator=(const Elsewhere &) = delete;
};

/* --- Bad devices ----------------------------------------------------------------- */

struct Device {
	const char *name;
	const char *netem;
	std::size_t size; /* each way, at scale 1 */
};

std::ostream &operator<<(std::ostream &out, const Device &device)
{
	return out << device.name;
}

class Transfer : public testing::TestWithParam<std::tuple<int, Device>>
{
protected:
	const Elsewhere elsewhere;
	int type() const { return std::get<0>(GetParam()); }
	const Device &device() const { return std::get<1>(GetParam()); }
};

std::string transfer_name(const testing::TestParamInfo<Transfer::ParamType> &info)
{
	return std::string(std::get<0>(info.param) == SOCK_STREAM ? "Stream" : "Seqpacket") +
	       std::get<1>(info.param).name;
}

constexpr Device devices[] = {
	{"Clean", "", 2 * MiB},
	{"Loss", "loss 30%", 256 * KiB},
	{"Duplicates", "duplicate 20%", MiB},
	{"Reordered", "reorder 50% gap 5 delay 10ms", 512 * KiB},
	{"Corrupted", "corrupt 5%", 512 * KiB},
	{"Delayed", "delay 20ms 10ms", 512 * KiB},
	{"Everything", "delay 5ms 3ms reorder 25% loss 5% duplicate 5% corrupt 2%", 512 * KiB},
};
INSTANTIATE_TEST_SUITE_P(Bad, Transfer,
			 testing::Combine(testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
					  testing::ValuesIn(devices)),
			 transfer_name);

/* Of seven round trips one succeeds, so this takes its time. */
constexpr Device heavy[] = {{"HeavyLoss", "loss 60%", 0}};
INSTANTIATE_TEST_SUITE_P(Worse, Transfer,
			 testing::Combine(testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
					  testing::ValuesIn(heavy, heavy + (ktap::scale() >= 10))),
			 transfer_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Transfer);

TEST_P(Transfer, EveryByteArrivesOnceAndInOrder)
{
	const std::size_t size = !device().size	      ? 256 * KiB
				 : ktap::scale() < 10 ? device().size
						      : 64 * MiB;
	const std::string netem = device().netem;

	/*
	 * Before anything is lost: if all acknowledgments of a SYN with ACK are,
	 * the client is connected to nobody, as with TCP, until it sends.
	 */
	Connection ends = large_connection(type());

	if (!netem.empty() && !tc("qdisc add dev glass0 root netem limit 10000 " + netem))
		GTEST_SKIP() << "this kernel has no netem";
	exchange(ends, type(), size);
	if (netem.empty()) {
		EXPECT_EQ(losses(), "");
	}
}

/* --- Beginnings and ends ---------------------------------------------------------- */

class Both : public testing::TestWithParam<int>
{
protected:
	const Elsewhere elsewhere;
	int type() const { return GetParam(); }
};

std::string type_name(const testing::TestParamInfo<int> &info)
{
	return info.param == SOCK_STREAM ? "Stream" : "Seqpacket";
}
INSTANTIATE_TEST_SUITE_P(Types, Both, testing::Values(SOCK_STREAM, SOCK_SEQPACKET), type_name);

void print_rest()
{
	for (const auto &line : lines_of("/proc/thread-self/net/glass"))
		std::cout << line << '\n';
}

/* Runs all at once; what went wrong in any. */
std::string all_at_once(unsigned count, const std::function<std::string(unsigned)> &run)
{
	std::vector<std::future<std::string>> results;
	std::string wrong;

	for (unsigned i = 0; i < count; i++)
		results.push_back(std::async(std::launch::async, run, i));
	for (auto &result : results)
		if (const auto text = result.get(); !text.empty())
			wrong += text + '\n';
	return wrong;
}

TEST_P(Both, ConnectionsComeAndGoOnALossyDevice)
{
	constexpr unsigned workers = 20;
	const unsigned each = ktap::scale() < 10 ? 1 : 50;
	const auto request = pattern(1000, 1);
	const auto answer = pattern(1000, 2);
	Socket server = listener(type());

	if (!tc(ktap::scale() < 10 ? "qdisc add dev glass0 root netem loss 15%"
				   : "qdisc add dev glass0 root netem loss 30%"))
		GTEST_SKIP() << "this kernel has no netem";
	const auto begin = Clock::now();
	const auto client = [&](unsigned) -> std::string {
		std::array<std::byte, 1> rest;

		for (unsigned i = 0; i < each; i++) {
			Socket socket = stream(type());

			if (const auto result = socket.connect(address_of(server)); !result)
				return "connect: " + result.error().message();
			if (!send_all(socket, request))
				return "send: " + glass::last_error().message();
			if (const auto result = socket.shutdown(glass::Half::Write); !result)
				return "shutdown: " + result.error().message();
			if (receive_all(socket, answer.size()) != answer)
				return "another answer";
			const auto got = socket.receive(rest);
			if (!got || *got != 0)
				return "no end after the answer: " + got.error().message();
		}
		return {};
	};
	const auto serve = [&](unsigned) -> std::string {
		std::array<std::byte, 1> rest;

		for (unsigned i = 0; i < each; i++) {
			auto accepted = server.accept();

			if (!accepted)
				return "accept: " + accepted.error().message();
			Socket socket = std::move(*accepted);
			if (receive_all(socket, request.size()) != request)
				return "another request";
			const auto got = socket.receive(rest);
			if (!got || *got != 0)
				return "no end after the request: " + got.error().message();
			if (!send_all(socket, answer))
				return "answer: " + glass::last_error().message();
		}
		return {};
	};
	EXPECT_EQ(
		all_at_once(2 * workers, [&](unsigned i) { return i % 2 ? client(i) : serve(i); }),
		"");
	const std::chrono::duration<double> took = Clock::now() - begin;
	server.close();
	/* What the last FIN loses is sent again until it is acknowledged. */
	EXPECT_TRUE(nothing_remains());
	print_rest();
	const std::chrono::duration<double> all = Clock::now() - begin;
	const auto after = counters();
	std::cout << workers * each << " connections in " << took.count() << " s, all ended after "
		  << all.count() << " s, again " << after.at("GlassRetransmits") << ", timeouts "
		  << after.at("GlassTimeouts") << std::endl;
	EXPECT_EQ(after.at("GlassGivenUp"), 0u);
	EXPECT_EQ(after.at("GlassConnectFails"), 0u);
	EXPECT_EQ(after.at("GlassEstabResets"), 0u);
	EXPECT_EQ(after.at("GlassActiveOpens"), workers * each);
	EXPECT_EQ(after.at("GlassPassiveOpens"), workers * each);
}

TEST_P(Both, NumbersWrapInATransfer)
{
	set_sysctl("initial_sequence", (1ull << 32) - 300'000);
	{
		Connection ends = large_connection(type());

		exchange(ends, type(), 512 * KiB);
		EXPECT_EQ(losses(), "");
	}
	if (!tc("qdisc add dev glass0 root netem loss 5% reorder 20% gap 3 delay 1ms"))
		GTEST_SKIP() << "this kernel has no netem";
	Connection ends = large_connection(type());
	exchange(ends, type(), 512 * KiB);
}

/* --- Devices that change ------------------------------------------------------------ */

TEST_P(Both, TheMtuChangesInTheMiddle)
{
	Connection ends = large_connection(type());
	const Load load = {type(), 2 * MiB, 1};
	std::atomic<bool> is_over = false;
	Task<int> changing([&] {
		int changes = 0;

		for (; !is_over; changes++) {
			static constexpr int mtus[] = {3000, 65'564, 1500, 300'000, 9000};

			set_device_mtu(mtus[changes % 5]);
			std::this_thread::sleep_for(1ms);
		}
		return changes;
	});
	Task<std::string> sending([&] { return send_load(ends.client, load); });

	EXPECT_EQ(receive_load(ends.server, load), "");
	EXPECT_EQ(sending.result(), "");
	is_over = true;
	EXPECT_GT(changing.result(), 2);
}

/* The writer has written all there is, and does not come back. */
TEST_P(Both, TheMtuShrinksWithMuchUnsent)
{
	Connection ends = large_connection(type());
	const Load load = {type(), 512 * KiB, 1, 200'000};

	must(tc("qdisc add dev glass0 root netem loss 100%") ? 0 : -1, "netem");
	EXPECT_EQ(send_load(ends.client, load), "");
	set_device_mtu(2000);
	must(tc("qdisc del dev glass0 root") ? 0 : -1, "netem");
	must(ends.server.set_receive_timeout(10s), "timeout");
	EXPECT_EQ(receive_load(ends.server, load), "");
}

/*
 * A classifier for tc: one frame of @p of, by chance. What a frame carries would
 * not do: its time stamp is that of a timer, and so alike each time it is sent again.
 */
std::string sometimes(unsigned of)
{
	const std::array<sock_filter, 5> program = {{
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 static_cast<unsigned>(SKF_AD_OFF + SKF_AD_RANDOM)),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, of),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0u),
		BPF_STMT(BPF_RET | BPF_K, 0),
	}};
	std::ostringstream words;

	words << "bpf bytecode \"" << program.size();
	for (const auto &step : program)
		words << ',' << step.code << ' ' << +step.jt << ' ' << +step.jf << ' ' << step.k;
	words << '"';
	return words.str();
}

/* At each place, a byte is inverted in one frame of 128, on either way. */
TEST_P(Both, AlteredBytesReachNobody)
{
	constexpr std::array offsets = {0, 5, 13, 17, 29, 33, 37, 45, 50, 60, 100, 1000};
	std::ostringstream rules;
	Connection ends = large_connection(type());

	set_device_mtu(9000);
	rules << "qdisc add dev glass0 clsact\n";
	for (std::size_t i = 0; i < offsets.size(); i++)
		for (const char *hook : {"egress", "ingress"})
			rules << "filter add dev glass0 " << hook << " protocol 0x88b5 pref "
			      << i + 1 << ' ' << sometimes(128) << " action pedit munge offset "
			      << offsets[i] << " u8 invert\n";
	if (!tc(rules.str()))
		GTEST_SKIP() << "this kernel has no clsact, bpf or pedit";
	exchange(ends, type(), 512 * KiB);
	std::uint64_t dropped = 0;
	for (const auto &[name, value] : counters())
		if (name.starts_with("GlassDrop"))
			dropped += value;
	EXPECT_GT(dropped, 0u) << "nothing was altered";
}

TEST(Shares, TwoFlowsShareADevice)
{
	const auto time = ktap::scale() < 10 ? 10s : 30s;
	const Elsewhere elsewhere;
	set_device_mtu(1500);
	must(tc("qdisc add dev glass0 root netem rate 10mbit limit 25") ? 0 : -1, "netem");
	std::array<Connection, 2> flows = {connection(SOCK_STREAM), connection(SOCK_STREAM)};
	std::array<std::size_t, 2> got = {};
	std::atomic<bool> is_over = false;
	std::vector<std::thread> threads;

	for (std::size_t i = 0; i < 2; i++) {
		threads.emplace_back([&, i] {
			const auto data = pattern(50'000);

			while (!is_over && send_all(flows[i].client, data))
				;
			flows[i].client.close();
		});
		threads.emplace_back([&, i] {
			std::vector<std::byte> buffer(100'000);

			while (const auto n = flows[i].server.receive(buffer)) {
				if (*n == 0)
					break;
				got[i] += *n;
			}
		});
	}
	std::this_thread::sleep_for(time);
	is_over = true;
	for (auto &thread : threads)
		thread.join();
	const double share = static_cast<double>(got[0]) / static_cast<double>(got[0] + got[1]);
	std::cout << got[0] << " and " << got[1] << " bytes in " << time.count() << " s, again "
		  << counters().at("GlassRetransmits") << ", timeouts "
		  << counters().at("GlassTimeouts") << std::endl;
	EXPECT_GT(share, 0.4);
	EXPECT_LT(share, 0.6);
	EXPECT_GT(got[0] + got[1], 700'000u * static_cast<std::size_t>(time.count()))
		<< "of 1.25 MB in each";
}

/* --- Peers that stop, and peers that vanish ------------------------------------------- */

TEST_P(Both, AReaderThatStopsStopsItsWriterOnly)
{
	Connection stopped = connection(type());
	Connection other = connection(type());
	const Endless source(3);
	constexpr std::size_t piece = 5000;
	std::size_t written = 0;

	must(stopped.client.set_nonblocking(true), "nonblocking");
	for (;;) {
		const auto sent = stopped.client.send(source.at(written, piece));

		if (!sent) {
			/* Frames that are under way make no more room. */
			EXPECT_EQ(err(sent), EAGAIN);
			break;
		}
		written += *sent;
	}
	const auto room = static_cast<std::size_t>(
		must(stopped.client.option(SOL_SOCKET, SO_SNDBUF), "SO_SNDBUF") +
		must(stopped.server.option(SOL_SOCKET, SO_RCVBUF), "SO_RCVBUF"));
	EXPECT_LE(written, room + 2 * 65'536);
	EXPECT_GE(written, room / 4);
	exchange(other, type(), 100'000);
	EXPECT_EQ(must(stopped.server.input_queued(), "SIOCINQ") > 0, true);
	/* It goes on where it stopped. */
	Task<bool> rest([&] {
		must(stopped.client.set_nonblocking(false), "blocking");
		const bool ok = send_all(stopped.client, source.at(written, piece));
		stopped.client.close();
		return ok;
	});
	std::vector<std::byte> buffer(piece);
	std::size_t read = 0;
	for (;;) {
		const auto got = must(stopped.server.receive(buffer), "receive");

		if (got == 0)
			break;
		ASSERT_EQ(text(std::span(buffer).first(got)), text(source.at(read, got)));
		read += got;
	}
	EXPECT_TRUE(rest.result());
	EXPECT_EQ(read, written + piece);
	EXPECT_EQ(losses(), "");
}

TEST_P(Both, ADeadDeviceEndsWhoWaitsForIt)
{
	Connection ends = connection(type());

	must(ends.client.set_option(SOL_GLASS, GLASS_USER_TIMEOUT, 300), "GLASS_USER_TIMEOUT");
	must(tc("qdisc add dev glass0 root netem loss 100%") ? 0 : -1, "netem");
	must(ends.client.send(bytes("nobody hears")), "send");
	const auto begin = Clock::now();
	EXPECT_EQ(poll_long(ends.client, POLLIN), POLLIN | POLLERR | POLLHUP);
	EXPECT_GE(Clock::now() - begin, 290ms);
	EXPECT_LT(Clock::now() - begin, 3s);
	EXPECT_EQ(ends.client.take_error().value(), ETIMEDOUT);
	EXPECT_EQ(err(ends.client.send(bytes("x"), MSG_NOSIGNAL)), EPIPE);
	EXPECT_EQ(counters().at("GlassGivenUp"), 1u);
	EXPECT_EQ(poll_now(ends.server, POLLIN), 0) << "it has heard nothing";
}

/* Two namespaces, and a cable between them: nodes 21, here, and 22. */
class Cable
{
public:
	Cable() : there(Namespace::create())
	{
		add_veth("va", "vb", there);
		const auto mac_here = address_of_link("va");
		glass::LinkAddress mac_there;
		must(control().attach_device(ifindex_of("va"), 21), "attach");
		{
			const Inside inside(there);

			mac_there = address_of_link("vb");
			must(control().attach_device(ifindex_of("vb"), 22), "attach");
			must(control().add_route(21, ifindex_of("vb"), mac_here), "add route");
			set_sysctl("user_timeout_ms", 300);
		}
		must(control().add_route(22, ifindex_of("va"), mac_there), "add route");
	}

	/* From here to there. */
	Connection connection(int type) const
	{
		Connection ends = {stream(type), {}, {}};
		const Inside inside(there);

		ends.listening = listener(type, 5000);
		{
			const Inside back(here_);

			must(ends.client.connect({22, 5000}), "connect");
		}
		ends.server = must(ends.listening.accept(), "accept");
		ends.listening.close();
		return ends;
	}

	Namespace there;

private:
	const Namespace here_ = Namespace::current();
};

/* The peer's end of the cable is gone, and its namespace might be. */
TEST_P(Both, AWayThatIsGoneEndsWhoSends)
{
	const Cable cable;
	Connection idle = cable.connection(type());
	Connection busy = cable.connection(type());

	for (Connection *ends : {&idle, &busy})
		must(ends->client.set_option(SOL_GLASS, GLASS_USER_TIMEOUT, 300), "user timeout");
	const auto data = pattern(50'000);
	must(busy.client.send(data), "send");
	EXPECT_EQ(receive_all(busy.server, data.size()), data);

	must(tc("qdisc add dev va root netem loss 100%") ? 0 : -1, "netem");
	must(busy.client.send(bytes("too late")), "send");
	delete_link("va");
	EXPECT_EQ(err(idle.client.send(bytes("x"))), EHOSTUNREACH);
	EXPECT_FALSE(idle.client.take_error()) << "the way may come back";
	EXPECT_EQ(poll_long(busy.client, POLLIN), POLLIN | POLLERR | POLLHUP);
	EXPECT_EQ(busy.client.take_error().value(), ETIMEDOUT);
}

TEST_P(Both, ADeviceThatIsDownForAWhileIsSurvived)
{
	Connection ends = connection(type());

	must(tc("qdisc add dev glass0 root netem delay 1ms") ? 0 : -1, "netem");
	must(ends.client.send(bytes("under way")), "send");
	set_device_up(false);
	EXPECT_EQ(err(ends.client.send(bytes("x"))), ENETDOWN);
	EXPECT_FALSE(ends.client.take_error());
	set_device_up(true);
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(read_message(ends.server), "under way");
}

/* Who waits for room hears nothing of it; who comes to write meanwhile is refused. */
TEST_P(Both, ADeviceThatGoesDownInATransferDelaysIt)
{
	Connection ends = connection(type());
	const Load load = {type(), 2 * MiB, 1, 50'000};
	const auto some = pattern(1000);
	Task<std::string> sending([&] { return send_load(ends.client, load); });

	/* As long as there is a window, room can still come. */
	EXPECT_TRUE(eventually([&] {
		const glass_info info = info_of(ends.client);

		return !info.unacked && !info.snd_wnd;
	}));
	ASSERT_TRUE(sending.sleeps_in(SYS_sendto));
	set_device_up(false);
	Task<std::string> reading([&] { return receive_load(ends.server, load); });
	EXPECT_TRUE(reading.sleeps_in(SYS_recvfrom)) << "it has all that came before";
	EXPECT_TRUE(sending.sleeps_in(SYS_sendto));
	EXPECT_EQ(err(ends.client.send(some, MSG_DONTWAIT)), ENETDOWN);
	EXPECT_EQ(err(ends.server.send(some)), ENETDOWN);
	for (Socket *end : {&ends.client, &ends.server})
		EXPECT_FALSE(end->take_error());
	set_device_up(true);
	EXPECT_EQ(sending.result(), "");
	EXPECT_EQ(reading.result(), "");
}

/* Seconds are the unit, so this takes some. */
class Keepalive : public testing::TestWithParam<SocketType>
{
};
INSTANTIATE_TEST_SUITE_P(Types, Keepalive, testing::Values(socket_types[0], socket_types[1]),
			 socket_type_name);

TEST_P(Keepalive, FindsADeadPeer)
{
	const Elsewhere elsewhere;
	Connection ends = connection(GetParam().type);

	for (const auto &[name, value] :
	     {std::pair(GLASS_KEEPIDLE, 1), {GLASS_KEEPINTVL, 1}, {GLASS_KEEPCNT, 1}})
		must(ends.client.set_option(SOL_GLASS, name, value), "keepalive");
	must(ends.client.set_option(SOL_SOCKET, SO_KEEPALIVE, 1), "SO_KEEPALIVE");
	/* While the peer answers, it lives. */
	EXPECT_TRUE(eventually([] { return counters().at("GlassProbes") >= 4; }));
	EXPECT_EQ(poll_now(ends.client, POLLIN), 0);
	must(tc("qdisc add dev glass0 root netem loss 100%") ? 0 : -1, "netem");
	const auto begin = Clock::now();
	EXPECT_EQ(poll_long(ends.client, POLLIN), POLLIN | POLLERR | POLLHUP);
	const std::chrono::duration<double> took = Clock::now() - begin;
	EXPECT_LT(took.count(), 5);
	EXPECT_EQ(ends.client.take_error().value(), ETIMEDOUT);
}

TEST_P(Keepalive, StopsWhenItIsSwitchedOff)
{
	const Elsewhere elsewhere;
	Connection ends = connection(GetParam().type);

	for (const int name : {GLASS_KEEPIDLE, GLASS_KEEPINTVL})
		must(ends.client.set_option(SOL_GLASS, name, 1), "keepalive");
	must(ends.client.set_option(SOL_SOCKET, SO_KEEPALIVE, 1), "SO_KEEPALIVE");
	EXPECT_TRUE(eventually([] { return counters().at("GlassProbes") >= 2; }));
	must(ends.client.set_option(SOL_SOCKET, SO_KEEPALIVE, 0), "SO_KEEPALIVE");
	const auto probes = counters().at("GlassProbes");
	std::this_thread::sleep_for(3s);
	EXPECT_EQ(counters().at("GlassProbes"), probes);
}

/* Whether the peer lives is for the retransmission to find out, and it has longer. */
TEST_P(Keepalive, DoesNotAskWhileDataIsOnItsWay)
{
	const Elsewhere elsewhere;
	Connection ends = connection(GetParam().type);

	for (const int name : {GLASS_KEEPIDLE, GLASS_KEEPINTVL, GLASS_KEEPCNT})
		must(ends.client.set_option(SOL_GLASS, name, 1), "keepalive");
	must(tc("qdisc add dev glass0 root netem loss 100%") ? 0 : -1, "netem");
	must(ends.client.send(bytes("unheard")), "send");
	must(ends.client.set_option(SOL_SOCKET, SO_KEEPALIVE, 1), "SO_KEEPALIVE");
	std::this_thread::sleep_for(5s);
	EXPECT_EQ(poll_now(ends.client, POLLIN), 0) << "two seconds without data were enough";
	must(tc("qdisc del dev glass0 root") ? 0 : -1, "netem");
	EXPECT_EQ(poll_long(ends.server, POLLIN), POLLIN);
	EXPECT_EQ(read_message(ends.server), "unheard");
}

/* How a peer vanishes without a word. */
struct Vanishing {
	const char *name;
	std::function<void(Cable &, Connection &)> happens;
};

std::ostream &operator<<(std::ostream &out, const Vanishing &vanishing)
{
	return out << vanishing.name;
}

const Vanishing vanishings[] = {
	{"Loss",
	 [](Cable &, Connection &) {
		 must(tc("qdisc replace dev va root netem loss 100%") ? 0 : -1, "netem");
	 }},
	{"DeviceDown", [](Cable &, Connection &) { set_device_up(false, "va"); }},
	{"LinkGone", [](Cable &, Connection &) { delete_link("va"); }},
	{"NamespaceGone",
	 [](Cable &cable, Connection &ends) {
		 {
			 const Inside inside(cable.there);

			 must(tc("qdisc add dev vb root netem loss 100%") ? 0 : -1, "netem");
		 }
		 ends.server.close();
		 cable.there.drop();
		 EXPECT_TRUE(eventually([] { return !link_exists("va"); })) << "it is kept";
	 }},
};

class Silence : public testing::TestWithParam<Vanishing>
{
protected:
	/* Waits in recv() until it is given up; after how many seconds. */
	static double wait_in_vain(Socket &socket, std::chrono::nanoseconds since)
	{
		std::array<std::byte, 1> buffer;

		EXPECT_EQ(err(socket.receive(buffer)), ETIMEDOUT);
		return std::chrono::duration<double>(ticked_time() - since).count();
	}

	const Elsewhere elsewhere;
};

INSTANTIATE_TEST_SUITE_P(All, Silence, testing::ValuesIn(vanishings),
			 [](const auto &info) { return info.param.name; });

TEST_P(Silence, EndsWhoWaitsInTheTimeThatItsOptionsSay)
{
	struct Options {
		int idle, interval, count, user_timeout;
		double seconds;
	};

	/* The user timeout begins with the first probe. */
	for (const auto &[idle, interval, count, user_timeout, seconds] :
	     {Options{2, 1, 3, 0, 5}, Options{1, 2, 2, 0, 5}, Options{1, 1, 9, 1500, 3}}) {
		SCOPED_TRACE(seconds);
		if (GetParam().name != std::string("Loss") && idle == 1)
			break; // once is enough
		Cable cable;
		Connection ends = cable.connection(SOCK_STREAM);

		for (const auto &[name, value] : {std::pair(GLASS_KEEPIDLE, idle),
						  {GLASS_KEEPINTVL, interval},
						  {GLASS_KEEPCNT, count},
						  {GLASS_USER_TIMEOUT, user_timeout}})
			must(ends.client.set_option(SOL_GLASS, name, value), "option");
		must(ends.client.set_option(SOL_SOCKET, SO_KEEPALIVE, 1), "SO_KEEPALIVE");
		const auto before = ticked_time();
		must(ends.server.send(bytes("the last word")), "send");
		EXPECT_EQ(poll_long(ends.client, POLLIN), POLLIN);
		EXPECT_EQ(read_message(ends.client), "the last word");
		const auto after = ticked_time();
		GetParam().happens(cable, ends);
		const double took = wait_in_vain(ends.client, before);
		const double slack = std::chrono::duration<double>(after - before).count();
		EXPECT_GE(took, seconds - 0.05);
		EXPECT_LE(took, seconds + slack + 0.5);
		if (link_exists("va"))
			delete_link("va");
	}
}

TEST_P(Silence, EndsWhoSendsInItsUserTimeout)
{
	Cable cable;
	Connection ends = cable.connection(SOCK_SEQPACKET);

	must(ends.client.set_option(SOL_GLASS, GLASS_USER_TIMEOUT, 1200), "GLASS_USER_TIMEOUT");
	must(tc("qdisc add dev va root netem loss 100%") ? 0 : -1, "netem");
	must(ends.client.send(bytes("nobody hears")), "send");
	const auto begin = ticked_time();
	GetParam().happens(cable, ends);
	const double took = wait_in_vain(ends.client, begin);
	EXPECT_GE(took, 1.15);
	/* The timer looks when it fires: it waits longer each time, up to 2 s. */
	EXPECT_LE(took, 1.2 + 2.1);
}

/* Whose namespace has no user any more does not keep it for longer than this. */
TEST(Namespaces, OneWithUnsentDataEndsInTime)
{
	Namespace other = Namespace::create();

	const Elsewhere elsewhere;
	add_veth("va", "vb", other);
	{
		const Inside inside(other);

		set_sysctl("user_timeout_ms", 300);
		for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
			Connection ends = connection(type);

			must(tc("qdisc replace dev glass0 root netem loss 100%") ? 0 : -1, "netem");
			must(ends.client.send(pattern(50'000)), "send");
			must(ends.server.send(pattern(50'000)), "send");
			ends.client.close();
			ends.server.close();
			must(tc("qdisc del dev glass0 root") ? 0 : -1, "netem");
		}
		/* The device is gone for good before anything gets through. */
		set_device_up(false);
	}
	const auto begin = Clock::now();
	other.drop();
	EXPECT_TRUE(eventually([] { return !link_exists("va"); }));
	EXPECT_LT(Clock::now() - begin, 5s);
}

/* --- Many --------------------------------------------------------------------------- */

TEST_P(Both, ManyConnectionsAtOnce)
{
	const unsigned count = ktap::scale() < 10 ? 300 : 10'000;
	const std::string slab = type() == SOCK_STREAM ? "GLASS-STREAM" : "GLASS-SEQPACKET";
	const rlimit limit = {3 * count, 3 * count};
	Socket server = listener(type());
	std::vector<std::pair<Socket, Socket>> all;

	must(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	const auto before = objects_in_slab(slab);
	const auto begin = Clock::now();
	for (unsigned i = 0; i < count; i++) {
		Socket client = stream(type());

		must(client.connect(address_of(server)), "connect");
		all.emplace_back(std::move(client), must(server.accept(), "accept"));
	}
	EXPECT_GE(objects_in_slab(slab), before + 2 * count);
	for (unsigned i = 0; i < count; i++) {
		must(all[i].first.send(pattern(100, i)), "send");
		must(all[i].second.send(pattern(3000, i)), "send");
	}
	for (unsigned i = 0; i < count; i++) {
		ASSERT_EQ(read_message(all[i].second), text(pattern(100, i)));
		ASSERT_EQ(read_message(all[i].first), text(pattern(3000, i)));
	}
	EXPECT_EQ(losses(), "");
	all.clear();
	server.close();
	const std::chrono::duration<double> took = Clock::now() - begin;
	EXPECT_TRUE(nothing_remains());
	EXPECT_TRUE(eventually([&] { return objects_in_slab(slab) <= before; }))
		<< objects_in_slab(slab) << " objects, before " << before;
	std::cout << count << " connections, opened, used and closed in " << took.count() << " s"
		  << std::endl;
}

TEST_P(Both, AFloodOfSynsDoesNotKeepClientsOut)
{
	const unsigned count = ktap::scale() < 10 ? 2000 : 100'000;
	constexpr std::uint32_t nodes = 16;
	Socket server = listener(type(), 5000, 16);
	Injector injector;
	const Namespace nowhere = Namespace::create();

	/* The answers have somewhere to go, and nobody there says no. */
	add_veth("va", "vb", nowhere);
	must(control().attach_device(ifindex_of("va"), 98), "attach");
	for (std::uint32_t node = 0; node < nodes; node++)
		must(control().add_route(100 + node, ifindex_of("va"), {{2, 0, 0, 0, 0, 99}}),
		     "route");
	Frame frame;
	Segment syn;

	syn.flags = GLASS_SEG_SYN;
	syn.max_payload = 1000;
	syn.max_record = 1000;
	frame.protocol = static_cast<std::uint8_t>(type());
	for (unsigned i = 0; i < count; i++) {
		syn.seq = i * 12345;
		frame.src_node = 100 + i % nodes;
		frame.src_port = 10'000 + i;
		syn.put_into(frame);
		injector.send(frame.bytes());
		if (i % (count / 10) != count / 20)
			continue;
		Socket client = stream(type());
		EXPECT_EQ(err(client.connect(address_of(server))), 0);
		Socket child = must(server.accept(), "accept");
		must(child.send(bytes("welcome")), "send");
		EXPECT_EQ(read_message(client), "welcome");
	}
	const auto half_open = [] {
		unsigned count = 0;

		for (const auto &line : lines_of("/proc/thread-self/net/glass"))
			count += line.find("SYN_RECV") != std::string::npos;
		return count;
	};
	EXPECT_GT(half_open(), 16u);
	EXPECT_LE(half_open(), 16u + 128);
	EXPECT_GE(counters().at("GlassRequestEvictions"), count - 16 - 128);
	/* Nobody has to close the listener to be rid of them: it takes 13 s. */
	if (type() == SOCK_STREAM || ktap::scale() >= 10) {
		const auto begin = Clock::now();

		while (half_open() && Clock::now() - begin < 30s)
			std::this_thread::sleep_for(100ms);
		EXPECT_EQ(half_open(), 0u);
		EXPECT_EQ(err(stream(type()).connect(address_of(server))), 0);
	}
	server.close();
	EXPECT_EQ(half_open(), 0u);
}

} // namespace
