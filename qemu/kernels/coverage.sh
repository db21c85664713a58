# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# The debug kernel, with a module that counts which of its lines were run.

. "$GLASS_TOP/qemu/kernels/debug.sh"
KERNEL_TREE=debug
MODULE_MAKE=(GCOV_PROFILE=y)
