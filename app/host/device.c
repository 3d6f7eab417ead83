/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/device.h"

#include <arpa/inet.h>

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "port/device.h"

/* Whom a port is told about as. */
struct subject {
	const struct host *host;
	const struct config_port *port;
};

/* --- addresses ---------------------------------------------------------------------------------- */

/* The bytes of an interface's address, NULL for one that is of another kind or of the link alone. */
static const uint8_t *
address_of(const struct ifaddrs *entry, const char *interface, int family)
{
	const struct sockaddr *address = entry->ifa_addr;
	const uint8_t *bytes;

	if (address == NULL || address->sa_family != family ||
		strcmp(entry->ifa_name, interface) != 0)
		return NULL;
	if (family == AF_INET)
		return (const uint8_t *)address + offsetof(struct sockaddr_in, sin_addr);
	bytes = (const uint8_t *)address + offsetof(struct sockaddr_in6, sin6_addr);
	return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80 ? NULL : bytes;
}

static bool
kernel_has(const struct host *host, const char *interface, int family, const uint8_t *wanted)
{
	for (const struct ifaddrs *entry = host->addresses; entry != NULL;
		entry = entry->ifa_next) {
		const uint8_t *bytes = address_of(entry, interface, family);

		if (bytes != NULL && memcmp(bytes, wanted, family == AF_INET ? 4 : 16) == 0)
			return true;
	}
	return false;
}

/* Two that answer for one interface get into each other's way. */
static void
report_foreign(const struct subject *subject, const char *interface)
{
	const struct host *host = subject->host;
	char text[INET6_ADDRSTRLEN];

	for (const struct ifaddrs *entry = host->addresses; entry != NULL;
		entry = entry->ifa_next) {
		int family = entry->ifa_addr != NULL ? entry->ifa_addr->sa_family : AF_UNSPEC;
		const uint8_t *bytes = family == AF_INET || family == AF_INET6
					       ? address_of(entry, interface, family)
					       : NULL;

		if (bytes == NULL)
			continue;
		inet_ntop(family, bytes, text, sizeof(text));
		view_lacks(&host->view,
			"an interface of its own for port %s: the kernel has %s on %s, and answers beside it",
			subject->port->name, text, interface);
	}
}

/* What comes for no listener the kernel answers, if it has the addresses: ARP to begin with. */
static void
report_shared(const struct subject *subject, const char *interface)
{
	const struct hg_net_host *own = &subject->port->host;
	const struct host *host = subject->host;
	char text[INET6_ADDRSTRLEN];

	for (unsigned int i = 0; i < own->n_ipv4 + own->n_ipv6; i++) {
		int family = i < own->n_ipv4 ? AF_INET : AF_INET6;
		const uint8_t *bytes =
			i < own->n_ipv4 ? own->ipv4[i].address : own->ipv6[i - own->n_ipv4];

		if (kernel_has(host, interface, family, bytes))
			continue;
		inet_ntop(family, bytes, text, sizeof(text));
		view_lacks(&host->view,
			"the address of port %s, %s, on %s: with isolate = yes the kernel answers for it, see ip address add",
			subject->port->name, text, interface);
	}
}

/* --- interfaces of the kernel ------------------------------------------------------------------- */

static void
report_interface(const struct subject *subject, const char *interface)
{
	const struct view *view = &subject->host->view;
	const char *name = subject->port->name;
	int64_t flags = view_number(view, "sys/class/net/%s/flags", interface);

	if (flags < 0) {
		view_lacks(view,
			"interface %s of port %s: there is none here, and the port waits for it",
			interface, name);
		return;
	}
	if ((flags & IFF_UP) == 0)
		view_lacks(view, "a link at port %s: %s is down, see ip link set %s up", name,
			interface, interface);
	else if (view_number(view, "sys/class/net/%s/carrier", interface) == 0)
		view_lacks(view, "a link at port %s: %s has no carrier", name, interface);
	else
		view_has(view, "a link at port %s: %s is up", name, interface);
	if (subject->port->profile.isolate != 0)
		report_shared(subject, interface);
	else
		report_foreign(subject, interface);
}

static void
count_queue(void *arg, const char *name)
{
	*(unsigned int *)arg += strncmp(name, "rx-", 3) == 0;
}

/* queues: as many as the device string asks for with argument. */
static void
report_queues(const struct subject *subject, const char *interface, const char *name,
	unsigned int first, unsigned int queues)
{
	const struct host *host = subject->host;
	const struct config_port *port = subject->port;
	unsigned int there = 0;

	view_each(&host->view, count_queue, &there, "sys/class/net/%s/queues", interface);
	if (there != 0 && strcmp(name, "queue_count") == 0 && first + queues > there) {
		view_lacks(&host->view,
			"queues for port %s: %s has %u, the device string asks for %u from number %u: see ethtool -L %s combined",
			port->name, interface, there, queues, first, interface);
		return;
	}
	if (port->profile.queues != 0 && queues > port->profile.queues)
		queues = port->profile.queues;
	if (queues < host->n_workers)
		view_lacks(&host->view,
			"queues for port %s: %u for %u workers, the others have none of it: see %s= of the device string",
			port->name, queues, host->n_workers, name);
}

