/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/profile.h"
#include "config_texts.h"
#include "scratch.h"
#include "unit.h"

#define HEAD "[driver]\nname = net_test\ntried = no: it does not exist\n" /* three lines */

static struct profile
load(const char *text)
{
	struct error error = { "" };
	struct profile profile;

	if (profile_load(&profile, scratch_text(&scratch_group, "good.ini", text), "/", &error) !=
		0)
		fail_msg("%s", error.text);
	return profile;
}

static void
assert_refused(const char *text, unsigned int line, const char *words)
{
	const char *path = scratch_text(&scratch_group, "bad.ini", text);
	struct profile profile, before;
	struct error error = { "" };

	memset(&profile, 0xa5, sizeof(profile));
	before = profile;
	assert_int_equal(profile_load(&profile, path, "/", &error), -EINVAL);
	assert_memory_equal(&profile, &before, sizeof(profile));
	config_error_says(&error, path, line, words);
}

static void
assert_defaults(const struct profile *profile)
{
	assert_int_equal(profile->queues, 0);
	assert_int_equal(profile->rx_descriptors, 512);
	assert_int_equal(profile->tx_descriptors, 512);
	assert_int_equal(profile->burst, 32);
	assert_int_equal(profile->rx_checksum, PROFILE_RX_VERIFY);
	assert_int_equal(profile->tx_checksum, PROFILE_TX_SOFTWARE);
	assert_int_equal(profile->rss_hash, PROFILE_RSS_NONE);
	assert_int_equal(profile->rss_key_len, 0);
	assert_false(profile->rss_symmetric);
	assert_int_equal(profile->steering, PROFILE_STEERING_OFF);
	assert_int_equal(profile->isolate, 0);
	assert_int_equal(profile->vlan_tags, 0);
	assert_null(profile->eal_options);
	assert_int_equal(profile->all_multicast, 0);
	assert_int_equal(profile->promiscuous, 0);
	assert_int_equal(profile->retains_buffers, 0);
	assert_int_equal(profile->packed_buffers, 0);
}

static void
test_smallest(void **state)
{
	struct profile profile = load(HEAD);

	(void)state;
	assert_string_equal(profile.driver, "net_test");
	assert_string_equal(profile.tried, "no: it does not exist");
	assert_defaults(&profile);
	profile_free(&profile);
}

static void
test_everything(void **state)
{
	struct profile profile = load(HEAD "description = a test\n"
					   "[queues]\nmax = 64\nrx-descriptors = 8192\n"
					   "tx-descriptors = 64\nburst = 1\n"
					   "[offload]\nrx-checksum = trust\ntx-checksum = device\n"
					   "[rss]\nhash = udp\nkey = symmetric\n"
					   "[flow]\nsteering = listeners\nisolate = yes\n"
					   "vlan-tags = 2\n"
					   "[eal]\noptions = --vdev x -l 0\n"
					   "[quirks]\nmulticast = all\npromiscuous = on\n"
					   "retains-buffers = yes\npacked-buffers = yes\n"
					   "capabilities = net_admin , chown\nnote = some\n");

	(void)state;
	assert_string_equal(profile.description, "a test");
	assert_int_equal(profile.queues, 64);
	assert_int_equal(profile.rx_descriptors, 8192);
	assert_int_equal(profile.tx_descriptors, 64);
	assert_int_equal(profile.burst, 1);
	assert_int_equal(profile.rx_checksum, PROFILE_RX_TRUST);
	assert_int_equal(profile.tx_checksum, PROFILE_TX_DEVICE);
	assert_int_equal(profile.rss_hash, PROFILE_RSS_UDP);
	assert_true(profile.rss_symmetric);
	assert_int_equal(profile.rss_key_len, 0);
	assert_int_equal(profile.steering, PROFILE_STEERING_LISTENERS);
	assert_int_equal(profile.isolate, 1);
	assert_int_equal(profile.vlan_tags, 2);
	assert_string_equal(profile.eal_options, "--vdev x -l 0");
	assert_int_equal(profile.all_multicast, 1);
	assert_int_equal(profile.promiscuous, 1);
	assert_int_equal(profile.retains_buffers, 1);
	assert_int_equal(profile.packed_buffers, 1);
	assert_int_equal(profile.capabilities, 1 << 12 | 1 << 0);
	assert_string_equal(profile.note, "some");
	profile_free(&profile);
}

