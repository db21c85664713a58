#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317,SC2016 # local; functions are called by name; backquotes are text
#
# The pages that show what commands print: docs/tour.md and docs/trace.md. What
# stands there is what the commands print, and each symbol that the tour names is
# one of the running kernel.
#
#	tour.sh --print PAGE	the page with its blocks anew: for "make docs"
#
# A fence of "console" holds commands, each behind "$ ", and what they print. What
# differs from run to run is taken out in one place, normalise(). On the kernel
# that the tour was recorded on (it says so itself: "$ uname -r") a block must be
# equal. Another kernel has other functions inlined: there each command must
# succeed, and the lines must be there that no compiler changes, see essentials().
#
# A symbol is a word of the text in backquotes, `sock_alloc()` or `sk->sk_wq`.
# Functions are looked up in /proc/kallsyms, all else there or in the kernel's
# type information. One with a dagger is historical: it must be gone. One with a
# double dagger is inline, a macro, or of __init: it must have no symbol. Constants, in
# capitals, leave no trace in a kernel and are not looked up.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

HERE=$(dirname "$0")
PAGES=$HERE
[ -e "$PAGES/tour.md" ] || PAGES=$HERE/../docs

# --- Blocks -------------------------------------------------------------------

# The columns of times, the times and numbers in a line, what else is chance:
# process and inode numbers, cookies, ports that the kernel has chosen; how much
# was folded, which depends on how full the caches of the slabs are; and which of
# the kernel's own threads got work.
normalise()
{
	sed -E \
		-e 's/^ *[0-9]+\.[0-9] +[0-9]+\.[0-9]  ([a-zA-Z])/  \1/' \
		-e 's/^ {18}( +(▶|→))/\1/' \
		-e 's/^(#[0-9]+ .*)  [0-9.]+ µs, (.*)\/[0-9]+$/\1  \2/' \
		-e 's/(received) after [0-9.]+ µs/\1/' \
		-e 's/(by|wakes) ([^ ]+)\/[0-9]+/\1 \2/g' \
		-e 's/  \([0-9]+ folded\)$//' \
		-e 's/([0-9]+:)[0-9]{6,}/\1…/g' \
		-e 's/(socket:\[)[0-9]+/\1…/g' \
		-e 's/((pid|i_ino|cookie) +)[0-9]+$/\1…/' \
		-e '/→ wakes (kworker|ksoftirqd|rcu)/d' \
		-e 's/[[:blank:]]+$//'
}

# essentials: of a block, what is so on every kernel. Of a trace the calls, their
# sockets, what was reached through a pointer, frames and who was woken; else what
# names Glass. Without numbers, and without how deep it stands.
essentials()
{
	grep -E '^#|f_op = | of [a-z_]+$|▶|→|(^[a-zA-Z]|│).*(glass|GLASS)' |
		sed -E -e 's/[0-9]+/…/g' -e 's/ +/ /g' -e 's/^ //' || true
}

# record COMMAND: what it prints. Its first descriptor is 3.
record()
{
	local status=0 output

	(cd "$WORK" && exec bash -o pipefail -c "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; $1") \
		>"$WORK/printed" 2>&1 </dev/null || status=$?
	# 141 is SIGPIPE: who reads has had enough, as "sed q".
	[ $status -eq 0 ] || [ $status -eq 141 ] || {
		cat "$WORK/printed" >&2
		fail "exit status $status of: $1" >&2
	}
	# Blank lines in the end go.
	output=$(normalise <"$WORK/printed")
	[ -z "$output" ] || printf '%s\n' "$output"
}

# compare COMMAND: the page shows $WORK/shown. An allocation that finds its cache
# empty takes another way: what differs is looked at once more.
compare()
{
	local try

	for try in 1 2 3; do
		record "$1" >"$WORK/got" || exit
		if [ "$RECORDED_ON" = "$(uname -r)" ]; then
			cmp -s "$WORK/shown" "$WORK/got" && return
		elif [ "$1" = "uname -r" ]; then
			return
		else
			essentials <"$WORK/shown" >"$WORK/wanted"
			essentials <"$WORK/got" >"$WORK/have"
			echo >>"$WORK/have"
			! grep -vxFf "$WORK/have" "$WORK/wanted" && return
		fi
		echo "# try $try differs: $1"
		diff -u "$WORK/shown" "$WORK/got" || true
	done >&2
	fail "stale, make docs mends it: $1" >&2
}

