/* SPDX-License-Identifier: BSD-3-Clause */
#include "exception/exception.h"

#include <rte_ether.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "exception/tap.h"
#include "gateway/partial.h"
#include "gateway/rings.h"
#include "port/log.h"
#include "port/port.h"

LOG_TYPE(exception);

#define REST_US 500u     /* the longest */
#define FULL_REST_US 50u /* if a worker has to make room first */
/*
 * A handshake core may share its CPU, and junk for the kernel is no reason to be late with
 * handshakes: with this it has a quarter of that CPU if both want all of it.
 */
#define NICENESS 5

/* The worker gives buffers back itself: nobody else stands in the way of its pool then. */
static void
return_buffers(struct rte_ring *back, struct rte_mbuf **mbuf, unsigned int n)
{
	unsigned int sent = 0;

	while ((sent += rte_ring_sp_enqueue_burst(back, (void **)(mbuf + sent), n - sent, NULL)) <
		n)
		idle_rest(FULL_REST_US);
}

/* Gives a burst of one worker to the kernel. Returns the number of packets. */
static unsigned int
pass_to_kernel(struct exception *exception, unsigned int worker)
{
	const struct rings_exception *rings = &exception->gateway->rings.exception[worker];
	struct rte_mbuf *mbuf[EXCEPTION_BURST];
	unsigned int n = rte_ring_sc_dequeue_burst(rings->to, (void **)mbuf, EXCEPTION_BURST, NULL);
	unsigned int taken = 0, filled = 0;

	if (n == 0)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		const struct queue *queue = &exception->gateway->queue[note_of(mbuf[i])->queue];

		/* From an interface of its own the kernel takes checksums for what they are. */
		if (queue->port->partial_sums && partial_fill(mbuf[i]))
			filled++;
		if (write(exception->tap[queue->port->number].fd, rte_pktmbuf_mtod(mbuf[i], void *),
			    mbuf[i]->data_len) >= 0)
			taken++;
	}
	stats_add(&exception->stats.kernel_tx, taken);
	stats_add(&exception->stats.kernel_tx_dropped, n - taken);
	stats_add(&exception->stats.kernel_tx_filled, filled);
	return_buffers(rings->back, mbuf, n);
	return n;
}

/* Reads one frame. Returns its length, or 0 if there is none; one that does not fit is not all there. */
static size_t
read_frame(struct exception *exception, unsigned int port, struct rte_mbuf *mbuf, bool *ret_fits)
{
	const struct exception_tap *tap = &exception->tap[port];
	unsigned int frame_max = atomic_load_explicit(&tap->frame_max, memory_order_relaxed);
	uint8_t beyond;
	const struct iovec part[] = {
		{ rte_pktmbuf_mtod(mbuf, void *), frame_max },
		{ &beyond, sizeof(beyond) },
	};
	ssize_t len = readv(tap->fd, part, 2);

	*ret_fits = len <= (ssize_t)frame_max;
	if (len >= 0)
		return (size_t)len;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	epoll_ctl(exception->epoll, EPOLL_CTL_DEL, tap->fd, NULL);
	LOG(ERR, "port %s: the kernel has lost interface %s: %s\n",
		exception->gateway->port[port].config->name,
		exception->gateway->port[port].config->tap, strerror(errno));
	return 0;
}

/*
 * Takes a burst of what the kernel sends by one interface. What finds no room waits there: the kernel
 * knows best what to drop. Returns the number of packets.
 */
static unsigned int
pass_from_kernel(struct exception *exception, unsigned int port)
{
	const struct exception_tap *tap = &exception->tap[port];
	const struct queue *queue = &exception->gateway->queue[tap->queue];
	struct rte_ring *from = exception->gateway->rings.exception[queue->worker].from;
	unsigned int room, n = 0, too_long = 0;
	struct rte_mbuf *mbuf[EXCEPTION_BURST];
	bool fits;
	size_t len;

	rte_ring_sp_enqueue_burst(from, NULL, 0, &room); /* puts nothing in, asks */
	room = RTE_MIN(room, EXCEPTION_BURST);
	while (n + too_long < room) {
		if (exception->spare == NULL)
			exception->spare = rte_pktmbuf_alloc(exception->pool);
		if (exception->spare == NULL)
			break;
		len = read_frame(exception, port, exception->spare, &fits);
		if (len == 0)
			break;
		if (!fits) {
			too_long++;
			continue;
		}
		mbuf[n] = exception->spare;
		mbuf[n]->data_len = (uint16_t)len;
		mbuf[n]->pkt_len = (uint32_t)len;
		*note_of(mbuf[n]) = (struct note){
			.kind = NOTE_OUT,
			.queue = (uint16_t)tap->queue,
		};
		exception->spare = NULL;
		n++;
	}
	rte_ring_sp_enqueue_burst(from, (void **)mbuf, n, NULL);
	stats_add(&exception->stats.kernel_rx, n + too_long);
	stats_add(&exception->stats.kernel_rx_dropped, too_long);
	return n + too_long;
}

