# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# As debug, with KCSAN instead of KASAN: it finds accesses to the same memory that
# nothing orders. Its guests have processors that really run at the same time.

. "$GLASS_TOP/qemu/kernels/debug.sh"
KERNEL_CONFIG+=("$GLASS_TOP/qemu/kernels/kcsan.config")
GUEST_CLOCK=${GUEST_CLOCK:-host}
