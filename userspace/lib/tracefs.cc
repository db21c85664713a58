// SPDX-License-Identifier: GPL-2.0
#include "lib/tracefs.h"

#include <event-parse.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
extern "C" { // which this one, alone of them, leaves to us
#include <kbuffer.h>
}

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "lib/fd.h"

namespace glass {

namespace {

constexpr int flag_hardirq = 0x08;
constexpr int flag_softirq = 0x10;

std::string tracing_folder()
{
	return "/sys/kernel/tracing";
}

Result<void> write_file(const std::string &path, std::string_view text, int flags)
{
	const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags));

	if (!file)
		return last_error();
	while (!text.empty()) {
		const ssize_t size = ::write(file.get(), text.data(), text.size());

		if (size < 0)
			return last_error();
		text.remove_prefix(static_cast<std::size_t>(size));
	}
	return {};
}

Result<std::string> read_file(const std::string &path)
{
	const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
	std::array<char, 1 << 16> buffer;
	std::string text;
	ssize_t size;

	if (!file)
		return last_error();
	while ((size = ::read(file.get(), buffer.data(), buffer.size())) > 0)
		text.append(buffer.data(), static_cast<std::size_t>(size));
	if (size < 0)
		return last_error();
	return text;
}

/* Of "NAME-812" or "NAME_812" or "NAME-frames-812" the process, if it is no more. */
bool is_stale(std::string_view text, std::string_view name)
{
	const auto last = text.find_last_of("-_");
	pid_t pid = 0;

	if (!text.starts_with(name) || last == std::string_view::npos)
		return false;
	const char *const end = text.data() + text.size();
	const auto parsed = std::from_chars(text.data() + last + 1, end, pid);
	return parsed.ec == std::errc{} && parsed.ptr == end && ::kill(pid, 0) != 0 &&
	       errno == ESRCH;
}

} // namespace

/* "ffffffff81000000 name" or "ffffffffc0000000 name [module]", a line each. */
Result<std::vector<TraceableFunction>> traceable_functions()
{
	const auto text = read_file(tracing_folder() + "/available_filter_functions_addrs");
	std::vector<TraceableFunction> functions;
	std::string_view rest;

	if (!text)
		return text.error();
	rest = *text;
	while (!rest.empty()) {
		const std::string_view line = rest.substr(0, rest.find('\n'));
		const auto space = line.find(' ');
		const auto bracket = line.find(" [");
		TraceableFunction function;

		rest.remove_prefix(std::min(line.size() + 1, rest.size()));
		if (space == std::string_view::npos)
			continue;
		std::from_chars(line.data(), line.data() + space, function.address, 16);
		if (bracket == std::string_view::npos) {
			function.name = line.substr(space + 1);
		} else {
			function.name = line.substr(space + 1, bracket - space - 1);
			function.module = line.substr(bracket + 2, line.size() - bracket - 3);
		}
		functions.push_back(std::move(function));
	}
	return functions;
}

Result<std::vector<std::string>> available_tracers()
{
	const auto text = read_file(tracing_folder() + "/available_tracers");
	std::vector<std::string> names;

	if (!text)
		return text.error();
	std::istringstream words(*text);
	for (std::string word; words >> word;)
		names.push_back(word);
	return names;
}

/* --- Instances ---------------------------------------------------------------------- */

namespace {

std::string instances_folder()
{
	return tracing_folder() + "/instances/";
}

/* Once the tracer has let go of the functions nothing holds an instance but open files. */
void remove_instance(const std::string &folder)
{
	(void)write_file(folder + "/current_tracer", "nop", O_TRUNC);
	(void)write_file(folder + "/events/enable", "0", O_TRUNC);
	::rmdir(folder.c_str());
}

} // namespace

Result<TraceInstance> TraceInstance::create(const std::string &name)
{
	const std::string folder = instances_folder() + name + '-' + std::to_string(::getpid());

	if (::mkdir(folder.c_str(), 0700) != 0)
		return last_error();
	return TraceInstance(folder);
}

TraceInstance::~TraceInstance()
{
	if (!folder_.empty())
		remove_instance(folder_);
}

void TraceInstance::remove_stale(const std::string &name)
{
	std::error_code error;

	for (const auto &entry : std::filesystem::directory_iterator(instances_folder(), error))
		if (is_stale(entry.path().filename().native(), name + '-'))
			remove_instance(entry.path());
}

Result<void> TraceInstance::write(const std::string &file, std::string_view text)
{
	return write_file(folder_ + '/' + file, text, O_TRUNC);
}

