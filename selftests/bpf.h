/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Programs of BPF, put together by hand: no test needs a compiler for them.
 */
#ifndef GLASS_SELFTESTS_BPF_H
#define GLASS_SELFTESTS_BPF_H

#include <linux/bpf.h>

namespace helper {

/**
 * One instruction, of the kernel's Documentation/bpf/standardization/instruction-set.rst.
 *
 * @param code BPF_* of class, source and operation
 * @param dst, src registers, BPF_REG_*; src also BPF_PSEUDO_*
 * @param off of memory in bytes, or of a jump in instructions
 * @param imm the constant
 */
constexpr bpf_insn instruction(int code, unsigned dst, unsigned src, int off, int imm)
{
	return {static_cast<__u8>(code), static_cast<__u8>(dst & 15), static_cast<__u8>(src & 15),
		static_cast<__s16>(off), imm};
}

} /* namespace helper */

#endif /* GLASS_SELFTESTS_BPF_H */
