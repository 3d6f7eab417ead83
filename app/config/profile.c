/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/profile.h"

#include <cap-ng.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/locate.h"
#include "config/setting.h"

#define PROFILE_KEY(section, key, type, min, max, by_default, help, choices, field) \
	{                                                                           \
		section, key, SETTING_##type, min, max, choices, by_default, help,  \
			SETTING_FIELD(type, struct profile, field)                  \
	}

static const struct setting_choice rx_checksums[] = {
	{ "verify", PROFILE_RX_VERIFY },
	{ "trust", PROFILE_RX_TRUST },
	{ NULL, 0 },
};

static const struct setting_choice tx_checksums[] = {
	{ "software", PROFILE_TX_SOFTWARE },
	{ "device", PROFILE_TX_DEVICE },
	{ NULL, 0 },
};

static const struct setting_choice partial_checksums[] = {
	{ "refuse", PROFILE_PARTIAL_REFUSE },
	{ "accept", PROFILE_PARTIAL_ACCEPT },
	{ NULL, 0 },
};

static const struct setting_choice rss_hashes[] = {
	{ "none", PROFILE_RSS_NONE },
	{ "ip", PROFILE_RSS_IP },
	{ "udp", PROFILE_RSS_UDP },
	{ NULL, 0 },
};

static const struct setting_choice steerings[] = {
	{ "off", PROFILE_STEERING_OFF },
	{ "listeners", PROFILE_STEERING_LISTENERS },
	{ NULL, 0 },
};

static const struct setting_choice multicasts[] = {
	{ "filter", false },
	{ "all", true },
	{ NULL, 0 },
};

static const struct setting_choice off_on[] = {
	{ "off", false },
	{ "on", true },
	{ NULL, 0 },
};

static const struct setting_choice no_yes[] = {
	{ "no", false },
	{ "yes", true },
	{ NULL, 0 },
};