Result<void> TraceInstance::append(const std::string &file, std::string_view text)
{
	return write_file(folder_ + '/' + file, text, O_APPEND);
}

Result<void> TraceInstance::enable(const std::string &event, const std::string &filter)
{
	if (!filter.empty())
		if (const auto done = write("events/" + event + "/filter", filter); !done)
			return done;
	return write("events/" + event + "/enable", "1");
}

Result<void> TraceInstance::stop()
{
	return write("tracing_on", "0");
}

std::uint64_t TraceInstance::lost() const
{
	std::uint64_t sum = 0;
	std::error_code error;

	for (const auto &cpu : std::filesystem::directory_iterator(folder_ + "/per_cpu", error)) {
		std::ifstream stats(cpu.path() / "stats");

		for (std::string line; std::getline(stats, line);)
			for (const std::string_view key :
			     {"overrun: ", "commit overrun: ", "dropped events: "})
				if (line.starts_with(key))
					sum += std::strtoull(line.c_str() + key.size(), nullptr,
							     10);
	}
	return sum;
}

/* --- Probes --------------------------------------------------------------------------- */

namespace {

std::string dynamic_events()
{
	return tracing_folder() + "/dynamic_events";
}

} // namespace

ProbeGroup::ProbeGroup(const std::string &name) : name_(name + '_' + std::to_string(::getpid())) {}

ProbeGroup::~ProbeGroup()
{
	for (const auto &event : events_)
		(void)write_file(dynamic_events(), "-:" + name_ + '/' + event + '\n', O_APPEND);
}

void ProbeGroup::remove_stale(const std::string &name)
{
	const auto text = read_file(dynamic_events());

	if (!text)
		return;
	std::istringstream lines(*text);
	for (std::string line; std::getline(lines, line);) {
		// "p:GROUP/EVENT function ..."
		const auto colon = line.find(':');
		const auto slash = line.find('/', colon);
		const auto space = line.find(' ', slash);

		if (space == std::string::npos)
			continue;
		if (is_stale(line.substr(colon + 1, slash - colon - 1), name + '_'))
			(void)write_file(dynamic_events(),
					 "-:" + line.substr(colon + 1, space - colon - 1) + '\n',
					 O_APPEND);
	}
}

Result<void> ProbeGroup::add(const std::string &event, const std::string &function,
			     const std::string &fields)
{
	const auto done = write_file(
		dynamic_events(), "p:" + name_ + '/' + event + ' ' + function + ' ' + fields + '\n',
		O_APPEND);

	if (done)
		events_.push_back(event);
	return done;
}

/* --- What was recorded ---------------------------------------------------------------- */

std::string_view TraceRecord::name() const
{
	return event_->name;
}

std::string_view TraceRecord::system() const
{
	return event_->system;
}

int TraceRecord::event_id() const
{
	return event_->id;
}

std::uint64_t TraceRecord::time() const
{
	return record_->ts;
}

int TraceRecord::cpu() const
{
	return record_->cpu;
}

pid_t TraceRecord::thread() const
{
	return ::tep_data_pid(event_->tep, record_);
}

bool TraceRecord::in_hardirq() const
{
	return ::tep_data_flags(event_->tep, record_) & flag_hardirq;
}

bool TraceRecord::in_softirq() const
{
	return ::tep_data_flags(event_->tep, record_) & flag_softirq;
}

std::uint64_t TraceRecord::number(const char *field) const
{
	::tep_format_field *const found = ::tep_find_any_field(event_, field);
	unsigned long long value = 0;

	if (!found || ::tep_read_number_field(found, record_->data, &value) < 0)
		return 0;
	return value;
}

std::int64_t TraceRecord::signed_number(const char *field) const
{
	::tep_format_field *const found = ::tep_find_any_field(event_, field);
	const auto value = number(field);

	if (found && found->size == 4)
		return static_cast<std::int32_t>(value);
	return static_cast<std::int64_t>(value);
}

std::uint64_t TraceRecord::element(const char *field, std::size_t index) const
{
	const ::tep_format_field *const found = ::tep_find_any_field(event_, field);
	std::uint64_t value = 0;

	if (found && (index + 1) * sizeof(value) <= static_cast<std::size_t>(found->size))
		std::memcpy(&value,
			    static_cast<const char *>(record_->data) + found->offset +
				    index * sizeof(value),
			    sizeof(value));
	return value;
}

