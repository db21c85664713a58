// SPDX-License-Identifier: GPL-2.0
#include "pages.h"

#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/shrinker.h>

#include "compat.h"

/* So many on each CPU: 1 MiB, a large message. */
#define GLASS_PAGES_KEPT	32

/* What skb_page_frag_refill() asks for: 32 KiB. */
#define GLASS_PAGES_ORDER	get_order(32768)

/* Less than this at the end of a page is not used. */
#define GLASS_PAGES_CRUMB	256

/**
 * struct glass_pages - pages kept on one CPU
 * @lock: guards the others. Waited for in process context only, with no spinlock
 *	held and BH enabled; who may hold a socket's tries, and goes without.
 *	Taken by its own CPU but for the shrinker
 * @count: how many
 * @page: compound pages of GLASS_PAGES_ORDER; each with one reference, ours
 */
struct glass_pages {
	spinlock_t	lock;	/* see above */
	unsigned int	count;
	struct page	*page[GLASS_PAGES_KEPT];
};

static DEFINE_PER_CPU(struct glass_pages, kept);

/* Gives them back when memory is short. */
static struct shrinker *shrinker;

static struct page *pages_pop(struct glass_pages *pages)
{
	struct page *page = NULL;

	spin_lock(&pages->lock);
	if (pages->count)
		page = pages->page[--pages->count];
	spin_unlock(&pages->lock);
	return page;
}

/**
 * glass_pages_refill - have a place for payload
 * @sk: the socket that will send it
 * @frag: sk_page_frag() of it; has room for a byte at least, on success
 *
 * Context: process, may sleep; socket lock held.
 * Return: false if there is no memory, as sk_page_frag_refill().
 */
bool glass_pages_refill(struct sock *sk, struct page_frag *frag)
{
	struct page *page;

	if (!frag->page || (frag->offset + GLASS_PAGES_CRUMB > frag->size &&
			    page_ref_count(frag->page) != 1)) {
		page = pages_pop(raw_cpu_ptr(&kept));
		if (page) {
			if (frag->page)
				put_page(frag->page);
			frag->page = page;
			frag->offset = 0;
			frag->size = PAGE_SIZE << GLASS_PAGES_ORDER;
		}
	}
	return sk_page_frag_refill(sk, frag);
}

/**
 * glass_pages_append - copy payload into pages behind a new frame's head
 * @skb: the frame, charged to @sk; so are the pages, on success
 * @sk: the sender; its sk_use_task_frag is set
 * @from: the bytes
 * @len: how many
 *
 * Context: process, may sleep; no lock needed.
 * Return: 0, -EFAULT, -ENOBUFS, or -EMSGSIZE if it takes more pages than a frame
 *	can have. After a failure, some may be in @skb.
 */
int glass_pages_append(struct sk_buff *skb, struct sock *sk,
		       struct iov_iter *from, size_t len)
{
	struct page_frag *frag = &current->task_frag;
	int i = skb_shinfo(skb)->nr_frags;
	size_t n;

	for (; len; len -= n) {
		if (i == MAX_SKB_FRAGS)
			return -EMSGSIZE;
		if (!glass_pages_refill(sk, frag))
			return -ENOBUFS;
		n = min_t(size_t, len, frag->size - frag->offset);
		if (copy_page_from_iter(frag->page, frag->offset, n, from) != n)
			return -EFAULT;
		get_page(frag->page);
		skb_fill_page_desc(skb, i++, frag->page, frag->offset, n);
		frag->offset += n;
		skb->len += n;
		skb->data_len += n;
		skb->truesize += n;
		refcount_add(n, &sk->sk_wmem_alloc);
	}
	return 0;
}

/* glass_pages_refer() to memory of a process: -EFAULT if it is not there. */
static ssize_t pages_pin(struct sk_buff *skb, struct iov_iter *from, size_t len)
{
	int i = skb_shinfo(skb)->nr_frags;
	struct page *pages[MAX_SKB_FRAGS];
	size_t done = 0, start, size;
	struct page **page;
	ssize_t n;

	while (done < len && i < MAX_SKB_FRAGS) {
		n = iov_iter_get_pages2(from, pages, len - done,
					MAX_SKB_FRAGS - i, &start);
		if (n <= 0)
			return done ?: -EFAULT;
		done += n;
		skb->len += n;
		skb->data_len += n;
		skb->truesize += n;
		for (page = pages; n; page++, n -= size, start = 0) {
			size = min_t(size_t, n, PAGE_SIZE - start);
			skb_fill_page_desc(skb, i++, *page, start, size);
		}
	}
	return done ?: -EMSGSIZE;
}

