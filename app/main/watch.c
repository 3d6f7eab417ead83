/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/watch.h"

#include <rte_cycles.h>
#include <rte_ether.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "main/generation.h"
#include "main/private.h"
#include "main/service.h"
#include "main/spent.h"
#include "port/device.h"
#include "port/interface.h"
#include "port/log.h"
#include "port/port.h"

LOG_TYPE(watch);

/* Looks are half a second apart. */
#define BLOCKED_LOOKS 6u /* as many as that without room, and a queue has stopped */
#define FLAT_LOOKS 20u   /* an interface may count what it sends some seconds later */

/* --- ports that stand on an interface ----------------------------------------------------------- */

bool
watch_names_interface(const struct config_port *settings, char ret_name[IF_NAMESIZE])
{
	char name[VIEW_TEXT];

	if (!device_interface(settings->device, name) || strlen(name) >= IF_NAMESIZE)
		return false;
	strcpy(ret_name, name);
	return true;
}

int
watch_open(struct gateway *gateway, struct error *error)
{
	const struct config *config = gateway->config;
	char name[IF_NAMESIZE];
	unsigned int i = 0;

	gateway->private->watch = calloc(config->n_ports, sizeof(*gateway->private->watch));
	if (gateway->private->watch == NULL)
		return error_set(error, "no memory for the ports' interfaces");
	gateway->private->interfaces = interface_open();
	while (i < config->n_ports && !watch_names_interface(&config->port[i], name))
		i++;
	if (i == config->n_ports || gateway->private->interfaces != NULL)
		return 0;
	return error_set(error, "port %s: the kernel does not tell of its interfaces: %m",
		config->port[i].name);
}

void
watch_close(struct gateway *gateway)
{
	interface_close(gateway->private->interfaces);
	gateway->private->interfaces = NULL;
	free(gateway->private->watch);
	gateway->private->watch = NULL;
}

/* The queues of a device that cannot be asked yet: as many as its string says. */
static unsigned int
count_queues(const struct config_port *settings, unsigned int most)
{
	unsigned int queues = device_queues(settings->device);

	if (settings->profile.queues != 0)
		queues = RTE_MIN(queues, settings->profile.queues);
	return RTE_MAX(RTE_MIN(queues, most), 1u);
}

int
watch_probe(struct gateway *gateway, unsigned int number, struct error *error)
{
	const struct config_port *settings = &gateway->config->port[number];
	struct watch *watch = &gateway->private->watch[number];
	struct port *port = &gateway->port[number];
	struct interface interface;

	port->on_interface = watch_names_interface(settings, watch->interface);
	if (!port->on_interface || interface_find(gateway->private->interfaces, watch->interface, 0,
					   &interface) != -ENODEV)
		return port_probe(port, gateway->config, number, gateway->n_workers, error);
	port_expect(port, gateway->config, number, count_queues(settings, gateway->n_workers));
	LOG(WARNING, "port %s: there is no interface %s: waiting for it\n", settings->name,
		watch->interface);
	return 0;
}

/* --- what an interface tells -------------------------------------------------------------------- */

static void
follow_mtu(struct watch *watch, struct port *port, const struct interface *now)
{
	if (now->mtu == watch->mtu)
		return;
	service_set_mtu(port, now->mtu);
	LOG(NOTICE,
		"port %s: interface %s has an MTU of %u now: packets of more than %u bytes are dropped\n",
		port->config->name, now->name, now->mtu,
		atomic_load_explicit(&port->mtu, memory_order_relaxed));
	watch->mtu = now->mtu;
}

