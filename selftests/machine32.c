// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit program that makes the system calls it is told to make: the other half
 * of compat32_test. It needs no 32-bit library, for it has none.
 *
 * Both have the same memory at the same address: file 3 is mapped there. From
 * file 4 it reads calls, number and six arguments; to file 5 it writes what each
 * returned. It begins by telling how large it takes the structures to be that
 * Glass shares with user space.
 */
#include <linux/glass.h>

#define MEMORY_ADDRESS	0x40000000
#define MEMORY_SIZE	0x100000

#define NR_EXIT		1
#define NR_READ		3
#define NR_WRITE	4
#define NR_MMAP2	192

#define PROT_READ_WRITE	3
#define MAP_SHARED_FIXED	0x11

struct call {
	__u32	nr;
	__u32	args[6];
};

long make_call(const struct call *call);
void begin(void);

/* All six arguments are in registers, also the one that holds frames. */
asm(".text\n"
    "make_call:\n"
    "	push	%ebp\n"
    "	push	%edi\n"
    "	push	%esi\n"
    "	push	%ebx\n"
    "	mov	20(%esp), %ebp\n"
    "	mov	(%ebp), %eax\n"
    "	mov	4(%ebp), %ebx\n"
    "	mov	8(%ebp), %ecx\n"
    "	mov	12(%ebp), %edx\n"
    "	mov	16(%ebp), %esi\n"
    "	mov	20(%ebp), %edi\n"
    "	mov	24(%ebp), %ebp\n"
    "	int	$0x80\n"
    "	pop	%ebx\n"
    "	pop	%esi\n"
    "	pop	%edi\n"
    "	pop	%ebp\n"
    "	ret\n"
    ".globl _start\n"
    "_start:\n"
    "	call	begin\n"
    ".section .note.GNU-stack,\"\",@progbits\n"
    ".text\n");

static long call3(__u32 nr, __u32 a, const void *b, __u32 c)
{
	const struct call call = { nr, { a, (__u32)b, c } };

	return make_call(&call);
}

void begin(void)
{
	const struct call map = {
		NR_MMAP2, { MEMORY_ADDRESS, MEMORY_SIZE, PROT_READ_WRITE, MAP_SHARED_FIXED, 3, 0 }
	};
	const __u32 sizes[] = {
		sizeof(void *), sizeof(struct sockaddr_glass), sizeof(struct glass_pktinfo),
		sizeof(struct glass_ucred), sizeof(struct glass_info),
	};
	struct call call;
	__s32 result;

	if (make_call(&map) == MEMORY_ADDRESS)
		call3(NR_WRITE, 5, sizes, sizeof(sizes));
	while (call3(NR_READ, 4, &call, sizeof(call)) == sizeof(call)) {
		result = make_call(&call);
		call3(NR_WRITE, 5, &result, sizeof(result));
	}
	call3(NR_EXIT, 0, (void *)0, 0);
}
