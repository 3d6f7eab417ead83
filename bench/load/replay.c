/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends the frames of a capture file out of an interface, over and over, as fast as the kernel takes
 * them, for a number of milliseconds. Prints one JSON object.
 */
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "clock.h"
#include "load/pcap.h"

#define BATCH 64u
#define MS_MAX 600000u

static int
open_socket(const char *interface)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET };
	int sock = socket(AF_PACKET, SOCK_RAW, 0), on = 1;

	where.sll_ifindex = (int)if_nametoindex(interface);
	if (sock < 0 || where.sll_ifindex == 0 ||
		setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) != 0 ||
		bind(sock, (struct sockaddr *)&where, sizeof(where)) != 0) {
		fprintf(stderr, "replay: %s: %s\n", interface, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return sock;
}

/* Returns how many frames the kernel took; it refuses while the queue of a device is full. */
static unsigned int
send_batch(int sock, const struct pcap_file *file, size_t first)
{
	struct mmsghdr message[BATCH] = { 0 };
	struct iovec bytes[BATCH];
	int sent;

	for (size_t i = 0; i < BATCH; i++) {
		const struct pcap_frame *frame = &file->frame[(first + i) % file->n];

		bytes[i].iov_base = (void *)(uintptr_t)frame->bytes;
		bytes[i].iov_len = frame->len;
		message[i].msg_hdr.msg_iov = &bytes[i];
		message[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(sock, message, BATCH, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
		fprintf(stderr, "replay: %s\n", strerror(errno));
		exit(EXIT_FAILURE);
	}
	return sent < 0 ? 0 : (unsigned int)sent;
}

int
main(int argc, char **argv)
{
	unsigned long ms = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	unsigned long long sent = 0;
	struct pcap_file file;
	double from, to;
	int sock;

	if (ms == 0 || ms > MS_MAX) {
		fprintf(stderr, "usage: replay INTERFACE FILE MILLISECONDS (1 to %u)\n", MS_MAX);
		return 2;
	}
	pcap_load(&file, argv[2]);
	sock = open_socket(argv[1]);
	from = clock_seconds(CLOCK_MONOTONIC);
	do {
		sent += send_batch(sock, &file, sent % file.n);
		to = clock_seconds(CLOCK_MONOTONIC);
	} while (to - from < (double)ms / 1e3);
	printf("{\"sent\": %llu, \"seconds\": %.6f}\n", sent, to - from);
	close(sock);
	pcap_free(&file);
	return EXIT_SUCCESS;
}
