// SPDX-License-Identifier: GPL-2.0
#include "tracing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ostream>
#include <sstream>
#include <stdexcept>

#include "helper.h"

namespace helper {

namespace {

const std::string instances = "/sys/kernel/tracing/instances";

/*
 * "  task-12  [001] b.s2.  3.456789: name: key=value ..." of a tracepoint,
 * "  task-12  [001] b.s2.  3.456789: name <-caller" of a function.
 */
TraceEvent parse(const std::string &line)
{
	const auto time = line.find(": ");
	const auto caller = line.find(" <-", time);
	const auto name = line.find(": ", time + 2);
	TraceEvent event;
	std::string last;

	if (caller != std::string::npos) {
		event.name = line.substr(time + 2, caller - time - 2);
		event.text = line.substr(caller + 1);
		return event;
	}
	if (name == std::string::npos)
		throw std::runtime_error("no event: " + line);
	event.name = line.substr(time + 2, name - time - 2);
	event.text = line.substr(name + 2);
	for (const auto &word : words_of(event.text)) {
		if (const auto equals = word.find('='); equals != std::string::npos)
			event.fields[word.substr(0, equals)] = word.substr(equals + 1);
		else if (last.ends_with(':'))
			event.fields[last.substr(0, last.size() - 1)] = word;
		else if (word == "->")
			event.fields["from"] = last;
		else if (last == "->")
			event.fields["to"] = word;
		last = word;
	}
	return event;
}

} // namespace

std::string TraceEvent::operator[](const std::string &key) const
{
	const auto field = fields.find(key);

	return field == fields.end() ? "" : field->second;
}

std::ostream &operator<<(std::ostream &out, const TraceEvent &event)
{
	return out << event.name << ": " << event.text;
}

bool Tracing::exists()
{
	return ::access(instances.c_str(), W_OK) == 0;
}

Tracing::Tracing() : folder_(instances + "/glass-test-" + std::to_string(::getpid()))
{
	must(::mkdir(folder_.c_str(), 0700), "tracefs instance");
}

Tracing::~Tracing()
{
	pipe_.reset(); // an instance in use stays
	::rmdir(folder_.c_str());
}

void Tracing::write(const std::string &file, const std::string &text) const
{
	const std::string path = folder_ + '/' + file;
	const glass::Fd fd(static_cast<int>(
		must(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC), path.c_str())));

	must(::write(fd.get(), text.data(), text.size()), path.c_str());
}

void Tracing::enable(const std::string &event, const std::string &filter)
{
	write("events/" + event + "/filter", filter.empty() ? "0" : filter);
	write("events/" + event + "/enable", "1");
}

void Tracing::disable(const std::string &event)
{
	write("events/" + event + "/enable", "0");
}

void Tracing::trace_functions(const std::string &functions)
{
	write("set_ftrace_filter", functions);
	write("set_ftrace_pid", std::to_string(::gettid()));
	write("current_tracer", "function");
}

std::vector<TraceEvent> Tracing::events()
{
	std::vector<TraceEvent> events;
	std::string text;
	std::array<char, 1 << 16> buffer;
	ssize_t size;

	// It gives each event once, and at once: "trace" takes 30 ms to be read. While it
	// is open, the tracer cannot be changed.
	if (!pipe_)
		pipe_ = glass::Fd(static_cast<int>(must(::open((folder_ + "/trace_pipe").c_str(),
							       O_RDONLY | O_NONBLOCK | O_CLOEXEC),
							"trace_pipe")));
	while ((size = ::read(pipe_.get(), buffer.data(), buffer.size())) > 0)
		text.append(buffer.data(), static_cast<std::size_t>(size));
	if (errno != EAGAIN)
		must(size, "trace_pipe");
	std::istringstream lines(text);
	for (std::string line; std::getline(lines, line);)
		events.push_back(parse(line));
	return events;
}

} // namespace helper
