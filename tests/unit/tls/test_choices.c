/* SPDX-License-Identifier: BSD-3-Clause */
/* Cipher suites, groups and keys: what is accepted completes a handshake, and the rest is refused. */
#include <openssl/pem.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation.h"
#include "identities.h"
#include "unit.h"

static const uint8_t psk[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
	0xbb, 0xcc, 0xdd, 0xee, 0xff };

static struct scratch scratch;
static struct identity ec, rsa;
static struct hg_tls_pair both[2];

/* All that a listener can show, with a list of suites. */
static struct hg_tls_context *
listener(const char *ciphers)
{
	const struct hg_tls_settings settings = {
		.pairs = both,
		.n_pairs = 2,
		.psk_file = scratch_text(
			&scratch, "psk.txt", "lamp:00112233445566778899aabbccddeeff\n"),
		.ciphers = ciphers,
	};

	return conversation_context(&settings);
}

/* What a client of one suite gets from it. */
static enum hg_tls_state
shake_hands(const struct hg_tls_context *context, const char *suite)
{
	char ciphers[128];
	const struct client_options options = {
		.ciphers = ciphers,
		.psk_identity = "lamp",
		.psk = psk,
		.psk_len = sizeof(psk),
	};
	struct conversation *talk;
	enum hg_tls_state state;

	snprintf(ciphers, sizeof(ciphers), "%s:@SECLEVEL=0", suite);
	talk = conversation_new(&options);
	state = conversation_handshake(talk, context);
	if (state == HG_TLS_ESTABLISHED) {
		assert_string_equal(SSL_get_cipher_name(talk->client), suite);
		conversation_echo(talk, 100);
	}
	conversation_free(talk);
	return state;
}

/* Every suite of a list, one after the other. */
static unsigned int
try_each(const char *list, const struct hg_tls_context *context)
{
	char *copy = strdup(list), *rest = copy, *suite;
	unsigned int n = 0;

	while ((suite = strsep(&rest, ":")) != NULL) {
		if (shake_hands(context, suite) != HG_TLS_ESTABLISHED)
			fail_msg("no handshake with %s", suite);
		n++;
	}
	free(copy);
	return n;
}

static void
test_default_list(void **state)
{
	static const char *const refused[] = { "AES128-GCM-SHA256", "AES256-SHA",
		"RSA-PSK-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "DHE-PSK-AES128-CCM",
		"ECDHE-RSA-NULL-SHA", "AECDH-AES128-SHA", "PSK-NULL-SHA256" };
	struct hg_tls_context *context = listener(NULL);

	(void)state;
	assert_true(try_each(HG_TLS_DEFAULT_CIPHERS, context) >= 30);
	for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (shake_hands(context, refused[i]) != HG_TLS_FAILED)
			fail_msg("%s by default", refused[i]);
	hg_tls_context_free(context);
}

/* The first that a client offers too is taken: those with forward secrecy come first. */
static void
test_order(void **state)
{
	const struct client_options options = {
		.ciphers = "PSK-AES128-CCM8:PSK-AES128-GCM-SHA256:ECDHE-PSK-CHACHA20-POLY1305:"
			   "ECDHE-ECDSA-AES128-CCM8:ECDHE-RSA-AES128-SHA:@SECLEVEL=0",
		.psk_identity = "lamp",
		.psk = psk,
		.psk_len = sizeof(psk),
	};
	struct hg_tls_context *context = listener(NULL);
	struct conversation *talk = conversation_new(&options);

	(void)state;
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_string_equal(SSL_get_cipher_name(talk->client), "ECDHE-ECDSA-AES128-CCM8");
	conversation_free(talk);
	hg_tls_context_free(context);
}

