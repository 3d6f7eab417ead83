/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of lib/tls that must be refused, and the words for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identities.h"
#include "ranges.h"

static struct scratch scratch;
static struct identity ec, ec_other, rsa, rsa_other;

/* Is it refused for this setting and pair, with each of the words in the sentence? */
static void
assert_refused(const struct hg_tls_settings *settings, const char *setting, size_t pair,
	const char *word, const char *other_word)
{
	struct hg_tls_context *untouched = (struct hg_tls_context *)&scratch, *context = untouched;
	struct hg_tls_error error = { .setting = NULL };

	memset(error.text, 0xee, sizeof(error.text));
	assert_int_equal(hg_tls_context_new(&context, settings, &error), -EINVAL);
	assert_ptr_equal(context, untouched);
	assert_non_null(error.setting);
	assert_string_equal(error.setting, setting);
	if (strcmp(setting, "certificate") == 0 || strcmp(setting, "private-key") == 0)
		assert_int_equal(error.pair, pair);
	if (strstr(error.text, word) == NULL || strstr(error.text, other_word) == NULL)
		fail_msg("neither %s nor %s in: %s", word, other_word, error.text);
	assert_true(strlen(error.text) > 0);
	assert_int_not_equal(error.text[strlen(error.text) - 1], '.');
	assert_null(strchr(error.text, '\n'));
}

static void
assert_accepted(const struct hg_tls_settings *settings)
{
	struct hg_tls_context *context = NULL;
	struct hg_tls_error error;

	if (hg_tls_context_new(&context, settings, &error) != 0)
		fail_msg("%s: %s", error.setting, error.text);
	assert_non_null(context);
	hg_tls_context_free(context);
}

/* The second of two pairs is refused. */
static void
assert_pair_refused(const char *certificate, const char *private_key, const char *setting,
	const char *word, const char *other_word)
{
	const struct hg_tls_pair pairs[] = { ec.files, { certificate, private_key } };
	const struct hg_tls_settings two = { .pairs = pairs, .n_pairs = 2 };
	const struct hg_tls_settings one = { .pairs = pairs + 1, .n_pairs = 1 };

	assert_refused(&two, setting, 1, word, other_word);
	assert_refused(&one, setting, 0, word, other_word);
}

static void
test_nothing_to_show(void **state)
{
	const struct hg_tls_settings settings = { .tickets = true, .ciphers = "ALL" };

	(void)state;
	assert_refused(&settings, "certificate", 0, "certificate", "psk-file");
}

