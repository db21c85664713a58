/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The transport of STREAM and SEQPACKET: bytes in order, none lost.
 *
 * One engine for both. What it decides by sequence numbers is in tcb.c; here is
 * what a socket adds: the bytes, the timers, the memory, and who is told.
 *
 *	transport.c	life of a connection, its timers, its end
 *	transport_segment.c	segments, one by one
 *	transport_tx.c	what was written: to segments
 *	transport_recovery.c	what was acknowledged, and what is lost
 *	transport_rx.c	what a segment brings, and what it acknowledges
 *	transport_queue.c	the bytes that came, until they are read
 *	listen.c	half-open connections and those not yet accepted
 *	timewait.c	connections that no socket has any more
 */
#ifndef GLASS_TRANSPORT_H
#define GLASS_TRANSPORT_H

#include <linux/list.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "congestion.h"
#include "conn.h"
#include "cred.h"
#include "glass.h"
#include "rtt.h"
#include "segment.h"
#include "tcb.h"

struct pipe_inode_info;

struct glass_flow;

/* The deadlines that a connection can have; one timer serves them all. */
enum glass_deadline {
	GLASS_DEADLINE_RETRANSMIT,	/* or probe a closed window */
	GLASS_DEADLINE_ACK,		/* an acknowledgment is held back */
	GLASS_DEADLINE_KEEPALIVE,
	GLASS_DEADLINE_REQUESTS,	/* of a listener: its half-open ones */
	GLASS_DEADLINE_MAX,
};

/**
 * struct glass_transport - a socket that has, or will have, a connection
 * @gs: the socket; must be first
 * @tcb: sequence numbers and state; sk_state shows the state to others
 * @rtt: round-trip time
 * @cc: congestion window
 * @conn: the entry in the connection table, or NULL
 * @peer: the peer's entry there, if it is in this namespace and was reached before
 * @own: who connected or listens, for the peer's SO_PEERCRED
 * @out_of_order: received ahead of what is missing, by sequence number, not
 *	overlapping
 * @mss: payload of a full segment on the way to the peer, in bytes
 * @peer_max_record: the largest message that the peer receives, in bytes
 * @pipe: bytes believed to be on their way
 * @order: number of the last transmission
 * @order_acked: number of the latest transmission known to have arrived
 * @timeout_una: snd_una when all in flight was last held for lost
 * @lossy: something was lost or overtaken: the send queue is to be searched
 * @is_reordered: the retransmission deadline is for a segment that may have
 *	been overtaken
 * @timed_out: by glass_clock(), when the retransmission timer last fired in vain
 * @latest_early: first byte of what came last into @out_of_order
 * @is_corked: the last write said MSG_MORE
 * @is_deaf: own shutdown(SHUT_RD): what still comes is thrown away
 * @peer_is_deaf: the peer reads no more (GLASS_SEG_DEAF)
 * @ack_owed: numbers received since the last acknowledgment
 * @window_floor: bytes that the receive buffer was when the connection was
 *	made: the peer may count on that
 * @sndbuf: bytes that the send buffer is without memory pressure, unless
 *	SO_SNDBUF was set
 * @unread: bytes in sk_receive_queue that nobody has read
 * @readers: calls that wait for something to read
 * @deadlines: when, in jiffies
 * @deadline_set: bit mask: which of @deadlines count
 * @progress: jiffies when the peer last acknowledged something, or when
 *	something was written or sent with nothing in flight
 * @heard: jiffies when the last segment came
 * @probes: of a closed window, or of what is held in this machine, since the
 *	peer last acknowledged something
 * @keep_probes: keepalive probes since @heard
 * @user_timeout: milliseconds without progress until the connection is given
 *	up; 0: the namespace's default
 * @keep_idle: seconds of silence before the first keepalive probe
 * @keep_interval: seconds between two
 * @keep_count: how many without an answer end the connection
 * @challenged: jiffies when the second began in which @challenges are counted
 * @challenges: challenge ACKs sent in it
 * @retransmits: segments sent again
 * @stamp_base: the first byte that SOF_TIMESTAMPING_OPT_ID counts
 * @requests: of a listener: struct glass_request, the newest last
 * @request_count: how many
 * @accept_queue: of a listener: established connections that nobody has
 *	accepted, the newest last
 * @accept_link: in the listener's @accept_queue
 *
 * The send queue is sk_write_queue, from the oldest byte not acknowledged;
 * sk_send_head is the first segment never sent. Both, and everything here, are
 * guarded by the socket lock. What /proc and netlink show is read without it.
 *
 * Lifetime: as glass_sock. A closed socket that still has something to say
 * keeps the reference that its descriptor had, until glass_transport_done().
 * The timer holds one while it is pending.
 */
struct glass_transport {
	struct glass_sock	gs;
	struct glass_tcb	tcb;
	struct glass_rtt	rtt;
	struct glass_congestion	cc;
	struct glass_conn	*conn;
	struct glass_conn_cache	peer;
	struct glass_cred	own;
	struct sk_buff_head	out_of_order;

