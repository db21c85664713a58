#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317,SC2030,SC2031 # local; cases are functions, called by name in subshells
#
# glass-cat: files, pipes, errors, exit statuses.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

PORT=5000

make_file() { head -c "$2" /dev/urandom >"$1"; }

test_help_and_version_are_no_errors()
{
	glass-cat --help | grep -q "^Usage: glass-cat"
	glass-cat --version | grep -q "^glass-cat [0-9]"
}

test_wrong_usage_exits_with_2()
{
	local line status

	while read -r line; do
		status=0
		# shellcheck disable=SC2086 # a line is some words
		glass-cat $line >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
		expect_equal "glass-cat $line" "$status" 2
		expect_equal "standard output of glass-cat $line" "$(cat "$WORK/out")" ""
		expect_words "glass-cat: " "$WORK/err"
	done <<-END

		1:5000 7 8
		--no-such-option 1:5000
		-l 5000 -p 5001
		-k 1:5000
		1:4294967296
		-m 0 1:5000
		-t no-such-type 1:5000
	END
}

test_files_arrive_whole()
{
	local size

	for size in 0 1 65536 200000; do
		make_file "$WORK/in" "$size"
		start_receiver "$PORT" "$WORK/out" 2>"$WORK/said"
		send_file "$WORK/in" "$PORT" 2>>"$WORK/said"
		expect_exit $! 0
		cmp "$WORK/in" "$WORK/out"
		[ ! -s "$WORK/said" ] || fail "something was said"
	done
}

test_both_directions_at_once()
{
	make_file "$WORK/a" 200000
	make_file "$WORK/b" 150000
	background glass-cat -l "$PORT" <"$WORK/a" >"$WORK/b.out"
	wait_until port_is_open "$PORT"
	glass-cat 1 "$PORT" <"$WORK/b" >"$WORK/a.out"
	expect_exit $! 0
	cmp "$WORK/b" "$WORK/b.out"
	# The listening side leaves when its peer has ended; what it has sent is a head.
	cmp -n "$(wc -c <"$WORK/a.out")" "$WORK/a" "$WORK/a.out"
}

test_a_slow_reader_makes_the_sender_wait()
{
	local size=1000000 before

	[ "$SCALE" -lt 10 ] || size=30000000
	make_file "$WORK/in" "$size"
	before=$(drops)
	mkfifo "$WORK/fifo"
	glass-cat -l "$PORT" >"$WORK/fifo" </dev/null &
	exec 9<"$WORK/fifo"
	wait_until port_is_open "$PORT"
	background send_file "$WORK/in" "$PORT"
	# Nobody reads yet: the sender must come to a halt, with more to send.
	SENT=-1
	wait_until sending_stands_still
	kill -0 $!
	cat <&9 >"$WORK/out"
	expect_exit $! 0
	cmp "$WORK/in" "$WORK/out"
	expect_equal "dropped frames" $(($(drops) - before)) 0
}

sending_stands_still()
{
	local before="$SENT"

	SENT=$(counter GlassOutFrames)
	[ "$SENT" -eq "$before" ]
}

test_verbose_says_who_sends_to_whom()
{
	make_file "$WORK/in" 100000
	start_receiver "$PORT" "$WORK/out" -v 2>"$WORK/receiver"
	send_file "$WORK/in" "$PORT" -v -p 4000 -m 10000 2>"$WORK/sender"
	expect_exit $! 0
	expect_words "glass-cat: listening on *:5000" "$WORK/receiver"
	expect_words "glass-cat: receiving from 1:4000 on 1:5000" "$WORK/receiver"
	expect_words "glass-cat: received 100000 bytes in 10 messages from 1:4000" "$WORK/receiver"
	expect_words "glass-cat: connected from 1:4000 to 1:5000" "$WORK/sender"
	expect_words "glass-cat: sent 100000 bytes in 10 messages to 1:5000" "$WORK/sender"
}

