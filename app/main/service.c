/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/service.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <string.h>

#include "gateway/gateway.h"
#include "gateway/pool.h"
#include "main/generation.h"
#include "main/private.h"
#include "main/sizes.h"
#include "main/spent.h"
#include "main/wait.h"
#include "main/watch.h"
#include "port/device.h"
#include "port/interface.h"
#include "port/log.h"
#include "port/raw.h"
#include "worker/worker.h"

LOG_TYPE(service);

#define WAIT_MAX 60u /* seconds between attempts to take a port up */
#define STEADY 60u   /* seconds after which a port that has stopped may be taken up at once again */

void
service_set_mtu(struct port *port, uint32_t mtu)
{
	/* A large one of the interface is no reason for large packets of ours: the way may be narrower. */
	if (port->peer == NULL && port->config->mtu == 0)
		mtu = RTE_MIN(mtu, (uint32_t)RTE_ETHER_MTU);
	port_set_mtu(port, mtu);
}

/* The device has been started: what stands below it, and does it need sockets beside it? */
static int
attach(struct gateway *gateway, struct port *port, struct error *error)
{
	struct watch *watch = &gateway->private->watch[port->number];
	struct rte_eth_dev_info info;
	struct interface now;
	int err;

	if (rte_eth_dev_info_get(port->id, &info) != 0 || info.if_index == 0) {
		if (port->on_interface)
			return error_set(error, "port %s: the device does not say where it stands",
				port->config->name);
		return 0;
	}
	if (gateway->private->interfaces == NULL)
		return 0;
	err = interface_find(gateway->private->interfaces, NULL, info.if_index, &now);
	if (err != 0)
		return error_set(error, "port %s: its interface is not there: %s",
			port->config->name, strerror(-err));
	if (device_has_driver(port->config->device, "net_af_packet"))
		err = raw_open(&port->raw, info.if_index, port->n_queues,
			device_count(port->config->device, "qdisc_bypass", 1) != 0);
	if (err != 0)
		return error_set(error, "port %s: no packet socket for interface %s: %s",
			port->config->name, now.name, strerror(-err));
	watch->index = info.if_index;
	watch->renamed = false;
	watch->mtu = now.mtu;
	watch->sent = now.sent;
	memcpy(watch->mac, now.mac, sizeof(watch->mac));
	if (now.mtu != 0)
		service_set_mtu(port, now.mtu);
	if (port->on_interface)
		port_set_link(port, now.running);
	return 0;
}

void
service_detach(struct port *port)
{
	raw_close(port->raw);
	port->raw = NULL;
}

static struct rte_mempool *
receive_pool(const struct gateway *gateway, unsigned int queue)
{
	struct rte_mempool *pool = gateway->private->queue[queue].pool;

	return pool != NULL ? pool : gateway->worker[gateway->queue[queue].worker]->pool;
}

int
service_start(struct gateway *gateway, struct port *port, struct error *error)
{
	struct rte_mempool *pool[RTE_MAX_QUEUES_PER_PORT];
	int err;

	for (unsigned int i = 0; i < gateway->n_queues; i++)
		if (gateway->queue[i].port == port)
			pool[gateway->queue[i].number] = receive_pool(gateway, i);
	err = port_start(port, pool, error);
	return err == 0 ? attach(gateway, port, error) : err;
}

void
service_pause(struct gateway *gateway, struct port *port, enum port_state state)
{
	atomic_store_explicit(&port->state, state, memory_order_release);
	wait_for_grace(gateway);
}

void
service_resume(struct port *port)
{
	atomic_store_explicit(&port->state, PORT_SERVES, memory_order_release);
}

