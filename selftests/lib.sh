# shellcheck shell=sh disable=SC3043,SC2317,SC2030,SC2031 # dash and busybox have "local"
# SPDX-License-Identifier: GPL-2.0
#
# What the shell tests share: KTAP, cleaning up, waiting, the module.
#
# A test sources this file, defines one function test_<what_is_true> per case
# and ends with
#
#	run_cases "$@"
#
# A function after_all is called when all cases are over.
#
# Each case is a subshell with a deadline, under "set -e": a command that fails
# fails the case. What it prints becomes diagnostics. Its name in the output is
# <area>.<what_is_true>.
#
# The guest is emulated, and a new process costs it 20 ms and more: a test asks
# the shell where it can.
#
# Exit status: 0 all passed, 1 something failed, 4 everything was skipped.
#
#   GLASS_T         only cases whose name contains it
#   GLASS_SCALE     how much to do, 1 (the default) in a quick run
#   GLASS_DEADLINE  seconds that one case may take, by default 60 times GLASS_SCALE
#   GLASS_KO        the module's file, where modprobe does not know it

# shellcheck disable=SC2034 # the tests read it
SCALE=${GLASS_SCALE:-1}
AREA=$(basename "$0" .sh)
PATH=$PATH:/usr/sbin:/sbin:$(cd "$(dirname "$0")" && pwd)
export PATH

# --- Inside a case ------------------------------------------------------------

# fail TEXT...: ends the case as failed.
fail()
{
	echo "$*"
	exit 1
}

# skip REASON...: ends the case as skipped.
skip()
{
	echo "$*" >"$SKIP_REASON"
	exit 4
}

# defer COMMAND: what to do when the case ends, the last one first.
DEFERRED=
defer()
{
	DEFERRED="$*
$DEFERRED"
}

run_deferred()
{
	set +e
	eval "$DEFERRED"
}

# need COMMAND...: skips unless all of them exist.
need()
{
	local name

	for name in "$@"; do
		command -v "$name" >/dev/null || skip "no program $name"
	done
}

# expect_equal WHAT GOT WANTED
expect_equal()
{
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

# expect_failure COMMAND...: it must fail; its words are left in $WORK/failure.
expect_failure()
{
	if "$@" >"$WORK/failure" 2>&1; then
		cat "$WORK/failure"
		fail "succeeded: $*"
	fi
}

# expect_words TEXT FILE: the file must contain the text.
expect_words()
{
	grep -qF -- "$1" "$2" && return
	cat "$2"
	fail "'$1' was not said"
}

# wait_until COMMAND...: tries again until it succeeds, for at most 10 s.
wait_until()
{
	local tries=200

	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "still not so after 10 s: $*"
		sleep 0.05
	done
}

# background COMMAND...: runs it; $! is its number. It ends with the case.
# By SIGKILL: a shell that was forked and has not forgotten our traps yet would
# take another signal for its own, and then run the command.
background()
{
	"$@" &
	defer "kill_below $!; kill -KILL $! 2>/dev/null; wait $! 2>/dev/null"
}

# is_elsewhere PID: is it in another network namespace than we?
is_elsewhere()
{
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# background_namespace: $! is a process in a network namespace of its own.
background_namespace()
{
	need unshare
	background unshare -n sleep 60
	wait_until is_elsewhere $!
}

# expect_exit NUMBER STATUS: waits for a background process.
expect_exit()
{
	local status=0

	wait "$1" || status=$?
	expect_equal "exit status" "$status" "$2"
}

# --- The module and its device -----------------------------------------------------

is_loaded() { [ -d /sys/module/glass ]; }

module_file()
{
	local file

	for file in "${GLASS_KO:-}" "$(modinfo -n glass 2>/dev/null)" \
		"$(dirname "$0")/../glass.ko"; do
		if [ -f "$file" ]; then
			echo "$file"
			return
		fi
	done
	return 1
}

# load_module [PARAMETER...]
# shellcheck disable=SC2120 # the tests have parameters
load_module()
{
	local file

	file=$(module_file) || skip "no glass.ko: set GLASS_KO"
	insmod "$file" "$@"
}

unload_module()
{
	! is_loaded || rmmod glass
}

ensure_loaded()
{
	# shellcheck disable=SC2119 # no parameters here
	is_loaded || load_module
}

# port_is_open PORT [STATE]: does somebody receive there, in this namespace, or has
# somebody there STATE? A name of connections is there before anybody listens to it,
# and after: those that ended keep it for a while.
port_is_open()
{
	local type proto name peer state rest

	# shellcheck disable=SC2034 # each word needs a name
	while read -r type proto name peer state rest; do
		[ "${name#*:}" = "$1" ] || continue
		[ ! "${2:-}" ] || type=asked
		case $type.$state in
		"asked.${2:-}" | DGRAM.* | RAW.* | STREAM.LISTEN | SEQPACKET.LISTEN) return 0 ;;
		esac
	done </proc/self/net/glass
	return 1
}

# in_namespace FUNCTION: calls it in a network namespace of its own. What it
# leaves there ends with it.
in_namespace()
{
	need unshare
	unshare -n sh -e "$0" --call "$1"
}

# counter NAME: of /proc/net/glass_stat, in the own namespace.
counter()
{
	local name value

	while read -r name value; do
		if [ "$name" = "$1" ]; then
			echo "$value"
			return
		fi
	done </proc/self/net/glass_stat
	fail "no counter $1"
}

# drops: the sum of all counters of dropped frames.
drops()
{
	local name value sum=0

	while read -r name value; do
		case $name in
		GlassDrop*) sum=$((sum + value)) ;;
		esac
	done </proc/self/net/glass_stat
	echo $sum
}

