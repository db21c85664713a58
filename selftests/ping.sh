#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317,SC2030,SC2031 # local; cases are subshells, called by name
#
# glass-ping: what it prints, what it finds out, and how it ends.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# ping STATUS [OPTION...]: runs it; what it said is in $WORK/out and $WORK/err.
ping()
{
	local wanted="$1" status=0

	shift
	glass-ping "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
	[ "$status" -eq "$wanted" ] && return
	cat "$WORK/out" "$WORK/err"
	fail "glass-ping $*: exit status $status, wanted $wanted"
}

# expect_line PATTERN: a line of what it printed, as case has patterns.
expect_line()
{
	local line

	while IFS= read -r line; do
		# shellcheck disable=SC2254 # it is a pattern
		case $line in
		$1) return ;;
		esac
	done <"$WORK/out"
	cat "$WORK/out"
	fail "no line '$1'"
}

# netem WHAT...: on glass0 of this namespace.
netem()
{
	tc qdisc replace dev glass0 root netem "$@" || skip "this kernel has no netem"
}

TIME='[0-9]*'
RTT="rtt min/avg/max/mdev = $TIME.*/$TIME.*/$TIME.*/$TIME.* ms"

test_prints_what_ping_prints()
{
	ping 0 -c 3 -i 0 1
	expect_line "PING node 1 56(92) bytes of data."
	expect_line "64 bytes from node 1: seq=1 time=$TIME ms"
	expect_line "64 bytes from node 1: seq=3 time=$TIME ms"
	expect_line "--- node 1 ping statistics ---"
	expect_line "3 packets transmitted, 3 received, 0% packet loss, time ${TIME}ms"
	expect_line "$RTT"
}

test_waits_the_interval_quietly()
{
	ping 0 -q -c 3 -i 0.1 1
	expect_failure grep seq= "$WORK/out"
	awk -F 'time |ms' '/loss/ { exit !($2 >= 200) }' "$WORK/out"
}

# took FROM TO: it ended after so many milliseconds, by its own clock.
took()
{
	awk -F 'time |ms' "/loss/ { exit !(\$2 >= $1 && \$2 < $2) }" "$WORK/out" && return
	cat "$WORK/out"
	fail "it did not take $1 to $2 ms"
}

test_ends_at_its_deadline() { in_namespace deadline; }
deadline()
{
	# With the next echo far away, and with many to come.
	ping 0 -w 0.1 -i 60 1
	expect_line "1 packets transmitted, 1 received, 0% packet loss, time ${TIME}ms"
	took 100 5000
	ping 0 -q -w 0.1 -c 1000000 -i 0.01 1
	expect_line "[1-9]* packets transmitted, [1-9]* received, *"
	took 100 5000
	# All answered before it: there is nothing to wait for.
	ping 0 -q -w 60 -c 2 -i 0 1
	took 0 5000
	# All sent, and an answer may still come: the deadline is the earlier end.
	netem loss 100%
	ping 1 -q -w 0.1 -W 60 -c 3 -i 0 1
	expect_line "3 packets transmitted, 0 received, 100% packet loss, time ${TIME}ms"
	took 100 5000
}

test_prints_one_json_object()
{
	ping 0 --json -c 2 -i 0 -s 100 1
	expect_equal "first line" "$(head -n 1 "$WORK/out")" "{"
	expect_equal "last line" "$(tail -n 1 "$WORK/out")" "}"
	expect_line '  "node": 1,'
	expect_line '  "transmitted": 2,'
	expect_line '  "received": 2,'
	expect_line '  "loss_percent": 0.0,'
	expect_line "    \"mdev\": $TIME.*"
	expect_line '      "seq": 2,'
	expect_line '      "bytes": 108,'
}