# walk PAGE HANDLER: prints the page, with what the handler prints for each of its
# commands in the place of what it shows for it.
walk()
{
	local line state=text command=

	while IFS= read -r line; do
		case $state.$line in
		text.'```console') state=block ;;
		block.'$ '* | block.'```')
			[ -z "$command" ] || "$2" "$command" || exit
			command=
			: >"$WORK/shown"
			case $line in
			'$ '*) command=${line#??} ;;
			*) state=text ;;
			esac
			;;
		block.*)
			printf '%s\n' "$line" >>"$WORK/shown"
			continue
			;;
		esac
		printf '%s\n' "$line"
	done <"$1"
}

# A kernel that watches itself takes half a minute for each trace.
on_a_quick_kernel()
{
	[ ! -e /sys/kernel/debug/kmemleak ] || skip "this kernel takes minutes for it"
}

# As the tour assumes it, however the tests are run.
prepare()
{
	need bash perl
	PAGES=$(cd "$PAGES" && pwd)
	defer "rmmod af_minimal 2>/dev/null"
	ip link set lo up
	echo 1 >/proc/sys/net/glass/fast_path
	RECORDED_ON=$(sed -n '/^\$ uname -r$/{n;p;q}' "$PAGES/tour.md")
}

check_page()
{
	prepare
	walk "$PAGES/$1" compare >"$WORK/page"
	grep -q '^\$ ' "$WORK/page"
}

test_the_tour_shows_what_its_commands_print() { on_a_quick_kernel && in_namespace tour_page; }
tour_page() { check_page tour.md; }

test_the_page_on_tracing_shows_what_its_commands_print() { on_a_quick_kernel && in_namespace trace_page; }
trace_page() { check_page trace.md; }

test_a_block_that_is_stale_is_noticed() { on_a_quick_kernel && in_namespace stale_block; }

stale_block()
{
	prepare
	printf '```console\n$ echo one glass\n%s glass\n```\n' one >"$WORK/page.md"
	PAGES=$WORK
	RECORDED_ON=$(uname -r)
	check_blocks
	RECORDED_ON=another
	check_blocks
	sed 's/^one/two/' "$WORK/page.md" >"$WORK/stale.md"
	mv "$WORK/stale.md" "$WORK/page.md"
	! (check_blocks) 2>/dev/null || fail "another kernel, and a block that is not so"
	RECORDED_ON=$(uname -r)
	! (check_blocks) 2>/dev/null || fail "a block that is not so"
}

check_blocks() { walk "$WORK/page.md" compare >/dev/null; }

# --- Symbols ------------------------------------------------------------------

# symbols: of a page, "KIND NAME", a line each. KIND is f, a function; n, any
# name; with - before it if it is historical, and i if it is inline.
symbols()
{
	sed '/^```/,/^```$/d' "$1" |
		grep -oE '`[^`]+`(†|‡)?' |
		sed -nE \
			-e 's/`struct ([a-z0-9_]+)`/`\1`/' \
			-e '/[ \/:]|-[^>]|\.(c|h|md|sh|ko)`|^`[][A-Z0-9_*.()]+`/d' \
			-e 's/^`(.*)`$/n \1/' \
			-e 's/^`(.*)`†$/-n \1/' \
			-e 's/^`(.*)`‡$/i \1/' \
			-e 's/(->|\.)/ /g' \
			-e p |
		awk '{
			# A mark is for the last one.
			for (i = $1 == "n" ? 2 : NF; i <= NF; i++) {
				kind = $1
				if ($i ~ /\(\)$/)
					sub(/n/, "f", kind)
				gsub(/\([^)]*\)|\[[^]]*\]/, "", $i)
				print kind, $i
			}
		}' | sort -u
}

