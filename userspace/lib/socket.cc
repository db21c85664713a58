// SPDX-License-Identifier: GPL-2.0
#include "lib/socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "lib/family.h"

namespace glass {

namespace {

Result<void> done_or_error(int result)
{
	return result < 0 ? Result<void>(last_error()) : Result<void>();
}

Result<std::size_t> size_or_error(ssize_t result)
{
	if (result < 0)
		return last_error();
	return static_cast<std::size_t>(result);
}

const sockaddr *as_sockaddr(const sockaddr_glass *raw)
{
	return reinterpret_cast<const sockaddr *>(raw);
}

Result<void> set_timeout(int fd, int name, std::chrono::microseconds timeout)
{
	const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
	timeval value = {};

	value.tv_sec = seconds.count();
	value.tv_usec = (timeout - seconds).count();
	return done_or_error(::setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)));
}

Result<std::size_t> queued(int fd, unsigned long request)
{
	int bytes = 0;

	if (::ioctl(fd, request, &bytes) < 0)
		return last_error();
	return static_cast<std::size_t>(bytes);
}

} // namespace

Socket::Socket(Fd fd) noexcept : fd_(std::move(fd))
{
	socklen_t size = sizeof(family_);

	if (::getsockopt(fd_.get(), SOL_SOCKET, SO_DOMAIN, &family_, &size) < 0)
		family_ = 0;
}

Result<Socket> Socket::create(int type, int protocol)
{
	Fd fd(::socket(glass::family(), type | SOCK_CLOEXEC, protocol));

	if (!fd)
		return last_error();
	return Socket(std::move(fd));
}

Result<std::pair<Socket, Socket>> Socket::pair(int type, int protocol)
{
	int fds[2];

	if (::socketpair(glass::family(), type | SOCK_CLOEXEC, protocol, fds) < 0)
		return last_error();
	return std::pair(Socket(Fd(fds[0])), Socket(Fd(fds[1])));
}

Result<void> Socket::bind(const Address &address)
{
	const sockaddr_glass raw = address.raw(family_);

	return done_or_error(::bind(fd(), as_sockaddr(&raw), sizeof(raw)));
}

Result<void> Socket::connect(const Address &address)
{
	const sockaddr_glass raw = address.raw(family_);

	return done_or_error(::connect(fd(), as_sockaddr(&raw), sizeof(raw)));
}

Result<void> Socket::listen(int backlog)
{
	return done_or_error(::listen(fd(), backlog));
}

Result<Socket> Socket::accept(int flags)
{
	Fd connection(::accept4(fd(), nullptr, nullptr, flags | SOCK_CLOEXEC));

	if (!connection)
		return last_error();
	return Socket(std::move(connection));
}

Result<void> Socket::disconnect()
{
	sockaddr_glass raw = {};

	raw.sgl_family = AF_UNSPEC;
	return done_or_error(::connect(fd(), as_sockaddr(&raw), sizeof(raw)));
}

Result<void> Socket::shutdown(Half half)
{
	return done_or_error(::shutdown(fd(), static_cast<int>(half)));
}

Result<Address> Socket::name(int (*call)(int, sockaddr *, socklen_t *)) const
{
	sockaddr_glass raw = {};
	socklen_t size = sizeof(raw);

	if (call(fd(), reinterpret_cast<sockaddr *>(&raw), &size) < 0)
		return last_error();
	return Address::from(raw, family_);
}

Result<Address> Socket::local() const
{
	return name(::getsockname);
}

Result<Address> Socket::peer() const
{
	return name(::getpeername);
}

Result<std::size_t> Socket::send(std::span<const std::byte> data, int flags)
{
	return size_or_error(::send(fd(), data.data(), data.size(), flags));
}

Result<std::size_t> Socket::send_to(std::span<const std::byte> data, const Address &to, int flags)
{
	const sockaddr_glass raw = to.raw(family_);

	return size_or_error(
		::sendto(fd(), data.data(), data.size(), flags, as_sockaddr(&raw), sizeof(raw)));
}

Result<std::size_t> Socket::receive(std::span<std::byte> buffer, int flags)
{
	return size_or_error(::recv(fd(), buffer.data(), buffer.size(), flags));
}

Result<Received> Socket::receive_from(std::span<std::byte> buffer, int flags)
{
	sockaddr_glass raw = {};
	iovec part = {buffer.data(), buffer.size()};
	msghdr message = {};

	message.msg_name = &raw;
	message.msg_namelen = sizeof(raw);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	const ssize_t size = ::recvmsg(fd(), &message, flags);
	if (size < 0)
		return last_error();
	Received received;
	received.size = static_cast<std::size_t>(size);
	received.flags = message.msg_flags;
	if (message.msg_namelen == 0)
		return received; // end of input: nobody sent it
	const auto source = Address::from(raw, family_);
	if (!source)
		return source.error();
	received.source = *source;
	return received;
}

Result<int> Socket::option(int level, int name) const
{
	int value = 0;
	socklen_t size = sizeof(value);

	if (::getsockopt(fd(), level, name, &value, &size) < 0)
		return last_error();
	return value;
}

Result<void> Socket::set_option(int level, int name, int value)
{
	return done_or_error(::setsockopt(fd(), level, name, &value, sizeof(value)));
}

Result<void> Socket::set_receive_timeout(std::chrono::microseconds timeout)
{
	return set_timeout(fd(), SO_RCVTIMEO, timeout);
}

Result<void> Socket::set_send_timeout(std::chrono::microseconds timeout)
{
	return set_timeout(fd(), SO_SNDTIMEO, timeout);
}

Result<void> Socket::set_nonblocking(bool on)
{
	const int flags = ::fcntl(fd(), F_GETFL);

	if (flags < 0)
		return last_error();
	return done_or_error(::fcntl(fd(), F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

std::error_code Socket::take_error()
{
	const auto error = option(SOL_SOCKET, SO_ERROR);

	return error ? std::error_code(*error, std::system_category()) : error.error();
}

Result<std::size_t> Socket::input_queued() const
{
	return queued(fd(), SIOCINQ);
}

Result<std::size_t> Socket::output_queued() const
{
	return queued(fd(), SIOCOUTQ);
}

} // namespace glass