std::string TraceRecord::text(const char *field) const
{
	const ::tep_format_field *const found = ::tep_find_any_field(event_, field);
	const char *const data = static_cast<const char *>(record_->data);
	std::size_t offset;
	std::size_t size;

	if (!found)
		return "";
	offset = static_cast<std::size_t>(found->offset);
	size = static_cast<std::size_t>(found->size);
	if (found->flags & TEP_FIELD_IS_DYNAMIC) {
		std::uint32_t where = 0;

		std::memcpy(&where, data + offset, sizeof(where));
		offset = where & 0xffff;
		size = where >> 16;
	}
	if (offset + size > static_cast<std::size_t>(record_->size))
		return "";
	return std::string(data + offset, ::strnlen(data + offset, size));
}

std::string TraceRecord::printed() const
{
	::trace_seq sequence;
	std::string text;

	::trace_seq_init(&sequence);
	::tep_print_event(event_->tep, &sequence, record_, "%s", TEP_PRINT_INFO);
	text.assign(sequence.buffer, sequence.len);
	::trace_seq_destroy(&sequence);
	return text;
}

void TraceReader::Free::operator()(::tep_handle *handle) const
{
	::tep_free(handle);
}

Result<void> TraceReader::learn(const std::string &system)
{
	std::error_code error;

	for (const auto &entry :
	     std::filesystem::directory_iterator(tracing_folder() + "/events/" + system, error)) {
		const auto format = read_file(entry.path() / "format");

		// Some of the kernel's own descriptions are beyond the library; they are missed
		// where they are asked for.
		if (format)
			::tep_parse_event(handle_.get(), format->data(), format->size(),
					  system.c_str());
	}
	return error;
}

Result<TraceReader> TraceReader::open(const std::vector<std::string> &systems)
{
	TraceReader reader(::tep_alloc());
	auto header = read_file(tracing_folder() + "/events/header_page");

	if (!header)
		return header.error();
	// The library complains on standard error about what it need not know.
	::tep_set_loglevel(TEP_LOG_NONE);
	::tep_parse_header_page(reader.handle_.get(), header->data(), header->size(), sizeof(long));
	::tep_set_long_size(reader.handle_.get(), sizeof(long));
	for (const auto &system : systems)
		if (const auto done = reader.learn(system); !done)
			return done.error();
	return reader;
}

void TraceReader::read_page(std::vector<char> &page, int cpu, const Handler &handler)
{
	const std::unique_ptr<::kbuffer, void (*)(::kbuffer *)> buffer(
		::kbuffer_alloc(KBUFFER_LSIZE_8, KBUFFER_ENDIAN_LITTLE), ::kbuffer_free);
	unsigned long long time = 0;

	::kbuffer_load_subbuffer(buffer.get(), page.data());
	for (void *data = ::kbuffer_read_event(buffer.get(), &time); data;
	     data = ::kbuffer_next_event(buffer.get(), &time)) {
		::tep_record record = {};

		record.ts = time;
		record.size = ::kbuffer_event_size(buffer.get());
		record.record_size = record.size;
		record.data = data;
		record.cpu = cpu;
		if (::tep_event *const event = ::tep_find_event(
			    handle_.get(), ::tep_data_type(handle_.get(), &record)))
			handler(TraceRecord(event, &record));
	}
}

Result<void> TraceReader::read(const TraceInstance &instance, const Handler &handler)
{
	std::vector<char> page(static_cast<std::size_t>(::getpagesize()));
	std::error_code error;

	for (const auto &entry :
	     std::filesystem::directory_iterator(instance.folder() + "/per_cpu", error)) {
		const std::string name = entry.path().filename(); // "cpu12"
		const std::string path = entry.path() / "trace_pipe_raw";
		const Fd pipe(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
		ssize_t size;

		if (!pipe)
			return last_error();
		while ((size = ::read(pipe.get(), page.data(), page.size())) > 0)
			read_page(page, std::atoi(name.c_str() + 3), handler);
		if (size < 0 && errno != EAGAIN)
			return last_error();
	}
	return error;
}

/* "812 glass-cat", a line each. */
std::unordered_map<pid_t, std::string> thread_names()
{
	std::ifstream lines(tracing_folder() + "/saved_cmdlines");
	std::unordered_map<pid_t, std::string> names;

	for (std::string line; std::getline(lines, line);)
		if (const auto space = line.find(' '); space != std::string::npos)
			names[std::atoi(line.c_str())] = line.substr(space + 1);
	return names;
}

} // namespace glass
