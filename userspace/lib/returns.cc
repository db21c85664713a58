// SPDX-License-Identifier: GPL-2.0
#include "lib/returns.h"

#include <asm/ptrace.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

namespace glass {

namespace {

constexpr std::uint32_t ring_size = 1 << 22;
constexpr int largest_error = 4095; /* MAX_ERRNO */
constexpr int endbr_size = 4;

/** What the program writes into the ring. */
struct Record {
	std::uint64_t address;
	std::int64_t result;
	std::uint64_t time;
	std::uint64_t pid_tgid;
};

/* --- Instructions, by their names in the documentation of BPF ----------------------- */

constexpr bpf_insn instruction(int code, int destination, int source, int offset, int value)
{
	return {static_cast<__u8>(code), static_cast<__u8>(destination & 15),
		static_cast<__u8>(source & 15), static_cast<__s16>(offset), value};
}
constexpr bpf_insn load(int destination, int source, std::size_t offset)
{
	return instruction(BPF_LDX | BPF_MEM | BPF_DW, destination, source,
			   static_cast<int>(offset), 0);
}
constexpr bpf_insn move(int destination, int source)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_X, destination, source, 0, 0);
}
constexpr bpf_insn set(int destination, int value)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_K, destination, 0, 0, value);
}
constexpr bpf_insn calculate(int operation, int destination, int value)
{
	return instruction(BPF_ALU64 | operation | BPF_K, destination, 0, 0, value);
}
constexpr bpf_insn jump_if(int condition, int destination, int value, int over)
{
	return instruction(BPF_JMP | condition | BPF_K, destination, 0, over, value);
}
constexpr bpf_insn call(int helper)
{
	return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}
/* To a member of the Record at the end of the stack. */
constexpr bpf_insn store(std::size_t member, int source)
{
	return instruction(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, source,
			   static_cast<int>(member) - static_cast<int>(sizeof(Record)), 0);
}

/*
 * At the end of a function: if the lower half of what it returns, read as an
 * int, is an error (and that of a pointer which stands for one is, too), the
 * ring gets a Record.
 */
