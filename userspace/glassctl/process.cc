// SPDX-License-Identifier: GPL-2.0
#include "glassctl/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace glass::ctl {

namespace {

struct Pipe {
	Fd read;
	Fd write;
};

Result<Pipe> make_pipe()
{
	std::array<int, 2> ends;

	if (::pipe2(ends.data(), O_CLOEXEC) != 0)
		return last_error();
	return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Fd> open_process(pid_t pid)
{
	Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));

	if (!fd)
		return last_error();
	return fd;
}

} // namespace

Interrupts::Interrupts()
{
	sigset_t mask;

	sigemptyset(&mask);
	for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
		sigaddset(&mask, number);
	::sigprocmask(SIG_BLOCK, &mask, &before_);
	fd_.reset(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
}

Interrupts::~Interrupts()
{
	signalfd_siginfo info;

	// Those that were served do not come again when they are let through.
	while (::read(fd_.get(), &info, sizeof(info)) > 0)
		;
	::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

Result<Process> Process::fork_held(const Interrupts &interrupts, const Body &body)
{
	auto gate = make_pipe();
	auto failure = make_pipe();
	Process process;

	if (!gate || !failure)
		return gate ? failure.error() : gate.error();
	process.pid_ = ::fork();
	if (process.pid_ < 0)
		return last_error();
	if (process.pid_ == 0) {
		char go = 0;

		gate->write.reset();
		::sigprocmask(SIG_SETMASK, &interrupts.before(), nullptr);
		if (::read(gate->read.get(), &go, 1) != 1)
			::_exit(0);
		gate->read.reset();
		failure->read.reset();
		::_exit(body(std::move(failure->write)));
	}
	process.is_child_ = true;
	process.gate_ = std::move(gate->write);
	process.failure_ = std::move(failure->read);
	auto fd = open_process(process.pid_);
	if (!fd)
		return fd.error();
	process.pidfd_ = std::move(*fd);
	return process;
}

Result<Process> Process::spawn(const std::vector<std::string> &command,
			       const Interrupts &interrupts)
{
	return fork_held(interrupts, [&command](const Fd &failure) {
		std::vector<char *> words;

		for (const auto &word : command)
			words.push_back(const_cast<char *>(word.c_str()));
		words.push_back(nullptr);
		::execvp(words[0], words.data());
		const int error = errno;
		(void)!::write(failure.get(), &error, sizeof(error));
		return 127;
	});
}

Result<Process> Process::spawn(const std::function<int()> &body, const Interrupts &interrupts)
{
	return fork_held(interrupts, [&body](Fd failure) {
		failure.reset(); // there is nothing to wait for
		return body();
	});
}

Result<Process> Process::attach(pid_t pid)
{
	Process process;
	auto fd = open_process(pid);

	if (!fd)
		return fd.error();
	process.pid_ = pid;
	process.pidfd_ = std::move(*fd);
	return process;
}

Process::Process(Process &&other) noexcept
	: pid_(other.pid_), is_child_(std::exchange(other.is_child_, false)),
	  pidfd_(std::move(other.pidfd_)), gate_(std::move(other.gate_)),
	  failure_(std::move(other.failure_))
{
}

/* A child that was never let go ends when its gate closes; another one is asked to, and made to. */
Process::~Process()
{
	constexpr int patience_ms = 2000;
	pollfd end = {pidfd_.get(), POLLIN, 0};

	if (!is_child_)
		return;
	if (gate_)
		gate_.reset();
	else
		::kill(pid_, SIGTERM);
	if (::poll(&end, 1, patience_ms) == 0)
		::kill(pid_, SIGKILL);
	::waitpid(pid_, nullptr, 0);
}

std::vector<pid_t> Process::threads() const
{
	std::vector<pid_t> threads;
	std::error_code error;

	for (const auto &entry :
	     std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", error))
		threads.push_back(std::atoi(entry.path().filename().c_str()));
	return threads;
}

Result<void> Process::let_go()
{
	int error = 0;

	if (!is_child_)
		return {};
	if (::write(gate_.get(), "", 1) != 1)
		return last_error();
	gate_.reset();
	// It ends with the program that the child becomes, or with the child.
	if (::read(failure_.get(), &error, sizeof(error)) == sizeof(error))
		return std::error_code(error, std::system_category());
	return {};
}

std::optional<int> Process::status()
{
	int status = 0;

	if (!is_child_ || ::waitpid(pid_, &status, WNOHANG) != pid_)
		return std::nullopt;
	is_child_ = false;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace glass::ctl