	u32			mss;
	int			sndbuf;
	u32			peer_max_record;
	u32			pipe;
	u32			order;
	u32			order_acked;
	u32			timed_out;
	u32			timeout_una;
	u32			latest_early;
	bool			lossy;
	bool			is_reordered;
	bool			is_corked;
	bool			is_deaf;
	bool			peer_is_deaf;
	u32			ack_owed;
	u32			window_floor;
	u32			unread;
	u32			readers;

	unsigned long		deadlines[GLASS_DEADLINE_MAX];
	unsigned long		deadline_set;
	unsigned long		progress;
	unsigned long		heard;
	u8			probes;
	u8			keep_probes;
	u32			user_timeout;
	u32			keep_idle;
	u32			keep_interval;
	u32			keep_count;
	unsigned long		challenged;
	u32			challenges;
	u32			retransmits;
	u32			stamp_base;

	struct list_head	requests;
	u32			request_count;
	struct list_head	accept_queue;
	struct list_head	accept_link;
};

#define glass_tp(ptr) \
	container_of_const(glass_sk(ptr), struct glass_transport, gs)

/**
 * struct glass_tx_cb - skb->cb in the send queue
 * @seq: of the first byte
 * @end: behind the last
 * @order: number of its last transmission
 * @sent: when that was, by glass_clock()
 * @state: GLASS_TX_*
 * @is_full: it takes no more pages
 * @stamps: SOF_TIMESTAMPING_TX_*: what its writer wants to hear yet; see stamp.c
 * @stamp_end: behind the last byte of the write that wants it
 * @stamp_key: what the writer knows it by
 */
struct glass_tx_cb {
	u32	seq;
	u32	end;
	u32	order;
	u32	sent;
	u8	state;
	bool	is_full;
	u16	stamps;
	u32	stamp_end;
	u32	stamp_key;
};

#define GLASS_TX_UNSENT	0
#define GLASS_TX_FLYING	1	/* sent, and nothing is known of it */
#define GLASS_TX_SACKED	2	/* arrived, with something missing before it */
#define GLASS_TX_LOST	3	/* to be sent again */

/* In front of the payload: link layer, Glass header, the longest segment's. */
#define GLASS_TX_HEADROOM \
	L1_CACHE_ALIGN(LL_MAX_HEADER + sizeof(struct glass_hdr) + \
		       GLASS_SEG_HDR_MAX)

static inline struct glass_tx_cb *glass_tx_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct glass_tx_cb) > sizeof(skb->cb));
	return (struct glass_tx_cb *)skb->cb;
}

/**
 * struct glass_rx_cb - skb->cb in the receive queues
 * @seq: of the first byte
 * @end: behind the last
 * @offset: bytes at its front that were read
 * @iss: of a segment on its way to its socket: with which initial sequence
 *	number to answer it, or 0 for any
 * @is_collector: it is our own, small segments are copied into it
 *
 * sock_skb_set_dropcount() is not used, so all of cb is ours.
 */
struct glass_rx_cb {
	u32	seq;
	u32	end;
	u32	offset;
	u32	iss;
	bool	is_collector;
};

static inline struct glass_rx_cb *glass_rx_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct glass_rx_cb) > sizeof(skb->cb));
	return (struct glass_rx_cb *)skb->cb;
}

/* The clock of segments: microseconds, modulo 2^32. */
static inline u32 glass_clock(void)
{
	return (u32)ktime_to_us(ktime_get());
}

/* Likewise, cheaper, in steps of a jiffy and from another origin: for ages. */
static inline u32 glass_clock_coarse(void)
{
	return jiffies_to_usecs(jiffies);
}

/* transport.c */
int glass_transport_sk_init(struct sock *sk);
void glass_transport_sk_destroy(struct sock *sk);
void glass_transport_set_state(struct sock *sk);
void glass_transport_set_peer(struct sock *sk, u32 max_payload,
			      u32 max_record);
void glass_transport_established(struct sock *sk);
int glass_transport_join_pair(struct sock *sk, const struct sock *other,
			      u32 iss, u32 irs);
int glass_transport_connect(struct sock *sk, const struct glass_addr *peer);
int glass_transport_disconnect(struct sock *sk, int flags);
void glass_transport_unhash(struct sock *sk);
void glass_transport_init_state(struct sock *sk);
void glass_transport_shutdown(struct sock *sk, int how);
void glass_transport_close(struct sock *sk, long timeout);
void glass_transport_reset(struct sock *sk, int err);
void glass_transport_end(struct sock *sk, int err);
void glass_transport_done(struct sock *sk);
bool glass_transport_is_stalled(const struct sock *sk);
void glass_transport_set_deadline(struct sock *sk, enum glass_deadline which,
				  unsigned long delay);