/* Beside the default, whose name OpenSSL has for a list that shuts all others out. */
static void
test_more_than_default(void **state)
{
	struct hg_tls_context *context =
		listener("DEFAULT:AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:DHE-PSK-AES128-CCM:"
			 "RSA-PSK-AES128-GCM-SHA256");

	(void)state;
	try_each("ECDHE-ECDSA-AES256-GCM-SHA384:PSK-AES128-CCM8:AES128-GCM-SHA256:"
		 "DHE-RSA-AES128-GCM-SHA256:DHE-PSK-AES128-CCM:RSA-PSK-AES128-GCM-SHA256",
		context);
	hg_tls_context_free(context);
	context = listener("DEFAULT:-ECDHE-ECDSA-AES128-CCM8:!kPSK:@SECLEVEL=1");
	assert_int_equal(shake_hands(context, "ECDHE-ECDSA-AES128-CCM8"), HG_TLS_FAILED);
	assert_int_equal(shake_hands(context, "PSK-AES128-CCM8"), HG_TLS_FAILED);
	try_each("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-CCM", context);
	hg_tls_context_free(context);
}

/* Keys that are weak stay out by the level, for which CCM_8 is no reason to be lowered. */
static void
test_level(void **state)
{
	struct hg_tls_context *context = listener("ECDHE-ECDSA-AES128-CCM8:PSK-AES128-CCM8");
	struct hg_tls_settings settings = { .pairs = both, .n_pairs = 1, .ciphers = NULL };

	(void)state;
	try_each("ECDHE-ECDSA-AES128-CCM8:PSK-AES128-CCM8", context);
	hg_tls_context_free(context);
	context = conversation_context(&settings);
	hg_tls_context_free(context);
}