/* Waits so long for the kernel to send something. Returns the number of packets. */
static unsigned int
poll_taps(struct exception *exception, uint32_t microseconds)
{
	const struct timespec wait = { .tv_nsec = (long)microseconds * 1000 };
	struct epoll_event event[CONFIG_PORTS_MAX];
	int n = epoll_pwait2(exception->epoll, event, CONFIG_PORTS_MAX, &wait, NULL);
	unsigned int total = 0;

	for (int i = 0; i < n; i++)
		total += pass_from_kernel(exception, event[i].data.u32);
	if (n > 0 && total == 0 && microseconds != 0)
		idle_rest(FULL_REST_US);
	return total;
}

static unsigned int
pass_all_to_kernel(struct exception *exception)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < exception->gateway->n_workers; i++)
		n += pass_to_kernel(exception, i);
	return n;
}

static void
run(void *arg)
{
	struct exception *exception = arg;
	uint32_t rest = 0;

	idle_begin();
	while (!thread_should_stop(&exception->thread)) {
		unsigned int n = pass_all_to_kernel(exception);

		n += poll_taps(exception, n != 0 ? 0 : rest);
		rest = idle_step(&exception->idle, n != 0);
	}
	while (pass_all_to_kernel(exception) != 0)
		;
	rte_pktmbuf_free(exception->spare);
	exception->spare = NULL;
}

static int
open_tap(struct exception *exception, unsigned int number, struct error *error)
{
	const struct port *port = &exception->gateway->port[number];
	const struct ini *ini = exception->gateway->config->ini;
	struct exception_tap *tap = &exception->tap[number];
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = number };
	struct error reason;

	tap->mtu = atomic_load_explicit(&port->mtu, memory_order_relaxed);
	memcpy(tap->mac, port->host.mac, sizeof(tap->mac));
	if (tap_open(&tap->fd, port->config->tap, tap->mac, tap->mtu, &reason) != 0)
		return ini_blame(ini, port->config->section, "exception", error, "exception: %s",
			reason.text);
	atomic_store_explicit(&tap->frame_max, PORT_ETHER_MAX + tap->mtu, memory_order_relaxed);
	tap->carrier = true;
	while (exception->gateway->queue[tap->queue].port != port)
		tap->queue++;
	if (epoll_ctl(exception->epoll, EPOLL_CTL_ADD, tap->fd, &event) != 0)
		return error_set(error, "cannot wait for interface %s: %m", port->config->tap);
	return 0;
}

int
exception_open(struct exception *exception, struct error *error)
{
	struct gateway *gateway = exception->gateway;
	int err = 0;

	exception->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (exception->epoll < 0)
		return error_set(error, "cannot wait for the kernel's frames: %m");
	for (unsigned int i = 0; err == 0 && i < gateway->n_ports; i++)
		if (gateway->port[i].diverts)
			err = open_tap(exception, i, error);
	if (err != 0)
		return err;
	exception_follow(exception);
	idle_init(&exception->idle, false, REST_US);
	if (thread_start(&exception->thread, "exception", NICENESS, run, exception) != 0)
		return error_set(error, "the exception thread does not start");
	return 0;
}

void
exception_serve(struct exception *exception)
{
	if (exception != NULL)
		thread_go(&exception->thread);
}

static void
follow(struct exception_tap *tap, const struct port *port)
{
	uint16_t mtu = atomic_load_explicit(&port->mtu, memory_order_relaxed);
	bool up = atomic_load_explicit(&port->link_up, memory_order_relaxed);

	if (up != tap->carrier)
		tap_set_carrier(tap->fd, up);
	tap->carrier = up;
	if (memcmp(tap->mac, port->host.mac, sizeof(tap->mac)) != 0)
		tap_set_mac(tap->fd, port->config->tap, port->host.mac);
	memcpy(tap->mac, port->host.mac, sizeof(tap->mac));
	if (mtu == tap->mtu)
		return;
	/* Without the right to say so, what is too long is dropped when it comes. */
	tap_set_mtu(port->config->tap, mtu);
	atomic_store_explicit(&tap->frame_max, PORT_ETHER_MAX + mtu, memory_order_relaxed);
	tap->mtu = mtu;
}

void
exception_follow(struct exception *exception)
{
	for (unsigned int i = 0; exception != NULL && i < exception->gateway->n_ports; i++)
		if (exception->tap[i].fd >= 0)
			follow(&exception->tap[i], &exception->gateway->port[i]);
}

void
exception_stop(struct exception *exception)
{
	if (exception == NULL)
		return;
	thread_stop(&exception->thread);
	thread_join(&exception->thread);
}

void
exception_close(struct exception *exception)
{
	if (exception == NULL)
		return;
	exception_stop(exception);
	for (unsigned int i = 0; i < exception->gateway->n_ports; i++)
		if (exception->tap[i].fd >= 0) {
			close(exception->tap[i].fd);
			exception->tap[i].fd = -1;
		}
	if (exception->epoll >= 0)
		close(exception->epoll);
	exception->epoll = -1;
}

const struct stats_exception *
exception_stats(const struct exception *exception)
{
	static const struct stats_exception none;

	return exception != NULL ? &exception->stats : &none;
}