void glass_transport_clear_deadline(struct sock *sk, enum glass_deadline which);
void glass_transport_set_keepalive(struct sock *sk, int value);
bool glass_is_transport(const struct sock *sk);
u32 glass_transport_unacked(const struct sock *sk);
void glass_transport_info(const struct sock *sk, struct glass_info *info);
void glass_transport_key(const struct sock *sk, struct glass_conn_key *key);
u32 glass_transport_iss(struct net *net, const struct glass_conn_key *key);

/* transport_segment.c */
enum glass_drop glass_segment_read(const struct sk_buff *skb,
				   struct glass_segment *seg);
void glass_segment_key(const struct sk_buff *skb, struct glass_conn_key *key);
int glass_segment_send(struct net *net, const struct glass_conn_key *key,
		       const struct glass_segment *seg);
u32 glass_segment_mss(struct net *net, u32 node, int bound_dev_if,
		      struct glass_route_cache *cache, int *err);
bool glass_segment_send_reset(struct net *net, struct sk_buff *skb);
struct sk_buff *glass_segment_alloc(void);
void glass_segment_transmit(struct sock *sk, struct sk_buff *skb,
			    struct glass_segment *seg);
u32 glass_tx_mss(struct sock *sk, int *err);
void glass_tx_send_syn(struct sock *sk);
void glass_tx_send_ack(struct sock *sk);
void glass_tx_send_probe(struct sock *sk);
void glass_tx_send_reset(struct sock *sk, struct glass_segment *reset);

/* transport_tx.c */

/* Up to so many bytes are kept in the head of a buffer, others in pages. */
#define GLASS_TX_LINEAR		1024

/* glass_tx_append(): all of them, even beyond the send buffer. */
#define GLASS_TX_ALL	BIT(0)
/* They are in pages that may be sent as they are (MSG_SPLICE_PAGES, MSG_ZEROCOPY). */
#define GLASS_TX_REFER	BIT(1)

ssize_t glass_tx_append(struct sock *sk, struct iov_iter *from, size_t len,
			unsigned int how, struct ubuf_info *uarg);
int glass_tx_append_head(struct sock *sk, const void *head, u32 len,
			 size_t more);
void glass_tx_truncate(struct sock *sk, u32 end);
void glass_tx_free(struct sock *sk, struct sk_buff *skb);
void glass_tx_purge(struct sock *sk);
void glass_tx_push(struct sock *sk, bool force);
bool glass_tx_push_end(struct sock *sk);
void glass_tx_push_lost(struct sock *sk);
void glass_tx_send_fin(struct sock *sk);
void glass_tx_arm_timer(struct sock *sk, bool restart);

/* transport_recovery.c */
void glass_tx_acked(struct sock *sk, const struct glass_segment *seg,
		    const struct glass_tcb_result *result);
void glass_tx_timeout(struct sock *sk);
void glass_tx_write_space(struct sock *sk);

/* listen.c */
int glass_listen_start(struct sock *sk, int backlog);
void glass_listen_stop(struct sock *sk);
void glass_listen_rcv(struct sock *sk, struct sk_buff *skb);
void glass_listen_timeout(struct sock *sk);
struct sock *glass_listen_accept(struct sock *sk);

/* timewait.c */
bool glass_timewait_start(struct sock *sk);
bool glass_timewait_rcv(struct net *net, struct glass_conn *conn,
			struct sk_buff *skb, u32 *iss);
int glass_timewait_reuse(struct net *net, struct glass_conn *conn, u32 *iss);
u8 glass_timewait_state(const struct glass_conn *conn);
int glass_timewait_init(void);
void glass_timewait_exit(void);

/* transport_rx.c */
void glass_rx_init(void);
void glass_rx_exit(void);
int glass_transport_backlog_rcv(struct sock *sk, struct sk_buff *skb);
void glass_transport_rcv(struct sock *sk, struct sk_buff *skb);

/* transport_queue.c */
bool glass_rx_queue(struct sock *sk, struct sk_buff *skb,
		    const struct glass_segment *seg,
		    const struct glass_tcb_result *result, u32 *rcv_nxt);
ktime_t glass_rx_time(const struct sock *sk, u32 offset);
int glass_rx_copy(struct sock *sk, u32 offset, struct iov_iter *to, u32 len);
void glass_rx_peek(const struct sock *sk, u32 offset, void *to, u32 len);
void glass_rx_skip(struct sock *sk, u32 len);
struct sk_buff *glass_rx_dequeue(struct sock *sk);
int glass_rx_splice(struct sock *sk, struct pipe_inode_info *pipe, size_t len,
		    unsigned int flags);
void glass_rx_make_room(struct sock *sk);
void glass_rx_reader_waits(struct sock *sk);
void glass_rx_purge(struct sock *sk);
u32 glass_rx_room(const struct sock *sk);

#endif /* GLASS_TRANSPORT_H */