static void
test_certificates(void **state)
{
	const char *missing = scratch_path(&scratch, "missing.pem");
	const char *empty = scratch_text(&scratch, "empty.pem", "");
	const char *garbage = scratch_text(&scratch, "garbage.pem",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

	(void)state;
	assert_pair_refused(missing, ec.files.private_key, "certificate", missing, "No such file");
	assert_pair_refused(empty, ec.files.private_key, "certificate", empty, "certificate");
	assert_pair_refused(garbage, ec.files.private_key, "certificate", garbage, "certificate");
	assert_pair_refused(
		scratch.directory, ec.files.private_key, "certificate", scratch.directory, "");
	assert_pair_refused(
		ec.files.private_key, ec.files.private_key, "certificate", "ec.key", "");
}

/* The certificate is fine, what follows in its file is not. */
static void
test_broken_chain(void **state)
{
	char text[8192];
	size_t len;
	FILE *file = fopen(ec.files.certificate, "re");
	const char *path;

	(void)state;
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 100, file);
	fclose(file);
	assert_true(len > 0);
	strcpy(text + len, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	path = scratch_text(&scratch, "chain.pem", text);
	assert_pair_refused(path, ec.files.private_key, "certificate", path, "certificate");
}

static void
test_private_keys(void **state)
{
	const char *missing = scratch_path(&scratch, "missing.key");
	const char *empty = scratch_text(&scratch, "empty.key", "");

	(void)state;
	assert_pair_refused(ec.files.certificate, missing, "private-key", missing, "No such file");
	assert_pair_refused(ec.files.certificate, empty, "private-key", empty, "private key");
	assert_pair_refused(ec.files.certificate, ec.files.certificate, "private-key",
		ec.files.certificate, "private key");
	/* Of another certificate: of the same type, and of another. */
	assert_pair_refused(ec_other.files.certificate, ec.files.private_key, "private-key",
		ec.files.private_key, ec_other.files.certificate);
	assert_pair_refused(rsa.files.certificate, rsa_other.files.private_key, "private-key",
		rsa_other.files.private_key, rsa.files.certificate);
	assert_pair_refused(rsa.files.certificate, ec_other.files.private_key, "private-key",
		ec_other.files.private_key, rsa.files.certificate);
}

/* The second certificate comes with the key of the first: each is fine, the pair is not. */
static void
test_key_of_the_other_pair(void **state)
{
	const struct hg_tls_pair pairs[] = {
		rsa.files,
		{ ec.files.certificate, rsa.files.private_key },
	};
	const struct hg_tls_pair same_type[] = {
		ec.files,
		{ ec_other.files.certificate, ec.files.private_key },
	};
	const struct hg_tls_settings settings = { .pairs = pairs, .n_pairs = 2 };
	const struct hg_tls_settings settings_same_type = { .pairs = same_type, .n_pairs = 2 };

	(void)state;
	assert_refused(&settings_same_type, "private-key", 1, ec.files.private_key,
		ec_other.files.certificate);
	assert_refused(&settings, "private-key", 1, rsa.files.private_key, ec.files.certificate);
}

/* Nobody is asked for a passphrase: not at a terminal, and, as OpenSSL does without one, not on stdin. */
static void
test_encrypted_private_key(void **state)
{
	const char *path = scratch_path(&scratch, "encrypted.key");
	const char *answers = scratch_text(&scratch, "answers", "secret\nsecret\nsecret\nsecret\n");
	FILE *file = fopen(path, "we");

	(void)state;
	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, ec.key, EVP_aes_128_cbc(),
				 (const unsigned char *)"secret", 6, NULL, NULL),
		1);
	assert_int_equal(fclose(file), 0);
	setsid(); /* leaves the terminal of whoever runs this */
	assert_non_null(freopen(answers, "r", stdin));
	assert_pair_refused(ec.files.certificate, path, "private-key", path, "private key");
}

static void
test_unreadable_by_permission(void **state)
{
	const char *path = scratch_text(&scratch, "locked.psk", "a:00\n");
	const struct hg_tls_settings settings = { .psk_file = path };

	(void)state;
	assert_int_equal(chmod(path, 0), 0);
	if (access(path, R_OK) == 0) /* root may read everything */
		assert_accepted(&settings);
	else
		assert_refused(&settings, "psk-file", 0, path, "Permission denied");
}

static void
test_client_ca(void **state)
{
	struct hg_tls_settings settings = { .pairs = &ec.files, .n_pairs = 1 };
	const char *const bad[] = {
		scratch_path(&scratch, "missing.ca"),
		scratch_text(&scratch, "empty.ca", ""),
		scratch_text(&scratch, "garbage.ca", "not PEM\n"),
		ec.files.private_key,
		scratch.directory,
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		settings.client_ca = bad[i];
		assert_refused(&settings, "client-ca", 0, bad[i], "certificates");
	}
	settings.client_ca = rsa.files.certificate;
	assert_accepted(&settings);
}

static void
test_choices(void **state)
{
	struct hg_tls_settings settings = { .pairs = &ec.files, .n_pairs = 1 };

	(void)state;
	settings.ciphers = "NO-SUCH-CIPHER";
	assert_refused(&settings, "ciphers", 0, "NO-SUCH-CIPHER", "cipher");
	settings.ciphers = "TLS_AES_128_GCM_SHA256"; /* of TLS 1.3: nothing for DTLS 1.2 */
	assert_refused(&settings, "ciphers", 0, "TLS_AES_128_GCM_SHA256", "cipher");
	settings.ciphers = NULL;
	settings.groups = "P-256:NO-SUCH-GROUP";
	assert_refused(&settings, "groups", 0, "NO-SUCH-GROUP", "group");
	settings.groups = "";
	assert_refused(&settings, "groups", 0, "group", "");
	settings.groups = "P-256:X25519";
	settings.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
	assert_accepted(&settings);
}

