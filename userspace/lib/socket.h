/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A Glass socket that closes itself.
 *
 * Each method is the system call of the same name, with typed addresses and
 * the call's errno as the error. EINTR is an error like the others: whether to
 * go on is the caller's choice.
 */
#ifndef GLASS_LIB_SOCKET_H
#define GLASS_LIB_SOCKET_H

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "lib/address.h"
#include "lib/fd.h"
#include "lib/result.h"

namespace glass {

/** What receive_from() found. */
struct Received {
	std::size_t size = 0; /**< bytes; with MSG_TRUNC asked for, of the whole message */
	Address source;	      /**< who sent it */
	int flags = 0;	      /**< MSG_TRUNC when the buffer was too small, and others */
};

/** Which half shutdown() closes; the values of shutdown(2). */
enum class Half { Read = 0, Write = 1, Both = 2 };

/** Owns a socket of the family AF_GLASS. Close-on-exec, blocking unless told otherwise. */
class Socket
{
public:
	/** No socket; each call gives EBADF. */
	Socket() noexcept = default;
	/** Takes over the descriptor of a socket; its family is asked of the kernel. */
	explicit Socket(Fd fd) noexcept;

	/**
	 * A new socket of @p type (SOCK_DGRAM, with SOCK_NONBLOCK at will).
	 *
	 * Errors: EAFNOSUPPORT without the module, ESOCKTNOSUPPORT,
	 * EPROTONOSUPPORT, and those of any socket(2).
	 */
	static Result<Socket> create(int type, int protocol = 0);

	/** Two sockets joined to each other. */
	static Result<std::pair<Socket, Socket>> pair(int type, int protocol = 0);

	Result<void> bind(const Address &address);
	Result<void> connect(const Address &address);
	/** Forgets the peer; releases a port that was chosen automatically. */
	Result<void> disconnect();
	Result<void> shutdown(Half half);
	/** Lets connections come; @p backlog of them may wait to be accepted. */
	Result<void> listen(int backlog = SOMAXCONN);
	/** The connection that has waited longest; @p flags as SOCK_NONBLOCK. */
	Result<Socket> accept(int flags = 0);

	/** getsockname(2); `*` for what is not bound. */
	Result<Address> local() const;
	/** getpeername(2); ENOTCONN when there is no peer. */
	Result<Address> peer() const;

	/** Sends @p data as one message to the peer; the bytes sent. */
	Result<std::size_t> send(std::span<const std::byte> data, int flags = 0);
	/** Sends @p data as one message to @p to. */
	Result<std::size_t> send_to(std::span<const std::byte> data, const Address &to,
				    int flags = 0);
	/** Receives one message; the rest of a longer one is lost. */
	Result<std::size_t> receive(std::span<std::byte> buffer, int flags = 0);
	/** As receive(), and says who sent it and whether it was cut. */
	Result<Received> receive_from(std::span<std::byte> buffer, int flags = 0);

	/** An option that is an int. */
	Result<int> option(int level, int name) const;
	Result<void> set_option(int level, int name, int value);
	/** SO_RCVTIMEO; zero waits without limit. Resolution: microseconds. */
	Result<void> set_receive_timeout(std::chrono::microseconds timeout);
	/** SO_SNDTIMEO; zero waits without limit. Resolution: microseconds. */
	Result<void> set_send_timeout(std::chrono::microseconds timeout);
	Result<void> set_nonblocking(bool on);
	/** SO_ERROR: the pending error, which is cleared. */
	std::error_code take_error();

	/** SIOCINQ: bytes of the next message; 0 when there is none. */
	Result<std::size_t> input_queued() const;
	/** SIOCOUTQ: bytes of memory sent and not read yet. */
	Result<std::size_t> output_queued() const;

	/** The descriptor, still owned here. */
	int fd() const noexcept { return fd_.get(); }
	explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
	/** The family number it was made with; 0 when there is no socket. */
	int family() const noexcept { return family_; }
	void close() noexcept { fd_.reset(); }

private:
	Result<Address> name(int (*call)(int, sockaddr *, socklen_t *)) const;

	Fd fd_;
	int family_ = 0;
};

} // namespace glass

#endif // GLASS_LIB_SOCKET_H
