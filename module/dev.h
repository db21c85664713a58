/* SPDX-License-Identifier: GPL-2.0 */
/* The loopback network device that Glass frames cross. */
#ifndef GLASS_DEV_H
#define GLASS_DEV_H

#include <linux/types.h>

struct net_device;

int glass_dev_init(void);
void glass_dev_exit(void);

void glass_dev_delivery_hold(void);
void glass_dev_delivery_release(void);
bool glass_dev_is_glass(const struct net_device *dev);
bool glass_dev_may_alter(const struct net_device *dev);

#endif /* GLASS_DEV_H */
