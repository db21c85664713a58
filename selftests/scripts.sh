#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317,SC2030,SC2031 # local; cases are functions, called by name in subshells
#
# The bpftrace scripts and the perf command lines of docs/scripts: what they
# print is what the kernel has counted. "make test-tools" has the tools.
#
# A probe sees all namespaces, so nothing else may use Glass meanwhile.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

HERE=$(dirname "$0")
SCRIPTS=$HERE
[ -e "$SCRIPTS/drops.bt" ] || SCRIPTS=$HERE/../docs/scripts

# start_script NAME: its output goes to $WORK/NAME; it watches on return.
start_script()
{
	need bpftrace
	background bpftrace "$SCRIPTS/$1.bt" >"$WORK/$1" 2>"$WORK/$1.err"
	script=$!
	for _ in $(seq 600); do
		! grep -q '^Watching' "$WORK/$1" || return 0
		[ -d "/proc/$script" ] || break
		sleep 0.1
	done
	cat "$WORK/$1" "$WORK/$1.err"
	fail "$1.bt does not watch"
}

# end_script NAME: as Ctrl-C does. Nothing but a word of lost events is an error.
end_script()
{
	kill -INT "$script"
	wait "$script" || true
	cat "$WORK/$1" "$WORK/$1.err"
	! grep -qi error "$WORK/$1.err" || fail "$1.bt has errors"
}

# sum MAP FILE: of all the values that bpftrace printed of a map.
sum() { awk -F ': ' "/^$1/ { sum += \$2 } END { print sum + 0 }" "$2"; }

# A transfer by a stream, whose reader sleeps before each part of it comes.
transfer()
{
	head -c "$2" /dev/urandom >"$WORK/in"
	start_receiver "$1" "$WORK/out" --type stream
	send_file "$WORK/in" "$1" --type stream -m 1000
	expect_exit $! 0
	cmp "$WORK/in" "$WORK/out"
}

# The tracepoint lists them in the order of their numbers, from 1.
test_the_names_of_drops_are_those_of_the_tracepoint()
{
	sed 's/{ [A-Z0-9_]*, "\([a-z_]*\)" }/\n\1\n/g' \
		/sys/kernel/tracing/events/glass/glass_pkt_drop/format |
		grep -E '^[a-z_]+$' | awk '{ print NR, $0 }' >"$WORK/kernel"
	sed 's/@name\[\([0-9]*\)\] = "\([a-z_]*\)";/\n\1 \2\n/g' "$SCRIPTS/drops.bt" |
		grep -E '^[0-9]+ [a-z_]+$' >"$WORK/script"
	[ -s "$WORK/kernel" ] || fail "no names: $(cat /sys/kernel/tracing/events/glass/glass_pkt_drop/format)"
	cmp "$WORK/kernel" "$WORK/script"
}

test_drops_counts_what_the_kernel_counts() { in_namespace drops_by_reason; }

drops_by_reason()
{
	start_script drops
	tc qdisc add dev glass0 root netem corrupt 100%
	start_receiver 5000 /dev/null --no-end
	for _ in 1 2 3 4 5; do
		echo hello | glass-cat --no-end 1:5000
	done
	wait_until was_dropped
	end_script drops
	expect_equal "drops of bpftrace" "$(sum @drops "$WORK/drops")" "$(drops)"
	expect_equal "checksums" "$(sum '@drops\[checksum\]' "$WORK/drops")" \
		"$(counter GlassDropChecksum)"
}

# was_dropped: at least one. (What is altered in its EtherType is nobody's.)
was_dropped() { [ "$(counter GlassDropChecksum)" -gt 0 ]; }

test_retransmissions_are_counted_by_connection() { in_namespace retransmissions; }

retransmissions()
{
	start_script retransmissions
	ip link set glass0 mtu 1500
	tc qdisc add dev glass0 root netem loss 20%
	transfer 5000 60000
	end_script retransmissions
	[ "$(counter GlassRetransmits)" -gt 0 ]
	expect_equal "segments of bpftrace" "$(sum @segments "$WORK/retransmissions")" \
		"$(counter GlassRetransmits)"
	grep -q '^@segments\[1, [0-9]*, 1, 5000\]: ' "$WORK/retransmissions"
	grep -q '^@bytes\[1, [0-9]*, 1, 5000\]: ' "$WORK/retransmissions"
}

test_latency_sees_a_reader_that_sleeps_and_is_woken() { in_namespace latency; }

latency()
{
	start_script latency
	transfer 5000 5000
	end_script latency
	grep -q '^@send_to_wakeup_us:' "$WORK/latency"
	grep -q '^@wakeup_to_run_us\[glass-cat\]:' "$WORK/latency"
	# Nothing is left that was only remembered on the way.
	! grep -qE '^@(sent|arrived|ready|woken)\[' "$WORK/latency"
}

test_perf_counts_frames() { in_namespace perf_counts; }

perf_counts()
{
	local before

	need perf
	before=$(counter GlassOutFrames)
	perf stat -x, -o "$WORK/stat" -e 'glass:glass_pkt_send,glass:glass_pkt_receive' -a -- \
		glass-ping -c 1 1 >/dev/null
	cat "$WORK/stat"
	expect_equal "frames" "$(sed -n 's/^\([0-9]*\),.*glass_pkt_send.*/\1/p' "$WORK/stat")" \
		$(($(counter GlassOutFrames) - before))
	perf record -q -e 'glass:*' -a -o "$WORK/data" -- glass-ping -c 1 1 >/dev/null
	perf script -i "$WORK/data" >"$WORK/script"
	grep -q 'glass:glass_pkt_send: .*protocol=7 ' "$WORK/script"
}

run_cases "$@"
