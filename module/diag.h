/* SPDX-License-Identifier: GPL-2.0 */
/* Glass sockets through sock_diag. */
#ifndef GLASS_DIAG_H
#define GLASS_DIAG_H

int glass_diag_init(void);
void glass_diag_exit(void);

#endif /* GLASS_DIAG_H */