std::vector<bpf_insn> program_for(int map)
{
	constexpr int to_end = 14;

	return {
		load(BPF_REG_6, BPF_REG_1, offsetof(pt_regs, rax)),
		calculate(BPF_LSH, BPF_REG_6, 32),
		calculate(BPF_ARSH, BPF_REG_6, 32),
		jump_if(BPF_JSGE, BPF_REG_6, 0, to_end + 1),
		jump_if(BPF_JSLT, BPF_REG_6, -largest_error, to_end),
		store(offsetof(Record, result), BPF_REG_6),
		call(BPF_FUNC_get_func_ip), // of the context, still in R1
		store(offsetof(Record, address), BPF_REG_0),
		call(BPF_FUNC_ktime_get_ns),
		store(offsetof(Record, time), BPF_REG_0),
		call(BPF_FUNC_get_current_pid_tgid),
		store(offsetof(Record, pid_tgid), BPF_REG_0),
		// bpf_ringbuf_output(map, record, size, 0)
		instruction(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
		instruction(0, 0, 0, 0, 0), // the upper half of that number
		move(BPF_REG_2, BPF_REG_10),
		calculate(BPF_ADD, BPF_REG_2, -static_cast<int>(sizeof(Record))),
		set(BPF_REG_3, sizeof(Record)),
		set(BPF_REG_4, 0),
		call(BPF_FUNC_ringbuf_output),
		// to_end leads here
		set(BPF_REG_0, 0),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
}

} // namespace

/* --- What functions return ------------------------------------------------------------ */

namespace {

struct FreeTypes {
	void operator()(::btf *types) const { ::btf__free(types); }
};
using Types = std::unique_ptr<::btf, FreeTypes>;
using ByName = std::unordered_map<std::string_view, const TraceableFunction *>;

bool can_be_error(const ::btf *types, const ::btf_type *function)
{
	const ::btf_type *type = ::btf__type_by_id(types, function->type); // its prototype

	if (!type || !type->type)
		return false; // void
	const int result = ::btf__resolve_type(types, type->type);
	type = result < 0 ? nullptr : ::btf__type_by_id(types, static_cast<__u32>(result));
	return type && (::btf_is_ptr(type) ||
			(::btf_is_int(type) && (::btf_int_encoding(type) & BTF_INT_SIGNED)));
}

/* One walk over all types: a search for each name would be one each. */
void add_those_that_can_fail(const ::btf *types, const ::btf *base, ByName &wanted,
			     std::vector<TraceableFunction> &found)
{
	for (__u32 id = base ? ::btf__type_cnt(base) : 1; id < ::btf__type_cnt(types); id++) {
		const ::btf_type *const type = ::btf__type_by_id(types, id);

		if (!::btf_is_func(type))
			continue;
		const auto function = wanted.find(::btf__name_by_offset(types, type->name_off));
		if (function != wanted.end() && can_be_error(types, type)) {
			found.push_back(*function->second);
			wanted.erase(function);
		}
	}
}

} // namespace

Result<std::vector<TraceableFunction>>
functions_that_can_fail(const std::vector<TraceableFunction> &functions)
{
	std::unordered_map<std::string, ByName> wanted; // by module
	std::vector<TraceableFunction> found;

	::libbpf_set_print(nullptr);
	const Types kernel(::btf__load_vmlinux_btf());
	if (!kernel)
		return last_error();
	for (const TraceableFunction &function : functions)
		wanted[function.module].emplace(function.name, &function);
	for (auto &[module, names] : wanted) {
		if (module.empty()) {
			add_those_that_can_fail(kernel.get(), nullptr, names, found);
			continue;
		}
		const Types types(::btf__load_module_btf(module.c_str(), kernel.get()));
		if (types)
			add_those_that_can_fail(types.get(), kernel.get(), names, found);
	}
	return found;
}

/* --- Errors --------------------------------------------------------------------------- */

void ErrorReturns::Free::operator()(::ring_buffer *ring) const
{
	::ring_buffer__free(ring);
}

ErrorReturns::~ErrorReturns() = default;

int ErrorReturns::take(void *context, void *data, std::size_t size)
{
	const auto *sink = static_cast<const Sink *>(context);
	Record record;

	if (size < sizeof(record))
		return 0;
	std::memcpy(&record, data, sizeof(record));
	// The program is told where the function begins, the tracers where they come in: behind
	// an instruction that marks what may be jumped to.
	const auto place = sink->addresses.find(record.address);
	const auto behind = sink->addresses.find(record.address + endbr_size);
	const auto &found = place != sink->addresses.end() ? place : behind;
	if (found == sink->addresses.end())
		return 0;
	(*sink->handler)({record.time, *found, static_cast<pid_t>(record.pid_tgid & 0xffffffff),
			  static_cast<int>(-record.result)});
	return 0;
}

Result<ErrorReturns> ErrorReturns::open(const std::vector<TraceableFunction> &functions)
{
	ErrorReturns returns;
	std::vector<unsigned long> places;

	returns.sink_ = std::make_unique<Sink>();
	for (const TraceableFunction &function : functions) {
		places.push_back(function.address);
		returns.sink_->addresses.insert(function.address);
	}
	::libbpf_set_print(nullptr);
	returns.map_.reset(
		::bpf_map_create(BPF_MAP_TYPE_RINGBUF, "glass_errors", 0, 0, ring_size, nullptr));
	if (!returns.map_)
		return last_error();

	const auto code = program_for(returns.map_.get());
	LIBBPF_OPTS(bpf_prog_load_opts, load_options);
	load_options.expected_attach_type = BPF_TRACE_KPROBE_MULTI;
	returns.program_.reset(::bpf_prog_load(BPF_PROG_TYPE_KPROBE, "glass_errors", "GPL",
					       code.data(), code.size(), &load_options));
	if (!returns.program_)
		return last_error();

	LIBBPF_OPTS(bpf_link_create_opts, link_options);
	link_options.kprobe_multi.flags = BPF_F_KPROBE_MULTI_RETURN;
	link_options.kprobe_multi.cnt = static_cast<__u32>(places.size());
	link_options.kprobe_multi.addrs = places.data();
	returns.link_.reset(::bpf_link_create(returns.program_.get(), 0, BPF_TRACE_KPROBE_MULTI,
					      &link_options));
	if (!returns.link_)
		return last_error();

	returns.ring_.reset(
		::ring_buffer__new(returns.map_.get(), take, returns.sink_.get(), nullptr));
	if (!returns.ring_)
		return last_error();
	return returns;
}

Result<void> ErrorReturns::read(const Handler &handler)
{
	sink_->handler = &handler;
	if (::ring_buffer__consume(ring_.get()) < 0)
		return last_error();
	return {};
}

} // namespace glass