/* The limit that the refusal names is the limit. */
static void
test_psk_hint(void **state)
{
	struct hg_tls_settings settings = { .pairs = &ec.files, .n_pairs = 1 };
	struct hg_tls_context *context = NULL;
	struct hg_tls_error error = { .setting = NULL };
	char hint[1001];
	size_t limit;

	(void)state;
	memset(hint, 'h', sizeof(hint) - 1);
	hint[sizeof(hint) - 1] = '\0';
	settings.psk_hint = hint;
	assert_refused(&settings, "psk-hint", 0, "hint", "");
	assert_int_equal(hg_tls_context_new(&context, &settings, &error), -EINVAL);
	limit = strtoul(error.text + strcspn(error.text, "123456789"), NULL, 10);
	assert_uint_in_range(limit, 128, sizeof(hint) - 2); /* RFC 4279 5.3 */
	hint[limit] = '\0';
	assert_accepted(&settings);
	hint[limit] = 'h';
	hint[limit + 1] = '\0';
	assert_refused(&settings, "psk-hint", 0, "hint", "");
}

static void
test_psk_lines(void **state)
{
	/* 128 and 129 characters; 64 and 65 bytes in hexadecimal */
	static const char key[] =
		"0123456789abcdefABCDEF00112233445566778899aabbccddeeff0011223344"
		"0123456789abcdefABCDEF00112233445566778899aabbccddeeff0011223344";
	static const char *const bad[] = {
		"lamp",       /* no colon */
		":0011",      /* no identity */
		"lamp:",      /* no key */
		"lamp:0",     /* half a byte */
		"lamp:001",   /* one and a half */
		"lamp:0g",    /* no digit */
		"lamp:00 11", /* blanks */
		"lamp: 0011", "lamp:0011 ", "lamp:0x0011", "lamp:+1",
		"lamp:@A",      /* one bit from a digit */
		"lamp:`a", " ", /* not empty */
		"lamp :0011", " lamp:0011", "lamp\t:0011", "lamp\xc2\xa0:0011", /* blanks */
		"\xef\xbb\xbflamp:0011",                               /* not the first line */
		"lamp:00:11:22:33", "lamp:0011:2233", "urn:a:b:AA:bb", /* keys with colons */
	};
	struct hg_tls_settings settings = { .psk_file = NULL };
	char text[1024], where[600];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "# first\n\nother:00\n%s\nlast:01\n", bad[i]);
		settings.psk_file = scratch_text(&scratch, "bad.psk", text);
		snprintf(where, sizeof(where), "%s:4", settings.psk_file);
		assert_refused(&settings, "psk-file", 0, where, "");
	}
	/* Identities may have colons, and the file what some editors put before it. */
	settings.psk_file = scratch_text(&scratch, "colons.psk",
		"\xef\xbb\xbfurn:imei:490154203237518:00112233445566778899aabbccddeeff\n"
		"urn:dev:ops:32473-sensor 1:0011\r\n0011223344556677:0011223344556677\n");
	assert_accepted(&settings);
	snprintf(text, sizeof(text), "%s:00\n", key);
	settings.psk_file = scratch_text(&scratch, "identity.psk", text);
	assert_accepted(&settings);
	snprintf(text, sizeof(text), "x%s:00\n", key);
	settings.psk_file = scratch_text(&scratch, "identity.psk", text);
	snprintf(where, sizeof(where), "%s:1", settings.psk_file);
	assert_refused(&settings, "psk-file", 0, where, "128");
	snprintf(text, sizeof(text), "a:%s\n", key);
	settings.psk_file = scratch_text(&scratch, "key.psk", text);
	assert_accepted(&settings);
	snprintf(text, sizeof(text), "a:%s00\n", key);
	settings.psk_file = scratch_text(&scratch, "key.psk", text);
	assert_refused(&settings, "psk-file", 0, where + strlen(where) - 2, "128");
}

