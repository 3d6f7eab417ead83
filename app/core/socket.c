/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/socket.h"

#include <rte_cycles.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "core/listener.h"
#include "core/outbox.h"
#include "core/upstream.h"
#include "tls/session.h"

#define EVENTS 64
#define PORT_ATTEMPTS 16u
#define ERRORS_MAX 64u  /* then datagrams have their turn */
#define ERROR_ROOM 512u /* for what the kernel tells with an error */
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

/* Throws away what the socket received before it was connected, as anybody could send to it until then. */
static void
discard(int fd)
{
	uint8_t byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0)
		;
}

/*
 * Has the kernel put every ICMP error into a queue of the socket, also those that it takes for passing ones and
 * would keep to itself (ip(7), ipv6(7)).
 */
static void
ask_for_errors(int fd, sa_family_t family)
{
	const int on = 1;

	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
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
	ask_for_errors(fd, address.ss_family);
	if (port != 0)
		discard(fd);
	*ret_port = port;
	return fd;
}

/* The error number in a message of that queue. */
static int
queued_error(struct msghdr *message)
{
	struct sock_extended_err error = { 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
			(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			memcpy(&error, CMSG_DATA(c), sizeof(error));
	return (int)error.ee_errno;
}

/* Empties that queue. Each error is for a datagram that was lost, and may say that the upstream is down. */
static void
take_errors(struct session *session)
{
	_Alignas(struct cmsghdr) uint8_t control[ERROR_ROOM];

	for (unsigned int i = 0; i < ERRORS_MAX; i++) {
		struct msghdr message = { .msg_control = control, .msg_controllen = ERROR_ROOM };
		enum health_reason reason;

		if (recvmsg(session->socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		stats_add(&session->core->stats.upstream_tx_dropped, 1);
		reason = health_reason_of(queued_error(&message));
		if (reason != HEALTH_NO_REASON)
			health_fail(&session->upstream->health, &session->listener->health, reason,
				rte_get_tsc_cycles());
	}
}

/* Connects the session to an upstream, in place of the one that it has. Returns 0 or -errno. */
static int
join(struct session *session, struct upstream *upstream)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };
	struct core *core = session->core;
	uint16_t port = 0;
	int err, fd;

	fd = open_socket(core, &upstream->address, &port);
	if (fd < 0)
		return fd;
	if (epoll_ctl(core->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		err = -errno;
		close(fd);
		give_port(core, port);
		return err;
	}
	socket_close(session);
	session->socket = fd;
	session->source_port = port;
	session->upstream = upstream;
	atomic_fetch_add_explicit(&upstream->n_sessions, 1, memory_order_relaxed);
	core->n_sockets++;
	return 0;
}

int
socket_open(struct session *session)
{
	const struct listener *listener = session->listener;
	uint64_t client = clients_id(&session->key);
	int err = 0;

	/* There may be a route to one of them, and none to the others. */
	for (unsigned int i = 0; i < listener->n_upstreams; i++) {
		uint64_t now = rte_get_tsc_cycles();
		struct upstream *upstream = upstream_choose(listener, client, now);
		enum health_reason reason;

		err = join(
			session, upstream != NULL ? upstream : upstream_prefer(listener, client));
		reason = health_reason_of(-err);
		if (upstream == NULL || reason == HEALTH_NO_REASON)
			break;
		health_fail(&upstream->health, &listener->health, reason, now);
	}
	return err;
}

void
socket_close(struct session *session)
{
	if (session->socket < 0)
		return;
	close(session->socket); /* leaves the epoll set by itself */
	give_port(session->core, session->source_port);
	session->socket = -1;
	atomic_fetch_sub_explicit(&session->upstream->n_sessions, 1, memory_order_relaxed);
	session->upstream = NULL;
	session->core->n_sockets--;
}

/*
 * The session's upstream is not up, or has just failed. While it is on trial, the session keeps it. Otherwise
 * the session gets another one that may have sessions; if there is none, it keeps this one, too.
 */
static void
reconsider(struct session *session)
{
	struct health *health = &session->upstream->health;
	const struct listener *listener = session->listener;
	uint64_t now = rte_get_tsc_cycles();
	enum health_reason reason;
	struct upstream *upstream;
	int err;

	if (health_state(health) == HEALTH_TRIAL) {
		health_admit(health, &listener->health, now); /* its time may be over */
		return;
	}
	upstream = upstream_choose(listener, clients_id(&session->key), now);
	if (upstream == NULL || upstream == session->upstream)
		return;
	take_errors(session);
	err = join(session, upstream);
	reason = health_reason_of(-err);
	if (reason != HEALTH_NO_REASON)
		health_fail(&upstream->health, &listener->health, reason, now);
	if (err == 0)
		stats_add(&session->core->stats.upstream_moved, 1);
}

/*
 * Passes one datagram of the upstream on to the client. What is lost is counted, and is no sign of life: an
 * upstream that goes on sending what no client gets does not keep its session.
 */
static void
deliver(struct session *session, const uint8_t *data, size_t len)
{
	struct stats_handshake *stats = &session->core->stats;

	switch (hg_tls_session_write(session->tls, data, len, outbox_room(session))) {
	case 0:
		stats_add(&stats->upstream_rx, 1);
		core_touch(session, rte_get_tsc_cycles());
		return;
	case -EMSGSIZE:
		stats_add(&stats->upstream_rx_too_long, 1);
		return;
	default:
		stats_add(&stats->upstream_rx_dropped, 1);
		if (hg_tls_session_state(session->tls) == HG_TLS_FAILED)
			core_call(session); /* to end it: the caller may not */
	}
}

/* Hands one datagram to the kernel, with what the upstream is to know of the client before it. */
static ssize_t
transmit(const struct session *session, const uint8_t *data, size_t len)
{
	const struct flow_key *key = &session->key;
	const uint8_t *start = key->family == 4 ? proxy_ipv4 : proxy_ipv6;
	struct iovec part[] = {
		{ (void *)(uintptr_t)start, PROXY_LEN },
		{ (void *)(uintptr_t)key->tuple,
			key->family == 4 ? TUPLE_LEN_IPV4 : TUPLE_LEN_IPV6 },
		{ (void *)(uintptr_t)data, len },
	};
	const struct msghdr message = { .msg_iov = part, .msg_iovlen = RTE_DIM(part) };

	if (session->listener->config->proxy == 0)
		return send(session->socket, data, len, MSG_NOSIGNAL);
	return sendmsg(session->socket, &message, MSG_NOSIGNAL);
}

static void
sent(struct session *session)
{
	const struct health_limits *limits = &session->listener->health;

	stats_add(&session->core->stats.upstream_tx, 1);
	if (limits->silence != 0)
		health_sent(&session->upstream->health, limits, rte_get_tsc_cycles());
}

void
socket_send(struct session *session, const uint8_t *data, size_t len)
{
	struct stats_handshake *stats = &session->core->stats;

	if (session->listener->config->echo) {
		stats_add(&stats->upstream_tx, 1);
		deliver(session, data, len);
		return;
	}
	if (session->socket >= 0 && health_state(&session->upstream->health) != HEALTH_UP)
		reconsider(session);
	/* What was in the way when the session began may be gone: a route, a lack of ports. */
	if (session->socket < 0 && socket_open(session) != 0) {
		stats_add(&stats->upstream_errors, 1);
		stats_add(&stats->upstream_tx_dropped, 1);
		return;
	}
	/*
	 * An ICMP error for an earlier datagram is reported once, in place of sending this one
	 * (ip(7)): that one is lost, and counted with its error; this one deserves a try of its own,
	 * and perhaps another upstream.
	 */
	for (int attempt = 0; attempt < 2; attempt++) {
		enum health_reason reason;

		if (transmit(session, data, len) >= 0) {
			sent(session);
			return;
		}
		reason = health_reason_of(errno);
		if (reason == HEALTH_NO_REASON)
			break;
		health_fail(&session->upstream->health, &session->listener->health, reason,
			rte_get_tsc_cycles());
		if (attempt == 0)
			reconsider(session);
	}
	stats_add(&stats->upstream_tx_dropped, 1);
}

/* Takes what one upstream has sent. Returns the number of datagrams. */
static unsigned int
receive(struct core *core, struct session *session)
{
	unsigned int n;

	for (n = 0; n < DATAGRAMS_PER_EVENT; n++) {
		ssize_t len = recv(session->socket, core->plaintext, sizeof(core->plaintext),
			MSG_DONTWAIT | MSG_TRUNC);

		if (len < 0) {
			break; /* nothing more, or an error, which is in the queue too */
		}
		health_heard(&session->upstream->health, rte_get_tsc_cycles());
		/* If it is longer than the buffer it is longer than any record may be, and not sent. */
		deliver(session, core->plaintext, (size_t)len);
	}
	return n;
}

unsigned int
socket_poll(struct core *core, uint32_t microseconds)
{
	struct timespec wait = { .tv_nsec = (long)microseconds * 1000 };
	struct epoll_event event[EVENTS];
	unsigned int total = 0;
	uint64_t before;
	int n;

	/* Asking epoll costs as much as the work on a datagram, so not every round does. */
	if (microseconds == 0 && (core->n_sockets == 0 || ++core->rounds < ROUNDS_PER_LOOK))
		return 0;
	core->rounds = 0;
	before = rte_rdtsc();
	n = epoll_pwait2(core->epoll, event, EVENTS, &wait, NULL);
	if (microseconds != 0)
		core->rested += rte_rdtsc() - before;

	/* Nothing below ends a session, so every pointer stays good. */
	for (int i = 0; i < n; i++) {
		if ((event[i].events & EPOLLERR) != 0)
			take_errors(event[i].data.ptr);
		total += receive(core, event[i].data.ptr);
	}
	return total;
}
