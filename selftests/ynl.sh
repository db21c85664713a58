#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317 # local; functions are called by name
#
# The generic netlink family as its specification says: the kernel tree's own
# client, which knows nothing of Glass but glass.yaml, sees what glassctl sees,
# and changes what glassctl changes.
#
#   GLASS_YNL   the folder tools/net/ynl of a kernel's source

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

GLASS_YNL=${GLASS_YNL:-/opt/ynl}
HERE=$(dirname "$0")
SPEC=$HERE/glass.yaml
[ -e "$SPEC" ] || SPEC=$HERE/../module/netlink/glass.yaml

# ynl: runs the calls of stdin, see ynl.py; the answers are left in $WORK/answers.
ynl()
{
	need python3
	ls "$GLASS_YNL"/cli.py* >/dev/null 2>&1 || skip "no netlink client: set GLASS_YNL"
	PYTHONPATH=$GLASS_YNL LC_ALL=C \
		python3 "$HERE/ynl.py" "$SPEC" >"$WORK/answers"
}

# index DEVICE: in the own namespace, whose sysfs is not mounted here.
index()
{
	local line

	line=$(ip -o link show dev "$1")
	echo "${line%%:*}"
}

# One run of Python, for its start costs most. Names of devices and nulls are
# glassctl's own; counters are {N:V,...} there and [{"name":N,"value":V},...] here.
test_sees_and_changes_what_glassctl_does() { in_namespace calls; }

calls()
{
	local glass0 va

	ip link add va address 02:00:00:00:00:09 type veth peer name vb
	glass0=$(index glass0)
	va=$(index va)
	ynl <<-END
		listen route
		--do dev-attach --json {"node":9,"ifindex":$va}
		--do route-new --json {"node":12,"ifindex":$va,"lladdr":"02000000000c"}
		--do route-new --json {"node":13,"ifindex":$va,"lladdr":"02000000000d"}
		--do route-del --json {"node":13}
		heard
		--do route-del --json {"node":9}
		--do route-del --json {}
		--do route-new --json {"node":14,"ifindex":$va,"lladdr":"0200"}
		--do dev-detach --json {"ifindex":0}
		heard
		--do info-get
		--dump stat-get
		--dump route-get
		--do route-get --json {"node":12}
		--dump dev-get
		--do anatomy-get --json {"fd":@listener}
		--do ops-get --json {"fd":@listener,"table":"proto-ops"}
		--do ops-get --json {"fd":@listener,"table":"proto"}
		--do anatomy-get --json {"fd":0}
		--do anatomy-get --json {}
		--do ops-get --json {"fd":@listener}
	END

	# What the kernel says, and about which attribute.
	expect_words "A device owns that node; delete or detach it" "$WORK/answers"
	expect_words "'miss-type': 'node'" "$WORK/answers"
	expect_words "'bad-attr': '.lladdr'" "$WORK/answers"
	expect_words "'bad-attr': '.ifindex'" "$WORK/answers"
	expect_words "The descriptor is not a socket" "$WORK/answers"
	expect_words "'bad-attr': '.fd'" "$WORK/answers"
	expect_words "'miss-type': 'fd'" "$WORK/answers"
	expect_words "'miss-type': 'table'" "$WORK/answers"

	expect_equal routes "$(glassctl route show 12)" "NODE  TYPE  DEV  SOURCE  LLADDR
12    link  va   9       02:00:00:00:00:0c"
	sed -n '/^exit\|^[[{]/{s/"name": \("Glass[^"]*"\), "value"/\1/g;/Glass/{s/}, {/,/g;s/[][]//g};s/ //g;p}' \
		"$WORK/answers" >"$WORK/short"
	sed -n '/^{"file":/,$p' "$WORK/short" >"$WORK/socket"
	expect_words '{"file":{"op":"socket_file_ops",' "$WORK/socket"
	expect_words '"socket":{"state":1,"type":3,"flags":' "$WORK/socket"
	expect_words '"sock":{"prot":"netlink_proto","prot-name":"NETLINK","family":16,' "$WORK/socket"
	expect_words '"data-ready":"sock_def_readable",' "$WORK/socket"
	expect_words '{"symbol":"netlink_ops","member":[{"name":"release","symbol":"netlink_release"},{"name":"bind","symbol":"netlink_bind"},' \
		"$WORK/socket"
	expect_words '{"symbol":"netlink_proto","member":[{"name":"close"},' "$WORK/socket"
	expect_equal answers "$(sed '/^{"file":/,$d' "$WORK/short")" "exit0
exit0
exit0
exit0
{\"name\":\"route-new-ntf\",\"msg\":{\"node\":9,\"type\":\"local\",\"ifindex\":$va,\"src-node\":9}}
{\"name\":\"route-new-ntf\",\"msg\":{\"node\":12,\"type\":\"link\",\"ifindex\":$va,\"src-node\":9,\"lladdr\":\"02000000000c\"}}
{\"name\":\"route-new-ntf\",\"msg\":{\"node\":13,\"type\":\"link\",\"ifindex\":$va,\"src-node\":9,\"lladdr\":\"02000000000d\"}}
{\"name\":\"route-del-ntf\",\"msg\":{\"node\":13,\"type\":\"link\",\"ifindex\":$va,\"src-node\":9,\"lladdr\":\"02000000000d\"}}
exit1
exit1
exit1
exit1
$(glassctl --json info | tr _ -)
exit0
$(glassctl --json stats --all)
exit0
[{\"node\":1,\"type\":\"local\",\"ifindex\":$glass0,\"src-node\":1},{\"node\":9,\"type\":\"local\",\"ifindex\":$va,\"src-node\":9},{\"node\":12,\"type\":\"link\",\"ifindex\":$va,\"src-node\":9,\"lladdr\":\"02000000000c\"}]
exit0
{\"node\":12,\"type\":\"link\",\"ifindex\":$va,\"src-node\":9,\"lladdr\":\"02000000000c\"}
exit0
[{\"ifindex\":$glass0,\"node\":1,\"attached\":0,\"mtu\":65564},{\"ifindex\":$va,\"node\":9,\"attached\":1,\"mtu\":1500}]
exit0"
}

run_cases "$@"