static void
assert_refused(const struct hg_tls_settings *settings, const char *setting, const char *words)
{
	struct hg_tls_context *context = NULL;
	struct hg_tls_error error = { .setting = NULL };

	if (hg_tls_context_new(&context, settings, &error) != -EINVAL)
		fail_msg("accepted, not refused with: %s", words);
	assert_null(context);
	assert_string_equal(error.setting, setting);
	if (strstr(error.text, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, error.text);
}

static void
test_lists_refused(void **state)
{
	static const struct {
		const char *ciphers, *words;
	} lists[] = {
		{ "ALL:!COMPLEMENTOFDEFAULT:PSK-AES128-CCM8", "PSK-AES128-CCM8 is named" },
		{ "HIGH:!aECDSA:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ "DEFAULT:!PSK:PSK-AES128-CCM8", "PSK-AES128-CCM8 is named" },
		{ "PSK-AES128-GCM-SHA256", "no suite for what the listener shows" },
		{ "ECDHE-RSA-AES128-GCM-SHA256", "no suite for what the listener shows" },
		{ "ROT13", "ROT13" },
		/* OpenSSL skips a name that it does not know. */
		{ "ECDHE-ECDSA-AES128-GCM-SHA256:PSK-AES128-CCM-8", "no suite PSK-AES128-CCM-8" },
		{ "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256",
			"TLS_AES_128_GCM_SHA256" },
		{ "ECDHE-ECDSA-AES128-GCM-SHA25", "ECDHE-ECDSA-AES128-GCM-SHA25" },
		/* What the level shuts out is in the list all the same. */
		{ "eNULL", "no usable cipher" },
		{ "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-NULL-SHA",
			"ECDHE-ECDSA-NULL-SHA is named" },
		{ "DEFAULT:PSK-NULL-SHA256", "PSK-NULL-SHA256 is named" },
		{ "ECDHE+AESGCM:ECDHE-ECDSA-AES128-CCM:@SECLEVEL=4",
			"ECDHE-ECDSA-AES128-CCM is named" },
		{ "kPSK:@SECLEVEL=3", "no usable cipher" },
	};
	/* What stands for several may stand for none, and what is shut out need not be there. */
	static const char *const taken[] = { "HIGH:RC2:!EXP:!DES-CBC3-SHA:-RC4-MD5:+IDEA-CBC-SHA",
		"DEFAULT:!RC4-SHA", "ECDHE+AESGCM:@STRENGTH" };
	struct hg_tls_settings settings = { .pairs = &ec.files, .n_pairs = 1 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		settings.ciphers = lists[i].ciphers;
		assert_refused(&settings, "ciphers", lists[i].words);
	}
	for (unsigned int i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		settings.ciphers = taken[i];
		hg_tls_context_free(conversation_context(&settings));
	}
	settings.pairs = NULL;
	settings.n_pairs = 0;
	settings.psk_file =
		scratch_text(&scratch, "psk.txt", "lamp:00112233445566778899aabbccddeeff\n");
	settings.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
	assert_refused(&settings, "ciphers", "no suite for what the listener shows");
	settings.ciphers = "RSA-PSK-AES128-GCM-SHA256"; /* shows a certificate, too */
	assert_refused(&settings, "ciphers", "no suite for what the listener shows");
}

/* What is named and could never be of use: nobody would find out but the clients. */
static void
test_of_no_use(void **state)
{
	const char *keys =
		scratch_text(&scratch, "psk.txt", "lamp:00112233445566778899aabbccddeeff\n");
	const struct {
		const char *setting, *words;
		struct hg_tls_settings settings;
	} refused[] = {
		{ "client-ca", "nobody is asked",
			{ .psk_file = keys, .client_ca = ec.files.certificate } },
		{ "groups", "P-192 is too weak",
			{ .pairs = both, .n_pairs = 1, .groups = "P-256:P-192" } },
		{ "groups", "X25519 is too weak",
			{ .pairs = both + 1,
				.n_pairs = 1,
				.groups = "P-521:X25519",
				.ciphers = "DHE-RSA-AES256-GCM-SHA384:ECDHE+AESGCM:@SECLEVEL=4" } },
		{ "groups", "ffdhe2048 is no group",
			{ .pairs = both, .n_pairs = 1, .groups = "ffdhe2048" } },
	};
	const struct hg_tls_settings taken[] = {
		/* For the same names one is enough. */
		{ .pairs = both, .n_pairs = 2, .ciphers = "aRSA" },
		{ .pairs = both, .n_pairs = 2, .psk_file = keys, .psk_hint = "hint" },
		{ .pairs = both, .n_pairs = 1, .groups = "P-192", .ciphers = "aECDSA:@SECLEVEL=1" },
		{ .pairs = both,
			.n_pairs = 1,
			.groups = "x25519:prime256v1:secp256k1:brainpoolP256r1:X448" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_refused(&refused[i].settings, refused[i].setting, refused[i].words);
	for (unsigned int i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct hg_tls_context *context = conversation_context(&taken[i]);

		assert_null(hg_tls_context_warning(context));
		hg_tls_context_free(context);
	}
}

/* What works for some of the clients is taken, and said. */
static void
test_of_use_to_some(void **state)
{
	const char *keys =
		scratch_text(&scratch, "psk.txt", "lamp:00112233445566778899aabbccddeeff\n");
	const struct {
		const char *words;
		struct hg_tls_settings settings;
	} told[] = {
		{ "pre-shared keys", { .pairs = both,
					     .n_pairs = 2,
					     .psk_file = keys,
					     .ciphers = "ECDHE+aECDSA:ECDHE+aRSA" } },
		{ "its certificates",
			{ .pairs = both, .n_pairs = 1, .psk_file = keys, .ciphers = "kPSK" } },
		{ "its certificates", { .pairs = both + 1,
					      .n_pairs = 1,
					      .psk_file = keys,
					      .ciphers = "aECDSA:kPSK:@SECLEVEL=1" } },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct hg_tls_context *context;
		struct hg_tls_error error;

		assert_int_equal(hg_tls_context_new(&context, &told[i].settings, &error), 0);
		assert_non_null(hg_tls_context_warning(context));
		if (strstr(hg_tls_context_warning(context), told[i].words) == NULL)
			fail_msg("no %s in: %s", told[i].words, hg_tls_context_warning(context));
		hg_tls_context_free(context);
	}
}

static void
test_keys(void **state)
{
	static const struct {
		const char *type, *words; /* of the refusal; NULL: it works */
		const char *groups;
	} keys[] = {
		{ "EC:P-256", NULL, NULL },
		{ "EC:P-384", NULL, NULL },
		{ "EC:P-521", NULL, NULL },
		{ "EC:P-384", NULL, "P-256:X25519" },
		{ "EC:secp256k1", "curve secp256k1", NULL },
		{ "EC:secp256k1", NULL, "P-256:secp256k1" },
		{ "EC:brainpoolP256r1", "curve brainpoolP256r1", NULL },
		{ "RSA", NULL, NULL },
		{ "RSA-PSS", "RSA-PSS", NULL },
		{ "ED25519", "ED25519", NULL },
		{ "ED448", "ED448", NULL },
	};
	struct identity identity;

	(void)state;
	for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct client_options options = {
			.groups = keys[i].groups != NULL ? keys[i].groups : "P-256:P-384:P-521",
		};
		const struct client_options more = { .groups = "P-256:P-384" };
		struct hg_tls_settings settings = {
			.pairs = &identity.files, .n_pairs = 1, .groups = keys[i].groups
		};
		struct hg_tls_context *context;
		struct conversation *talk;

		identity_make(&identity, &scratch, "key", keys[i].type, "server", NULL, NULL);
		if (keys[i].words != NULL) {
			assert_refused(&settings, "certificate", keys[i].words);
			assert_refused(&settings, "certificate", "key.pem");
		} else {
			context = conversation_context(&settings);
			talk = conversation_new(
				strcmp(keys[i].type, "EC:P-384") == 0 ? &more : &options);
			assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
			conversation_free(talk);
			hg_tls_context_free(context);
		}
		identity_free(&identity);
	}
}

/* An authority that another one has certified is enough, without that one. */
static void
test_authority_of_another(void **state)
{
	static struct identity root, middle, client, stranger;
	const struct client_options good = { .identity = &client };
	const struct client_options wrong = { .identity = &stranger };
	struct hg_tls_settings settings = { .pairs = &ec.files, .n_pairs = 1 };
	struct hg_tls_context *context;
	struct conversation *talk;
	FILE *file;

	(void)state;
	identity_make(&root, &scratch, "root", "EC", "root", NULL, NULL);
	identity_make(&middle, &scratch, "middle", "EC", "middle", IDENTITY_AUTHORITY, &root);
	identity_make(&client, &scratch, "client", "EC", "client", NULL, &middle);
	identity_make(&stranger, &scratch, "stranger", "EC", "client", NULL, &root);
	settings.client_ca = scratch_path(&scratch, "middle.ca");
	file = fopen(settings.client_ca, "we");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, middle.certificate), 1);
	assert_int_equal(fclose(file), 0);
	context = conversation_context(&settings);
	talk = conversation_new(&good);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	conversation_free(talk);
	talk = conversation_new(&wrong);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_FAILED);
	conversation_free(talk);
	hg_tls_context_free(context);
	identity_free(&root);
	identity_free(&middle);
	identity_free(&client);
	identity_free(&stranger);
}

static int
make_identities(void **state)
{
	(void)state;
	scratch_open(&scratch);
	identity_make(&ec, &scratch, "ec", "EC", "server", NULL, NULL);
	identity_make(&rsa, &scratch, "rsa", "RSA", "server", NULL, NULL);
	both[0] = ec.files;
	both[1] = rsa.files;
	return 0;
}

static int
free_identities(void **state)
{
	(void)state;
	identity_free(&ec);
	identity_free(&rsa);
	scratch_close(&scratch);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_list),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_more_than_default),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_lists_refused),
		cmocka_unit_test(test_of_no_use),
		cmocka_unit_test(test_of_use_to_some),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_authority_of_another),
	};

	return cmocka_run_group_tests(tests, make_identities, free_identities);
}
