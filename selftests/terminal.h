/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A terminal with a program in it: what its screen shows, and keys for it.
 */
#ifndef GLASS_SELFTESTS_TERMINAL_H
#define GLASS_SELFTESTS_TERMINAL_H

#include <sys/types.h>
#include <termios.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "lib/fd.h"

namespace helper {

/** A VT100 on a pseudoterminal, as far as programs need it that ask terminfo. */
class Terminal
{
public:
	/** Runs @p words in it; @p kind is its $TERM. */
	Terminal(const std::vector<std::string> &words, int lines = 24, int columns = 160,
		 const std::string &kind = "vt100");
	~Terminal();
	Terminal(const Terminal &) = delete;
	Terminal &operator=(const Terminal &) = delete;

	void press(const std::string &keys) const;
	void resize(int lines, int columns);
	/** Its lines, as they are once the program has been silent for a moment. */
	std::vector<std::string> lines();
	/** The first line that contains @p text; empty if there is none. */
	std::string line_with(const std::string &text);
	/** Waits, for at most 10 s, until a line contains @p text. */
	bool shows(const std::string &text);
	/** The program's exit status, once it has ended by itself; 128 + a signal's number. */
	int wait();
	pid_t pid() const { return pid_; }
	/** All that was ever written to it. */
	const std::string &written() const { return written_; }
	/** Its settings, which a program may change. */
	termios settings() const;

private:
	void read(std::chrono::milliseconds patience);
	void take(char byte);
	void take_control(char final);
	void put(char letter);
	int parameter(std::size_t index, int otherwise) const;
	void erase(int line, int from, int to);

	glass::Fd fd_;
	glass::Fd kept_; /* the program's side: its settings outlive the program */
	pid_t pid_ = -1;
	std::vector<std::string> screen_;
	std::size_t line_ = 0;
	std::size_t column_ = 0;
	std::string escape_; /* a sequence that is not at its end */
	std::string written_;
};

} // namespace helper

#endif // GLASS_SELFTESTS_TERMINAL_H
