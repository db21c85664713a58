// SPDX-License-Identifier: GPL-2.0
#include "ktap.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/fd.h"

namespace {

using Clock = std::chrono::steady_clock;
using glass::Fd;

constexpr int exit_pass = 0;
constexpr int exit_fail = 1;
constexpr int exit_skip = 4;

/* After so many hung cases the rest is not tried: each costs its whole deadline. */
constexpr int hangs_max = 3;
/* What a killed process may take to be gone. */
constexpr std::chrono::milliseconds grace(5000);
/* A case that takes longer says so: there are many, and one run shall be short. */
constexpr std::chrono::milliseconds long_time(1000);

double number_from_environment(const char *name, double otherwise)
{
	const char *text = std::getenv(name);
	const double number = text ? std::atof(text) : 0;

	return number > 0 ? number : otherwise;
}

/* --- In the child: what GoogleTest finds out ---------------------------- */

/* Failures become diagnostics on standard output, the verdict goes to the parent. */
class Listener : public testing::EmptyTestEventListener
{
public:
	explicit Listener(Fd verdict) : verdict_(std::move(verdict)) {}

	void OnTestPartResult(const testing::TestPartResult &part) override
	{
		if (part.skipped()) {
			skip_reason_ = part.message();
			return;
		}
		if (!part.failed())
			return;
		if (part.file_name())
			std::cout << part.file_name() << ':' << part.line_number() << ": ";
		std::cout << part.message() << std::endl;
	}

	void OnTestProgramEnd(const testing::UnitTest &unit) override
	{
		if (unit.Failed())
			tell("failed");
		else if (unit.skipped_test_count() > 0)
			tell("skipped " + skip_reason_);
		else
			tell("passed");
	}

private:
	void tell(const std::string &verdict)
	{
		std::cout.flush();
		if (::write(verdict_.get(), verdict.data(), verdict.size()) < 0)
			std::abort();
	}

	const Fd verdict_;
	std::string skip_reason_;
};

[[noreturn]] void run_in_child(const std::string &name, Fd output, Fd verdict)
{
	::prctl(PR_SET_PDEATHSIG, SIGKILL);
	::setpgid(0, 0);
	::dup2(output.get(), STDOUT_FILENO);
	::dup2(output.get(), STDERR_FILENO);
	output.reset();

	auto &listeners = testing::UnitTest::GetInstance()->listeners();
	delete listeners.Release(listeners.default_result_printer());
	listeners.Append(new Listener(std::move(verdict))); // GoogleTest owns it
	testing::GTEST_FLAG(filter) = name;
	const int status = RUN_ALL_TESTS();
	std::cout.flush();
	::_exit(status);
}

/* --- In the parent: one child per case, watched -------------------------- */

struct Pipe {
	Fd reading;
	Fd writing;
};

Pipe make_pipe()
{
	std::array<int, 2> fds;

	if (::pipe2(fds.data(), O_CLOEXEC) < 0) {
		std::perror("pipe2");
		std::exit(exit_fail);
	}
	return {Fd(fds[0]), Fd(fds[1])};
}

enum class Outcome { Passed, Failed, Skipped, Hung };

struct Result {
	Outcome outcome;
	std::string note; /* behind the name, after " # " */
};

void print_diagnostics(const std::string &text)
{
	std::istringstream lines(text);
	std::string line;

	while (std::getline(lines, line))
		std::cout << "# " << line << '\n';
}

std::string first_line(const std::string &path)
{
	std::ifstream file(path);
	std::string line;

	std::getline(file, line);
	return line;
}

/* Where each thread of a hung process is. */
void print_threads(pid_t pid)
{
	const std::string tasks = "/proc/" + std::to_string(pid) + "/task/";
	const std::unique_ptr<DIR, int (*)(DIR *)> folder(::opendir(tasks.c_str()), ::closedir);

	if (!folder)
		return;
	while (const dirent *entry = ::readdir(folder.get())) {
		const std::string task = tasks + entry->d_name;

		if (entry->d_name[0] == '.')
			continue;
		std::cout << "# thread " << entry->d_name << ": system call "
			  << first_line(task + "/syscall") << '\n';
		std::ifstream stack(task + "/stack");
		std::ostringstream text;
		text << stack.rdbuf();
		print_diagnostics(text.str());
	}
}

/* A case under way. */
class Child
{
public:
	explicit Child(const std::string &name)
	{
		Pipe output = make_pipe();
		Pipe verdict = make_pipe();

		std::cout.flush();
		pid_ = ::fork();
		if (pid_ < 0) {
			std::perror("fork");
			std::exit(exit_fail);
		}
		if (pid_ == 0) {
			output.reading.reset();
			verdict.reading.reset();
			run_in_child(name, std::move(output.writing), std::move(verdict.writing));
		}
		::setpgid(pid_, pid_); // whoever is first, parent or child
		pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
		output_ = std::move(output.reading);
		verdict_ = std::move(verdict.reading);
		::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
		::fcntl(verdict_.get(), F_SETFL, O_NONBLOCK);
	}

