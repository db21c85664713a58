// SPDX-License-Identifier: GPL-2.0
#include "fuzz/machine.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "helper.h"

namespace fuzz {

namespace {

using namespace helper;

/* The folder of the ivshmem device in sysfs; empty if there is none. */
std::string find_device()
{
	for (const auto &entry : std::filesystem::directory_iterator("/sys/bus/pci/devices"))
		if (lines_of(entry.path() / "vendor").at(0) == "0x1af4" &&
		    lines_of(entry.path() / "device").at(0) == "0x1110")
			return entry.path();
	return {};
}

} // namespace

Journal::Journal()
{
	const auto folder = find_device();
	struct stat status;

	if (folder.empty())
		return;
	write_file(folder + "/enable", "1");
	const auto fd = own(::open((folder + "/resource2").c_str(), O_RDWR | O_CLOEXEC), "ivshmem");
	must(::fstat(fd.get(), &status), "fstat ivshmem");
	const auto size = static_cast<std::size_t>(status.st_size);
	void *const room = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
	must(room == MAP_FAILED ? -1 : 0, "mmap ivshmem");
	room_ = {static_cast<char *>(room), size};
	is_mapped_ = true;
	clear();
}

Journal::~Journal()
{
	if (is_mapped_)
		::munmap(room_.data(), room_.size());
}

void Journal::clear()
{
	std::ranges::fill(used_ ? room_.first(used_) : room_, '\0');
	used_ = 0;
}

bool Journal::has_room(std::size_t size) const
{
	return room_.empty() || used_ + size + 1 <= room_.size();
}

void Journal::add(std::string_view line)
{
	if (room_.empty())
		return;
	std::ranges::copy(line, room_.begin() + static_cast<std::ptrdiff_t>(used_));
	used_ += line.size();
	room_[used_++] = '\n';
}

KernelLog::KernelLog(const std::string &complaint)
	: fd_(own(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), "/dev/kmsg")),
	  complaint_(complaint)
{
	must(::lseek(fd_.get(), 0, SEEK_END), "end of /dev/kmsg");
}

std::optional<std::string> KernelLog::complaint()
{
	std::array<char, 8192> buffer;
	std::optional<std::string> first;
	ssize_t size;

	/* EPIPE: messages were lost, and it goes on behind them. */
	while ((size = ::read(fd_.get(), buffer.data(), buffer.size())) > 0 || errno == EPIPE) {
		const std::string_view text(buffer.data(), size > 0 ? size : 0);
		const auto begin = std::min(text.find(';'), text.size() - !text.empty());
		const std::string words(text.substr(begin));

		if (!first && std::regex_search(words, complaint_))
			first = words.substr(words.find_first_not_of(';'), words.find('\n'));
		errno = 0;
	}
	return first;
}

} // namespace fuzz