test_carries_every_size()
{
	ping 0 -c 1 -s 0 1
	expect_line "8 bytes from node 1: seq=1 *"
	ping 0 -c 1 -s 65528 1
	expect_line "65536 bytes from node 1: seq=1 *"
	ping 2 -c 1 -s 65529 1
	expect_words "Message too long" "$WORK/err"
}

test_reports_loss() { in_namespace loss; }
loss()
{
	local count=400 received

	netem loss 100%
	ping 1 -q -c 5 -i 0 -W 0.05 1
	expect_line "5 packets transmitted, 0 received, 100% packet loss, time ${TIME}ms"
	expect_failure grep rtt "$WORK/out"

	# Out and back: 64 % arrive, with a deviation of 2.4.
	netem loss 20%
	ping 0 -q -c "$count" -i 0 -W 0.05 1
	received=$(counter GlassRawDelivered)
	expect_line "$count packets transmitted, $received received, $(
		awk "BEGIN { printf \"%g\", ($count - $received) * 100 / $count }"
	)% packet loss, time ${TIME}ms"
	[ "$received" -gt 205 ] && [ "$received" -lt 305 ]
}

test_tells_late_and_doubled_replies() { in_namespace late_and_doubled; }
late_and_doubled()
{
	netem delay 30ms duplicate 100%
	ping 0 -c 3 -i 0.01 1
	expect_line "64 bytes from node 1: seq=1 time=* ms (DUP!)"
	# The last ones may come when all is over.
	expect_line "3 packets transmitted, 3 received, +[0-9]* duplicates, 0% packet loss, *"
	expect_line "$RTT"
	awk -F '[ =/]+' '/^rtt/ { exit !($6 >= 60 && $7 >= $6 && $8 >= $7) }' "$WORK/out"
}

# took: milliseconds, by the summary of the last ping.
took() { awk -F 'time |ms' '/loss/ { print $2 }' "$WORK/out"; }

test_floods()
{
	local own

	ping 0 -q -i 0 -c 200 1
	own=$(took)
	ping 0 -f -c 200 1
	expect_line "*200 packets transmitted, 200 received, 0% packet loss, time ${TIME}ms"
	# Did it wait for its interval? That would be two seconds, unless so
	# many pings take as long here by themselves.
	[ "$(took)" -lt $((1200 + 2 * own)) ] || fail "it took $(took) ms"
}

test_two_at_once_do_not_see_each_other()
{
	background glass-ping -c 30 -i 0 1 >"$WORK/other"
	ping 0 -c 30 -i 0 1
	expect_exit $! 0
	expect_line "30 packets transmitted, 30 received, 0% packet loss, *"
	cp "$WORK/other" "$WORK/out"
	expect_line "30 packets transmitted, 30 received, 0% packet loss, *"
}

test_goes_on_until_it_is_interrupted() { in_namespace interrupted; }
interrupted()
{
	background glass-ping -i 0.01 1 >"$WORK/out" 2>"$WORK/err"
	wait_until grep -q seq=2 "$WORK/out"
	ip link set glass0 down
	wait_until grep -q "Network is down" "$WORK/err"
	kill -INT $!
	expect_exit $! 0
	expect_line "[0-9]* packets transmitted, [0-9]* received, +[0-9]* errors, *% packet loss, *"
	expect_line "$RTT"
}

test_explains_that_it_needs_a_capability()
{
	need setpriv unshare
	expect_failure setpriv --reuid 65534 --clear-groups glass-ping -c 1 1
	expect_words "Operation not permitted" "$WORK/failure"
	expect_words CAP_NET_RAW "$WORK/failure"
	# Root of a namespace has it there.
	setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Urn glass-ping -q -c 1 1
}

test_says_what_is_wrong()
{
	ping 2 -c 1 9
	expect_words "connect node 9: No route to host" "$WORK/err"
	ping 2 -c 1 -I nosuch 1
	expect_words "device nosuch: No such device" "$WORK/err"
	ping 2 '*'
	expect_words "one node is needed" "$WORK/err"
}

run_cases "$@"
