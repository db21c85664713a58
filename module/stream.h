/* SPDX-License-Identifier: GPL-2.0 */
/* SOCK_STREAM: bytes. */
#ifndef GLASS_STREAM_H
#define GLASS_STREAM_H

int glass_stream_init(void);
void glass_stream_exit(void);

#endif /* GLASS_STREAM_H */