static const struct setting table[] = {
	PROFILE_KEY("driver", "name", STRING, 0, 0, NULL,
		"DPDK driver name as the device reports it", NULL, driver),
	PROFILE_KEY("driver", "description", STRING, 0, 0, NULL, "one line", NULL, description),
	PROFILE_KEY("driver", "tried", STRING, 0, 0, NULL, "yes or no, and what was tried", NULL,
		tried),
	PROFILE_KEY("queues", "max", INTEGER, 0, 64, "0",
		"most queue pairs of a port; 0: as many as workers and device allow", NULL, queues),
	PROFILE_KEY("queues", "rx-descriptors", INTEGER, 64, 8192, "512",
		"receive descriptors of a queue", NULL, rx_descriptors),
	PROFILE_KEY("queues", "tx-descriptors", INTEGER, 64, 8192, "512",
		"transmit descriptors of a queue", NULL, tx_descriptors),
	PROFILE_KEY("queues", "burst", INTEGER, 1, 64, "32", "packets taken from a queue at a time",
		NULL, burst),
	PROFILE_KEY("offload", "rx-checksum", CHOICE, 0, 0, "verify",
		"trust: believe the device's checksum verdict where it has one", rx_checksums,
		rx_checksum),
	PROFILE_KEY("offload", "tx-checksum", CHOICE, 0, 0, "software",
		"device: let the device fill in IPv4 and UDP checksums if it can", tx_checksums,
		tx_checksum),
	PROFILE_KEY("offload", "partial-checksum", CHOICE, 0, 0, "refuse",
		"accept: what a neighbour on this host leaves out of UDP and TCP may be absent",
		partial_checksums, partial_checksum),
	PROFILE_KEY("rss", "hash", CHOICE, 0, 0, "none",
		"fields that spread packets over the queues", rss_hashes, rss_hash),
	PROFILE_KEY("rss", "key", CUSTOM, 0, 0, "default",
		"default, symmetric, or 80 or 104 hex digits", NULL, rss_key_text),
	PROFILE_KEY("flow", "steering", CHOICE, 0, 0, "off",
		"listeners: flow rules bring their UDP ports to the queues", steerings, steering),
	PROFILE_KEY("flow", "isolate", FLAG, 0, 0, "no",
		"yes: the port receives nothing else, which is the kernel's", no_yes, isolate),
	PROFILE_KEY("flow", "vlan-tags", INTEGER, 0, 2, "0",
		"rules of their own for frames with up to so many VLAN tags", NULL, vlan_tags),
	PROFILE_KEY("eal", "options", STRING, 0, 0, NULL,
		"EAL options that the driver needs, separated by spaces", NULL, eal_options),
	PROFILE_KEY("quirks", "multicast", FLAG, 0, 0, "filter",
		"all: receive all multicast, for IPv6 neighbour discovery", multicasts,
		all_multicast),
	PROFILE_KEY("quirks", "promiscuous", FLAG, 0, 0, "off",
		"on: the driver cannot filter on another MAC address than its own", off_on,
		promiscuous),
	PROFILE_KEY("quirks", "retains-buffers", FLAG, 0, 0, "no",
		"yes: the driver keeps buffers when its port is closed", no_yes, retains_buffers),
	PROFILE_KEY("quirks", "packed-buffers", FLAG, 0, 0, "no",
		"yes: the driver needs receive buffers without gaps between them", no_yes,
		packed_buffers),
	PROFILE_KEY("quirks", "capabilities", CUSTOM, 0, 0, NULL,
		"capabilities(7) that main keeps, for what the driver does at the end", NULL,
		capabilities_text),
	PROFILE_KEY(
		"quirks", "note", STRING, 0, 0, NULL, "known quirks, with a source", NULL, note),
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

static int
parse_rss_key(struct profile *profile, const struct ini *ini, struct error *error)
{
	const char *text = profile->rss_key_text;
	size_t len = strlen(text);

	if (strcmp(text, "default") == 0)
		return 0;
	profile->rss_symmetric = strcmp(text, "symmetric") == 0;
	if (profile->rss_symmetric)
		return 0;
	if ((len != 80 && len != 104) || hg_text_hex(text, profile->rss_key, len / 2) != 0)
		return ini_blame(ini, ini_section(ini, "rss"), "key", error,
			"key must be default, symmetric, or 80 or 104 hex digits");
	profile->rss_key_len = (uint8_t)(len / 2);
	return 0;
}

static int
parse_capabilities(struct profile *profile, const struct ini *ini, struct error *error)
{
	struct setting_list list;
	int err = 0;

	if (setting_list_read(&list, ini, profile->capabilities_text, error) != 0)
		return -EINVAL;
	for (unsigned int i = 0; err == 0 && i < list.n; i++) {
		int capability = capng_name_to_capability(list.item[i]);

		if (capability >= 0)
			profile->capabilities |= UINT64_C(1) << capability;
		else
			err = ini_blame(ini, ini_section(ini, "quirks"), "capabilities", error,
				"capabilities: there is none called %s", list.item[i]);
	}
	setting_list_free(&list);
	return err;
}

static int
read_sections(struct profile *profile, const struct ini *ini, struct error *error)
{
	static const char *const kinds[] = { "driver", "queues", "offload", "rss", "flow", "eal",
		"quirks" };
	size_t n_kinds = sizeof(kinds) / sizeof(kinds[0]);
	int err;

	for (unsigned int i = 0; ini != NULL && i < ini->n; i++) {
		size_t k = 0;

		while (k < n_kinds && strcmp(ini->section[i].name, kinds[k]) != 0)
			k++;
		if (k == n_kinds)
			return ini_blame(ini, &ini->section[i], NULL, error, "unknown section [%s]",
				ini->section[i].name);
	}
	for (size_t k = 0; k < n_kinds; k++) {
		const struct ini_section *section = ini != NULL ? ini_section(ini, kinds[k]) : NULL;

		err = setting_read(table, TABLE_LEN, kinds[k], ini, section, profile, error);
		if (err != 0)
			return err;
	}
	if (ini != NULL && (profile->driver == NULL || profile->tried == NULL))
		return ini_blame(
			ini, NULL, NULL, error, "section [driver] needs the keys name and tried");
	if (profile->isolate && profile->steering == PROFILE_STEERING_OFF)
		return ini_blame(ini, ini_section(ini, "flow"), "isolate", error,
			"isolate = yes without steering = listeners receives nothing");
	err = parse_rss_key(profile, ini, error);
	return err != 0 ? err : parse_capabilities(profile, ini, error);
}

static int
load_file(struct profile *ret_profile, const char *path, struct error *error)
{
	struct profile profile = { 0 };
	int err;

	err = ini_load(&profile.ini, path, error);
	if (err != 0)
		return err;
	err = read_sections(&profile, profile.ini, error);
	if (err != 0) {
		profile_free(&profile);
		return err;
	}
	*ret_profile = profile;
	return 0;
}

int
profile_load(
	struct profile *ret_profile, const char *name, const char *directory, struct error *error)
{
	char path[PATH_MAX];
	size_t len = strlen(name);

	if (strchr(name, '/') != NULL || (len > 4 && strcmp(name + len - 4, ".ini") == 0)) {
		locate_resolve(path, directory, name);
		return load_file(ret_profile, path, error);
	}
	if (locate_profile(path, name) != 0)
		return error_set(error, "there is no profile %s among the installed ones", name);
	return load_file(ret_profile, path, error);
}

int
profile_load_default(struct profile *ret_profile, const char *device, struct error *error)
{
	size_t len = strcspn(device, ",");
	struct profile profile = { 0 };
	char path[PATH_MAX], name[64];
	int err;

	while (len > 0 && device[len - 1] >= '0' && device[len - 1] <= '9')
		len--;
	if (len > 0 && len < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)len, device);
		if (strchr(name, ':') == NULL && locate_profile(path, name) == 0)
			return load_file(ret_profile, path, error);
	}
	err = read_sections(&profile, NULL, error);
	if (err == 0)
		*ret_profile = profile;
	return err;
}

void
profile_free(struct profile *profile)
{
	ini_free(profile->ini);
	profile->ini = NULL;
}
