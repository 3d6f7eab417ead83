/* SPDX-License-Identifier: BSD-3-Clause */
#include "upstream.h"

#include <rte_cycles.h>

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define EVENTS 64
#define PORT_ATTEMPTS 16u
#define ROUNDS_PER_LOOK 4u
#define DATAGRAMS_PER_EVENT 16u /* then others have their turn; epoll is level triggered */

/*
 * The PROXY protocol, version 2 (section 2.2 of its specification): signature, version 2 and command
 * PROXY, family with DGRAM, length of what follows. That is source address, destination address,
 * source port and destination port in network byte order: the tuple of the session as it is.
 */
#define PROXY_LEN 16u
#define PROXY_START 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21
#define TUPLE_LEN_IPV4 12u
#define TUPLE_LEN_IPV6 36u

static const uint8_t proxy_ipv4[] = { PROXY_START, 0x12, 0, TUPLE_LEN_IPV4 };
static const uint8_t proxy_ipv6[] = { PROXY_START, 0x22, 0, TUPLE_LEN_IPV6 };

_Static_assert(sizeof(proxy_ipv4) == PROXY_LEN && sizeof(proxy_ipv6) == PROXY_LEN, "section 2.2");

static void
give_port(struct core *core, uint16_t port)
{
	if (port != 0)
		source_ports_give(&core->ports, rte_get_tsc_cycles(), port);
}

/*
 * Binds to one of upstream-ports that has rested; another process may have some of them. Returns 0
 * with *ret_port taken, or -errno.
 */
static int
bind_port(struct core *core, int fd, sa_family_t family, uint16_t *ret_port)
{
	/* An address of zeroes is any. */
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	uint16_t port;

	for (unsigned int i = 0; i < PORT_ATTEMPTS; i++) {
		if (!source_ports_take(&core->ports, rte_get_tsc_cycles(), &port))
			break;
		in.sin_port = in6.sin6_port = htons(port);
		if (bind(fd, family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6,
			    family == AF_INET ? sizeof(in) : sizeof(in6)) == 0) {
			*ret_port = port;
			return 0;
		}
		give_port(core, port);
		if (errno != EADDRINUSE)
			return -errno;
	}
	stats_add(&core->stats.upstream_no_port, 1);
	return -EADDRNOTAVAIL;
}

/* Until it was connected, anybody could send to the socket; nobody has been asked anything yet. */
static void
discard(int fd)
{
	uint8_t byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0)
		;
}

/* A socket connected to the upstream: returns it, with *ret_port as in the session, or -errno. */
static int
open_socket(struct core *core, const struct address *to, uint16_t *ret_port)
{
	struct sockaddr_storage address;
	socklen_t len = address_to_sockaddr(to, &address);
	uint16_t port = 0;
	int err = 0, fd;

	fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (core->ports.size != 0)
		err = bind_port(core, fd, address.ss_family, &port);
	if (err == 0 && connect(fd, (const struct sockaddr *)&address, len) != 0)
		err = -errno;
	if (err != 0) {
		give_port(core, port);
		close(fd);
		return err;
	}
	if (port != 0)
		discard(fd);
	*ret_port = port;
	return fd;
}

int
upstream_open(struct session *session)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };
	struct core *core = session->core;
	uint16_t port = 0;
	int err, fd;

	if (session->listener->echo)
		return 0;
	fd = open_socket(core, &session->listener->upstream, &port);
	if (fd < 0)
		return fd;
	if (epoll_ctl(core->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		err = -errno;
		give_port(core, port);
		close(fd);
		return err;
	}
	session->upstream = fd;
	session->source_port = port;
	core->n_upstreams++;
	return 0;
}

void
upstream_close(struct session *session)
{
	if (session->upstream < 0)
		return;
	close(session->upstream); /* leaves the epoll set by itself */
	give_port(session->core, session->source_port);
	session->upstream = -1;
	session->core->n_upstreams--;
}

