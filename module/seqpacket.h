/* SPDX-License-Identifier: GPL-2.0 */
/* SOCK_SEQPACKET: messages. */
#ifndef GLASS_SEQPACKET_H
#define GLASS_SEQPACKET_H

int glass_seqpacket_init(void);
void glass_seqpacket_exit(void);

#endif /* GLASS_SEQPACKET_H */
