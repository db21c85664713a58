#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317,SC2030,SC2031 # local; cases are functions, called by name in subshells
#
# glass0: what it is, that it stays, and that nobody but Glass speaks on it.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

PORT=5000
DEFAULT_MTU=65564

# send_messages COUNT SIZE: datagrams to somebody who takes them.
send_messages()
{
	head -c $(($1 * $2)) /dev/urandom >"$WORK/in"
	start_receiver "$PORT" "$WORK/out"
	send_file "$WORK/in" "$PORT" -m "$2"
	expect_exit $! 0
	cmp "$WORK/in" "$WORK/out"
}

# traffic: packets and bytes received and sent by glass0, in this namespace.
traffic()
{
	awk '$1 == "glass0:" { print $3, $2, $11, $10 }' /proc/self/net/dev
}

test_is_an_ethernet_device_that_is_up()
{
	local sys=/sys/class/net/glass0

	# IFF_UP and IFF_NOARP; no LOOPBACK, BROADCAST, MULTICAST
	expect_equal flags "$(cat "$sys"/flags)" 0x81
	expect_equal type "$(cat "$sys"/type)" 1
	expect_equal address "$(cat "$sys"/address)" 02:67:00:00:00:01
	expect_equal mtu "$(cat "$sys"/mtu)" $((DEFAULT_MTU))
	ip -d -o link show glass0 >"$WORK/link"
	expect_words "<NOARP,UP,LOWER_UP>" "$WORK/link"
	expect_words "qdisc noqueue" "$WORK/link"
	expect_words "glass" "$WORK/link"
}

test_cannot_be_deleted_nor_leave_its_namespace()
{
	expect_failure ip link del glass0
	expect_words "Operation not supported" "$WORK/failure"
	background_namespace
	expect_failure ip link set glass0 netns $!
	[ -e /sys/class/net/glass0 ]
}

test_every_namespace_has_one_of_its_own() { in_namespace new_namespace; }

# Two messages, and the end mark of each side: counted here and not outside.
new_namespace()
{
	ip -o link show glass0 >"$WORK/link"
	expect_words "<NOARP,UP,LOWER_UP> mtu $DEFAULT_MTU qdisc noqueue" "$WORK/link"
	expect_equal traffic "$(traffic)" "0 0 0 0"
	send_messages 2 1000
	# 14 bytes of Ethernet and 28 of Glass in front of each
	expect_equal traffic "$(traffic)" "4 2168 4 2168"
}

test_the_mtu_can_be_changed() { in_namespace change_mtu; }

change_mtu()
{
	ip link set glass0 mtu 1500
	send_messages 3 1472
	start_receiver "$PORT" /dev/null
	expect_failure send_file "$WORK/in" "$PORT" -m 1473
	expect_words "Message too long" "$WORK/failure"
	expect_failure ip link set glass0 mtu 67
	ip link set glass0 mtu 524288
	expect_failure ip link set glass0 mtu 524289
}

# seen FILE: how many frames a capture has.
seen() { tcpdump -n -r "$1" --count 2>/dev/null | cut -d' ' -f1; }

# has_size FILE BYTES: at least.
has_size() { [ "$(wc -c <"$1")" -ge "$2" ]; }

test_tcpdump_sees_every_frame_once_and_none_of_others() { in_namespace capture; }

# start_capture FILE [OPTION...]
start_capture()
{
	local file="$1"

	shift
	tcpdump -n -U --immediate-mode -i glass0 "$@" -w "$file" 2>"$file.log" &
}

capture()
{
	local incoming both frames=15 bytes=$((15 * 42 + 3000 + 65536))

	need tcpdump
	ip link set lo up
	start_capture "$WORK/in.pcap" -Q in
	incoming=$!
	start_capture "$WORK/both.pcap"
	both=$!
	wait_until grep -q "listening on" "$WORK/in.pcap.log"
	wait_until grep -q "listening on" "$WORK/both.pcap.log"
	# What solicits and advertises does so in the two seconds after "up".
	ip link set glass0 down
	ip link set glass0 up

	# An end mark goes each way, both times.
	send_messages 10 300
	send_messages 1 65536
	sleep $((SCALE < 10 ? 1 : 30))
	# 24 bytes of file, and 16 of record for each frame: none is cut.
	wait_until has_size "$WORK/in.pcap" $((24 + frames * 16 + bytes))
	wait_until has_size "$WORK/both.pcap" $((24 + 2 * (frames * 16 + bytes)))
	kill -INT "$incoming" "$both"
	wait "$incoming" "$both" || true
	expect_equal "incoming frames" "$(seen "$WORK/in.pcap")" "$frames"
	expect_equal "frames both ways" "$(seen "$WORK/both.pcap")" $((2 * frames))
	expect_equal "size" "$(wc -c <"$WORK/in.pcap")" $((24 + frames * 16 + bytes))
	expect_equal "other frames" \
		"$(tcpdump -n -r "$WORK/both.pcap" not ether proto 0x88b5 2>/dev/null)" ""
	expect_equal traffic "$(traffic)" "$frames $bytes $frames $bytes"
	expect_equal addresses "$(ip -o addr show dev glass0)" ""
	expect_equal routes "$(ip -6 route show dev glass0 table all)" ""
}

run_cases "$@"
