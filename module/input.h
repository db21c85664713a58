/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on the way in: check, demultiplex, to the socket. */
#ifndef GLASS_INPUT_H
#define GLASS_INPUT_H

#include <linux/skbuff.h>

#include "addr.h"

#include "drop.h"

struct glass_route;
struct glass_wire;
struct net;
struct sk_buff;
struct sock;

/**
 * typedef glass_input_handler - what becomes of a valid frame of a protocol
 * @net: the namespace
 * @skb: the frame, from the Glass header on; taken over unless refused
 * @wire: its header, decoded
 *
 * Context: BH, RCU read section; no lock held.
 * Return: GLASS_DROP_NONE, or why the frame is refused.
 */
typedef enum glass_drop (*glass_input_handler)(struct net *net,
					       struct sk_buff *skb,
					       const struct glass_wire *wire);

/**
 * glass_input_hdr - the header of a frame that input has let in
 * @skb: the frame, however much of it was pulled
 *
 * Context: any.
 * Return: the header; linear.
 */
static inline const struct glass_hdr *glass_input_hdr(const struct sk_buff *skb)
{
	return (const struct glass_hdr *)skb_network_header(skb);
}

void glass_input_init(void);
void glass_input_exit(void);

void glass_input_receive(struct sk_buff *skb, const struct glass_route *own);
bool glass_input_is_alone(void);
void glass_input_add_protocol(u8 protocol, glass_input_handler handler);
void glass_input_del_protocol(u8 protocol, glass_input_handler handler);
enum glass_drop glass_input_add_backlog(struct sock *sk, struct sk_buff *skb,
					unsigned int limit);
enum glass_drop glass_input_deliver(struct sock *sk, struct sk_buff *skb,
				    unsigned int limit);
enum glass_drop glass_input_to_socket(struct net *net, struct sk_buff *skb,
				      const struct glass_wire *wire);
void glass_input_source(const struct sk_buff *skb, struct glass_addr *src);

#endif /* GLASS_INPUT_H */
