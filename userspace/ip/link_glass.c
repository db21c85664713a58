// SPDX-License-Identifier: GPL-2.0
/*
 * Teaches ip(8) the link kind "glass":
 *
 *	ip link add NAME type glass node NODE
 *	ip -d link show NAME
 *
 * ip loads link_<kind>.so from its library folder, or from $IP_LIB_DIR, and
 * looks for the symbol <kind>_link_util in it. There is no public header of
 * that interface; it has kept its layout since iproute2 4.20.
 */
#include <linux/glass.h>
#include <linux/rtnetlink.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The room that ip has in a request. */
#define REQUEST_SIZE	1024

/**
 * struct link_util - what ip wants to know about a kind of link
 * @next: ip's own
 * @id: the kind
 * @maxattr: highest attribute that @print_opt takes
 * @parse_opt: words of a command line to attributes, appended to the request
 * @print_opt: attributes to text; absent ones are NULL
 * @print_xstats: unused
 * @print_help: the answer to "ip link help glass"
 * @parse_ifla_xstats: unused
 * @print_ifla_xstats: unused
 */
struct link_util {
	struct link_util	*next;
	const char		*id;
	int			maxattr;
	int			(*parse_opt)(struct link_util *util, int argc,
					     char **argv,
					     struct nlmsghdr *request);
	void			(*print_opt)(struct link_util *util, FILE *out,
					     struct rtattr **attributes);
	void			(*print_xstats)(struct link_util *util,
						FILE *out,
						struct rtattr *stats);
	void			(*print_help)(struct link_util *util, int argc,
					      char **argv, FILE *out);
	int			(*parse_ifla_xstats)(struct link_util *util,
						     int argc, char **argv);
	int			(*print_ifla_xstats)(struct nlmsghdr *answer,
						     void *arg);
};

/*
 * ip's own printer, which knows whether JSON is asked for: @where 4 is both,
 * @color 6 is none.
 */
extern int print_color_uint(int where, int color, const char *key,
			    const char *format, unsigned int value);

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: ... glass node NODE\n"
		     "\n"
		     "NODE := 0..4294967294, the node that the device owns\n");
}

static void glass_print_help(struct link_util *util, int argc, char **argv,
			     FILE *out)
{
	(void)util;
	(void)argc;
	(void)argv;
	print_usage(out);
}

static bool parse_node(const char *text, uint32_t *node)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-') ||
	    value >= GLASS_NODE_ANY)
		return false;
	*node = value;
	return true;
}

static bool add_node(struct nlmsghdr *request, uint32_t node)
{
	uint32_t length = NLMSG_ALIGN(request->nlmsg_len);
	struct rtattr *attribute;

	if (length + RTA_SPACE(sizeof(node)) > REQUEST_SIZE)
		return false;
	attribute = (struct rtattr *)((char *)request + length);
	attribute->rta_type = IFLA_GLASS_NODE;
	attribute->rta_len = RTA_LENGTH(sizeof(node));
	memcpy(RTA_DATA(attribute), &node, sizeof(node));
	request->nlmsg_len = length + RTA_SPACE(sizeof(node));
	return true;
}

static int glass_parse_opt(struct link_util *util, int argc, char **argv,
			   struct nlmsghdr *request)
{
	bool has_node = false;
	uint32_t node = 0;

	(void)util;
	while (argc > 0 && strcmp(*argv, "help")) {
		if (strcmp(*argv, "node") || argc < 2 || has_node) {
			fprintf(stderr, "glass: unexpected \"%s\"\n", *argv);
			goto usage;
		}
		if (!parse_node(argv[1], &node)) {
			fprintf(stderr, "glass: \"%s\" is no node\n", argv[1]);
			goto usage;
		}
		has_node = true;
		argc -= 2;
		argv += 2;
	}
	if (argc > 0)
		goto usage;
	/* Without a node: the kernel says what is missing. */
	return !has_node || add_node(request, node) ? 0 : -1;

usage:
	print_usage(stderr);
	return -1;
}

static void glass_print_opt(struct link_util *util, FILE *out,
			    struct rtattr **attributes)
{
	uint32_t node;

	(void)util;
	(void)out;
	if (!attributes || !attributes[IFLA_GLASS_NODE])
		return;
	memcpy(&node, RTA_DATA(attributes[IFLA_GLASS_NODE]), sizeof(node));
	print_color_uint(4, 6, "node", "node %u ", node);
}

struct link_util glass_link_util = {
	.id		= "glass",
	.maxattr	= IFLA_GLASS_MAX,
	.parse_opt	= glass_parse_opt,
	.print_opt	= glass_print_opt,
	.print_help	= glass_print_help,
};
