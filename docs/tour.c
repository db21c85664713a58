// SPDX-License-Identifier: GPL-2.0
/*
 * The program that docs/tour.md follows: a connection over a stream socket, five
 * bytes there and five back, and the end.
 *
 *	tour [COMMAND [ARGUMENT...]]
 *
 * runs the command while both ends are open. They are its descriptors, too: 3
 * listens, 4 has connected, 5 was accepted.
 */
#include <linux/glass.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 4000

/* What the call returned, unless it failed. */
static long check(const char *call, long result)
{
	if (result < 0) {
		perror(call);
		exit(1);
	}
	return result;
}

/* The number that the family has borrowed. */
static int family(void)
{
	FILE *file = fopen("/sys/module/glass/parameters/family", "r");
	int number = -1;

	if (!file || fscanf(file, "%d", &number) != 1)
		fprintf(stderr, "tour: is the module loaded?\n");
	if (file)
		fclose(file);
	return number;
}

static void await_sleep(pid_t pid)
{
	char path[40], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'S') {
		FILE *file = fopen(path, "r");

		if (!file || fscanf(file, "%*d %*s %c", &state) != 1)
			exit(1);
		fclose(file);
	}
}

/* Returns once a child waits in a read() of FD. */
static void read_in_a_child(int fd)
{
	char text[5];
	pid_t child = check("fork", fork());

	if (!child)
		_exit(read(fd, text, sizeof(text)) != sizeof(text));
	await_sleep(child);
}

int main(int argc, char **argv)
{
	struct sockaddr_glass name = { .sgl_port = PORT, .sgl_node = GLASS_NODE_LOCAL };
	int listener, client, server, status, queued = 0;
	char text[5];

	listener = check("socket", socket(family(), SOCK_STREAM, 0));
	name.sgl_family = family();
	check("bind", bind(listener, (struct sockaddr *)&name, sizeof(name)));
	check("listen", listen(listener, 1));
	client = check("socket", socket(family(), SOCK_STREAM, 0));
	check("connect", connect(client, (struct sockaddr *)&name, sizeof(name)));
	server = check("accept", accept(listener, NULL, NULL));

	read_in_a_child(server);
	check("write", write(client, "hello", 5));
	wait(&status);

	/* The answer waits for its reader, instead of the reader for it. */
	check("write", write(server, "world", 5));
	check("ioctl", ioctl(client, FIONREAD, &queued));

	if (argc > 1 && !fork()) {
		execvp(argv[1], argv + 1);
		_exit(127);
	} else if (argc > 1) {
		wait(&status);
	}
	check("read", read(client, text, sizeof(text)));
	close(client);
	close(server);
	close(listener);
	return status || queued != sizeof(text);
}
