/* SPDX-License-Identifier: GPL-2.0 */
/* The error queue (MSG_ERRQUEUE): what became of what was sent. */
#ifndef GLASS_ERRQUEUE_H
#define GLASS_ERRQUEUE_H

#include <linux/errqueue.h>
#include <net/sock.h>

#include "addr.h"

void glass_errqueue_add(struct sock *sk, const struct sock_extended_err *ee,
			const struct glass_addr *dst,
			const struct glass_addr *offender);
int glass_errqueue_recv(struct sock *sk, struct msghdr *msg, size_t len);

#endif /* GLASS_ERRQUEUE_H */
