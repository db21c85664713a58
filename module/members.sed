# SPDX-License-Identifier: GPL-2.0
# Makes members_gen.h, which anatomy.c includes, of linux/net.h and net/sock.h:
# for each of the two structures a table with its functions, and with the
# conditions under which they exist.
/^struct proto_ops {/,/^}/ {
	s/^struct .*/static const struct member proto_ops_members[] = {/p
	s/^}.*/};/p
	/^#/p
	s/^\t[^(]*(\*\([a-z0-9_]*\)).*/\tMEMBER(proto_ops, \1),/p
}
/^struct proto {/,/^}/ {
	s/^struct .*/static const struct member proto_members[] = {/p
	s/^}.*/};/p
	/^#/p
	s/^\t[^(]*(\*\([a-z0-9_]*\)).*/\tMEMBER(proto, \1),/p
}
