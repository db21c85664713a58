// SPDX-License-Identifier: GPL-2.0
#include "terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "helper.h"
#include "network.h"

namespace helper {

namespace {

constexpr std::chrono::milliseconds silence(50);

winsize size_of(int lines, int columns)
{
	return {static_cast<unsigned short>(lines), static_cast<unsigned short>(columns), 0, 0};
}

} // namespace

Terminal::Terminal(const std::vector<std::string> &words, int lines, int columns,
		   const std::string &kind)
	: screen_(static_cast<std::size_t>(lines),
		  std::string(static_cast<std::size_t>(columns), ' '))
{
	const winsize size = size_of(lines, columns);
	int ours = -1;
	int program = -1;

	must(::openpty(&ours, &program, nullptr, nullptr, &size), "openpty");
	fd_.reset(ours);
	kept_.reset(program);
	::fcntl(ours, F_SETFD, FD_CLOEXEC);
	pid_ = static_cast<pid_t>(must(::fork(), "fork"));
	if (pid_ == 0) {
		std::vector<char *> arguments;

		::close(ours);
		::login_tty(program);
		::setenv("TERM", kind.c_str(), 1);
		for (const auto &word : words)
			arguments.push_back(const_cast<char *>(word.c_str()));
		arguments.push_back(nullptr);
		::execvp(arguments[0], arguments.data());
		::_exit(127);
	}
}

Terminal::~Terminal()
{
	if (pid_ > 0) {
		::kill(pid_, SIGKILL);
		::waitpid(pid_, nullptr, 0);
	}
}

void Terminal::press(const std::string &keys) const
{
	must(::write(fd_.get(), keys.data(), keys.size()), "keys");
}

void Terminal::resize(int lines, int columns)
{
	const winsize size = size_of(lines, columns);

	screen_.assign(static_cast<std::size_t>(lines),
		       std::string(static_cast<std::size_t>(columns), ' '));
	line_ = column_ = 0;
	must(::ioctl(fd_.get(), TIOCSWINSZ, &size), "TIOCSWINSZ");
}

termios Terminal::settings() const
{
	termios settings = {};

	must(::tcgetattr(kept_.get(), &settings), "tcgetattr");
	return settings;
}

int Terminal::wait()
{
	int status = 0;

	// It may have more to write than the terminal has room for.
	while (::waitpid(pid_, &status, WNOHANG) == 0)
		read(silence);
	pid_ = -1;
	read(silence);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<std::string> Terminal::lines()
{
	std::vector<std::string> lines;

	read(silence);
	for (const auto &line : screen_)
		lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
	return lines;
}

std::string Terminal::line_with(const std::string &text)
{
	for (const auto &line : lines())
		if (line.find(text) != std::string::npos)
			return line;
	return "";
}

bool Terminal::shows(const std::string &text)
{
	return eventually([&] { return !line_with(text).empty(); });
}

void Terminal::read(std::chrono::milliseconds patience)
{
	pollfd input = {fd_.get(), POLLIN, 0};
	std::array<char, 4096> buffer;

	while (::poll(&input, 1, static_cast<int>(patience.count())) > 0) {
		const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());

		if (size <= 0)
			return;
		written_.append(buffer.data(), static_cast<std::size_t>(size));
		for (ssize_t i = 0; i < size; i++)
			take(buffer[static_cast<std::size_t>(i)]);
	}
}

void Terminal::put(char letter)
{
	screen_[line_][std::min(column_, screen_[line_].size() - 1)] = letter;
	column_ = std::min(column_ + 1, screen_[line_].size());
}

void Terminal::take(char byte)
{
	if (!escape_.empty() || byte == '\033') {
		const bool is_control = escape_.starts_with("\033[");

		escape_ += byte;
		if (is_control && byte >= '@' && byte <= '~') {
			take_control(byte);
			escape_.clear();
		} else if (!is_control && escape_.size() > 1 && byte != '[' && byte != '(' &&
			   byte != ')') {
			escape_.clear(); // the keypad, a set of characters
		}
		return;
	}
	switch (byte) {
	case '\r':
		column_ = 0;
		break;
	case '\n':
		line_ = std::min(line_ + 1, screen_.size() - 1);
		break;
	case '\b':
		column_ -= column_ ? 1 : 0;
		break;
	default:
		if (byte >= ' ')
			put(byte);
	}
}

int Terminal::parameter(std::size_t index, int otherwise) const
{
	std::istringstream text(escape_.substr(2));
	std::string word;

	for (std::size_t i = 0; i <= index; i++)
		if (!std::getline(text, word, ';'))
			return otherwise;
	const int number = std::atoi(word.c_str());
	return number ? number : otherwise;
}

void Terminal::erase(int line, int from, int to)
{
	std::string &text = screen_[static_cast<std::size_t>(line)];

	for (int i = from; i < std::min(to, static_cast<int>(text.size())); i++)
		text[static_cast<std::size_t>(i)] = ' ';
}

void Terminal::take_control(char final)
{
	const int height = static_cast<int>(screen_.size());
	const int width = static_cast<int>(screen_.front().size());
	int line = static_cast<int>(line_);
	int column = static_cast<int>(column_);

	switch (final) {
	case 'H':
		line = parameter(0, 1) - 1;
		column = parameter(1, 1) - 1;
		break;
	case 'A':
		line -= parameter(0, 1);
		break;
	case 'B':
		line += parameter(0, 1);
		break;
	case 'C':
		column += parameter(0, 1);
		break;
	case 'D':
		column -= parameter(0, 1);
		break;
	case 'K':
		erase(line, parameter(0, 0) ? 0 : column, parameter(0, 0) ? column + 1 : width);
		break;
	case 'J':
		erase(line, column, width);
		for (int below = line + 1; below < height; below++)
			erase(below, 0, width);
		break;
	default:
		break; // colours, modes
	}
	line_ = static_cast<std::size_t>(std::clamp(line, 0, height - 1));
	column_ = static_cast<std::size_t>(std::clamp(column, 0, width));
}

} // namespace helper
