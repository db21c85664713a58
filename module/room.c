// SPDX-License-Identifier: GPL-2.0
#include "room.h"

#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "glass.h"

#define GLASS_POLL_ROOM	(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)

/*
 * A receiver that this socket watches has room, or is going: tell those who
 * poll this socket. Runs under the room's lock, with which the watch ends.
 */
static int room_relay(struct wait_queue_entry *entry, unsigned int mode,
		      int flags, void *key)
{
	struct glass_sock *gs = container_of(entry, struct glass_sock,
					     room_watch);
	struct socket_wq *wq;

	list_del_init(&entry->entry);
	WRITE_ONCE(gs->room_watched, NULL);

	rcu_read_lock();
	wq = rcu_dereference(gs->sk.sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, GLASS_POLL_ROOM);
	sk_wake_async_rcu(&gs->sk, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
	return 0;
}

/**
 * glass_room_init - prepare a new socket for watching rooms
 * @sk: the socket
 *
 * Context: any; nobody else knows the socket.
 */
void glass_room_init(struct sock *sk)
{
	struct glass_sock *gs = glass_sk(sk);

	init_waitqueue_func_entry(&gs->room_watch, room_relay);
	INIT_LIST_HEAD(&gs->room_watch.entry);
}

/**
 * glass_room_is_full - should a sender wait before it sends to this socket?
 * @sk: the receiver, with a reference
 *
 * One that reads no more is not full: it has an error to give instead.
 *
 * Context: any.
 * Return: whether it is, at this moment.
 */
bool glass_room_is_full(const struct sock *sk)
{
	if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
		return false;
	return atomic_read(&sk->sk_rmem_alloc) >= READ_ONCE(sk->sk_rcvbuf);
}

/**
 * glass_room_must_wait - has a sender to wait before its next message?
 * @sk: the sender: its own send buffer may be used up
 * @receiver: a local receiver, with a reference: it may be full. A socket that
 *	sends to itself does not wait for that: nobody else would make room
 *
 * Context: any.
 * Return: whether it has, at this moment.
 */
bool glass_room_must_wait(const struct sock *sk, const struct sock *receiver)
{
	return sk_wmem_alloc_get(sk) >= READ_ONCE(sk->sk_sndbuf) ||
	       (receiver != sk && glass_room_is_full(receiver));
}

/**
 * glass_room_wake_all - have all who wait for a receiver look again
 * @sk: the receiver; what has changed (its peer, a shutdown) is already done
 *
 * Context: any but hard interrupt.
 */
void glass_room_wake_all(struct sock *sk)
{
	struct glass_port *port;

	rcu_read_lock();
	port = rcu_dereference(glass_sk(sk)->port);
	/*
	 * The barrier in wq_has_sleeper() orders what has changed before the
	 * look for waiters; paired with those in glass_room_wait() (setting
	 * the task's state) and glass_room_watch().
	 */
	if (port && wq_has_sleeper(&port->room))
		wake_up_interruptible_all(&port->room);
	rcu_read_unlock();
}

/**
 * glass_room_wake - wake senders if a receiver has room for many again
 * @sk: the receiver; what was read is uncharged
 *
 * Half of the buffer, as sock_writeable() has it: a wake-up for each message that
 * is read would cost more than the message.
 *
 * Context: any but hard interrupt.
 */
void glass_room_wake(struct sock *sk)
{
	if (atomic_read(&sk->sk_rmem_alloc) <= READ_ONCE(sk->sk_rcvbuf) / 2)
		glass_room_wake_all(sk);
}

/*
 * Wakes a sleeper and takes it off the room, in any case. (The kernel's own
 * autoremove_wake_function() leaves one that something else has woken before,
 * and that one would find its way to a room that has been freed.) It is woken
 * first: once off the list it may return, and @entry is on its stack.
 */
static int room_wake_sleeper(struct wait_queue_entry *entry, unsigned int mode,
			     int flags, void *key)
{
	int woken = default_wake_function(entry, mode, flags, key);

	list_del_init_careful(&entry->entry);
	return woken;
}

/*
 * Put @wait on the room of @receiver, if it is bound and @sk must wait. On
 * success the port cannot go without taking @wait off: it was seen alive from
 * its list.
 */
static struct glass_port *room_prepare(struct sock *sk, struct sock *receiver,
				       struct wait_queue_entry *wait)
{
	struct glass_port *port;

	rcu_read_lock();
	port = rcu_dereference(glass_sk(receiver)->port);
	if (port) {
		prepare_to_wait(&port->room, wait, TASK_INTERRUPTIBLE);
		if (!READ_ONCE(port->sk) ||
		    !glass_room_must_wait(sk, receiver)) {
			finish_wait(&port->room, wait);
			port = NULL;
		}
	}
	rcu_read_unlock();
	return port;
}

/*
 * Take @wait off the room. The port may have gone; then unbinding took @wait
 * off, and finish_wait() sees that without touching the port. If it does not
 * see it, the port's grace period has not begun.
 */
static void room_finish(struct glass_port *port, struct wait_queue_entry *wait)
{
	rcu_read_lock();
	finish_wait(&port->room, wait);
	rcu_read_unlock();
}

/**
 * glass_room_wait - sleep while glass_room_must_wait()
 * @sk: the sender
 * @receiver: whom it sends to, with a reference
 * @timeo: how long at most, in jiffies; what is left on return
 *
 * Also woken by what makes waiting pointless: the receiver's shutdown or close,
 * even while it is the sender's own buffer that is used up; and the sender's
 * own error or shutdown. The caller asks all its questions again afterwards.
 *
 * Context: process, no lock held.
 * Return: 0 to look again, -EAGAIN when the time is up (or was 0),
 *	-ERESTARTSYS or -EINTR on a signal.
 */
int glass_room_wait(struct sock *sk, struct sock *receiver, long *timeo)
{
	DECLARE_WAITQUEUE(own, current);
	DEFINE_WAIT_FUNC(wait, room_wake_sleeper);
	struct glass_port *port;
	int err = 0;

	/* Ask sock_def_write_space() for a signal, and for a wake-up. */
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (!*timeo)
		return -EAGAIN;

	add_wait_queue(sk_sleep(sk), &own);
	port = room_prepare(sk, receiver, &wait);
	if (port) {
		if (READ_ONCE(sk->sk_err) ||
		    READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
			err = 0;
		else if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		else
			*timeo = schedule_timeout(*timeo);
		room_finish(port, &wait);
	}
	remove_wait_queue(sk_sleep(sk), &own);
	return err;
}

/**
 * glass_room_watch - have pollers of a sender told when a receiver has room
 * @sk: the sender
 * @receiver: whom it sends to, with a reference
 *
 * A socket watches one room at a time: a new one replaces the old.
 *
 * Context: process, @sk's socket lock held.
 * Return: true if the receiver is full: pollers will be woken. False if there
 *	is room: nothing is watched.
 */
bool glass_room_watch(struct sock *sk, struct sock *receiver)
{
	struct glass_sock *gs = glass_sk(sk);
	struct glass_port *port;
	unsigned long flags;
	bool full = false;

	sock_owned_by_me(sk);
	rcu_read_lock();
	port = rcu_dereference(glass_sk(receiver)->port);
	if (READ_ONCE(gs->room_watched) != port)
		glass_room_unwatch(sk);
	if (!port)
		goto unlock_rcu;

	spin_lock_irqsave(&port->room.lock, flags);
	/* Paired with glass_port_unhash(): gone, or still to wake us. */
	if (!READ_ONCE(port->sk))
		goto unlock_room;
	if (!gs->room_watched) {
		WRITE_ONCE(gs->room_watched, port);
		__add_wait_queue(&port->room, &gs->room_watch);
	}
	/* Be seen waiting, then look. Paired with glass_room_wake_all(). */
	smp_mb();
	full = glass_room_is_full(receiver);
	if (!full) {
		list_del_init(&gs->room_watch.entry);
		WRITE_ONCE(gs->room_watched, NULL);
	}
unlock_room:
	spin_unlock_irqrestore(&port->room.lock, flags);
unlock_rcu:
	rcu_read_unlock();
	return full;
}

/**
 * glass_room_unwatch - stop watching
 * @sk: the sender; nothing happens if it watches nothing
 *
 * Context: process, @sk's socket lock held.
 */
void glass_room_unwatch(struct sock *sk)
{
	struct glass_sock *gs = glass_sk(sk);
	struct glass_port *port;
	unsigned long flags;

	sock_owned_by_me(sk);
	rcu_read_lock();
	/*
	 * If this names a port, its room was not yet emptied when the read
	 * section began, so its memory outlasts the section.
	 */
	port = READ_ONCE(gs->room_watched);
	if (port) {
		spin_lock_irqsave(&port->room.lock, flags);
		if (gs->room_watched == port) {
			list_del_init(&gs->room_watch.entry);
			WRITE_ONCE(gs->room_watched, NULL);
		}
		spin_unlock_irqrestore(&port->room.lock, flags);
	}
	rcu_read_unlock();
}