# check_symbols PAGE SAME: what is not as it says. The names of system calls are
# those of their functions, and sk_prot is skc_prot of struct sock_common. Which
# static functions are inlined is each compiler's choice: on another kernel, one
# symbol in ten may be.
check_symbols()
{
	need perl
	defer "rmmod af_minimal 2>/dev/null"
	modprobe af_minimal
	symbols "$1" >"$WORK/symbols"
	[ -s "$WORK/symbols" ] || fail "$1 names no symbol"
	perl -e '
		my ($same, @symbols) = (shift, split("\n", qx(cat $ARGV[0])));
		my (%wanted, %names, %functions, $wrong, $inlined);
		$wanted{(split)[1]} = 1 for @symbols;
		open(my $file, "<", "/proc/kallsyms") or die;
		while (<$file>) {
			my ($type, @both) =
				/^\S+ (\w) ((?:__(?:x64|ia32)_(?:compat_)?sys_)?([^\s.]+))/ or next;
			for (grep { $wanted{$_} } @both) {
				$names{$_} = 1;
				$functions{$_} = 1 if $type =~ /[tw]/i;
			}
		}
		# Of the type information the strings: their place is in its head.
		for my $module ("vmlinux", "glass") {
			open(my $btf, "<:raw", "/sys/kernel/btf/$module") or die;
			read($btf, my $head, 24) == 24 or die;
			my ($length, undef, undef, $begin, $size) = unpack("x4 L5", $head);
			seek($btf, $length + $begin, 0);
			read($btf, my $strings, $size) == $size or die;
			for (split("\0", $strings)) {
				$names{$_} = 1 if $wanted{$_};
				$names{"sk_$1"} = 1 if /^skc_(.*)/;
			}
		}
		for (@symbols) {
			my ($kind, $name) = split;
			my $is = $functions{$name} ? "a function" : $names{$name} ? "there" : "not there";
			next if $kind eq "n" && $is ne "not there";
			next if $kind eq "f" && $is eq "a function";
			next if $kind =~ /^-/ && $is eq "not there";
			next if $kind eq "i" && ($is ne "a function" || !$same);
			print "$kind $name: $is\n";
			$wrong++;
			$inlined++ if $kind eq "f";
		}
		exit !!$wrong if $same;
		exit ($wrong > $inlined || $inlined * 10 > @symbols);
	' "$2" "$WORK/symbols"
}

# is_recorded_here: 1, or nothing.
is_recorded_here()
{
	[ "$(sed -n '/^\$ uname -r$/{n;p;q}' "$PAGES/tour.md")" != "$(uname -r)" ] || echo 1
}

test_the_symbols_that_the_tour_names_are_there()
{
	on_a_quick_kernel
	check_symbols "$PAGES/tour.md" "$(is_recorded_here)"
}

test_a_symbol_that_is_none_is_noticed()
{
	on_a_quick_kernel
	cat >"$WORK/page.md" <<-'END'
		`sock_alloc()` and `sk->sk_wq` of `struct sock`, `bind()`, `sock_aio_read`†,
		`sock_hold()`‡, `sk->sk_prot->sendmsg`, `make docs`, `docs/tour.md`, `EINVAL`
		`sock_allocate()` `sk->sk_weak` `struct sox` `sk_wq()` `sock_alloc()`† `fput()`‡
	END
	! check_symbols "$WORK/page.md" 1 >"$WORK/wrong" || fail "went for symbols"
	expect_equal wrong "$(cat "$WORK/wrong")" "-f sock_alloc: a function
f sk_wq: there
f sock_allocate: not there
i fput: a function
n sk_weak: not there
n sox: not there"
}

case ${1:-} in
--print) # PAGE
	WORK=$(mktemp -d)
	PAGES=$(dirname "$2")
	prepare
	walk "$2" record
	rm -rf "$WORK"
	;;
*) run_cases "$@" ;;
esac