# expect_error TEXT ARGUMENT...: exit status 1, and exactly this text.
expect_error()
{
	local text="$1" status=0

	shift
	glass-cat "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
	expect_equal "glass-cat $*" "$(cat "$WORK/err")" "$text"
	expect_equal "glass-cat $*" "$status" 1
}

test_errors_name_the_call_the_address_and_the_reason()
{
	expect_error "glass-cat: connect 1:5999: Connection refused" 1:5999
	expect_error "glass-cat: connect 7:5000: No route to host" 7:5000
	expect_error "glass-cat: bind 7:5000: Cannot assign requested address" -l 7:5000
	start_receiver "$PORT" /dev/null
	expect_error "glass-cat: bind *:5000: Address already in use" -l "$PORT"
	in_namespace device_down
}

device_down()
{
	ip link set glass0 down
	expect_error "glass-cat: connect 1:5000: Network is down" 1:5000
}

test_a_message_that_is_too_long_is_an_error()
{
	local status=0

	make_file "$WORK/in" 70000
	start_receiver "$PORT" "$WORK/out"
	send_file "$WORK/in" "$PORT" -m 70000 2>"$WORK/err" || status=$?
	expect_equal "exit status" "$status" 1
	expect_words "glass-cat: send 1:5000: Message too long" "$WORK/err"
	expect_equal "what arrived" "$(cat "$WORK/out")" ""
}

test_a_sender_that_dies_is_an_error_at_the_receiver()
{
	local receiver

	mkfifo "$WORK/fifo"
	start_receiver "$PORT" "$WORK/out" 2>"$WORK/err"
	receiver=$!
	glass-cat -p 4000 "1:$PORT" <"$WORK/fifo" &
	exec 9>"$WORK/fifo"
	echo "a beginning" >&9
	wait_until test -s "$WORK/out"
	kill -KILL $!
	expect_exit "$receiver" 1
	expect_words "glass-cat: receive 1:4000: Connection reset by peer" "$WORK/err"
}

test_a_receiver_that_dies_is_an_error_at_the_sender()
{
	mkfifo "$WORK/fifo"
	glass-cat -l "$PORT" </dev/null >/dev/null &
	receiver=$!
	wait_until port_is_open "$PORT"
	glass-cat "1:$PORT" <"$WORK/fifo" 2>"$WORK/err" &
	sender=$!
	exec 9>"$WORK/fifo"
	wait_until has_peer
	kill -KILL "$receiver"
	expect_exit "$sender" 1
	expect_words "1:5000: Connection re" "$WORK/err"
}

has_peer() { grep -q " 1:$PORT ESTABLISHED " /proc/net/glass; }

test_no_end_leaves_without_an_answer()
{
	make_file "$WORK/in" 5000
	start_receiver "$PORT" "$WORK/out" --no-end
	send_file "$WORK/in" "$PORT" --no-end
	expect_exit $! 0
	cmp "$WORK/in" "$WORK/out"
}

test_keep_open_serves_one_after_the_other()
{
	start_receiver "$PORT" "$WORK/out" -k
	echo first | glass-cat "1:$PORT"
	wait_until port_is_open "$PORT" CLOSE
	echo second | glass-cat "1:$PORT"
	wait_until port_is_open "$PORT" CLOSE
	expect_equal "what arrived" "$(cat "$WORK/out")" "first
second"
}

test_timeouts_end_the_waiting()
{
	local lonely silent

	glass-cat -l 5001 -w 1 2>"$WORK/err" </dev/null &
	lonely=$!
	# A peer that never ends: --quit-after does not call that an error.
	start_receiver "$PORT" /dev/null --no-end
	glass-cat -q 1 "1:$PORT" </dev/null &
	silent=$!
	expect_exit "$lonely" 1
	expect_exit "$silent" 0
	expect_words "glass-cat: wait for a peer: Connection timed out" "$WORK/err"
}

run_cases "$@"
