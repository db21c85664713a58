// SPDX-License-Identifier: GPL-2.0
#include "glassctl/anatomy.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>

#include "glassctl/commands.h"
#include "glassctl/kinds.h"
#include "glassctl/names.h"
#include "glassctl/view.h"
#include "lib/anatomy.h"
#include "lib/diag.h"
#include "lib/family.h"

namespace glass::ctl {

namespace {

Control open_control(const Options &options)
{
	auto control = Control::open();

	if (!control)
		throw Failure(control.error(), options.text,
			      control.error() == std::errc::no_such_file_or_directory
				      ? "Is the module loaded?"
				      : "");
	return std::move(*control);
}

Fd fetch(const Options &options, const std::string &text)
{
	const auto name = DescriptorName::parse(text);
	auto copy = name ? fetch_descriptor(*name) : Result<Fd>(name.error());

	if (copy.error() == std::errc::operation_not_permitted)
		throw Failure(copy.error(), options.text,
			      text + ": You may not look into that process");
	if (!copy)
		throw Failure(copy.error(), options.text, text);
	return std::move(*copy);
}

Fd open_kind(const Options &options, const SocketKind &kind)
{
	Fd socket = open_socket(kind);

	if (!socket)
		throw Failure(last_error(), options.text, kind.name);
	return socket;
}

/* --- Values in words ------------------------------------------------------------------ */

/** A bit, or a number, that has a name. */
struct Name {
	std::uint64_t value;
	const char *name;
};

/* The name, or the number. */
Row name_of(std::uint64_t value, std::span<const Name> names)
{
	for (const Name &name : names)
		if (name.value == value)
			return name.name;
	return value;
}

/* The names of the bits that are set; what has none, as a number in the end. */
Row names_of(std::uint64_t value, std::span<const Name> names)
{
	std::string text;

	for (const Name &name : names)
		if (value & name.value) {
			text += (text.empty() ? "" : " ") + std::string(name.name);
			value &= ~name.value;
		}
	if (value || text.empty())
		text += (text.empty() ? "" : " ") + std::to_string(value);
	return text;
}

/* As C writes it, in base 8 or 16. */
Row number_text(const char *format, unsigned long long value)
{
	std::array<char, 32> text;

	std::snprintf(text.data(), text.size(), format, value);
	return text.data();
}

Row symbol_text(const std::string &symbol)
{
	return symbol.empty() ? Row(nullptr) : Row(symbol);
}

Row file_flags(std::uint32_t flags)
{
	constexpr std::array access = {Name{O_RDONLY, "O_RDONLY"}, Name{O_WRONLY, "O_WRONLY"},
				       Name{O_RDWR, "O_RDWR"}};
	constexpr std::array bits = {Name{O_NONBLOCK, "O_NONBLOCK"}, Name{O_APPEND, "O_APPEND"},
				     Name{O_ASYNC, "O_ASYNC"},	     Name{O_DIRECT, "O_DIRECT"},
				     Name{O_NOATIME, "O_NOATIME"},   Name{O_CLOEXEC, "O_CLOEXEC"}};
	std::string text = name_of(flags & O_ACCMODE, access);

	if (flags & ~O_ACCMODE)
		text += ' ' + names_of(flags & ~O_ACCMODE, bits).get<std::string>();
	return text;
}

Row socket_state(int state)
{
	constexpr std::array names = {Name{0, "SS_FREE"}, Name{1, "SS_UNCONNECTED"},
				      Name{2, "SS_CONNECTING"}, Name{3, "SS_CONNECTED"},
				      Name{4, "SS_DISCONNECTING"}};

	return name_of(static_cast<std::uint64_t>(state), names);
}

/* Bits of struct socket.flags, which linux/net.h numbers. */
Row socket_flags(std::uint64_t flags)
{
	constexpr std::array names = {
		Name{1 << 2, "SOCK_NOSPACE"},	     Name{1 << 3, "SOCK_PASSCRED"},
		Name{1 << 4, "SOCK_PASSSEC"},	     Name{1 << 5, "SOCK_SUPPORT_ZC"},
		Name{1 << 6, "SOCK_CUSTOM_SOCKOPT"}, Name{1 << 7, "SOCK_PASSPIDFD"}};

	return names_of(flags, names);
}

Row shutdown_text(std::uint32_t bits)
{
	constexpr std::array names = {Name{1, "RCV_SHUTDOWN"}, Name{2, "SEND_SHUTDOWN"}};

	return names_of(bits, names);
}

Row error_text(int error)
{
	const char *const name = error ? ::strerrorname_np(error) : nullptr;

	return name ? Row(name) : Row(error);
}

/* --- The anatomy ------------------------------------------------------------------------ */

Row row_of(const Anatomy::File &file)
{
	Row row;

	row["f_op"] = symbol_text(file.op);
	row["f_flags"] = file_flags(file.flags);
	row["f_pos"] = file.position;
	return row;
}

Row row_of(const Anatomy::Inode &inode)
{
	Row row;

	row["i_ino"] = inode.number;
	row["i_mode"] = number_text("%07llo", inode.mode);
	row["i_uid"] = inode.uid;
	row["s_type"] = inode.file_system;
	row["s_magic"] = number_text("0x%llx", inode.magic);
	return row;
}

Row row_of(const Anatomy::Socket &socket)
{
	Row row;

	row["state"] = socket_state(socket.state);
	row["type"] = type_text(socket.type);
	row["flags"] = socket_flags(socket.flags);
	row["ops"] = symbol_text(socket.ops);
	return row;
}

Row row_of(const Anatomy::Sock &sock)
{
	Row row;

	row["sk_prot"] = symbol_text(sock.prot);
	row["sk_prot_name"] = sock.prot_name;
	row["sk_family"] = family_name(sock.family);
	row["sk_type"] = type_text(sock.type);
	row["sk_protocol"] = sock.protocol;
	row["sk_state"] = state_name(sock.state);
	row["sk_refcnt"] = sock.references;
	row["sk_rcvbuf"] = sock.receive_buffer;
	row["sk_sndbuf"] = sock.send_buffer;
	row["sk_rmem_alloc"] = sock.receive_memory;
	row["sk_wmem_alloc"] = sock.send_memory;
	row["sk_wmem_queued"] = sock.send_queued;
	row["sk_backlog"] = sock.backlog;
	row["sk_receive_queue"] = sock.receive_queue;
	row["sk_write_queue"] = sock.write_queue;
	row["sk_error_queue"] = sock.error_queue;
	row["sk_drops"] = sock.drops;
	row["sk_shutdown"] = shutdown_text(sock.shutdown);
	row["sk_err"] = error_text(sock.error);
	row["sk_err_soft"] = error_text(sock.soft_error);
	row["sk_mark"] = sock.mark;
	row["sk_priority"] = sock.priority;
	row["sk_bound_dev_if"] = sock.bound_device;
	row["sk_cookie"] = sock.cookie;
	row["net_cookie"] = sock.netns_cookie;
	row["sk_data_ready"] = symbol_text(sock.data_ready);
	row["sk_write_space"] = symbol_text(sock.write_space);
	row["sk_state_change"] = symbol_text(sock.state_change);
	row["sk_error_report"] = symbol_text(sock.error_report);
	row["sk_backlog_rcv"] = symbol_text(sock.backlog_rcv);
	row["sk_destruct"] = symbol_text(sock.destruct);
	return row;
}

void add_info(Row &row, const glass_info &info)
{
	row["rtt_us"] = info.rtt;
	row["rttvar_us"] = info.rttvar;
	row["min_rtt_us"] = info.min_rtt;
	row["rto_us"] = info.rto;
	row["backoff"] = info.backoff;
	row["mss"] = info.mss;
	row["cwnd"] = info.cwnd;
	row["ssthresh"] = info.ssthresh;
	row["in_flight"] = info.in_flight;
	row["snd_wnd"] = info.snd_wnd;
	row["rcv_wnd"] = info.rcv_wnd;
	row["unsent"] = info.unsent;
	row["unacked"] = info.unacked;
	row["unread"] = info.unread;
	row["retrans"] = info.retransmits;
}

Row row_of(const Anatomy::Protocol &protocol)
{
	Row row;

	row["local"] = protocol.local.text();
	row["peer"] = protocol.remote.text();
	row["recv-q"] = protocol.receive_queue;
	row["send-q"] = protocol.send_queue;
	if (protocol.info)
		add_info(row, *protocol.info);
	return row;
}

Row row_of(const Anatomy::Device &device)
{
	Row row;

	row["ifindex"] = device.ifindex;
	row["name"] = device.name;
	return row;
}

/* Whose descriptor it is; its own the caller knows. */
Row row_of(const DescriptorName &name)
{
	Row row;

	row["fd"] = name.fd;
	if (name.pid) {
		std::string command;

		std::getline(std::ifstream("/proc/" + std::to_string(name.pid) + "/comm"), command);
		row["pid"] = name.pid;
		row["command"] = command;
	}
	return row;
}

} // namespace

void show_anatomy(const Options &options)
{
	const std::string &text = options.descriptors.front();
	// First of all, or a number could be that of a descriptor of our own.
	const Fd descriptor = fetch(options, text);
	auto control = open_control(options);
	const auto anatomy = control.anatomy(descriptor.get());
	std::vector<Section> sections;

	if (!anatomy)
		throw Failure(anatomy.error(), options.text, control.explanation());
	sections.push_back({"descriptor", "descriptor", row_of(*DescriptorName::parse(text))});
	sections.push_back({"file", "struct file", row_of(anatomy->file)});
	sections.push_back({"dentry", "struct dentry", {{"d_name", anatomy->dentry_name}}});
	sections.push_back({"inode", "struct inode", row_of(anatomy->inode)});
	sections.push_back({"socket", "struct socket", row_of(anatomy->socket)});
	sections.push_back({"sock", "struct sock", row_of(anatomy->sock)});
	if (anatomy->protocol)
		sections.push_back({"glass", "struct glass_sock", row_of(*anatomy->protocol)});
	if (anatomy->device)
		sections.push_back({"device", "struct net_device", row_of(*anatomy->device)});
	View(options.json).print_chain(sections);
}

void show_ops(const Options &options)
{
	std::vector<std::string> names = options.descriptors;
	std::vector<std::string> columns = {"member"};
	std::vector<Fd> sockets;
	std::vector<Row> rows;

	if (names.empty())
		for (std::size_t i = 0; i < glass_kinds; i++)
			names.emplace_back(socket_kinds()[i].name);
	// Descriptors before what we open ourselves, or that could have their numbers.
	for (const auto &name : names)
		sockets.push_back(find_kind(name) ? Fd() : fetch(options, name));
	for (std::size_t i = 0; i < names.size(); i++)
		if (!sockets[i])
			sockets[i] = open_kind(options, *find_kind(names[i]));

	auto control = open_control(options);
	for (std::size_t i = 0; i < names.size(); i++) {
		const auto ops = control.ops(sockets[i].get(), options.table);
		std::vector<std::pair<std::string, std::string>> lines;

		if (!ops)
			throw Failure(ops.error(), options.text,
				      names[i] + ": " + control.explanation());
		lines.emplace_back("(table)", ops->symbol);
		lines.emplace_back("owner", ops->owner);
		lines.insert(lines.end(), ops->members.begin(), ops->members.end());
		columns.push_back(names[i]);
		rows.resize(lines.size());
		for (std::size_t line = 0; line < lines.size(); line++) {
			rows[line]["member"] = lines[line].first;
			rows[line][names[i]] = symbol_text(lines[line].second);
		}
	}
	View(options.json).print_rows(columns, rows);
}

} // namespace glass::ctl
