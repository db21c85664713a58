/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A process that is looked at while it runs, and the wish to stop looking.
 */
#ifndef GLASSCTL_PROCESS_H
#define GLASSCTL_PROCESS_H

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/fd.h"
#include "lib/result.h"

namespace glass::ctl {

/**
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT wait to be asked for, so that none of
 * them ends this program before it has tidied up. Processes that it starts get
 * them as ever.
 */
class Interrupts
{
public:
	Interrupts();
	~Interrupts();
	Interrupts(const Interrupts &) = delete;
	Interrupts &operator=(const Interrupts &) = delete;

	/** Readable when there is one. */
	int fd() const { return fd_.get(); }
	const sigset_t &before() const { return before_; }

private:
	sigset_t before_;
	Fd fd_;
};

/** A process: our own child, which waits until it is let go, or somebody else's. */
class Process
{
public:
	/** A child that will run @p command. It ends by itself if it is never let go. */
	static Result<Process> spawn(const std::vector<std::string> &command,
				     const Interrupts &interrupts);
	/** A child that will call @p body, whose value is its exit status. */
	static Result<Process> spawn(const std::function<int()> &body,
				     const Interrupts &interrupts);
	/** One that runs already. Error: ESRCH. */
	static Result<Process> attach(pid_t pid);

	~Process();
	Process(Process &&other) noexcept;
	Process &operator=(Process &&) = delete;

	pid_t pid() const { return pid_; }
	/** The numbers of its threads, at this moment. */
	std::vector<pid_t> threads() const;
	/** Error: that of execvp(3) in the child. */
	Result<void> let_go();
	/** Readable when it has ended. */
	int fd() const { return pidfd_.get(); }
	/** Its exit status, once it has ended: as the shell tells it, 128 + N of a signal. */
	std::optional<int> status();

private:
	/** Gets what tells let_go() of an error, until it is closed. */
	using Body = std::function<int(Fd failure)>;

	Process() = default;
	static Result<Process> fork_held(const Interrupts &interrupts, const Body &body);

	pid_t pid_ = 0;
	bool is_child_ = false;
	Fd pidfd_;
	Fd gate_;
	Fd failure_;
};

} // namespace glass::ctl

#endif // GLASSCTL_PROCESS_H
