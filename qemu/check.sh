#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: what must hold before a commit. Each step has its function, and
# runs again only when its inputs changed (always under CI=true).
#
#   qemu/check.sh analyze   instead: what follows the paths through the module

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel
cd "$GLASS_TOP"

OUT=$GLASS_TOP/build/check
SOURCE=$KERNEL_DIR/source
JOBS=$(nproc)
mkdir -p "$OUT"

# What checkpatch says of kernel patches, and why it does not hold here:
#   CONST_STRUCT        proto_ops are not const: their family is set by the
#                       protocol switch, once the number in use is known
#   LINUX_VERSION_CODE  compat.h is the one place where an out-of-tree module
#                       asks for the version
CHECKPATCH_IGNORE=CONST_STRUCT,LINUX_VERSION_CODE

mapfile -t shells < <(
	find .ci qemu selftests userspace -type f -not -path '*/build/*' |
	while read -r file; do
		if head -c 64 "$file" | grep -qaE '^#!/bin/(ba)?sh|shellcheck shell='; then
			echo "$file"
		fi
	done | sort)
mapfile -t cxx < <(find userspace selftests -name '*.cc' -o -name '*.h' | sort)

checkpatch()
{
	# From a folder of our own: it leaves a file in the current one.
	(cd "$OUT" && "$SOURCE/scripts/checkpatch.pl" --no-tree --strict \
		--show-types --no-summary --terse --max-line-length=100 \
		--ignore "$1" -f "${@:2}")
}

# trace.h has the form of all tracepoint headers, which is not that of code.
check_checkpatch()
{
	local trace=$GLASS_TOP/module/trace.h
	local -a code

	mapfile -t code < <(printf "%s\n" "$GLASS_TOP"/module/*.[ch] |
		grep -vxF "$trace")

	checkpatch "$CHECKPATCH_IGNORE" "$GLASS_TOP/Kbuild" \
		"$GLASS_TOP"/module/uapi/linux/*.h \
		"$GLASS_TOP"/selftests/modules/*/*.c \
		"$GLASS_TOP"/docs/minimal/*.c \
		"${code[@]}" &&
		checkpatch "$CHECKPATCH_IGNORE,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT" \
			"$trace"
}

check_gcc() { qemu/build.sh test_modules; }

check_sparse()
{
	local folder

	sync_sources "$OUT/sparse"
	rsync -a --delete -f 'P *.o' -f 'P .*' -f 'P *.mod' docs/minimal/ "$OUT/sparse-minimal/"
	for folder in "$OUT/sparse" "$OUT/sparse-minimal"; do
		kernel_make "$folder" C=2 CF=-D__CHECK_ENDIAN__ modules || exit
	done 2>&1 | tee "$OUT/sparse.out"
	! grep -qE 'warning:|error:' "$OUT/sparse.out"
}

# The stock kernel is built by gcc, and Debian's headers insist on it. So clang
# reads each file with gcc's own command line (W=1), less what only gcc knows,
# and only for its warnings. Those that the kernel's own headers cause do not
# count: named address spaces of gcc's, which clang takes for a repeated word,
# and sums of different enumerations.
#
# read_one HOW FILE: FILE is Kbuild's note of a command (.name.o.cmd); HOW is
# clang, or clang-analyzer or gcc-analyzer, which follow the paths through it.
read_one()
{
	local command argument how=$1 skip=
	local -a arguments=()

	command=$(sed -n 's/^savedcmd_[^ ]* := *//p' "$2")
	eval "set -- ${command%%;*}"
	shift
	for argument; do
		case $skip$argument in
		-o) skip=file: ;;
		file:*) skip= ;;
		-c|-Wp,-MMD,*) ;;
		-falign-*|-fconserve-stack|-fmin-function-alignment=*|\
		-fno-allow-store-data-races|-ftrivial-auto-var-init=*|\
		-mfunction-return=*|-mindirect-branch*|\
		-mpreferred-stack-boundary=*|-mrecord-mcount)
			[[ $how != gcc-* ]] || arguments+=("$argument") ;;
		*) arguments+=("$argument") ;;
		esac
	done
	cd "$KERNEL_DIR/root/$KERNEL_OBJECTS" || return
	case $how in
	clang) clang "${arguments[@]}" -fsyntax-only -Qunused-arguments -Wno-gnu \
		-Wno-unknown-warning-option \
		-Wno-duplicate-decl-specifier -Wno-enum-enum-conversion ;;
	clang-analyzer) clang "${arguments[@]}" --analyze --analyzer-output text \
		-o /dev/null -Qunused-arguments -Wno-everything ;;
	gcc-analyzer) gcc "${arguments[@]}" -Wno-error -fanalyzer -S -o /dev/null ;;
	esac
}

