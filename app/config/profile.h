/* SPDX-License-Identifier: BSD-3-Clause */
/* What a DPDK driver needs: pmd-config/NAME.ini. pmd-config/schema.ini lists the same keys. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"
#include "config/ini.h"

#define PROFILE_RSS_KEY_MAX 52u

enum profile_rx_checksum {
	PROFILE_RX_VERIFY,
	PROFILE_RX_TRUST,
};

enum profile_tx_checksum {
	PROFILE_TX_SOFTWARE,
	PROFILE_TX_DEVICE,
};

enum profile_partial {
	PROFILE_PARTIAL_REFUSE,
	PROFILE_PARTIAL_ACCEPT,
};

enum profile_steering {
	PROFILE_STEERING_OFF,
	PROFILE_STEERING_LISTENERS,
};

enum profile_rss_hash {
	PROFILE_RSS_NONE,
	PROFILE_RSS_IP,
	PROFILE_RSS_UDP,
};

struct profile {
	struct ini *ini;    /* NULL: the built-in defaults */
	const char *driver; /* NULL: any */
	const char *description;
	const char *tried;
	uint32_t queues; /* at most; 0: as many as workers and device allow */
	uint32_t rx_descriptors;
	uint32_t tx_descriptors;
	uint32_t burst;
	enum profile_rx_checksum rx_checksum;
	enum profile_tx_checksum tx_checksum;
	enum profile_partial partial_checksum;
	enum profile_rss_hash rss_hash;
	const char *rss_key_text;
	uint8_t rss_key[PROFILE_RSS_KEY_MAX];
	uint8_t rss_key_len; /* 0: the driver's own */
	bool rss_symmetric;  /* the key is RSS_SYMMETRIC repeated to the device's length */
	enum profile_steering steering;
	bool isolate;
	uint32_t vlan_tags;
	const char *eal_options;
	bool all_multicast;
	bool promiscuous;
	bool retains_buffers;
	bool packed_buffers;
	const char *capabilities_text;
	uint64_t capabilities; /* a bit for each that main keeps */
	const char *note;
};

/*
 * Finds and reads a profile. name is a path if it has a slash or ends in .ini, relative to
 * directory or else to the working directory; otherwise it is looked up among the installed
 * profiles. Returns 0 and *ret_profile to be given to profile_free(), or -EINVAL.
 */
int profile_load(
	struct profile *ret_profile, const char *name, const char *directory, struct error *error);

/*
 * The profile of a device's driver, by name: net_pcap for net_pcap0. The built-in defaults if none
 * is installed, and for a PCI address.
 */
int profile_load_default(struct profile *ret_profile, const char *device, struct error *error);
void profile_free(struct profile *profile);
