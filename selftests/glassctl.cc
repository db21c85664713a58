// SPDX-License-Identifier: GPL-2.0
#include "glassctl.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "helper.h"
#include "ktap.h"

namespace helper {

std::string contents_of(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;

	text << file.rdbuf();
	return text.str();
}

namespace {

/* Two may run side by side. */
std::string new_file()
{
	static int number = 0;

	return "/tmp/glassctl-" + std::to_string(::getpid()) + '-' + std::to_string(number++);
}

} // namespace

Glassctl::Glassctl(const std::vector<std::string> &arguments) : output_(new_file())
{
	pid_ = static_cast<pid_t>(must(::fork(), "fork"));
	if (pid_ == 0)
		exec(arguments);
}

Glassctl::~Glassctl()
{
	if (pid_ > 0) {
		::kill(pid_, SIGKILL);
		::waitpid(pid_, nullptr, 0);
	}
	std::filesystem::remove(output_);
}

int Glassctl::wait()
{
	int status = 0;

	must(::waitpid(std::exchange(pid_, -1), &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Glassctl::send_signal(int signal) const
{
	::kill(pid_, signal);
}

std::string Glassctl::output() const
{
	return contents_of(output_);
}

void Glassctl::exec(const std::vector<std::string> &arguments) const
{
	std::vector<char *> words = {const_cast<char *>("glassctl")};
	const int file = ::open(output_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);

	for (const auto &word : arguments)
		words.push_back(const_cast<char *>(word.c_str()));
	words.push_back(nullptr);
	::dup2(file, STDOUT_FILENO);
	::dup2(file, STDERR_FILENO);
	::execvp(words[0], words.data());
	::_exit(127);
}

std::string run_glassctl(const std::vector<std::string> &arguments, int status)
{
	Glassctl glassctl(arguments);

	EXPECT_EQ(glassctl.wait(), status) << glassctl.output();
	return glassctl.output();
}

namespace {

/* Once for all cases. */
bool tracing_is_refused()
{
	static const bool refused = [] {
		if (!kernel_is_at_least(7, 3))
			return false;
		EXPECT_NE(run_glassctl({"trace", "--", "true"}, 1).find("Linux 7.3 panics"),
			  std::string::npos);
		return true;
	}();

	return refused;
}

} // namespace

std::string reason_not_to_trace(bool often)
{
	if (tracing_is_refused())
		return "Linux 7.3 panics: docs/trace.md";
	if (often && ktap::scale() == 1 && ::access("/sys/kernel/debug/kmemleak", F_OK) == 0)
		return "this kernel takes minutes for it: make test-long";
	return "";
}

} // namespace helper
