// SPDX-License-Identifier: GPL-2.0
/*
 * What one open socket, of any family, is made of: from its descriptor to its
 * device, and its tables of functions.
 *
 * Who may look
 * ============
 *
 * Who holds the descriptor. Numbers of this kind are what getsockopt(2),
 * ioctl(2), fstat(2) and sock_diag give him as well, and the names of functions
 * are no secret: everybody may read them in the kernel's source, and which of
 * them exist here in /proc/kallsyms, which hides addresses from those who lack
 * CAP_SYSLOG, and nothing but them. Addresses would tell where the kernel lies,
 * so none ever leaves, not even of what has no name.
 *
 * Somebody else's descriptor is fetched with pidfd_getfd(2). Whether he may is
 * decided there, by the check of ptrace(2) and by the security module
 * (security_file_receive()), and a descriptor once received may be used. So the
 * hooks that guard a socket's calls are not asked again; those for reading its
 * options or names are not open to modules either. The request itself passes
 * security_socket_sendmsg() and security_netlink_send().
 *
 * A descriptor is a number in the table of the process that sends the request,
 * while the answer goes to the netlink socket, whoever holds that. If a program
 * with more rights is handed such a socket (as its standard output, say) and
 * led to write a request into it, the answer would be about its descriptors and
 * go to somebody else. So the sender must have no more rights than whoever
 * opened the netlink socket; see proc_pid_attr_write() for the like.
 *
 * Locks
 * =====
 *
 * Values are read without the socket's lock, as sock_diag and /proc read them:
 * of a socket that changes meanwhile they are of slightly different moments.
 * The reference on the file keeps the socket and the sock, and these keep the
 * modules that their tables are in.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/dst.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "compat.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "route.h"
#include "view.h"

/**
 * struct member - a function in a table
 * @name: the structure's member
 * @offset: where it is, in bytes
 */
struct member {
	const char	*name;
	size_t		offset;
};

#define MEMBER(type, name) { #name, offsetof(struct type, name) }
/* proto_ops_members[] and proto_members[], by members.sed. */
#include "members_gen.h"

/* --- The descriptor ---------------------------------------------------- */

/* Has the sender no more rights than who opened the netlink socket? */
static bool sender_is_opener(const struct sk_buff *skb)
{
	const struct socket *sock = NETLINK_CB(skb).sk->sk_socket;
	const struct cred *sender = current_cred();
	const struct cred *opener;

	if (!sock || !sock->file)
		return false;
	opener = sock->file->f_cred;
	return uid_eq(opener->euid, sender->euid) &&
	       opener->user_ns == sender->user_ns &&
	       cap_issubset(sender->cap_permitted, opener->cap_permitted);
}

/* The file of the socket that an attribute names; the caller puts it. */
static struct file *socket_file_get(struct sk_buff *skb,
				    struct genl_info *info, int attr)
{
	struct nlattr *number = info->attrs[attr];
	struct socket *sock;
	struct file *file;

	if (!sender_is_opener(skb)) {
		NL_SET_ERR_MSG(info->extack, "The netlink socket was opened with other rights");
		return ERR_PTR(-EPERM);
	}
	file = fget(nla_get_u32(number));
	if (!file) {
		NL_SET_ERR_MSG_ATTR(info->extack, number,
				    "There is no such descriptor");
		return ERR_PTR(-EBADF);
	}
	sock = sock_from_file(file);
	if (!sock || !sock->sk) {
		NL_SET_ERR_MSG_ATTR(info->extack, number,
				    "The descriptor is not a socket");
		fput(file);
		return ERR_PTR(-ENOTSOCK);
	}
	return file;
}

/* --- Symbols ----------------------------------------------------------- */

/*
 * Add the name of what begins at an address; nothing for NULL. Where there is
 * no name sprint_symbol() prints the address, and before names of data are
 * known, the nearest function and how far it is: both are "?" here.
 */
static noinline_for_stack int add_symbol(struct sk_buff *skb, int attr,
					 const void *address)
{
	char name[KSYM_SYMBOL_LEN];
	char *end;

	if (!address)
		return 0;
	sprint_symbol(name, (unsigned long)address);
	end = strstr(name, "+0x0/");
	if (!end)
		return nla_put_string(skb, attr, "?");
	*end = '\0';
	return nla_put_string(skb, attr, name);
}

/* --- The anatomy -------------------------------------------------------- */