/* Whoever asks for our addresses is told the interface's MAC address: frames to another do not arrive. */
static void
follow_mac(struct gateway *gateway, struct port *port, const struct interface *now)
{
	struct watch *watch = &gateway->private->watch[port->number];
	const uint8_t *mac = now->mac;

	if (!now->has_mac || memcmp(mac, watch->mac, sizeof(now->mac)) == 0)
		return;
	memcpy(watch->mac, mac, sizeof(now->mac));
	if (port->peer != NULL || memcmp(mac, port->host.mac, sizeof(now->mac)) == 0)
		return;
	if (port->config->has_mac) {
		LOG(WARNING,
			"port %s: interface %s has another MAC address now, but mac of the configuration stays\n",
			port->config->name, now->name);
		return;
	}
	service_pause(gateway, port, PORT_PAUSES);
	pthread_mutex_lock(&gateway->config_lock);
	memcpy(port->host.mac, mac, sizeof(port->host.mac));
	generation_follow_mac(gateway, port);
	pthread_mutex_unlock(&gateway->config_lock);
	service_resume(port);
	LOG(NOTICE,
		"port %s: interface %s has another MAC address now, which we answer to: %02x:%02x:%02x:%02x:%02x:%02x\n",
		port->config->name, now->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void
follow_name(struct watch *watch, const struct port *port, const struct interface *now)
{
	bool renamed = strcmp(now->name, watch->interface) != 0;

	if (renamed == watch->renamed)
		return;
	watch->renamed = renamed;
	if (renamed)
		LOG(WARNING,
			"port %s: interface %s is called %s now: the port stays with it until there is another %s\n",
			port->config->name, watch->interface, now->name, watch->interface);
	else
		LOG(NOTICE, "port %s: interface %s has its name again\n", port->config->name,
			now->name);
}

/* What becomes of a port that stands on an interface, which is there or not. */
static void
follow_interface(struct gateway *gateway, struct port *port, const struct interface *now)
{
	struct watch *watch = &gateway->private->watch[port->number];
	bool serves = port_serves(port);

	if (now == NULL) {
		if (serves) {
			LOG(WARNING, "port %s: interface %s is gone: waiting for it\n",
				port->config->name, watch->interface);
			service_take_down(gateway, port, PORT_ABSENT);
		}
		atomic_store_explicit(&port->state, PORT_ABSENT, memory_order_relaxed);
		return;
	}
	if (serves && now->index != watch->index) {
		LOG(WARNING, "port %s: there is another interface %s now: moving to it\n",
			port->config->name, now->name);
		service_take_down(gateway, port, PORT_ABSENT);
		serves = false;
	}
	if (!serves && rte_get_tsc_cycles() >= watch->due)
		service_take_up(gateway, port);
	else if (serves) {
		follow_name(watch, port, now);
		port_set_link(port, now->running);
		follow_mac(gateway, port, now);
	}
}

/* --- ports that send nothing any more ----------------------------------------------------------- */

/* Of all queues of a port: what the driver took since the look before. *ret_blocked: one had no room for anything. */
static uint64_t
count_sent(struct gateway *gateway, const struct port *port, bool *ret_blocked)
{
	uint64_t total = 0;

	*ret_blocked = false;
	for (unsigned int i = 0; i < gateway->n_queues; i++) {
		const struct queue *queue = &gateway->queue[i];
		struct private_queue *seen = &gateway->private->queue[i];
		uint64_t sent, full;

		if (queue->port != port)
			continue;
		sent = stats_get(&queue->sent) - seen->sent;
		full = stats_get(&queue->full) - seen->full;
		seen->sent += sent;
		seen->full += full;
		total += sent;
		*ret_blocked |= full != 0 && sent == 0;
	}
	return total;
}

/* now: NULL if the device has no interface. */
static bool
has_stopped(struct gateway *gateway, struct port *port, const struct interface *now)
{
	struct watch *watch = &gateway->private->watch[port->number];
	bool blocked, flat = false;
	uint64_t sent = count_sent(gateway, port, &blocked), moved;

	if (now != NULL) {
		moved = now->sent - watch->sent;
		watch->sent = now->sent;
		watch->counts |= sent != 0 && moved >= sent;
		flat = sent != 0 && moved == 0 && watch->counts;
	}
	if (!atomic_load_explicit(&port->link_up, memory_order_relaxed) ||
		(sent != 0 && !blocked && !flat)) {
		watch->blocked_looks = watch->flat_looks = 0;
		return false;
	}
	watch->blocked_looks += blocked;
	watch->flat_looks += flat;
	return watch->blocked_looks >= BLOCKED_LOOKS || watch->flat_looks >= FLAT_LOOKS;
}

static void
look_for_stop(struct gateway *gateway, struct port *port, const struct interface *now)
{
	bool stopped = has_stopped(gateway, port, now);
	bool before = atomic_load_explicit(&port->stopped, memory_order_relaxed);

	if (stopped && port->on_interface) {
		LOG(ERR,
			"port %s: interface %s sends nothing of what it is given: opening it again\n",
			port->config->name, gateway->private->watch[port->number].interface);
		service_take_down(gateway, port, PORT_FAILED);
		return;
	}
	if (stopped == before)
		return;
	atomic_store_explicit(&port->stopped, stopped, memory_order_relaxed);
	if (stopped)
		LOG(ERR, "port %s: the device sends nothing of what it is given\n",
			port->config->name);
	else
		LOG(NOTICE, "port %s: the device sends again\n", port->config->name);
}

/* One that the driver has made, and somebody else has deleted. The driver does not notice. */
static void
lose(struct watch *watch, struct port *port)
{
	if (watch->lost)
		return;
	watch->lost = true;
	atomic_store_explicit(&port->stopped, true, memory_order_relaxed);
	LOG(ERR, "port %s: its interface is gone: only a restart makes it again\n",
		port->config->name);
}

static void
look(struct gateway *gateway, struct port *port)
{
	struct watch *watch = &gateway->private->watch[port->number];
	struct interface now;
	int err = -ENODEV;

	/* While it has another name, it is still the one that the port stands on. */
	if (port->on_interface)
		err = interface_find(gateway->private->interfaces, watch->interface, 0, &now);
	if (err == -ENODEV && watch->index != 0)
		err = interface_find(gateway->private->interfaces, NULL, watch->index, &now);
	if (err != 0 && err != -ENODEV)
		return; /* the kernel has no time for us */
	if (port->on_interface)
		follow_interface(gateway, port, err == 0 ? &now : NULL);
	else if (err != 0 && watch->index != 0)
		lose(watch, port);
	if (!port_serves(port) || watch->lost)
		return;
	if (err == 0 && now.index == watch->index)
		follow_mtu(watch, port, &now);
	look_for_stop(gateway, port, err == 0 ? &now : NULL);
}

void
watch_look(struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		look(gateway, &gateway->port[i]);
	spent_reap(gateway);
}