static void
test_rss_keys(void **state)
{
	char text[512], hex[2 * PROFILE_RSS_KEY_MAX + 3];
	struct profile profile;

	(void)state;
	for (unsigned int i = 0; i < sizeof(hex) - 1; i++)
		hex[i] = "0123456789abcdefABCDEF"[i * 7 % 22];
	hex[sizeof(hex) - 1] = '\0';
	for (size_t len = 1; len < sizeof(hex); len++) {
		snprintf(text, sizeof(text), HEAD "[rss]\nkey = %.*s\n", (int)len, hex);
		if (len != 80 && len != 104) {
			assert_refused(text, 5, "80 or 104 hex digits");
			continue;
		}
		profile = load(text);
		assert_int_equal(profile.rss_key_len, len / 2);
		assert_false(profile.rss_symmetric);
		for (size_t i = 0; i < len / 2; i++) {
			char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

			assert_int_equal(profile.rss_key[i], strtoul(pair, NULL, 16));
		}
		profile_free(&profile);
	}
	hex[80] = '\0';
	for (unsigned int at = 0; at < 80; at += 13) {
		char good = hex[at];

		hex[at] = 'g';
		snprintf(text, sizeof(text), HEAD "[rss]\nkey = %s\n", hex);
		assert_refused(text, 5, "80 or 104 hex digits");
		hex[at] = good;
	}
	profile = load(HEAD "[rss]\nkey = default\n");
	assert_defaults(&profile);
	profile_free(&profile);
	assert_refused(HEAD "[rss]\nkey = Symmetric\n", 5, "symmetric");
}

static void
test_refused(void **state)
{
	(void)state;
	assert_refused("", 0, "name and tried");
	assert_refused("[queues]\nburst = 32\n", 0, "name and tried");
	assert_refused("[driver]\nname = net_test\n", 0, "name and tried");
	assert_refused("[driver]\ntried = no: x\n", 0, "name and tried");
	assert_refused(HEAD "[quirk]\n", 4, "unknown section [quirk]");
	assert_refused(HEAD "[quirks]\nmulticasts = all\n", 5, "unknown key multicasts");
	assert_refused(HEAD "[quirks]\ncapabilities = chown, flying\n", 5, "none called flying");
	assert_refused(HEAD "driver = x\n", 4, "unknown key driver");
	assert_refused(HEAD "[queues]\nmax = 65\n", 5, "max must be");
	assert_refused(HEAD "[queues]\nburst = 0\n", 5, "burst must be");
	assert_refused(HEAD "[queues]\nburst = 65\n", 5, "burst must be");
	assert_refused(HEAD "[queues]\nrx-descriptors = 63\n", 5, "rx-descriptors must be");
	assert_refused(HEAD "[queues]\n\ntx-descriptors = 8193\n", 6, "tx-descriptors must be");
	assert_refused(HEAD "[queues]\ntx-descriptors = 63\n", 5, "tx-descriptors must be");
	assert_refused(HEAD "[queues]\nrx-descriptors = 8193\n", 5, "rx-descriptors must be");
	assert_refused("[quirk]\n" HEAD, 1, "unknown section [quirk]");
	assert_refused(HEAD "[offload]\nrx-checksum = believe\n", 5, "rx-checksum must be one of");
	assert_refused(HEAD "[rss]\nhash = tcp\n", 5, "hash must be one of");
	assert_refused(HEAD "[rss]\nhash\n", 5, "neither");
	assert_refused(HEAD "[flow]\nsteering = on\n", 5, "steering must be one of");
	assert_refused(HEAD "[flow]\nvlan-tags = 3\n", 5, "vlan-tags must be");
	assert_refused(HEAD "[flow]\nisolate = yes\n", 5, "without steering = listeners");
	assert_refused(HEAD "[flow]\nsteering = off\nisolate = yes\n", 6, "isolate = yes");
	assert_refused(HEAD "[driver]\n", 4, "already");
}

