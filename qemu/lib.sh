# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What every script in qemu/ needs: messages, paths, locks, root, progress.
# Sourced, never run. A message is one short line; an impossible request is
# one line on stderr and exit 2.

set -Eeuo pipefail

# Nothing ends silently: a command whose failure nobody foresaw is named.
trap 'printf "glass: %s:%s: status %s from: %s\n" "$0" "$LINENO" "$?" \
	"$BASH_COMMAND" >&2' ERR

GLASS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
GLASS_CACHE=${GLASS_CACHE:-${HOME:-/root}/.cache/glass}
KERNEL=${KERNEL:-stock}
export GLASS_TOP GLASS_CACHE KERNEL LC_ALL=C.UTF-8

KERNEL_FILE=$GLASS_TOP/qemu/kernels/$KERNEL.sh
KERNEL_DIR=$GLASS_CACHE/kernels/$KERNEL	# a link to the unpacked version
# Read by the scripts that source this file.
# shellcheck disable=SC2034
BUILD=$GLASS_TOP/build/$KERNEL

say()  { printf '== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }

# refuse LINE...: this machine or this request cannot be served.
refuse() { printf 'glass: %s\n' "$*" >&2; exit 2; }

# fail LINE...: something that should have worked did not.
fail() { printf 'glass: %s\n' "$*" >&2; exit 1; }

# slowly [-q] LABEL LOG COMMAND...: runs COMMAND with its output in LOG, and
# tells every 5 s that it still runs. Shows the log's end when it fails; not
# with -q: the caller has a line of its own to say.
slowly()
{
	local quiet='' label log job ticker status=0

	if [[ $1 == -q ]]; then
		quiet=1
		shift
	fi
	label=$1
	log=$2
	shift 2
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null &
	job=$!
	(
		# A read that never ends, for want of a sleep without a process:
		# a stray one would keep our output and our locks open.
		waited=0
		exec {never}<> <(:)
		while ! read -rt 5 -u "$never"; do
			waited=$((waited + 5))
			note "... $label, $waited s"
		done
	) &
	ticker=$!
	wait "$job" || status=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	if ((status)) && [[ ! $quiet ]]; then
		tail -n 30 "$log" >&2
		printf 'glass: %s failed (%s); the whole log: %s\n' \
		       "$label" "$status" "$log" >&2
	fi
	return "$status"
}

# take_lock FILE WHAT: waits until no other make does WHAT. The lock ends with
# this shell. A script started below one that holds it does not wait for it.
take_lock()
{
	local file=$1 what=$2 fd

	case ":${GLASS_LOCKS:-}:" in
	*":$file:"*) return ;;
	esac
	mkdir -p "$(dirname "$file")"
	exec {fd}>"$file"
	if ! flock --nonblock "$fd"; then
		note "another make is busy with $what: waiting for it"
		flock "$fd"
	fi
	export GLASS_LOCKS=${GLASS_LOCKS:-}:$file
}

# as_root COMMAND...: by sudo unless we are root already.
as_root()
{
	if ((EUID == 0)); then
		"$@"
	else
		sudo -- "$@"
	fi
}

# fresh STAMP PATH...: true if STAMP exists and no file below PATH... is newer.
fresh()
{
	local stamp=$1

	shift
	[[ -e $stamp ]] &&
		[[ -z $(find "$@" -newer "$stamp" -print -quit 2>&1) ]]
}

# pack FOLDER FILE: what is in the folder, as a layer for a guest.
pack()
{
	(cd "$1" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$2.new"
	mv "$2.new" "$2"
}

# sync_sources FOLDER: a copy of the module's sources there, with the objects
# of the last build kept: kernels must not see each other's objects.
sync_sources()
{
	mkdir -p "$1"
	rsync -a --delete -f 'P *.o' -f 'P .*' -f 'P *.mod' \
		"$GLASS_TOP/Kbuild" "$GLASS_TOP/module" "$1/"
}

# kernel_make FOLDER ARGUMENT...: Kbuild of the kernel under test on a folder, with
# the options for the compiler that the kernel's description adds.
kernel_make()
{
	local folder=$1

	shift
	make -j"$(nproc)" -C "$KERNEL_DIR/root/$KERNEL_COMMON" \
		O="$KERNEL_DIR/root/$KERNEL_OBJECTS" M="$folder" \
		KCFLAGS="${MODULE_CFLAGS:-}" "$@"
}

# load_kernel: reads the description of $KERNEL, and of its unpacked version, which
# may be another kernel's too (KERNEL_TREE).
load_kernel()
{
	[[ -r $KERNEL_FILE ]] || refuse "KERNEL=$KERNEL: there is no qemu/kernels/$KERNEL.sh"
	# shellcheck source=qemu/kernels/stock.sh
	. "$KERNEL_FILE"
	KERNEL_DIR=$GLASS_CACHE/kernels/${KERNEL_TREE:=$KERNEL}
	if [[ -r $KERNEL_DIR/info.sh ]]; then
		# shellcheck disable=SC1091
		. "$KERNEL_DIR/info.sh"
	fi
}

# prepare_guest tools|tests: what a guest with $KERNEL needs, built: the module and the
# tools; or the collection too, which takes minutes.
prepare_guest()
{
	"$GLASS_TOP/qemu/setup.sh" || exit
	if [[ $1 == tests ]]; then
		"$GLASS_TOP/qemu/build.sh" || exit
		"$GLASS_TOP/qemu/initramfs.sh" tests ynl || exit
		export BOOT_LAYERS=$BUILD/tests.cpio
	else
		"$GLASS_TOP/qemu/build.sh" module userspace || exit
		"$GLASS_TOP/qemu/initramfs.sh" || exit
	fi
	load_kernel
}
