# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# The same Linux as stock, built from Debian's linux-source with what finds
# faults: KASAN, lockdep, kmemleak, UBSAN, object and reference tracking. Takes
# some ten minutes to build, once; the tests take some five times as long.

. "$GLASS_TOP/qemu/kernels/stock.sh"
KERNEL_CONFIG=("$GLASS_TOP/qemu/kernels/debug.config")
KERNEL_SLOWNESS=5
GUEST_MEMORY=${GUEST_MEMORY:-2560}

# Memory that nobody has written says so, in what the module takes from slabs and
# on its stack: poison_test.
KERNEL_CMDLINE="${KERNEL_CMDLINE:-} slub_debug=P,kmalloc-*,skbuff*,GLASS*"
MODULE_CFLAGS=-ftrivial-auto-var-init=pattern