# send_file FILE PORT [OPTION...] / receive_file PORT FILE [OPTION...]
send_file()
{
	local file="$1" port="$2"

	shift 2
	glass-cat "$@" "1:$port" <"$file"
}

# start_receiver PORT FILE [OPTION...]: in the background, ready on return.
start_receiver()
{
	local port="$1" file="$2"

	shift 2
	background glass-cat -l "$port" "$@" >"$file" </dev/null
	wait_until port_is_open "$port"
}

# --- KTAP ---------------------------------------------------------------------------------

selected_cases()
{
	sed -n 's/^test_\([a-z0-9_]*\)().*/\1/p' "$0" | while read -r name; do
		case $AREA.$name in
		*"${GLASS_T:-}"*) echo "$name" ;;
		esac
	done
}

# kill_below PID: ends all that a process has started.
kill_below()
{
	local child

	# shellcheck disable=SC2013 # one word per child
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		kill_below "$child"
		kill -KILL "$child" 2>/dev/null
	done
}

# Ends the case that $RUN/current names when its time is over: what it waits
# for, so that it fails and cleans up, and five seconds later itself.
watch_cases()
{
	local case='' pid='' seen='' left=0

	while sleep 1 && read -r case pid <"$RUN/current"; do
		[ "$case" = "$seen" ] || left=${GLASS_DEADLINE:-$((60 * SCALE))}
		seen=$case left=$((left - 1))
		[ $left -le 0 ] || continue
		echo "$case" >"$RUN/hung"
		kill_below "$pid"
		[ $left -gt -5 ] || kill -KILL "$pid" 2>/dev/null
	done
}

# run_case NAME: its status; what it said is in $RUN/log.
run_case()
{
	WORK=$RUN/$1
	export WORK
	mkdir "$WORK"
	(
		trap run_deferred EXIT
		trap 'exit 143' TERM INT
		set -e
		"test_$1"
	) >"$RUN/log" 2>&1 </dev/null &
	echo "$1 $!" >"$RUN/current"
	wait $!
}

# seconds: on the clock, whole ones.
seconds()
{
	local now

	read -r now </proc/uptime
	echo "${now%%.*}"
}

run_cases()
{
	local name status number=0 failed=0 passed=0 note result start watcher

	if [ "${1:-}" = --call ]; then
		trap run_deferred EXIT
		"$2"
		exit
	fi
	RUN=$(mktemp -d)
	SKIP_REASON=$RUN/skip
	export RUN SKIP_REASON
	: >"$RUN/current"
	watch_cases >/dev/null 2>&1 &
	watcher=$!
	# shellcheck disable=SC2046 # one word per case
	set -- $(selected_cases)
	echo "KTAP version 1"
	echo "1..$#"
	for name; do
		number=$((number + 1)) result=ok note=
		start=$(seconds)
		status=0
		run_case "$name" || status=$?
		if [ -e "$RUN/hung" ]; then
			status=1 note=" # hung: killed after its deadline"
			rm -f "$RUN/hung"
		fi
		case $status in
		0) passed=$((passed + 1)) ;;
		4) read -r note <"$SKIP_REASON" && note=" # SKIP $note" ;;
		*)
			result="not ok" failed=$((failed + 1))
			sed 's/^/# /' "$RUN/log"
			;;
		esac
		rm -rf "${RUN:?}/$name"
		start=$(($(seconds) - start))
		[ $start -lt 2 ] || echo "# this took $start s"
		echo "$result $number $AREA.$name$note"
	done
	! command -v after_all >/dev/null || after_all
	kill_below $watcher
	kill $watcher 2>/dev/null
	rm -rf "$RUN"
	[ $failed -eq 0 ] || exit 1
	[ $passed -gt 0 ] || exit 4
	exit 0
}
