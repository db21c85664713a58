// SPDX-License-Identifier: GPL-2.0
/*
 * The ways to bytes beside send and recv: with RWF_NOWAIT, through pipes, from
 * files, asynchronously by libc and by io_uring. What the relative does with the
 * same calls is what is expected.
 */
#include <aio.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "helper.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

class Io : public testing::TestWithParam<SocketType>
{
protected:
	Io() : ends(glass_ends(type())) {}

	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }
	int writer() const { return ends.writer.get(); }
	int reader() const { return ends.reader.get(); }
	/* What recv() gives, without the header that raw sockets have. */
	std::string read_message() const
	{
		std::vector<char> buffer(1 << 17);
		const auto size = must(::recv(reader(), buffer.data(), buffer.size(), 0), "recv");

		return std::string(buffer.data(), static_cast<std::size_t>(size))
			.substr(ends.header);
	}

	Ends ends;
};
INSTANTIATE_TEST_SUITE_P(Types, Io, testing::ValuesIn(socket_types), socket_type_name);

struct Pipe {
	Pipe()
	{
		std::array<int, 2> fds;

		must(::pipe2(fds.data(), O_CLOEXEC), "pipe2");
		from = glass::Fd(fds[0]);
		to = glass::Fd(fds[1]);
	}
	std::string read() const
	{
		std::array<char, 1000> buffer;
		const auto size = must(::read(from.get(), buffer.data(), buffer.size()), "read");

		return {buffer.data(), static_cast<std::size_t>(size)};
	}
	void write(std::string_view text) const
	{
		must(::write(to.get(), text.data(), text.size()), "write");
	}

	glass::Fd from, to;
};

/* --- preadv2, pwritev2 ---------------------------------------------------------------- */

std::vector<Outcome> without_waiting(const Ends &ends)
{
	std::array<char, 100> buffer = {};
	iovec part = {buffer.data(), 1};
	const iovec room = {buffer.data(), buffer.size()};
	std::vector<Outcome> outcomes;

	outcomes.push_back(outcome(::preadv2(ends.reader.get(), &room, 1, -1, RWF_NOWAIT)));
	outcomes.push_back(outcome(::preadv2(ends.reader.get(), &room, 1, 0, RWF_NOWAIT)));
	outcomes.push_back(outcome(::pwritev2(ends.writer.get(), &part, 1, 0, RWF_NOWAIT)));
	outcomes.push_back(outcome(::pwritev2(ends.writer.get(), &part, 1, -1, RWF_NOWAIT)));
	outcomes.push_back(outcome(::preadv2(ends.reader.get(), &room, 1, -1, RWF_NOWAIT)));
	outcomes.back().result -= static_cast<long>(ends.header);
	outcomes.push_back(
		outcome(::preadv2(ends.reader.get(), &room, 1, -1, RWF_HIPRI | RWF_NOWAIT)));
	outcomes.push_back(outcome(::pwritev2(ends.writer.get(), &part, 1, -1, 0x4000)));
	return outcomes;
}

TEST_P(Io, WithoutWaitingAsTheRelative)
{
	const auto seen = without_waiting(ends);

	EXPECT_EQ(seen[0], (Outcome{-1, {EAGAIN}}));
	EXPECT_EQ(seen[4], (Outcome{1, {}}));
	EXPECT_EQ(seen, without_waiting(relative_ends(type())));
}