/**
 * glass_pages_refer - have a frame refer to pages that are somebody else's
 * @skb: the frame; nobody is charged yet
 * @sk: the sender
 * @from: the pages (MSG_SPLICE_PAGES), or memory of a process (MSG_ZEROCOPY)
 * @len: how many bytes of them at most
 * @uarg: whom the frame tells that it was freed, for MSG_ZEROCOPY; else NULL
 *
 * Context: process, may sleep; no lock needed.
 * Return: how many bytes it refers to, -EMSGSIZE if it has all the pages that it
 *	can have, -EIO for pages that cannot be referred to, or -EFAULT.
 */
ssize_t glass_pages_refer(struct sk_buff *skb, struct sock *sk,
			  struct iov_iter *from, size_t len,
			  struct ubuf_info *uarg)
{
	ssize_t n;

	if (uarg) {
		n = pages_pin(skb, from, len);
		if (n > 0)
			skb_zcopy_set(skb, uarg, NULL);
		return n;
	}
	n = glass_splice_from_iter(skb, from, len, sk->sk_allocation);
	/* Whoever has them may write to them meanwhile. */
	if (n > 0)
		skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
	return n;
}

/* Returns how many of @len bytes were copied. */
static size_t pages_copy_frag(const skb_frag_t *frag, u32 offset,
			      struct iov_iter *to, size_t len)
{
	struct page *page = skb_frag_page(frag);

	if (len <= PAGE_SIZE || skb_frag_must_loop(page))
		return copy_page_to_iter(page, skb_frag_off(frag) + offset, len,
					 to);
	return copy_to_iter(skb_frag_address(frag) + offset, len, to);
}

/**
 * glass_pages_copy_out - read bytes of a frame that may refer to others' pages
 * @skb: the frame
 * @offset: how many of its bytes to pass over first
 * @to: where to; as it was, after a failure
 * @len: how many; they are in @skb
 *
 * Such a frame may have a fragment for each page. For each, the core would ask
 * whether it is an object of a slab that is copied (usercopy), which takes a sixth
 * of the time that copying the page does. Pages of a process or a file are none.
 *
 * Context: process, may sleep.
 * Return: 0 or -EFAULT.
 */
int glass_pages_copy_out(struct sk_buff *skb, u32 offset,
			 struct iov_iter *to, u32 len)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	size_t done = 0, copied;
	const skb_frag_t *frag;
	u32 n;

	if ((!skb_zcopy(skb) && !skb_has_shared_frag(skb)) ||
	    skb_has_frag_list(skb) || offset < skb_headlen(skb))
		return skb_copy_datagram_iter(skb, offset, to, len);

	offset -= skb_headlen(skb);
	for (frag = info->frags; done < len; frag++) {
		if (offset >= skb_frag_size(frag)) {
			offset -= skb_frag_size(frag);
			continue;
		}
		n = min_t(u32, len - done, skb_frag_size(frag) - offset);
		copied = pages_copy_frag(frag, offset, to, n);
		done += copied;
		if (copied != n) {
			iov_iter_revert(to, done);
			return -EFAULT;
		}
		offset = 0;
	}
	return 0;
}

/**
 * glass_zerocopy_begin - does a call ask for MSG_ZEROCOPY?
 * @sk: the sender; the option counts that SO_ZEROCOPY allows
 * @msg: its message
 * @len: bytes of it
 * @uarg: set to who tells the sender when its memory is free again, or NULL;
 *	for glass_zerocopy_end()
 *
 * Context: process, may sleep; no lock needed.
 * Return: 0, or -ENOBUFS beyond net.core.optmem_max or RLIMIT_MEMLOCK.
 */
int glass_zerocopy_begin(struct sock *sk, const struct msghdr *msg, size_t len,
			 struct ubuf_info **uarg)
{
	*uarg = NULL;
	if (!(msg->msg_flags & MSG_ZEROCOPY) || !len ||
	    !sock_flag(sk, SOCK_ZEROCOPY))
		return 0;
	*uarg = glass_zerocopy_alloc(sk, len);
	return *uarg ? 0 : -ENOBUFS;
}

