#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317,SC2030,SC2031 # local; cases are subshells, called by name
#
# glass-bench: it measures each cell, and says so in a form that can be read.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

FIGURE='\{"cell": "[A-Za-z0-9@-]+", "kind": "[a-z-]+", "value": [0-9]+\.[0-9]\}'

# bench STATUS [OPTION...]: as little as it can; what it said is in $WORK/out and err.
bench()
{
	local wanted="$1" status=0

	shift
	glass-bench --scale 0.001 --warm-up 0 "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
	[ "$status" -eq "$wanted" ] && return
	cat "$WORK/out" "$WORK/err"
	fail "glass-bench $*: exit status $status, wanted $wanted"
}

# expect_figures COUNT: so many, each above zero, and nothing else.
expect_figures()
{
	expect_failure grep -vxE "$FIGURE" "$WORK/out"
	expect_failure grep -E '"value": 0\.0}' "$WORK/out"
	expect_equal "figures" "$(wc -l <"$WORK/out")" "$1"
}

test_measures_every_cell_of_glass() { in_namespace cells_of_glass; }
cells_of_glass()
{
	local cell type ports
	local each="oneway-64 oneway-64K roundtrip-1 roundtrip-16K flows-64x1K socket memory"
	local some="connect/glass-stream sendfile-1M/glass-stream splice-1M/glass-stream
		zerocopy-1M/glass-stream oneway-1M/glass-seqpacket"

	ip link set lo up
	for type in stream seqpacket dgram; do
		for cell in $each; do
			some="$some $cell/glass-$type"
		done
	done
	# 60,000 of one type: that takes a kernel that looks for faults minutes. It has
	# thousands in port_test.
	ports=
	[ -e /sys/kernel/debug/kmemleak ] || ports=ports/glass-dgram
	# shellcheck disable=SC2046,SC2086 # a list
	bench 0 $(printf -- '--cell %s ' $some $ports)
	expect_failure grep -vxE "$FIGURE" "$WORK/out"
	for cell in $some ${ports:+ports-named-60000/glass-dgram ports-any-60000/glass-dgram
		ports-reach-60000/glass-dgram}; do
		expect_words "{\"cell\": \"${cell%/*}\", \"kind\": \"${cell#*/}\", " \
			"$WORK/out"
	done
}

test_measures_every_kind()
{
	modprobe vsock_loopback || skip "this kernel has no vsock_loopback"
	bench 0 --cell roundtrip-64/ --cell oneway-1K/
	expect_figures 22
}

test_measures_between_two_processors()
{
	[ "$(nproc)" -gt 1 ] || skip "there is one processor"
	bench 0 --cpus 2 --cell roundtrip-64/glass --cell oneway-64K/glass
	expect_figures 6
}

test_measures_again_each_round()
{
	bench 0 --rounds 3 --cell roundtrip-1/unix-stream --cell socket/tcp
	expect_figures 6
}

test_says_when_each_begins_to_who_watches()
{
	bench 0 --profile --cell roundtrip-1K/glass --cell roundtrip-1K/pipe
	expect_equal "figures, then beginnings" "$(grep -c value "$WORK/out") \
$(tail -n 4 "$WORK/out" | grep -c '"cell": "roundtrip-1K", "kind": ".*", "begins": true}')" "4 4"
}

test_tells_which_cells_there_are()
{
	bench 0 --list --cell /udp
	expect_words oneway-64K/udp "$WORK/out"
	expect_failure grep -E 'connect|1M|glass|tcp' "$WORK/out"
}

test_says_what_is_wrong()
{
	bench 2 --cell nosuch
	expect_words "there is no such cell" "$WORK/err"
	bench 2 --cpus 3
	expect_words "glass-bench --help" "$WORK/err"
}

run_cases "$@"
