/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/port.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/text.h"
#include "config/bridge.h"

#define PORT(key, by_default, field, help)                                 \
	{                                                                  \
		"port", key, SETTING_CUSTOM, 0, 0, NULL, by_default, help, \
			SETTING_FIELD(CUSTOM, struct config_port, field)   \
	}

static const struct setting table[] = {
	PORT("profile", NULL, profile_name,
		"profile of the driver: a path, or the name of an installed one; without it that of the device's driver"),
	PORT("device", NULL, device, "DPDK device: a vdev string or a PCI address"),
	PORT("mac", NULL, mac_text, "MAC address that we answer to; without it the device's own"),
	PORT("address", NULL, address_text,
		"addresses that we answer to, with prefix lengths and commas between"),
	PORT("exception", NULL, exception,
		"tap:NAME: the kernel gets what is not for a listener, over an interface of that name"),
	PORT("mtu", NULL, mtu_text,
		"bytes of the longest IP packet that leaves, 1280 to 2026, or 16128 of a port of the bridge; without it the device's own"),
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

const struct setting *
config_port_table(size_t *ret_n)
{
	*ret_n = TABLE_LEN;
	return table;
}

static void
add_ipv4(struct hg_net_host *host, const struct address *address)
{
	uint32_t mask = address->prefix >= 31 ? 0 : htonl(UINT32_MAX >> address->prefix);
	uint32_t own, broadcast, network;

	memcpy(&own, address->bytes, sizeof(own));
	broadcast = own | mask;
	network = own & ~mask;
	memcpy(host->ipv4[host->n_ipv4].address, &own, sizeof(own));
	memcpy(host->ipv4[host->n_ipv4].broadcast, &broadcast, sizeof(own));
	memcpy(host->ipv4[host->n_ipv4].network, &network, sizeof(own));
	host->n_ipv4++;
}

/* Can a host have this address at all? */
static bool
is_unicast(const struct address *address)
{
	static const uint8_t any[16], loopback[16] = { [15] = 1 };
	static const uint8_t mapped[12] = {
		[10] = 0xff, [11] = 0xff
	}; /* IPv4, in the form of IPv6 */

	if (address->family == 4)
		return address->bytes[0] != 0 && address->bytes[0] != 127 &&
		       address->bytes[0] < 224;
	return address->bytes[0] != 0xff && memcmp(address->bytes, any, 16) != 0 &&
	       memcmp(address->bytes, loopback, 16) != 0 &&
	       memcmp(address->bytes, mapped, sizeof(mapped)) != 0;
}

/* Returns NULL, or what is wrong with the text. */
static const char *
add_address(struct hg_net_host *host, const char *text)
{
	struct address address;

	if (address_parse_prefix(&address, text) != 0)
		return "address must be a list of ADDRESS/PREFIX with commas between";
	if (!is_unicast(&address))
		return "address must not be a loopback, multicast, unspecified or IPv4-mapped one";
	if ((address.family == 4 ? host->n_ipv4 : host->n_ipv6) == HG_NET_ADDRS_MAX)
		return "address has more than 64 addresses of one family";
	if (address.family == 4)
		add_ipv4(host, &address);
	else
		memcpy(host->ipv6[host->n_ipv6++], address.bytes, 16);
	return NULL;
}

static int
read_addresses(const struct config *config, struct config_port *port, struct error *error)
{
	const char *problem = NULL;
	struct setting_list list;

	if (port->address_text == NULL)
		return 0;
	if (setting_list_read(&list, config->ini, port->address_text, error) != 0)
		return -EINVAL;
	for (unsigned int i = 0; problem == NULL && i < list.n; i++)
		problem = add_address(&port->host, list.item[i]);
	setting_list_free(&list);
	if (problem == NULL)
		return 0;
	return ini_blame(config->ini, port->section, "address", error, "%s", problem);
}

/* No two ports have one device: what follows its name are arguments. */
static int
check_device(const struct config *config, const struct config_port *port, struct error *error)
{
	size_t len = strcspn(port->device, ",");

	for (unsigned int i = 0; i < config->n_ports; i++)
		if (len == strcspn(config->port[i].device, ",") &&
			strncmp(port->device, config->port[i].device, len) == 0)
			return ini_blame(config->ini, port->section, "device", error,
				"device %.*s is that of port %s already", (int)len, port->device,
				config->port[i].name);
	return 0;
}

static int
read_mac(const struct config *config, struct config_port *port, struct error *error)
{
	port->has_mac = port->mac_text != NULL;
	if (!port->has_mac || address_parse_mac(port->host.mac, port->mac_text) == 0)
		return 0;
	return ini_blame(config->ini, port->section, "mac", error,
		"mac must be a unicast address like 02:00:00:00:00:0a, not %s", port->mac_text);
}

/* Has the kernel no objection, and no shell, file or sysctl trouble with the name? */
static bool
is_interface_name(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t len = strlen(name);

	return len > 0 && len < IF_NAMESIZE && strspn(name, letters) == len &&
	       strspn(name, "-.") == 0;
}

static int
read_exception(const struct config *config, struct config_port *port, struct error *error)
{
	static const char prefix[] = "tap:";

	if (port->exception == NULL)
		return 0;
	port->tap = port->exception + strlen(prefix);
	if (strncmp(port->exception, prefix, strlen(prefix)) != 0 || !is_interface_name(port->tap))
		return ini_blame(config->ini, port->section, "exception", error,
			"exception must be tap:NAME, not %s: a name has 1 to 15 letters, "
			"digits, '_', '-' and '.', and begins with none of the last two",
			port->exception);
	for (unsigned int i = 0; i < config->n_ports; i++)
		if (config->port[i].tap != NULL && strcmp(config->port[i].tap, port->tap) == 0)
			return ini_blame(config->ini, port->section, "exception", error,
				"exception: interface %s is that of port %s already", port->tap,
				config->port[i].name);
	return 0;
}

static int
read_profile(const struct config *config, struct config_port *port, struct error *error)
{
	struct error reason;

	if (port->profile_name == NULL)
		return profile_load_default(&port->profile, port->device, error);
	if (profile_load(&port->profile, port->profile_name, config->directory, &reason) == 0)
		return 0;
	return ini_blame(config->ini, port->section, "profile", error, "%s", reason.text);
}

/* A port of the bridge has no address of any kind, and may pass on what is longer than our own packets. */
static int
check_kind(const struct config *config, struct config_port *port, struct error *error)
{
	const char *wrong = NULL;
	uint32_t most;
	uint64_t mtu;

	port->bridged = config_bridge_has(config, port->name);
	if (port->device == NULL || (port->address_text == NULL && !port->bridged))
		return ini_blame(config->ini, port->section, NULL, error,
			"section [%s] needs the key %s", port->section->name,
			port->device == NULL ? "device" : "address");
	if (port->bridged)
		wrong = port->address_text != NULL ? "address"
			: port->mac_text != NULL   ? "mac"
			: port->exception != NULL  ? "exception"
						   : NULL;
	if (wrong != NULL)
		return ini_blame(config->ini, port->section, wrong, error,
			"a port of the bridge has no %s: nobody talks to it", wrong);
	if (port->mtu_text == NULL)
		return 0;
	most = port->bridged ? CONFIG_MTU_BRIDGED_MAX : CONFIG_MTU_MAX;
	if (hg_text_number(port->mtu_text, CONFIG_MTU_MIN, most, &mtu) != 0)
		return ini_blame(config->ini, port->section, "mtu", error,
			"mtu must be a number from %u to %u, not %s", CONFIG_MTU_MIN, most,
			port->mtu_text);
	port->mtu = (uint16_t)mtu;
	return 0;
}

/* Where the kernel has the interface and its address, the device brings us nothing by ours. */
static int
check_isolated(const struct config *config, const struct config_port *port, struct error *error)
{
	if (port->profile.isolate == 0)
		return 0;
	if (port->has_mac)
		return ini_blame(config->ini, port->section, "mac", error,
			"mac cannot be set: by its profile, port %s shares the interface with the kernel (isolate = yes)",
			port->name);
	if (port->bridged)
		return ini_blame(config->ini, port->section, "profile", error,
			"a port of the bridge takes everything, but by its profile, port %s shares the interface with the kernel (isolate = yes)",
			port->name);
	if (port->tap != NULL)
		return ini_blame(config->ini, port->section, "exception", error,
			"exception is of no use: by its profile, port %s shares the interface with the kernel (isolate = yes)",
			port->name);
	return 0;
}

int
config_port_read(struct config *config, const struct ini_section *section, const char *name,
	struct error *error)
{
	struct config_port *port = &config->port[config->n_ports];
	int err;

	strcpy(port->name, name);
	port->section = section;
	err = setting_read(table, TABLE_LEN, "port", config->ini, section, port, error);
	if (err == 0)
		err = check_kind(config, port, error);
	if (err == 0)
		err = check_device(config, port, error);
	if (err == 0)
		err = read_mac(config, port, error);
	if (err == 0)
		err = read_addresses(config, port, error);
	if (err == 0)
		err = read_exception(config, port, error);
	if (err == 0)
		err = read_profile(config, port, error);
	if (err != 0)
		return err;
	config->n_ports++; /* config_free() gives its profile back */
	return check_isolated(config, port, error);
}
