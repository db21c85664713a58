/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages for payload that are used again without being cleared.
 *
 * Distribution kernels clear each page that they hand out (init_on_alloc): a
 * third pass over every byte that is sent, where two copies are all it takes.
 * Pages that a reader has emptied are kept, a few on each CPU, and filled again
 * by the next writer there; when memory is short, they are given back. A byte of
 * a page is shown to nobody before it has been written for him.
 *
 * And pages that are sent as they are, without a copy: those of others
 * (MSG_SPLICE_PAGES), and those of a process (MSG_ZEROCOPY). Where Glass hands a
 * frame straight to its receiver, the process's pages are in use until that has
 * read them; everywhere else the core copies them on their way in, and says so.
 */
#ifndef GLASS_PAGES_H
#define GLASS_PAGES_H

#include <linux/uio.h>
#include <net/sock.h>

bool glass_pages_refill(struct sock *sk, struct page_frag *frag);
int glass_pages_append(struct sk_buff *skb, struct sock *sk,
		       struct iov_iter *from, size_t len);
ssize_t glass_pages_refer(struct sk_buff *skb, struct sock *sk,
			  struct iov_iter *from, size_t len,
			  struct ubuf_info *uarg);
int glass_zerocopy_begin(struct sock *sk, const struct msghdr *msg, size_t len,
			 struct ubuf_info **uarg);
void glass_zerocopy_copied(struct ubuf_info *uarg);
void glass_zerocopy_end(struct ubuf_info *uarg, bool is_sent);
int glass_pages_copy_out(struct sk_buff *skb, u32 offset,
			 struct iov_iter *to, u32 len);
void glass_pages_keep(struct sk_buff *skb);
void glass_pages_consume(struct sk_buff *skb);
int glass_pages_init(void);
void glass_pages_exit(void);

#endif /* GLASS_PAGES_H */