TEST_P(Io, AFullSocketDoesNotMakeTheWriterWait)
{
	std::vector<char> data(1000);
	const iovec part = {data.data(), data.size()};
	int count = 0;

	/* Who listens in does not hold back who sends. */
	if (type() == SOCK_RAW)
		return;
	while (count < 100'000 && ::pwritev2(writer(), &part, 1, -1, RWF_NOWAIT) > 0)
		count++;
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_GT(count, 1);
	EXPECT_LT(count, 100'000);
}

/* --- Pipes ------------------------------------------------------------------------------ */

TEST_P(Io, IsSplicedIntoAPipe)
{
	Pipe pipe;

	must(::send(writer(), "message", 7, 0), "send");
	EXPECT_EQ(::splice(reader(), nullptr, pipe.to.get(), nullptr, 1000, 0),
		  static_cast<ssize_t>(ends.header + 7));
	EXPECT_EQ(pipe.read().substr(ends.header), "message");
	/* Of the relatives, only that of a stream asks the call itself. */
	if (type() == SOCK_STREAM) {
		EXPECT_EQ(err(::splice(reader(), nullptr, pipe.to.get(), nullptr, 1000,
				       SPLICE_F_NONBLOCK)),
			  EAGAIN);
	}
	must(::fcntl(reader(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	EXPECT_EQ(err(::splice(reader(), nullptr, pipe.to.get(), nullptr, 1000, 0)), EAGAIN);
}

TEST_P(Io, IsSplicedOutOfAPipe)
{
	Pipe pipe;

	pipe.write("message");
	EXPECT_EQ(::splice(pipe.from.get(), nullptr, writer(), nullptr, 1000, 0), 7);
	EXPECT_EQ(read_message(), "message");
	/* More than a page, from pages that belong to somebody else. */
	std::string large(20'000, 'l');
	const iovec part = {large.data(), large.size()};
	EXPECT_EQ(::vmsplice(pipe.to.get(), &part, 1, 0), static_cast<ssize_t>(large.size()));
	EXPECT_EQ(::splice(pipe.from.get(), nullptr, writer(), nullptr, large.size(), 0),
		  static_cast<ssize_t>(large.size()));
	std::string got;
	while (got.size() < large.size())
		got += read_message();
	EXPECT_TRUE(got == large);
}

TEST_P(Io, OnePipeFeedsTwo)
{
	Pipe first, second;
	const auto other = glass_ends(type());

	first.write("message");
	EXPECT_EQ(::tee(first.from.get(), second.to.get(), 1000, 0), 7);
	EXPECT_EQ(::splice(first.from.get(), nullptr, writer(), nullptr, 7, 0), 7);
	EXPECT_EQ(read_message(), "message");
	EXPECT_EQ(::splice(second.from.get(), nullptr, other.writer.get(), nullptr, 7, 0), 7);
	std::array<char, 100> buffer;
	const auto size = must(::recv(other.reader.get(), buffer.data(), buffer.size(), 0), "recv");
	const auto text = std::string(buffer.data(), static_cast<std::size_t>(size));
	EXPECT_EQ(text.substr(ends.header), "message");
}

TEST_P(Io, AFileIsSent)
{
	const std::string data(50'000, 'd');
	const glass::Fd file(static_cast<int>(must(::memfd_create("data", MFD_CLOEXEC), "memfd")));
	off_t at = 0;

	must(::pwrite(file.get(), data.data(), data.size(), 0), "pwrite");
	std::string got;
	while (got.size() < data.size()) {
		must(::sendfile(writer(), file.get(), &at, data.size() - got.size()), "sendfile");
		while (got.size() < static_cast<std::size_t>(at))
			got += read_message();
	}
	EXPECT_TRUE(got == data);
	EXPECT_EQ(::sendfile(writer(), file.get(), &at, 1000), 0) << "at the end of the file";
}

TEST_P(Io, PagesOfAFileGoAsTheyAre)
{
	const std::string before(8192, 'a'), after(8192, 'b');
	const glass::Fd file(static_cast<int>(must(::memfd_create("data", MFD_CLOEXEC), "memfd")));

	must(::pwrite(file.get(), before.data(), before.size(), 0), "pwrite");
	off_t at = 0;
	EXPECT_EQ(::sendfile(writer(), file.get(), &at, before.size()), 8192);
	/* As with the relatives: who writes to the file before it is read, is read. */
	must(::pwrite(file.get(), after.data(), after.size(), 0), "pwrite");
	std::string got;
	while (got.size() < after.size())
		got += read_message();
	EXPECT_TRUE(got == after);
}

TEST_P(Io, ManyPiecesArrive)
{
	constexpr std::size_t pieces = 40, size = 1500, total = pieces * size;
	std::vector<char> pages((pieces + 1) * 4096);
	Pipe pipe;

	must(::fcntl(pipe.to.get(), F_SETPIPE_SZ, 64 * 4096), "F_SETPIPE_SZ");
	std::string sent;
	for (std::size_t i = 0; i < pieces; i++) {
		/* Each in a page of its own, so that none joins the one before. */
		char *piece = pages.data() + 4096 -
			      reinterpret_cast<std::uintptr_t>(pages.data()) % 4096 + i * 4096;
		const iovec part = {piece, size};

		std::memset(piece, 'A' + static_cast<int>(i), size);
		sent.append(piece, size);
		must(::vmsplice(pipe.to.get(), &part, 1, 0), "vmsplice");
	}
	std::string got;
	for (std::size_t done = 0; done < total;) {
		done += static_cast<std::size_t>(must(
			::splice(pipe.from.get(), nullptr, writer(), nullptr, total, 0), "splice"));
		while (got.size() < done)
			got += read_message();
	}
	EXPECT_TRUE(got == sent);
}

/* --- POSIX aio ---------------------------------------------------------------------------- */

TEST_P(Io, LibcReadsAndWritesMeanwhile)
{
	std::array<char, 100> in = {};
	std::array<char, 5> out = {'h', 'e', 'l', 'l', 'o'};
	aiocb reading = {}, writing = {};

	reading.aio_fildes = reader();
	reading.aio_buf = in.data();
	reading.aio_nbytes = in.size();
	must(::aio_read(&reading), "aio_read");
	EXPECT_EQ(::aio_error(&reading), EINPROGRESS);
	writing.aio_fildes = writer();
	writing.aio_buf = out.data();
	writing.aio_nbytes = out.size();
	/* One thread serves one descriptor, so this is not behind the reader. */
	must(::aio_write(&writing), "aio_write");
	for (auto *const control : {&writing, &reading}) {
		const aiocb *const list[] = {control};

		while (::aio_error(control) == EINPROGRESS)
			::aio_suspend(list, 1, nullptr);
	}
	EXPECT_EQ(::aio_return(&writing), 5);
	EXPECT_EQ(::aio_return(&reading), static_cast<ssize_t>(ends.header + 5));
	EXPECT_EQ(std::string(&in[ends.header], 5), "hello");
}

/* --- io_uring ------------------------------------------------------------------------------- */

class Ring
{
public:
	Ring() { must_be(::io_uring_queue_init(32, &ring_, 0), "io_uring_queue_init"); }
	~Ring() { ::io_uring_queue_exit(&ring_); }
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;

	/* Submits what @p prepare makes, known by @p number. */
	template <typename Prepare> void submit(std::uint64_t number, Prepare prepare)
	{
		io_uring_sqe *const sqe = ::io_uring_get_sqe(&ring_);

		prepare(sqe);
		sqe->user_data = number;
		must_be(::io_uring_submit(&ring_), "io_uring_submit");
	}
	struct Done {
		std::uint64_t number;
		int result;
		std::uint32_t flags;
	};
	Done wait()
	{
		io_uring_cqe *cqe = nullptr;
		__kernel_timespec patience = {10, 0};

		must_be(::io_uring_wait_cqe_timeout(&ring_, &cqe, &patience), "io_uring_wait_cqe");
		const Done done = {cqe->user_data, cqe->res, cqe->flags};
		::io_uring_cqe_seen(&ring_, cqe);
		return done;
	}
	bool is_done() { return ::io_uring_cq_ready(&ring_) != 0; }
	void register_buffer(void *data, std::size_t size)
	{
		const iovec part = {data, size};

		must_be(::io_uring_register_buffers(&ring_, &part, 1), "io_uring_register_buffers");
	}

private:
	static void must_be(int result, const char *what)
	{
		if (result < 0)
			throw std::system_error(-result, std::generic_category(), what);
	}

	io_uring ring_;
};

TEST_P(Io, ARingReceivesWhatItSends)
{
	Ring ring;
	std::array<char, 100> in = {};

	ring.submit(1, [&](auto *sqe) {
		::io_uring_prep_recv(sqe, reader(), in.data(), in.size(), 0);
	});
	EXPECT_FALSE(ring.is_done());
	ring.submit(2, [&](auto *sqe) { ::io_uring_prep_send(sqe, writer(), "hello", 5, 0); });
	for (int i = 0; i < 2; i++) {
		const auto done = ring.wait();

		EXPECT_EQ(done.result, done.number == 2 ? 5 : static_cast<int>(ends.header) + 5);
	}
	EXPECT_EQ(std::string(&in[ends.header], 5), "hello");
}

TEST_P(Io, ARingTellsOfEachArrival)
{
	Ring ring;

	ring.submit(1, [&](auto *sqe) { ::io_uring_prep_poll_multishot(sqe, reader(), POLLIN); });
	for (int i = 0; i < 3; i++) {
		EXPECT_FALSE(ring.is_done());
		must(::send(writer(), "x", 1, 0), "send");
		const auto done = ring.wait();
		EXPECT_EQ(done.result & POLLIN, POLLIN);
		EXPECT_TRUE(done.flags & IORING_CQE_F_MORE);
		read_message();
	}
}

TEST_P(Io, ARingReceivesAgainAndAgain)
{
	Ring ring;
	std::array<std::array<char, 64>, 4> buffers = {};

	ring.submit(1, [&](auto *sqe) {
		::io_uring_prep_provide_buffers(sqe, buffers.data(), 64, 4, 7, 0);
	});
	EXPECT_GE(ring.wait().result, 0);
	ring.submit(2, [&](auto *sqe) {
		::io_uring_prep_recv_multishot(sqe, reader(), nullptr, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = 7;
	});
	for (const char text : {'a', 'b', 'c'}) {
		must(::send(writer(), &text, 1, 0), "send");
		const auto done = ring.wait();
		ASSERT_EQ(done.result, static_cast<int>(ends.header) + 1);
		ASSERT_TRUE(done.flags & IORING_CQE_F_BUFFER);
		EXPECT_TRUE(done.flags & IORING_CQE_F_MORE);
		EXPECT_EQ(buffers[done.flags >> IORING_CQE_BUFFER_SHIFT][ends.header], text);
	}
}

TEST_P(Io, ARingUsesItsOwnBuffers)
{
	Ring ring;
	std::array<char, 200> buffer = {'h', 'e', 'l', 'l', 'o'};

	ring.register_buffer(buffer.data(), buffer.size());
	ring.submit(1, [&](auto *sqe) {
		::io_uring_prep_write_fixed(sqe, writer(), buffer.data(), 5, 0, 0);
	});
	EXPECT_EQ(ring.wait().result, 5);
	ring.submit(2, [&](auto *sqe) {
		::io_uring_prep_read_fixed(sqe, reader(), &buffer[100], 100, 0, 0);
	});
	EXPECT_EQ(ring.wait().result, static_cast<int>(ends.header) + 5);
	EXPECT_EQ(std::string(&buffer[100 + ends.header], 5), "hello");
}

TEST_P(Io, ARingConnectsAndAccepts)
{
	if (!is_connection())
		return;
	Ring ring;
	Socket server = listener(type());
	sockaddr_glass name = {};
	const auto address = address_of(server);

	name.sgl_family = static_cast<sa_family_t>(glass::family());
	name.sgl_node = address.node;
	name.sgl_port = address.port;
	ring.submit(1, [&](auto *sqe) {
		::io_uring_prep_multishot_accept(sqe, server.fd(), nullptr, nullptr, SOCK_CLOEXEC);
	});
	EXPECT_FALSE(ring.is_done());
	for (int i = 0; i < 3; i++) {
		const Socket client = stream(type());
		glass::Fd accepted;

		ring.submit(2, [&](auto *sqe) {
			::io_uring_prep_connect(sqe, client.fd(),
						reinterpret_cast<sockaddr *>(&name), sizeof(name));
		});
		for (int j = 0; j < 2; j++) {
			const auto done = ring.wait();

			ASSERT_GE(done.result, 0) << done.number;
			if (done.number == 2)
				continue;
			EXPECT_TRUE(done.flags & IORING_CQE_F_MORE);
			accepted = glass::Fd(done.result);
		}
		must(::send(client.fd(), "x", 1, 0), "send");
		char byte = 0;
		EXPECT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
	}
}

} // namespace
