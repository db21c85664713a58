/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on the way in: check, demultiplex, to the socket. */
#ifndef GLASS_INPUT_H
#define GLASS_INPUT_H

#include "addr.h"

struct sk_buff;

void glass_input_init(void);
void glass_input_exit(void);

void glass_input_add_protocol(u8 protocol);
void glass_input_del_protocol(u8 protocol);
void glass_input_source(const struct sk_buff *skb, struct glass_addr *src);

#endif /* GLASS_INPUT_H */