/**
 * glass_zerocopy_copied - what a call sends was copied, or some of it
 * @uarg: of glass_zerocopy_begin()
 *
 * The sender is told so (SO_EE_CODE_ZEROCOPY_COPIED).
 *
 * Context: process; the call is not over.
 */
void glass_zerocopy_copied(struct ubuf_info *uarg)
{
	if (uarg)
		uarg_to_msgzc(uarg)->zerocopy = 0;
}

/**
 * glass_zerocopy_end - the call is over
 * @uarg: of glass_zerocopy_begin()
 * @is_sent: whether it has sent something; else its sender is told nothing
 *
 * Context: process.
 */
void glass_zerocopy_end(struct ubuf_info *uarg, bool is_sent)
{
	if (is_sent)
		net_zcopy_put(uarg);
	else
		net_zcopy_put_abort(uarg, true);
}

/* May a page of a frame that is ours alone be filled with something else? */
static bool page_is_free(struct page *page)
{
	return page && PageHead(page) &&
	       compound_order(page) == GLASS_PAGES_ORDER &&
	       page_ref_count(page) == 1 && !page_is_pfmemalloc(page) &&
	       page_to_nid(page) == numa_mem_id();
}

/**
 * glass_pages_keep - keep the pages of a frame that is about to be freed
 * @skb: the frame; nobody will read it any more
 *
 * With a reference each: that of the frame is dropped with the frame. Whoever fills
 * one meanwhile writes over what was read. Pages that belong to a file, a user or a
 * pool (splice, MSG_ZEROCOPY) are not ours to keep, and those of a clone not yet.
 *
 * Context: any but hard interrupt.
 */
void glass_pages_keep(struct sk_buff *skb)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	struct glass_pages *pages;
	struct page *page;
	int i;

	if (!info->nr_frags || skb_shared(skb) || skb_cloned(skb) ||
	    skb->pp_recycle || skb_zcopy(skb) || skb_has_shared_frag(skb))
		return;
	pages = raw_cpu_ptr(&kept);
	if (!spin_trylock(&pages->lock))
		return;
	for (i = 0; i < info->nr_frags && pages->count < GLASS_PAGES_KEPT; i++) {
		page = skb_frag_page(&info->frags[i]);
		if (!page_is_free(page))
			continue;
		get_page(page);
		pages->page[pages->count++] = page;
	}
	spin_unlock(&pages->lock);
}

/**
 * glass_pages_consume - free a frame that was read, and keep its pages
 * @skb: the frame; one reference is taken over
 *
 * Context: as glass_pages_keep().
 */
void glass_pages_consume(struct sk_buff *skb)
{
	glass_pages_keep(skb);
	consume_skb(skb);
}

/* --- Memory that others need ----------------------------------------------- */

/* shrinker.count_objects: how many are kept. Process context. */
static unsigned long pages_count(struct shrinker *unused,
				 struct shrink_control *control)
{
	unsigned long count = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		count += READ_ONCE(per_cpu(kept, cpu).count);
	return count ?: SHRINK_EMPTY;
}

/* shrinker.scan_objects: give some back. Process context; may sleep, but does not. */
static unsigned long pages_scan(struct shrinker *unused,
				struct shrink_control *control)
{
	unsigned long freed = 0;
	struct page *page;
	int cpu;

	for_each_possible_cpu(cpu) {
		while (freed < control->nr_to_scan &&
		       (page = pages_pop(per_cpu_ptr(&kept, cpu)))) {
			put_page(page);
			freed++;
		}
	}
	control->nr_scanned = freed;
	return freed ?: SHRINK_STOP;
}

/**
 * glass_pages_init - begin to keep pages
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init glass_pages_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu(kept, cpu).lock);
	shrinker = shrinker_alloc(0, "glass-pages");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = pages_count;
	shrinker->scan_objects = pages_scan;
	shrinker_register(shrinker);
	return 0;
}

/**
 * glass_pages_exit - give all pages back
 *
 * Context: process, may sleep. No socket is left.
 */
void glass_pages_exit(void)
{
	struct page *page;
	int cpu;

	shrinker_free(shrinker);
	for_each_possible_cpu(cpu)
		while ((page = pages_pop(per_cpu_ptr(&kept, cpu))))
			put_page(page);
}