	/* Watches until it ends or the deadline kills it. */
	Result watch(std::chrono::milliseconds limit)
	{
		const bool ended = wait_for_end(limit);

		if (!ended)
			print_threads(pid_);
		// Whatever it started must not outlive it.
		::kill(-pid_, SIGKILL);
		if (!ended)
			wait_for_end(grace);
		drain(output_, text_);
		print_diagnostics(text_);
		if (!ended) {
			// Not waited for if even SIGKILL did not end it.
			::waitpid(pid_, nullptr, WNOHANG);
			return {Outcome::Hung,
				"hung: killed after " + std::to_string(limit.count()) + " ms"};
		}
		return judge();
	}

private:
	bool wait_for_end(std::chrono::milliseconds limit)
	{
		const auto deadline = Clock::now() + limit;

		for (;;) {
			std::array<pollfd, 2> fds = {
				{{pidfd_.get(), POLLIN, 0}, {output_.get(), POLLIN, 0}}};
			const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
				deadline - Clock::now());

			if (left.count() < 0)
				return false;
			::poll(fds.data(), output_ ? 2 : 1, static_cast<int>(left.count()) + 1);
			if (output_ && fds[1].revents && !drain(output_, text_))
				output_.reset();
			if (fds[0].revents)
				return true;
		}
	}

	/* Reads what is there; false at the end of the file. */
	static bool drain(const Fd &from, std::string &to)
	{
		std::array<char, 4096> buffer;
		ssize_t size;

		while ((size = ::read(from.get(), buffer.data(), buffer.size())) > 0)
			to.append(buffer.data(), static_cast<std::size_t>(size));
		return size < 0 && errno == EAGAIN;
	}

	Result judge()
	{
		static const std::string skipped = "skipped ";
		std::string verdict;
		int status = 0;

		::waitpid(pid_, &status, 0);
		drain(verdict_, verdict);
		if (WIFSIGNALED(status))
			return {Outcome::Failed, "crashed: signal " +
							 std::to_string(WTERMSIG(status)) + " (" +
							 strsignal(WTERMSIG(status)) + ")"};
		if (verdict.empty())
			return {Outcome::Failed, "exited with status " +
							 std::to_string(WEXITSTATUS(status)) +
							 " before its end"};
		if (verdict.starts_with(skipped))
			return {Outcome::Skipped, "SKIP " + verdict.substr(skipped.size())};
		if (verdict != "passed" || status != 0)
			return {Outcome::Failed, ""};
		return {Outcome::Passed, ""};
	}

	pid_t pid_;
	Fd pidfd_;
	Fd output_;
	Fd verdict_;
	std::string text_;
};

/* --- The program ---------------------------------------------------------- */

std::vector<std::string> selected_cases()
{
	const testing::UnitTest &unit = *testing::UnitTest::GetInstance();
	const char *pattern = std::getenv("GLASS_T");
	const bool also_disabled = testing::GTEST_FLAG(also_run_disabled_tests);
	std::vector<std::string> names;

	for (int i = 0; i < unit.total_test_suite_count(); i++) {
		const testing::TestSuite &suite = *unit.GetTestSuite(i);

		for (int j = 0; j < suite.total_test_count(); j++) {
			const std::string name =
				std::string(suite.name()) + '.' + suite.GetTestInfo(j)->name();

			if (!also_disabled && name.find("DISABLED_") != std::string::npos)
				continue;
			if (!pattern || name.find(pattern) != std::string::npos)
				names.push_back(name);
		}
	}
	return names;
}

void print_result(std::size_t number, const std::string &name, const Result &result)
{
	const bool ok = result.outcome == Outcome::Passed || result.outcome == Outcome::Skipped;
	std::string note = result.note;

	std::replace(note.begin(), note.end(), '\n', ' ');
	note.erase(note.find_last_not_of(' ') + 1); // newer GoogleTests end a message so
	std::cout << (ok ? "ok " : "not ok ") << number << ' ' << name;
	if (!note.empty())
		std::cout << " # " << note;
	std::cout << std::endl;
}

void print_time(Clock::duration time)
{
	const auto rounded = std::chrono::duration_cast<std::chrono::milliseconds>(time);

	if (rounded >= long_time)
		std::cout << "# this took " << rounded.count() << " ms\n";
}

/* How many cases ended in each way. */
struct Totals {
	int passed = 0;
	int failed = 0;
	int skipped = 0;
	int hung = 0;
};

Totals run(const std::vector<std::string> &names)
{
	const std::chrono::milliseconds limit(
		std::lround(1000 * number_from_environment("GLASS_DEADLINE", 30 * ktap::scale())));
	Totals totals;

	for (std::size_t i = 0; i < names.size(); i++) {
		const auto start = Clock::now();
		Result result = {Outcome::Failed, "not tried: too many cases hung"};

		if (totals.hung < hangs_max)
			result = Child(names[i]).watch(limit);
		print_time(Clock::now() - start);
		print_result(i + 1, names[i], result);
		totals.passed += result.outcome == Outcome::Passed;
		totals.skipped += result.outcome == Outcome::Skipped;
		totals.hung += result.outcome == Outcome::Hung;
	}
	totals.failed = static_cast<int>(names.size()) - totals.passed - totals.skipped;
	return totals;
}

} // namespace

int ktap::scale()
{
	static const int scale = static_cast<int>(number_from_environment("GLASS_SCALE", 1));

	return scale;
}

int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	if (testing::GTEST_FLAG(list_tests))
		return RUN_ALL_TESTS();

	const std::vector<std::string> names = selected_cases();
	std::cout << "KTAP version 1\n1.." << names.size() << std::endl;
	const Totals totals = run(names);
	std::cout << "# Totals: pass:" << totals.passed << " fail:" << totals.failed
		  << " skip:" << totals.skipped << std::endl;
	if (totals.failed)
		return exit_fail;
	return totals.passed ? exit_pass : exit_skip;
}
