/* SPDX-License-Identifier: GPL-2.0 */
/* SOCK_RAW: frames of any protocol, header and all. */
#ifndef GLASS_RAW_H
#define GLASS_RAW_H

int glass_raw_init(void);
void glass_raw_exit(void);

#endif /* GLASS_RAW_H */
