/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room in a receiver: how a sender waits for a local socket that is full.
 *
 * A queued frame stays charged to its sender, so a receiver needs no memory of
 * its own for it; but a sender looks first, and waits while the receiver has
 * SO_RCVBUF bytes or more unread. Many senders that looked at the same moment
 * may overshoot, by no more than their own send buffers.
 */
#ifndef GLASS_ROOM_H
#define GLASS_ROOM_H

#include <net/sock.h>

void glass_room_init(struct sock *sk);
bool glass_room_is_full(const struct sock *sk);
bool glass_room_must_wait(const struct sock *sk, const struct sock *receiver);
void glass_room_wake(struct sock *sk);
void glass_room_wake_all(struct sock *sk);
int glass_room_wait(struct sock *sk, struct sock *receiver, long *timeo);
bool glass_room_watch(struct sock *sk, struct sock *receiver);
void glass_room_unwatch(struct sock *sk);

#endif /* GLASS_ROOM_H */
