/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device string of a port says, and /sys of such a device. */
#pragma once

#include <stdbool.h>

#include "port/view.h"

/* Is it a PCI device, and not a vdev? */
bool device_is_pci(const char *device);

/* The address of a PCI device, with its domain. */
void device_pci(const char *device, char text[VIEW_TEXT]);

/* Is it of this driver, "net_tap" for net_tap0? */
bool device_has_driver(const char *device, const char *driver);

/* The value of name=value. */
bool device_argument(const char *device, const char *name, char text[VIEW_TEXT]);

/* Likewise of a number. */
unsigned int device_count(const char *device, const char *name, unsigned int otherwise);

/*
 * The interface of the kernel's that it is a way to, and that is there before it: a tap is made by it. False:
 * there is none.
 */
bool device_interface(const char *device, char text[VIEW_TEXT]);

/* The queues that it asks a driver for that has one otherwise; 0: its driver knows better. */
unsigned int device_queues(const char *device);

/*
 * The NUMA node of the hardware behind it, or PLACEMENT_ANY: there is none, or one node, or nobody knows. DPDK says of
 * a vdev the node of whoever made it.
 */
int device_node(const struct view *view, const char *device);
