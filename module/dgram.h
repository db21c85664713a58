/* SPDX-License-Identifier: GPL-2.0 */
/* SOCK_DGRAM: messages, one in a frame. */
#ifndef GLASS_DGRAM_H
#define GLASS_DGRAM_H

int glass_dgram_init(void);
void glass_dgram_exit(void);

#endif /* GLASS_DGRAM_H */