# read_all HOW
read_all()
{
	local commands=("$BUILD"/module/module/.*.o.cmd
			"$BUILD"/test-modules/minimal/.af_*.o.cmd)

	export -f read_one
	export KERNEL_OBJECTS KERNEL_DIR
	((${#commands[@]})) && printf '%s\0' "${commands[@]}" |
		xargs -0 -P "$JOBS" -I{} bash -c "read_one $1 {}"
}

check_clang() { read_all clang; }

# What an analyzer finds fails, but for what qemu/analyzer-known lists with the
# reason why it is nothing. A line's number is no part of it: it moves.
analyze()
{
	read_all "$1" 2>&1 || return
	sed -nE 's|^[^ ]*/([^/:]+\.[ch]):[0-9]+:[0-9]+: warning: |\1: |p' "$OUT/$1.log" |
		sort -u | grep -vxFf <(sed -nE "s/  # .*//p" qemu/analyzer-known) >"$OUT/$1.new" ||
		return 0
	echo "found:"
	cat "$OUT/$1.new"
	return 1
}

check_clang-analyzer() { analyze clang-analyzer; }
check_gcc-analyzer() { analyze gcc-analyzer; }

check_kernel_doc()
{
	"$SOURCE/scripts/kernel-doc" -none -Wall -Werror \
		module/*.[ch] module/uapi/linux/*.h
}

check_layers() { qemu/check-layers.sh; }
check_clang_format() { clang-format --dry-run -Werror "${cxx[@]}"; }
check_shellcheck() { shellcheck -x "${shells[@]}"; }

check_python()
{
	python3 -W error -c 'import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name, encoding="utf-8").read(), name)' qemu/*.py selftests/*.py \
	userspace/*/*.py
}

# What tells whether pages are true that name tests does so, and those tests exist.
check_surface()
{
	qemu/surface_test.py &&
		qemu/surface.py selftests docs/surface.md docs/security.md
}

check_bench() { qemu/bench_test.py; }

# What the kernel's generator makes of the specification is what is committed.
check_netlink()
{
	local name

	rm -rf "$OUT/netlink"
	module/netlink/generate.sh "$SOURCE" "$OUT/netlink" || return
	(cd "$OUT/netlink" && find . -type f) | while read -r name; do
		diff -u "$name" "$OUT/netlink/$name" || exit
	done
}

# What tshark makes of a capture from the guest (make capture) is what is in it.
check_dissector() { userspace/wireshark/dissector_test.py; }

# The two words are the kernel's.
check_codespell()
{
	codespell --ignore-words-list iput,filp --skip './build,./.git,./COPYING,./glass.ko' .
}

# Every option that the selftests need is in the kernel that they run on.
check_config()
{
	! grep -vxFf "$KERNEL_DIR/root/boot/config-$KERNEL_ABI" selftests/config
}

failed=0

# step NAME INPUT...: runs check_NAME if an input is newer than its last success.
step()
{
	local name=$1 stamp=$OUT/$1.stamp log=$OUT/$1.log

	shift
	if [[ ${CI:-} != true ]] && fresh "$stamp" "$@" "$0" "$KERNEL_DIR/info.sh"; then
		note "ok   $name (unchanged)"
		return
	fi
	touch "$stamp.new"
	if (trap - ERR; set +e; slowly -q "$name" "$log" "check_$name"); then
		mv "$stamp.new" "$stamp"
		note "ok   $name"
	else
		rm -f "$stamp"
		note "FAIL $name"
		tail -n 40 "$log" | sed 's/^/     /'
		failed=$((failed + 1))
	fi
}

take_lock "$OUT/lock" "make check"
say "checking the sources"
if [[ ${1:-} == analyze ]]; then
	# Ten minutes: not before each commit.
	step gcc module Kbuild
	step clang-analyzer module Kbuild qemu/analyzer-known
	step gcc-analyzer module Kbuild qemu/analyzer-known
else
	step layers module
	step kernel_doc module
	step checkpatch module selftests/modules docs/minimal Kbuild
	step gcc module selftests/modules docs/minimal Kbuild
	step clang module docs/minimal Kbuild
	step sparse module docs/minimal Kbuild
	step clang_format .clang-format userspace selftests
	step shellcheck "${shells[@]}"
	step python qemu selftests userspace
	step surface qemu selftests docs
	step bench qemu/bench.py qemu/bench_test.py qemu/bench_purposes.py qemu/exec_log.py
	step netlink module
	step dissector userspace/wireshark
	step codespell module userspace selftests qemu docs README.md Makefile Kbuild
	step config selftests/config
fi
if ((failed)); then
	fail "$failed checks failed"
fi
note "all checks passed"
