#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Starts a guest: its report on stdout, console.log and verdict in a folder.
#
#   qemu/boot.sh FOLDER WORD...     WORDs go to the kernel's command line;
#                                   NAME=VALUE reaches the guest's environment
#
#   BOOT_SHELL=1        the console is this terminal, and nothing is logged
#   BOOT_DRIVE=FILE     the guest sees the file as /dev/vda, read only
#   BOOT_MEMORY=FILE    the guest has the file as memory, in a device (ivshmem) that
#                       it reads and writes; the size is a power of two
#   BOOT_LAYERS=FILE... cpio archives, unpacked over the guest's files
#   BOOT_ACCEL=kvm|tcg  default: what works here
#   GUEST_CLOCK=host    guest time is this machine's (default), and emulated
#                       processors run side by side
#   GUEST_CLOCK=icount  guest time is counted in instructions, one per
#                       nanosecond, and stands still for nothing: a busy machine
#                       makes no test late, and a guest that only waits is there
#                       at once; its processors take turns. Only emulated
#   GUEST_FEATURES=-a,-b the emulated processor lacks these too: "-erms,-fsrm"
#                        has no fast string moves, which QEMU does byte by byte
#   GUEST_CPUS, GUEST_MEMORY (MiB)

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

GUEST_CPUS=${GUEST_CPUS:-2}
GUEST_MEMORY=${GUEST_MEMORY:-1536}
GUEST_CLOCK=${GUEST_CLOCK:-host}
[[ $GUEST_CLOCK == host || $GUEST_CLOCK == icount ]] ||
	refuse "GUEST_CLOCK=$GUEST_CLOCK: it is host or icount"

# A machine may have /dev/kvm, even make a VM with it, and still be unable to
# run a kernel. So KVM is used only where the processor has it and a guest was
# really seen to boot; that is tried once, and remembered.
find_accel()
{
	local answer accel=tcg

	if ! grep -qwE 'vmx|svm' /proc/cpuinfo || [[ ! -w /dev/kvm ]]; then
		echo tcg
		return
	fi
	answer=$GLASS_CACHE/accel-$(
		{ uname -r; grep -E '^(model name|flags)' /proc/cpuinfo | sort -u; } |
			md5sum | cut -c1-12)
	if [[ ! -s $answer ]]; then
		note "trying once whether a guest boots with KVM here" >&2
		BOOT_ACCEL=kvm "$GLASS_TOP/qemu/guest.py" --folder "$BUILD/probe" \
			--timeout 30 -- "$0" "$BUILD/probe" GLASS_MODE=probe \
			>/dev/null 2>&1 && accel=kvm
		echo "$accel" >"$answer"
	fi
	cat "$answer"
}

folder=$1
shift
mkdir -p "$folder"
rm -f "$folder"/{verdict,console.log,monitor}
# shellcheck disable=SC2086 # a list
cat "$BUILD/base.cpio" "$BUILD/glass.cpio" ${BOOT_LAYERS:-} >"$folder/initrd"

accel=${BOOT_ACCEL:-$(find_accel)}
clock=()
cpu=max,-cx16,-la57
if [[ $accel == tcg && ${GUEST_FEATURES:-} ]]; then
	cpu+=,$GUEST_FEATURES
fi
if [[ $accel == tcg && $GUEST_CLOCK == icount ]]; then
	accel=tcg,thread=single
	# shellcheck disable=SC2054 # the comma is QEMU's
	clock=(-icount shift=0,sleep=off)
elif [[ $accel == tcg ]]; then
	accel=tcg,thread=multi
fi

# Without cx16: QEMU 7.2's emulation of it corrupts registers when there is
# more than one thread. Without la57: with 5-level paging an interrupt in
# identify_cpu(), which forgets that bit for a moment, makes KASAN report a
# wild-memory-access that is none. slab_nomerge: the tests count objects by
# their cache. Nothing from the machine's own QEMU configuration. On a busy
# machine an emulated processor may not run for many seconds, which is no stall:
# rcupdate and watchdog_thresh call it one after 100 s and 2 * 50 s.
# shellcheck disable=SC2054 # the commas are QEMU's
qemu=(
	qemu-system-x86_64 -M q35 -accel "$accel" "${clock[@]}" -cpu "$cpu"
	-smp "$GUEST_CPUS" -m "$GUEST_MEMORY"
	-nodefaults -no-user-config -display none -no-reboot
	-kernel "$KERNEL_DIR/root/boot/vmlinuz-$KERNEL_ABI"
	-initrd "$folder/initrd"
	-append "console=ttyS0 loglevel=5 panic=-1 oops=panic unknown_nmi_panic slab_nomerge rcupdate.rcu_cpu_stall_timeout=100 sysctl.kernel.watchdog_thresh=50 ${KERNEL_CMDLINE:-} $*"
)
if [[ ${BOOT_DRIVE:-} ]]; then
	qemu+=(-blockdev "driver=file,filename=${BOOT_DRIVE//,/,,},node-name=file,read-only=on"
	       -device "virtio-blk-pci,drive=file")
fi
if [[ ${BOOT_MEMORY:-} ]]; then
	qemu+=(-object "memory-backend-file,id=memory,share=on,mem-path=${BOOT_MEMORY//,/,,},size=$(stat -c %s "$BOOT_MEMORY")"
	       -device "ivshmem-plain,memdev=memory")
fi
if [[ ${BOOT_SHELL:-} ]]; then
	exec "${qemu[@]}" -serial mon:stdio
fi
# In the folder, because a socket's name must be short. With its own death tied to that of whoever watches it.
cd "$folder"
exec setpriv --pdeathsig KILL "${qemu[@]}" \
	-serial "file:$folder/console.log" -device virtio-serial-pci \
	-chardev file,id=report,path=/dev/stdout \
	-device virtserialport,chardev=report,name=report \
	-chardev "file,id=verdict,path=$folder/verdict" \
	-device virtserialport,chardev=verdict,name=verdict \
	-chardev socket,id=monitor,path=monitor,server=on,wait=off -mon monitor
