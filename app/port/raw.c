/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/raw.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAW_BURST 64u
#define RAW_SEGMENTS_MAX 64u /* of one frame, and of one system call */
/* Bytes that may wait in the device: what the driver's ring of 512 frames holds. */
#define RAW_ROOM (1 << 20)

struct raw {
	unsigned int n;
	int fd[];
};

static int
open_socket(unsigned int index, bool bypass)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)index, /* and no protocol: nothing is received */
	};
	const int room = RAW_ROOM, on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	/* Above what net.core.wmem_max allows everybody, if we may. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if ((!bypass || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) == 0) &&
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int
raw_open(struct raw **ret_raw, unsigned int index, unsigned int n_queues, bool bypass)
{
	struct raw *raw = calloc(1, sizeof(*raw) + n_queues * sizeof(raw->fd[0]));

	if (raw == NULL)
		return -ENOMEM;
	for (; raw->n < n_queues; raw->n++) {
		int fd = open_socket(index, bypass);

		if (fd < 0) {
			raw_close(raw);
			return fd;
		}
		raw->fd[raw->n] = fd;
	}
	*ret_raw = raw;
	return 0;
}

void
raw_close(struct raw *raw)
{
	for (unsigned int i = 0; raw != NULL && i < raw->n; i++)
		close(raw->fd[i]);
	free(raw);
}

/* Frames on their way into one system call. */
struct batch {
	struct mmsghdr message[RAW_BURST];
	struct iovec part[RAW_SEGMENTS_MAX];
};

/* Returns how many frames are in the batch: fewer than n if they are many or in many pieces, 0 if already the first is. */
static unsigned int
fill(struct batch *batch, struct rte_mbuf *const *mbuf, unsigned int n)
{
	unsigned int parts = 0, i;

	for (i = 0; i < n && i < RAW_BURST && parts + mbuf[i]->nb_segs <= RAW_SEGMENTS_MAX; i++) {
		batch->message[i].msg_hdr = (struct msghdr){
			.msg_iov = &batch->part[parts],
			.msg_iovlen = mbuf[i]->nb_segs,
		};
		for (const struct rte_mbuf *part = mbuf[i]; part != NULL; part = part->next)
			batch->part[parts++] = (struct iovec){
				.iov_base = rte_pktmbuf_mtod(part, void *),
				.iov_len = part->data_len,
			};
	}
	return i;
}

/*
 * Sends a batch. Returns how many of its frames are done with, and in *ret_error what stands against the one
 * behind these, or 0.
 */
static unsigned int
send_batch(int fd, struct batch *batch, unsigned int n, int *ret_error)
{
	int sent = sendmmsg(fd, batch->message, n, MSG_DONTWAIT);

	*ret_error = sent < 0 ? errno : 0;
	return sent < 0 ? 0 : (unsigned int)sent;
}

unsigned int
raw_send(const struct raw *raw, uint16_t queue, struct rte_mbuf **mbuf, unsigned int n,
	unsigned int *ret_refused, uint64_t *ret_refused_bytes)
{
	unsigned int done = 0, refused = 0;
	uint64_t refused_bytes = 0;
	struct batch batch;

	while (done < n) {
		unsigned int filled = fill(&batch, mbuf + done, n - done);
		unsigned int sent = 0;
		int error = EMSGSIZE;

		if (filled != 0)
			sent = send_batch(raw->fd[queue], &batch, filled, &error);
		done += sent;
		if (error == EAGAIN)
			break;
		/* Without an interface nothing can leave: that takes no system call for each frame. */
		for (bool all = error == ENETDOWN || error == ENXIO; error != 0 && done < n;) {
			refused_bytes += mbuf[done++]->pkt_len;
			refused++;
			if (!all)
				break;
		}
	}
	rte_pktmbuf_free_bulk(mbuf, done);
	*ret_refused = refused;
	*ret_refused_bytes = refused_bytes;
	return done;
}