/* --- PCI devices -------------------------------------------------------------------------------- */

struct group {
	const struct subject *subject;
	const char *pci;
};

/* A device can be given to a process only together with the others of its IOMMU group. */
static void
report_peer(void *arg, const char *name)
{
	const struct group *group = arg;
	const struct view *view = &group->subject->host->view;
	char driver[VIEW_TEXT];

	view_link(view, driver, "sys/bus/pci/devices/%s/driver", name);
	if (strcmp(name, group->pci) != 0 && driver[0] != '\0' && strcmp(driver, "vfio-pci") != 0 &&
		strcmp(driver, "pcieport") != 0)
		view_lacks(view,
			"vfio-pci for %s, which shares the IOMMU group of port %s, %s: its driver is %s",
			name, group->subject->port->name, group->pci, driver);
}

static void
report_vfio(const struct subject *subject, const char *pci)
{
	const struct view *view = &subject->host->view;
	const char *name = subject->port->name;
	struct group group = { .subject = subject, .pci = pci };
	char text[VIEW_TEXT];

	if (view_exists(view, "sys/bus/pci/devices/%s/iommu_group", pci)) {
		view_has(view, "vfio-pci and an IOMMU for port %s, %s", name, pci);
		view_each(view, report_peer, &group, "sys/bus/pci/devices/%s/iommu_group/devices",
			pci);
		return;
	}
	if (view_line(view, text, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode") &&
		(text[0] == 'Y' || text[0] == '1'))
		view_has(view, "vfio-pci for port %s, %s, but no IOMMU: it reaches all memory",
			name, pci);
	else
		view_lacks(view,
			"an IOMMU for port %s, %s, and enable_unsafe_noiommu_mode of vfio is off",
			name, pci);
}

static void
report_netdev(void *arg, const char *name)
{
	report_interface(arg, name);
}

/* Drivers of the kernel that stay, with DPDK's beside them. */
static bool
is_bifurcated(const char *driver)
{
	return strcmp(driver, "mlx5_core") == 0 || strcmp(driver, "mlx4_core") == 0 ||
	       strcmp(driver, "mana") == 0;
}

static void
report_pci(const struct subject *subject)
{
	const struct view *view = &subject->host->view;
	const char *name = subject->port->name, *device = subject->port->device;
	char pci[VIEW_TEXT], driver[VIEW_TEXT];
	struct subject self = *subject;

	device_pci(device, pci);
	if (!view_exists(view, "sys/bus/pci/devices/%s", pci)) {
		view_lacks(view, "PCI device %s of port %s: there is none here", pci, name);
		return;
	}
	view_link(view, driver, "sys/bus/pci/devices/%s/driver", pci);
	if (strcmp(driver, "vfio-pci") == 0) {
		report_vfio(subject, pci);
	} else if (is_bifurcated(driver)) {
		if (!view_exists(view, "sys/bus/pci/devices/%s/infiniband", pci))
			view_lacks(view,
				"the InfiniBand side of port %s, %s: see modprobe mlx5_ib, mlx4_ib",
				name, driver);
		view_each(view, report_netdev, &self, "sys/bus/pci/devices/%s/net", pci);
	} else if (strcmp(driver, "igb_uio") == 0 || strcmp(driver, "uio_pci_generic") == 0) {
		view_has(view, "%s for port %s, %s, without an IOMMU: it reaches all memory",
			driver, name, pci);
	} else {
		view_lacks(view,
			"vfio-pci for port %s, %s: its driver is %s, see host-setup.sh bind %s",
			name, pci, driver[0] != '\0' ? driver : "none", pci);
	}
}

void
host_port_report(const struct host *host, const struct config_port *port)
{
	const struct subject subject = { .host = host, .port = port };
	char interface[VIEW_TEXT];

	if (device_is_pci(port->device)) {
		report_pci(&subject);
		return;
	}
	if (device_has_driver(port->device, "net_tap") && !view_exists(&host->view, "dev/net/tun"))
		view_lacks(&host->view, "/dev/net/tun for port %s: see modprobe tun", port->name);
	if (!device_interface(port->device, interface))
		return;
	report_interface(&subject, interface);
	if (device_has_driver(port->device, "net_af_packet"))
		report_queues(&subject, interface, "qpairs", 0, device_queues(port->device));
	else
		report_queues(&subject, interface, "queue_count",
			device_count(port->device, "start_queue", 0), device_queues(port->device));
}