static int add_file(struct sk_buff *skb, struct file *file)
{
	struct nlattr *nest = nla_nest_start(skb, GLASS_A_ANATOMY_FILE);
	char buffer[64];
	char *name;

	if (!nest || add_symbol(skb, GLASS_A_FILE_OP, file->f_op) ||
	    nla_put_u32(skb, GLASS_A_FILE_FLAGS, READ_ONCE(file->f_flags)) ||
	    nla_put_u64_64bit(skb, GLASS_A_FILE_POSITION,
			      READ_ONCE(file->f_pos), 0))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);

	name = d_path(&file->f_path, buffer, sizeof(buffer));
	if (IS_ERR(name))
		return PTR_ERR(name);
	return nla_put_string(skb, GLASS_A_ANATOMY_DENTRY_NAME, name);
}

static int add_inode(struct sk_buff *skb, const struct inode *inode)
{
	struct nlattr *nest = nla_nest_start(skb, GLASS_A_ANATOMY_INODE);
	const struct super_block *sb = inode->i_sb;

	if (!nest ||
	    nla_put_u64_64bit(skb, GLASS_A_INODE_NUMBER, inode->i_ino, 0) ||
	    nla_put_u32(skb, GLASS_A_INODE_MODE, READ_ONCE(inode->i_mode)) ||
	    nla_put_u32(skb, GLASS_A_INODE_UID,
			from_kuid_munged(current_user_ns(), inode->i_uid)) ||
	    nla_put_u64_64bit(skb, GLASS_A_INODE_MAGIC, sb->s_magic, 0) ||
	    nla_put_string(skb, GLASS_A_INODE_FILE_SYSTEM, sb->s_type->name))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int add_socket(struct sk_buff *skb, const struct socket *sock)
{
	struct nlattr *nest = nla_nest_start(skb, GLASS_A_ANATOMY_SOCKET);

	if (!nest ||
	    nla_put_u32(skb, GLASS_A_SOCKET_STATE, READ_ONCE(sock->state)) ||
	    nla_put_u32(skb, GLASS_A_SOCKET_TYPE, sock->type) ||
	    nla_put_u64_64bit(skb, GLASS_A_SOCKET_FLAGS,
			      READ_ONCE(sock->flags), 0) ||
	    add_symbol(skb, GLASS_A_SOCKET_OPS, READ_ONCE(sock->ops)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int add_sock_numbers(struct sk_buff *skb, const struct sock *sk)
{
	const struct {
		int	attr;
		u32	value;
	} numbers[] = {
		{ GLASS_A_SOCK_FAMILY, READ_ONCE(sk->sk_family) },
		{ GLASS_A_SOCK_TYPE, sk->sk_type },
		{ GLASS_A_SOCK_PROTOCOL, READ_ONCE(sk->sk_protocol) },
		{ GLASS_A_SOCK_STATE, READ_ONCE(sk->sk_state) },
		{ GLASS_A_SOCK_REFERENCES, refcount_read(&sk->sk_refcnt) },
		{ GLASS_A_SOCK_RCVBUF, READ_ONCE(sk->sk_rcvbuf) },
		{ GLASS_A_SOCK_SNDBUF, READ_ONCE(sk->sk_sndbuf) },
		{ GLASS_A_SOCK_RMEM_ALLOC, sk_rmem_alloc_get(sk) },
		{ GLASS_A_SOCK_WMEM_ALLOC, sk_wmem_alloc_get(sk) },
		{ GLASS_A_SOCK_WMEM_QUEUED, READ_ONCE(sk->sk_wmem_queued) },
		{ GLASS_A_SOCK_BACKLOG_BYTES, READ_ONCE(sk->sk_backlog.len) },
		{ GLASS_A_SOCK_RECEIVE_QUEUE,
		  skb_queue_len_lockless(&sk->sk_receive_queue) },
		{ GLASS_A_SOCK_WRITE_QUEUE,
		  skb_queue_len_lockless(&sk->sk_write_queue) },
		{ GLASS_A_SOCK_ERROR_QUEUE,
		  skb_queue_len_lockless(&sk->sk_error_queue) },
		{ GLASS_A_SOCK_DROPS, atomic_read(&sk->sk_drops) },
		{ GLASS_A_SOCK_SHUTDOWN, READ_ONCE(sk->sk_shutdown) },
		{ GLASS_A_SOCK_ERROR, READ_ONCE(sk->sk_err) },
		{ GLASS_A_SOCK_SOFT_ERROR, READ_ONCE(sk->sk_err_soft) },
		{ GLASS_A_SOCK_MARK, READ_ONCE(sk->sk_mark) },
		{ GLASS_A_SOCK_PRIORITY, READ_ONCE(sk->sk_priority) },
		{ GLASS_A_SOCK_BOUND_IFINDEX, READ_ONCE(sk->sk_bound_dev_if) },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (nla_put_u32(skb, numbers[i].attr, numbers[i].value))
			return -EMSGSIZE;
	return 0;
}

static int add_sock_callbacks(struct sk_buff *skb, const struct sock *sk)
{
	const struct {
		int		attr;
		const void	*function;
	} callbacks[] = {
		{ GLASS_A_SOCK_DATA_READY, READ_ONCE(sk->sk_data_ready) },
		{ GLASS_A_SOCK_WRITE_SPACE, READ_ONCE(sk->sk_write_space) },
		{ GLASS_A_SOCK_STATE_CHANGE, READ_ONCE(sk->sk_state_change) },
		{ GLASS_A_SOCK_ERROR_REPORT, READ_ONCE(sk->sk_error_report) },
		{ GLASS_A_SOCK_BACKLOG_RCV, READ_ONCE(sk->sk_backlog_rcv) },
		{ GLASS_A_SOCK_DESTRUCT, READ_ONCE(sk->sk_destruct) },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(callbacks); i++)
		if (add_symbol(skb, callbacks[i].attr, callbacks[i].function))
			return -EMSGSIZE;
	return 0;
}

static int add_sock(struct sk_buff *skb, struct sock *sk)
{
	struct nlattr *nest = nla_nest_start(skb, GLASS_A_ANATOMY_SOCK);
	const struct proto *prot = READ_ONCE(sk->sk_prot);
	u32 cookie[2];

	sock_diag_save_cookie(sk, cookie);
	if (!nest || add_symbol(skb, GLASS_A_SOCK_PROT, prot) ||
	    nla_put_string(skb, GLASS_A_SOCK_PROT_NAME, prot->name) ||
	    add_sock_numbers(skb, sk) || add_sock_callbacks(skb, sk) ||
	    nla_put_u64_64bit(skb, GLASS_A_SOCK_COOKIE,
			      (u64)cookie[1] << 32 | cookie[0], 0) ||
	    nla_put_u64_64bit(skb, GLASS_A_SOCK_NETNS_COOKIE,
			      sock_net(sk)->net_cookie, 0))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int add_protocol(struct sk_buff *skb, const struct glass_view *view)
{
	struct nlattr *nest = nla_nest_start(skb, GLASS_A_ANATOMY_PROTOCOL);

	if (!nest ||
	    nla_put_u32(skb, GLASS_A_PROTOCOL_LOCAL_NODE, view->local.node) ||
	    nla_put_u32(skb, GLASS_A_PROTOCOL_LOCAL_PORT, view->local.port) ||
	    nla_put_u32(skb, GLASS_A_PROTOCOL_REMOTE_NODE, view->remote.node) ||
	    nla_put_u32(skb, GLASS_A_PROTOCOL_REMOTE_PORT, view->remote.port) ||
	    nla_put_u32(skb, GLASS_A_PROTOCOL_RX_QUEUE, view->rx_queue) ||
	    nla_put_u32(skb, GLASS_A_PROTOCOL_TX_QUEUE, view->tx_queue) ||
	    (view->has_info && nla_put(skb, GLASS_A_PROTOCOL_INFO,
				       sizeof(view->info), &view->info)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/*
 * By which device a Glass socket sends: the one that leads to its peer. Without
 * a peer, the one that owns the node it is bound to. RTNL held.
 */
static int glass_ifindex(struct net *net, const struct glass_view *view)
{
	const struct glass_route *route;
	u32 node = view->remote.node;

	if (node == GLASS_NODE_ANY)
		node = view->local.node;
	route = glass_route_find(net, node);
	return route ? route->ifindex : 0;
}

/* The same for those that keep their route where IP keeps it. */
static int dst_ifindex(struct sock *sk)
{
	struct dst_entry *dst = sk_dst_get(sk);
	int ifindex = 0;

	if (dst)
		ifindex = dst->dev->ifindex;
	dst_release(dst);
	return ifindex;
}

/* @view is NULL for a socket of another family. */
static int add_device(struct sk_buff *skb, struct sock *sk,
		      const struct glass_view *view)
{
	int ifindex = READ_ONCE(sk->sk_bound_dev_if);
	struct net *net = sock_net(sk);
	struct net_device *dev;
	struct nlattr *nest;
	int err = 0;

	rtnl_lock();
	if (!ifindex)
		ifindex = view ? glass_ifindex(net, view) : dst_ifindex(sk);
	dev = ifindex ? __dev_get_by_index(net, ifindex) : NULL;
	if (!dev)
		goto unlock;
	err = -EMSGSIZE;
	nest = nla_nest_start(skb, GLASS_A_ANATOMY_DEVICE);
	if (!nest || nla_put_u32(skb, GLASS_A_DEVICE_IFINDEX, ifindex) ||
	    nla_put_string(skb, GLASS_A_DEVICE_NAME, dev->name))
		goto unlock;
	nla_nest_end(skb, nest);
	err = 0;
unlock:
	rtnl_unlock();
	return err;
}

static int add_anatomy(struct sk_buff *skb, struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct sock *sk = sock->sk;
	struct glass_view view = {};
	bool is_glass = READ_ONCE(sk->sk_family) == glass_family;
	int err;

	err = add_file(skb, file);
	if (!err)
		err = add_inode(skb, file_inode(file));
	if (!err)
		err = add_socket(skb, sock);
	if (!err)
		err = add_sock(skb, sk);
	if (is_glass)
		glass_view_socket(sk, &view);
	if (!err && is_glass)
		err = add_protocol(skb, &view);
	if (!err)
		err = add_device(skb, sk, is_glass ? &view : NULL);
	return err;
}

/**
 * glass_nl_anatomy_get_doit - GLASS_CMD_ANATOMY_GET
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: the process whose descriptor it is.
 * Return: 0; -EBADF if there is no such descriptor, -ENOTSOCK if it is of
 *	something else, -EPERM if the sender has more rights than who opened the
 *	netlink socket; or another negative errno.
 */
int glass_nl_anatomy_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	/* The symbols: f_op, ops, sk_prot and the callbacks. */
	const size_t size = GENLMSG_DEFAULT_SIZE +
			    9 * nla_total_size(KSYM_NAME_LEN);
	struct sk_buff *reply;
	struct file *file;
	int err = -ENOMEM;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_ANATOMY_FD))
		return -EINVAL;
	file = socket_file_get(skb, info, GLASS_A_ANATOMY_FD);
	if (IS_ERR(file))
		return PTR_ERR(file);
	reply = glass_nl_reply_new(info, size, &hdr);
	if (reply)
		err = glass_nl_reply_send(reply, hdr, info,
					  add_anatomy(reply, file));
	fput(file);
	return err;
}

/* --- The tables --------------------------------------------------------- */

/**
 * struct table - a table of functions to be shown
 * @base: the table
 * @owner: the module that it is in; NULL if that is the kernel
 * @members: where its functions are
 * @count: how many
 */
struct table {
	const void		*base;
	const struct module	*owner;
	const struct member	*members;
	size_t			count;
};

static struct table proto_ops_table(const struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return (struct table){ ops, ops->owner, proto_ops_members,
			       ARRAY_SIZE(proto_ops_members) };
}

static struct table proto_table(const struct socket *sock)
{
	const struct proto *prot = READ_ONCE(sock->sk->sk_prot);

	return (struct table){ prot, prot->owner, proto_members,
			       ARRAY_SIZE(proto_members) };
}

static int add_member(struct sk_buff *skb, const struct table *table,
		      const struct member *member)
{
	struct nlattr *nest = nla_nest_start(skb, GLASS_A_OPS_MEMBER);
	const void *const *function = table->base + member->offset;

	if (!nest || nla_put_string(skb, GLASS_A_MEMBER_NAME, member->name) ||
	    add_symbol(skb, GLASS_A_MEMBER_SYMBOL, READ_ONCE(*function)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int add_table(struct sk_buff *skb, const struct table *table)
{
	size_t i;

	if (add_symbol(skb, GLASS_A_OPS_SYMBOL, table->base) ||
	    (table->owner && nla_put_string(skb, GLASS_A_OPS_OWNER,
					    table->owner->name)))
		return -EMSGSIZE;
	for (i = 0; i < table->count; i++)
		if (add_member(skb, table, &table->members[i]))
			return -EMSGSIZE;
	return 0;
}

/**
 * glass_nl_ops_get_doit - GLASS_CMD_OPS_GET
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: the process whose descriptor it is.
 * Return: as glass_nl_anatomy_get_doit().
 */
int glass_nl_ops_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const size_t member_size = nla_total_size(0) + nla_total_size(32) +
				   nla_total_size(KSYM_NAME_LEN);
	struct sk_buff *reply;
	struct table table;
	struct file *file;
	int err = -ENOMEM;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_OPS_FD) ||
	    GENL_REQ_ATTR_CHECK(info, GLASS_A_OPS_TABLE))
		return -EINVAL;
	file = socket_file_get(skb, info, GLASS_A_OPS_FD);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (nla_get_u32(info->attrs[GLASS_A_OPS_TABLE]) == GLASS_OPS_TABLE_PROTO)
		table = proto_table(sock_from_file(file));
	else
		table = proto_ops_table(sock_from_file(file));
	/* The table's own symbol and owner are as long as a member at most. */
	reply = glass_nl_reply_new(info, (table.count + 1) * member_size, &hdr);
	if (reply)
		err = glass_nl_reply_send(reply, hdr, info,
					  add_table(reply, &table));
	fput(file);
	return err;
}
