/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * glassctl, run as a user runs it.
 */
#ifndef GLASS_SELFTESTS_GLASSCTL_H
#define GLASS_SELFTESTS_GLASSCTL_H

#include <sys/types.h>

#include <string>
#include <vector>

namespace helper {

/** A file's text; empty if there is none. */
std::string contents_of(const std::string &path);

/** glassctl, running; what it prints goes to a file. It ends with the object. */
class Glassctl
{
public:
	explicit Glassctl(const std::vector<std::string> &arguments);
	~Glassctl();
	Glassctl(const Glassctl &) = delete;
	Glassctl &operator=(const Glassctl &) = delete;

	/** Its exit status, once it has ended by itself; 128 + the signal that ended it. */
	int wait();
	void send_signal(int signal) const;
	/** What it printed, on either stream. */
	std::string output() const;
	pid_t pid() const { return pid_; }

private:
	[[noreturn]] void exec(const std::vector<std::string> &arguments) const;

	pid_t pid_ = 0;
	const std::string output_;
};

/** What glassctl prints; the test fails unless it ends with @p status. */
std::string run_glassctl(const std::vector<std::string> &arguments, int status = 0);

/**
 * Why a case that traces is skipped, or an empty string. A kernel that panics when it
 * is traced must not be asked; glassctl is seen to refuse then. One that watches itself
 * takes minutes for programs that trace @p often: they are left to make test-long.
 */
std::string reason_not_to_trace(bool often);

} // namespace helper

#endif // GLASS_SELFTESTS_GLASSCTL_H
