// SPDX-License-Identifier: GPL-2.0
#include "addr.h"

#include <linux/module.h>
#include <linux/string.h>

int glass_family __ro_after_init = GLASS_FAMILY_DEFAULT;
module_param_named(family, glass_family, int, 0444);
MODULE_PARM_DESC(family, "Family number to take (default 18, the slot of AF_ASH)");

/**
 * glass_addr_read - read an address that user space gave
 * @addr: filled in on success
 * @sgl: the address, in kernel memory
 * @len: its length in bytes; more than needed is accepted, as everywhere
 *
 * This is the one place where the form of an address is judged.
 *
 * Context: any.
 * Return: 0; -EINVAL if it is too short or reserved bytes are set;
 *	-EAFNOSUPPORT if it is of another family.
 */
int glass_addr_read(struct glass_addr *addr, const struct sockaddr_glass *sgl,
		    int len)
{
	if (len < (int)sizeof(*sgl))
		return -EINVAL;
	if (sgl->sgl_family != glass_family)
		return -EAFNOSUPPORT;
	if (sgl->sgl_reserved ||
	    memchr_inv(sgl->sgl_zero, 0, sizeof(sgl->sgl_zero)))
		return -EINVAL;

	addr->node = sgl->sgl_node;
	addr->port = sgl->sgl_port;
	return 0;
}

/**
 * glass_addr_read_dest - read an address to which something can be sent
 * @addr: filled in on success
 * @sgl: the address, in kernel memory
 * @len: its length in bytes
 *
 * Context: any.
 * Return: as glass_addr_read(), and -EINVAL for a wildcard.
 */
int glass_addr_read_dest(struct glass_addr *addr,
			 const struct sockaddr_glass *sgl, int len)
{
	int err;

	err = glass_addr_read(addr, sgl, len);
	if (err)
		return err;
	if (addr->node == GLASS_NODE_ANY || addr->port == GLASS_PORT_ANY)
		return -EINVAL;
	return 0;
}

/**
 * glass_addr_write - write an address for user space
 * @sgl: written whole, padding included
 * @addr: the address
 *
 * Context: any.
 */
void glass_addr_write(struct sockaddr_glass *sgl,
		      const struct glass_addr *addr)
{
	memset(sgl, 0, sizeof(*sgl));
	sgl->sgl_family = glass_family;
	sgl->sgl_port = addr->port;
	sgl->sgl_node = addr->node;
}
