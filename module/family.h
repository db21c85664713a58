/* SPDX-License-Identifier: GPL-2.0 */
/* The door: socket(AF_GLASS, ...). */
#ifndef GLASS_FAMILY_H
#define GLASS_FAMILY_H

int glass_family_is_taken(void);
int glass_family_init(void);
void glass_family_exit(void);

#endif /* GLASS_FAMILY_H */