/* Other receive buffers for a port that comes back, if its driver has kept some of those that it had. */
static int
renew_pools(struct gateway *gateway, const struct port *port, struct error *error)
{
	const struct config_port *settings = port->config;
	const struct sizes_worker sizes = {
		.descriptors = port->rx_descriptors + port->tx_descriptors,
		.terminates = port->peer == NULL,
	};

	for (unsigned int i = 0; settings->profile.retains_buffers != 0 && i < gateway->n_queues;
		i++) {
		const struct queue *queue = &gateway->queue[i];
		struct private_queue *own = &gateway->private->queue[i];

		if (queue->port != port || own->pool != NULL)
			continue;
		own->pool = pool_create(&gateway->private->nodes,
			&(struct pool){ "port", gateway->private->n_pools++,
				sizes_receive_pool(&sizes, gateway->n_cores, port->diverts),
				sizes_buffer(settings->mtu), settings->profile.packed_buffers != 0,
				gateway->private->nodes.worker[queue->worker] });
		if (own->pool == NULL)
			return error_set(error, SIZES_TOO_LITTLE, "receive buffers");
	}
	return 0;
}

static uint64_t
after(unsigned int seconds)
{
	return rte_get_tsc_cycles() + seconds * rte_get_tsc_hz();
}

/* The next attempt after one that came to nothing, or was soon in vain, has to wait twice as long. */
static void
put_off(struct watch *watch)
{
	if (rte_get_tsc_cycles() - watch->since > STEADY * rte_get_tsc_hz() && watch->since != 0)
		watch->wait = 0;
	watch->due = after(watch->wait);
	watch->wait = RTE_MIN(RTE_MAX(watch->wait * 2, 1u), WAIT_MAX);
	watch->since = 0;
}

void
service_take_down(struct gateway *gateway, struct port *port, enum port_state state)
{
	struct watch *watch = &gateway->private->watch[port->number];

	port_set_link(port, false);
	service_pause(gateway, port, state);
	pthread_mutex_lock(&gateway->config_lock);
	service_detach(port);
	port_remove(port);
	spent_add(gateway, port);
	watch->index = 0;
	watch->blocked_looks = watch->flat_looks = 0;
	/* The device that was held is gone: the next one comes with a link of its own. */
	atomic_store_explicit(&port->link.state, PORT_LINK_FREE, memory_order_relaxed);
	pthread_mutex_unlock(&gateway->config_lock);
	put_off(watch);
}

static int
bring(struct gateway *gateway, struct port *port, struct error *error)
{
	unsigned int queues = port->n_queues;
	int err = port_probe(port, gateway->config, port->number, queues, error);

	if (err == 0 && port->n_queues != queues)
		err = error_set(error, "port %s: the device had %u queues, and has %u now",
			port->config->name, queues, port->n_queues);
	port->n_queues = (uint16_t)queues;
	if (err == 0)
		err = renew_pools(gateway, port, error);
	if (err == 0)
		err = service_start(gateway, port, error);
	if (err != 0)
		return err;
	generation_follow_mac(gateway, port);
	return 0;
}

void
service_take_up(struct gateway *gateway, struct port *port)
{
	struct watch *watch = &gateway->private->watch[port->number];
	struct error error = { "" };
	int err;

	pthread_mutex_lock(&gateway->config_lock);
	err = bring(gateway, port, &error);
	if (err != 0) {
		port_set_link(port, false);
		service_detach(port);
		port_remove(port);
		spent_add(gateway, port);
		watch->index = 0;
	} else {
		atomic_fetch_add_explicit(&port->restarts, 1, memory_order_relaxed);
		watch->since = rte_get_tsc_cycles();
	}
	pthread_mutex_unlock(&gateway->config_lock);
	if (err == 0) {
		service_resume(port);
		LOG(NOTICE, "port %s: in service again, on interface %s\n", port->config->name,
			watch->interface);
	} else {
		atomic_store_explicit(&port->state, PORT_FAILED, memory_order_release);
		put_off(watch);
		if (strcmp(error.text, watch->said.text) != 0)
			LOG(ERR, "%s: trying again\n", error.text);
	}
	watch->said = error;
}