static void
test_psk_file(void **state)
{
	struct hg_tls_settings settings = { .psk_file = scratch_path(&scratch, "missing.psk") };
	char many[16 * 300] = "", *end = many;

	(void)state;
	assert_refused(&settings, "psk-file", 0, settings.psk_file, "No such file");
	settings.psk_file = scratch.directory;
	assert_refused(&settings, "psk-file", 0, settings.psk_file, "");
	settings.psk_file = scratch_text(&scratch, "empty.psk", "");
	assert_refused(&settings, "psk-file", 0, settings.psk_file, "identity:hex");
	settings.psk_file = scratch_text(&scratch, "comments.psk", "# nothing\n\r\n#a:00\n");
	assert_refused(&settings, "psk-file", 0, settings.psk_file, "identity:hex");

	settings.psk_file = scratch_text(&scratch, "twice.psk", "b:00\na:00\nc:01\na:02\n");
	assert_refused(&settings, "psk-file", 0, settings.psk_file, "a twice");
	settings.psk_file = scratch_text(&scratch, "case.psk", "lamp:00\nLamp:00\nlam:00\n");
	assert_accepted(&settings);

	for (unsigned int i = 0; i < 300; i++)
		end += sprintf(end, "id%u:%02x\n", i * 7919 % 300, i % 256);
	settings.psk_file = scratch_text(&scratch, "many.psk", many);
	assert_accepted(&settings);
	sprintf(end, "id123:00\n");
	settings.psk_file = scratch_text(&scratch, "many.psk", many);
	assert_refused(&settings, "psk-file", 0, settings.psk_file, "id123");
}

/* A zero byte would cut the key off, and with it whatever the line means. */
static void
test_psk_zero_byte(void **state)
{
	static const char text[] = "a:00\nlamp:0011\0002233\n";
	const struct hg_tls_settings settings = {
		.psk_file = scratch_write(&scratch, "zero.psk", text, sizeof(text) - 1),
	};

	(void)state;
	assert_refused(&settings, "psk-file", 0, "zero.psk:2", "");
}

/* Bad files are noticed whatever else is right, and the context is not half made. */
static void
test_everything_but_one(void **state)
{
	struct hg_tls_settings settings = {
		.pairs = &ec.files,
		.n_pairs = 1,
		.client_ca = rsa.files.certificate,
		.psk_file = scratch_text(&scratch, "good.psk", "a:00\n"),
		.psk_hint = "hint",
		.ciphers = "HIGH",
		.groups = "P-256",
		.tickets = true,
	};

	(void)state;
	assert_accepted(&settings);
	settings.psk_file = scratch_text(&scratch, "bad.psk", "a\n");
	assert_refused(&settings, "psk-file", 0, settings.psk_file, ":1");
}

static int
make_identities(void **state)
{
	(void)state;
	scratch_open(&scratch);
	identity_make(&ec, &scratch, "ec", "EC", "server", NULL, NULL);
	identity_make(&ec_other, &scratch, "ec_other", "EC", "server", NULL, NULL);
	identity_make(&rsa, &scratch, "rsa", "RSA", "server", NULL, NULL);
	identity_make(&rsa_other, &scratch, "rsa_other", "RSA", "server", NULL, NULL);
	return 0;
}

static int
free_identities(void **state)
{
	(void)state;
	identity_free(&ec);
	identity_free(&ec_other);
	identity_free(&rsa);
	identity_free(&rsa_other);
	scratch_close(&scratch);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_show),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_broken_chain),
		cmocka_unit_test(test_private_keys),
		cmocka_unit_test(test_key_of_the_other_pair),
		cmocka_unit_test(test_encrypted_private_key),
		cmocka_unit_test(test_unreadable_by_permission),
		cmocka_unit_test(test_client_ca),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_psk_hint),
		cmocka_unit_test(test_psk_lines),
		cmocka_unit_test(test_psk_file),
		cmocka_unit_test(test_psk_zero_byte),
		cmocka_unit_test(test_everything_but_one),
	};

	return cmocka_run_group_tests(tests, make_identities, free_identities);
}