static void
echo(struct session *session, const uint8_t *data, size_t len)
{
	struct stats_handshake *stats = &session->core->stats;

	if (hg_tls_session_write(session->tls, data, len) != 0) {
		stats_add(&stats->upstream_tx_dropped, 1);
		return;
	}
	stats_add(&stats->upstream_tx, 1);
	stats_add(&stats->upstream_rx, 1);
}

/* Hands one datagram to the kernel, with what the upstream is to know of the client before it. */
static ssize_t
transmit(const struct session *session, const uint8_t *data, size_t len)
{
	const struct session_key *key = &session->key;
	const uint8_t *start = key->family == 4 ? proxy_ipv4 : proxy_ipv6;
	struct iovec part[] = {
		{ (void *)(uintptr_t)start, PROXY_LEN },
		{ (void *)(uintptr_t)key->tuple,
			key->family == 4 ? TUPLE_LEN_IPV4 : TUPLE_LEN_IPV6 },
		{ (void *)(uintptr_t)data, len },
	};
	const struct msghdr message = { .msg_iov = part, .msg_iovlen = RTE_DIM(part) };

	if (session->listener->proxy == 0)
		return send(session->upstream, data, len, MSG_NOSIGNAL);
	return sendmsg(session->upstream, &message, MSG_NOSIGNAL);
}

void
upstream_send(struct session *session, const uint8_t *data, size_t len)
{
	struct stats_handshake *stats = &session->core->stats;

	if (session->listener->echo) {
		echo(session, data, len);
		return;
	}
	/* What was in the way when the session began may be gone: a route, a lack of ports. */
	if (session->upstream < 0 && upstream_open(session) != 0) {
		stats_add(&stats->upstream_errors, 1);
		stats_add(&stats->upstream_tx_dropped, 1);
		return;
	}
	/*
	 * An ICMP error for an earlier datagram is reported once, in place of sending this one
	 * (ip(7)): that one is lost, this one deserves a try of its own.
	 */
	for (int attempt = 0; attempt < 2; attempt++) {
		if (transmit(session, data, len) >= 0) {
			stats_add(&stats->upstream_tx, 1);
			return;
		}
		stats_add(&stats->upstream_tx_dropped, 1);
		if (errno != ECONNREFUSED)
			return;
	}
}

/* Takes what one upstream has sent. Returns the number of datagrams. */
static unsigned int
receive(struct core *core, struct session *session)
{
	struct stats_handshake *stats = &core->stats;
	unsigned int n;

	for (n = 0; n < DATAGRAMS_PER_EVENT; n++) {
		ssize_t len = recv(session->upstream, core->plaintext, sizeof(core->plaintext),
			MSG_DONTWAIT | MSG_TRUNC);

		if (len < 0) {
			if (errno != EAGAIN && errno != EINTR)
				stats_add(&stats->upstream_tx_dropped, 1); /* ICMP error */
			break;
		}
		if ((size_t)len > sizeof(core->plaintext) ||
			hg_tls_session_write(session->tls, core->plaintext, (size_t)len) != 0)
			stats_add(&stats->upstream_rx_dropped, 1);
		else
			stats_add(&stats->upstream_rx, 1);
		session->last_active = rte_get_tsc_cycles();
	}
	return n;
}

unsigned int
upstream_poll(struct core *core, uint32_t microseconds)
{
	struct timespec wait = { .tv_nsec = (long)microseconds * 1000 };
	struct epoll_event event[EVENTS];
	unsigned int total = 0;
	uint64_t before;
	int n;

	/* A look costs as much as the work on a datagram, so not every round has one. */
	if (microseconds == 0 && (core->n_upstreams == 0 || ++core->rounds < ROUNDS_PER_LOOK))
		return 0;
	core->rounds = 0;
	before = rte_rdtsc();
	n = epoll_pwait2(core->epoll, event, EVENTS, &wait, NULL);
	if (microseconds != 0)
		core->rested += rte_rdtsc() - before;

	/* Nothing below ends a session, so every pointer stays good. */
	for (int i = 0; i < n; i++)
		total += receive(core, event[i].data.ptr);
	return total;
}
