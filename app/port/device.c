/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/device.h"

#include <stdlib.h>
#include <string.h>

#include "config/placement.h"

bool
device_is_pci(const char *device)
{
	return strchr(device, ':') != NULL && strncmp(device, "net_", 4) != 0;
}

void
device_pci(const char *device, char text[VIEW_TEXT])
{
	bool is_short = strcspn(device, ":") == 2; /* without its domain */

	snprintf(text, VIEW_TEXT, "%s%.*s", is_short ? "0000:" : "", (int)strcspn(device, ","),
		device);
}

bool
device_has_driver(const char *device, const char *driver)
{
	size_t len = strcspn(device, ",");

	while (len > 0 && device[len - 1] >= '0' && device[len - 1] <= '9')
		len--;
	return strlen(driver) == len && strncmp(device, driver, len) == 0;
}

bool
device_argument(const char *device, const char *name, char text[VIEW_TEXT])
{
	size_t len = strlen(name);

	while ((device = strchr(device, ',')) != NULL) {
		device++;
		if (strncmp(device, name, len) != 0 || device[len] != '=')
			continue;
		device += len + 1;
		snprintf(text, VIEW_TEXT, "%.*s", (int)strcspn(device, ","), device);
		return true;
	}
	return false;
}

unsigned int
device_count(const char *device, const char *name, unsigned int otherwise)
{
	char text[VIEW_TEXT];

	return device_argument(device, name, text) ? (unsigned int)strtoul(text, NULL, 10)
						   : otherwise;
}

bool
device_interface(const char *device, char text[VIEW_TEXT])
{
	return (device_has_driver(device, "net_af_packet") ||
		       device_has_driver(device, "net_af_xdp")) &&
	       device_argument(device, "iface", text);
}

unsigned int
device_queues(const char *device)
{
	bool is_af_packet = device_has_driver(device, "net_af_packet");

	if (!is_af_packet && !device_has_driver(device, "net_af_xdp"))
		return 0;
	return device_count(device, is_af_packet ? "qpairs" : "queue_count", 1);
}

int
device_node(const struct view *view, const char *device)
{
	char text[VIEW_TEXT];
	int64_t node = -1;

	if (device_is_pci(device)) {
		device_pci(device, text);
		node = view_number(view, "sys/bus/pci/devices/%s/numa_node", text);
	} else if (device_interface(device, text)) {
		node = view_number(view, "sys/class/net/%s/device/numa_node", text);
	}
	return node >= 0 ? (int)node : PLACEMENT_ANY;
}