/* What is in the source tree is good, and names the driver that its file is named for. */
static void
test_our_profiles(void **state)
{
	const char *directory = getenv("HG_PROFILES");
	struct error reason = { "" };
	struct profile by_name;
	char pattern[PATH_MAX];
	glob_t files;

	(void)state;
	assert_non_null(directory);
	snprintf(pattern, sizeof(pattern), "%s/*.ini", directory);
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	assert_true(files.gl_pathc > 5);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *name = strrchr(files.gl_pathv[i], '/') + 1;
		struct error error = { "" };
		struct profile profile;

		if (strcmp(name, "schema.ini") == 0)
			continue;
		/* By its path, and by its name in a directory. */
		if (profile_load(&profile, files.gl_pathv[i], "/", &error) != 0)
			fail_msg("%s", error.text);
		assert_memory_equal(profile.driver, name, strlen(name) - strlen(".ini"));
		profile_free(&profile);
		assert_int_equal(profile_load(&profile, name, directory, &error), 0);
		profile_free(&profile);
	}
	globfree(&files);
	/* An installed one by its bare name; a name that ends in .ini is a file's. */
	assert_int_equal(profile_load(&by_name, "net_tap", "/", &reason), 0);
	assert_string_equal(by_name.driver, "net_tap");
	profile_free(&by_name);
	assert_int_equal(profile_load(&by_name, "net_tap.ini", "/", &reason), -EINVAL);
	scratch_text(&scratch_group, "x.ini", HEAD);
	assert_int_equal(profile_load(&by_name, "x.ini", scratch_group.directory, &reason), 0);
	profile_free(&by_name);
}

static void
test_by_default(void **state)
{
	static const struct {
		const char *device, *driver;
	} known[] = {
		{ "net_tap", "net_tap" },
		{ "net_tap0", "net_tap" },
		{ "net_tap19", "net_tap" },
		{ "net_tap208,iface=tap9", "net_tap" },
		{ "net_af_packet7,iface=eth0,mac=0:1", "net_af_packet" },
	};
	static const char *const devices[] = { "net_none0", "net_none0,iface=eth0", "net_none",
		"0000:03:00.0", "03:00.0", "0000:03:00.0,arg=1", "", ",", "0", "12345",
		"net_none/../../x0", "../../../etc/passwd0",
		"net_0123456789012345678901234567890123456789012345678901234567890123456789x" };

	(void)state;
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct error error = { "" };
		struct profile profile;

		if (profile_load_default(&profile, known[i].device, &error) != 0)
			fail_msg("%s: %s", known[i].device, error.text);
		assert_string_equal(profile.driver, known[i].driver);
		profile_free(&profile);
	}
	for (unsigned int i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct error error = { "" };
		struct profile profile;

		memset(&profile, 0xa5, sizeof(profile));
		if (profile_load_default(&profile, devices[i], &error) != 0)
			fail_msg("%s: %s", devices[i], error.text);
		assert_null(profile.ini);
		assert_null(profile.driver);
		assert_defaults(&profile);
		profile_free(&profile);
	}
}

static void
test_not_there(void **state)
{
	struct error error = { "" };
	struct profile profile;

	(void)state;
	assert_int_equal(profile_load(&profile, "no_such_driver", "/", &error), -EINVAL);
	assert_non_null(strstr(error.text, "there is no profile no_such_driver"));
	assert_int_equal(
		profile_load(&profile, "missing.ini", scratch_group.directory, &error), -EINVAL);
	assert_non_null(strstr(error.text, "missing.ini: No such file"));
	assert_int_equal(
		profile_load(&profile, "./missing", scratch_group.directory, &error), -EINVAL);
	assert_non_null(strstr(error.text, "missing: No such file"));
	assert_int_equal(profile_load(&profile, ".ini", scratch_group.directory, &error), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_rss_keys),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_our_profiles),
		cmocka_unit_test(test_by_default),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests(tests, scratch_group_open, scratch_group_close);
}
