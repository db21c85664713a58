/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/net/glass and /proc/net/glass_stat. */
#ifndef GLASS_PROC_H
#define GLASS_PROC_H

int glass_proc_init(void);
void glass_proc_exit(void);

#endif /* GLASS_PROC_H */
