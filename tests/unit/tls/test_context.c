/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of lib/tls that must be refused, and the words for it. */
#include <openssl/pem.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identities.h"
#include "unit.h"

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

/* Writes these certificates into one file, in this order. */
static const char *
write_chain(const char *name, const struct identity *const *part, unsigned int n)
{
	const char *path = scratch_path(&scratch, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(PEM_write_X509(file, part[i]->certificate), 1);
	assert_int_equal(fclose(file), 0);
	return path;
}

/* RFC 5246 7.4.2: each certifies the one before it. */
static void
test_order_of_chain(void **state)
{
	static struct identity root, middle, renewed, leaf;
	const struct identity *const bad[][3] = {
		{ &leaf, &root, &middle },
		{ &leaf, &leaf, &middle },
		{ &leaf, &middle, &ec },
		{ &leaf, &renewed, &root }, /* the same name, another key */
		{ &middle, &leaf, &root },
		{ &root, &middle, &leaf },
	};
	const struct identity *const good[] = { &leaf, &middle, &root };
	struct hg_tls_pair pair;
	struct hg_tls_settings settings = { .pairs = &pair, .n_pairs = 1 };

	(void)state;
	identity_make(&root, &scratch, "root", "EC", "root", NULL, NULL);
	identity_make(&middle, &scratch, "middle", "EC", "middle", IDENTITY_AUTHORITY, &root);
	identity_make(&renewed, &scratch, "renewed", "EC", "middle", IDENTITY_AUTHORITY, &root);
	identity_make(&leaf, &scratch, "chained", "EC", "server", NULL, &middle);
	for (unsigned int n = 1; n <= 3; n++) {
		pair.certificate = write_chain("order.pem", good, n);
		pair.private_key = leaf.files.private_key;
		assert_accepted(&settings);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pair.certificate = write_chain("order.pem", bad[i], 3);
		pair.private_key = bad[i][0]->files.private_key;
		assert_refused(&settings, "certificate", 0, pair.certificate, "each one after it");
	}
	/* A server's certificate certifies nobody. */
	{
		const struct identity *const self[] = { &ec, &leaf };

		pair.certificate = write_chain("order.pem", self, 2);
		pair.private_key = ec.files.private_key;
		assert_refused(&settings, "certificate", 0, pair.certificate, "certificate 2");
	}
	/* An authority may be named without the one that has certified it. */
	settings.pairs = &ec.files;
	settings.client_ca = write_chain("middle.ca", &good[1], 1);
	assert_accepted(&settings);
	identity_free(&root);
	identity_free(&middle);
	identity_free(&renewed);
	identity_free(&leaf);
}

/* What somebody has said of a certificate, clients hold against it. */
static void
test_extended_key_usage(void **state)
{
	static const struct {
		const char *usage;
		bool good;
	} usages[] = {
		{ "clientAuth", false },
		{ "codeSigning,emailProtection", false },
		{ "serverAuth", true },
		{ "clientAuth,serverAuth", true },
		{ "anyExtendedKeyUsage", true },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		struct identity identity;
		const struct hg_tls_settings settings = { .pairs = &identity.files, .n_pairs = 1 };

		identity_make_for(&identity, &scratch, "usage", usages[i].usage, 0, 3600);
		if (usages[i].good)
			assert_accepted(&settings);
		else
			assert_refused(&settings, "certificate", 0, "usage.pem", "not for servers");
		identity_free(&identity);
	}
}

/* Out of its time a certificate is taken, for clients may have no clock; but it is said. */
static void
test_certificate_out_of_its_time(void **state)
{
	static const struct {
		long from, until; /* seconds from now */
		const char *words;
	} times[] = {
		{ -3600, 3600, NULL },
		{ -7200, -3600, "has expired" },
		{ 3600, 7200, "is not valid yet" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct identity identity;
		const struct hg_tls_settings settings = { .pairs = &identity.files, .n_pairs = 1 };
		struct hg_tls_context *context = NULL;
		struct hg_tls_error error;

		identity_make_for(&identity, &scratch, "time", NULL, times[i].from, times[i].until);
		assert_int_equal(hg_tls_context_new(&context, &settings, &error), 0);
		if (times[i].words == NULL) {
			assert_null(hg_tls_context_warning(context));
		} else {
			assert_non_null(strstr(hg_tls_context_warning(context), times[i].words));
			assert_non_null(strstr(hg_tls_context_warning(context), "time.pem"));
		}
		hg_tls_context_free(context);
		identity_free(&identity);
	}
}

/* What could be waited for without end, or never ends, is not read. */
static void
test_files_that_are_none(void **state)
{
	const char *fifo = scratch_path(&scratch, "fifo");
	const char *const odd[] = { fifo, "/dev/zero" };

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct hg_tls_settings settings = { .pairs = &ec.files, .n_pairs = 1 };

		assert_pair_refused(
			odd[i], ec.files.private_key, "certificate", odd[i], "no regular file");
		assert_pair_refused(
			ec.files.certificate, odd[i], "private-key", odd[i], "no regular file");
		settings.client_ca = odd[i];
		assert_refused(&settings, "client-ca", 0, odd[i], "no regular file");
		settings.client_ca = NULL;
		settings.psk_file = odd[i];
		assert_refused(&settings, "psk-file", 0, odd[i], "no regular file");
	}
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
	assert_pair_refused(ec.files.certificate, path, "private-key", path, "passphrase");
}

/* PEM lets anything be encrypted. */
static void
test_encrypted_certificate(void **state)
{
	const char *path = scratch_path(&scratch, "encrypted.pem");
	const char *answers = scratch_text(&scratch, "more", "secret\nsecret\nsecret\nsecret\n");
	struct hg_tls_settings settings = { .pairs = &ec.files, .n_pairs = 1, .client_ca = path };
	FILE *file = fopen(path, "we");

	(void)state;
	assert_non_null(file);
	assert_int_equal(
		PEM_ASN1_write((i2d_of_void *)i2d_X509, PEM_STRING_X509, file, ec.certificate,
			EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL),
		1);
	assert_int_equal(fclose(file), 0);
	setsid();
	assert_non_null(freopen(answers, "r", stdin));
	assert_pair_refused(path, ec.files.private_key, "certificate", path, "passphrase");
	assert_refused(&settings, "client-ca", 0, path, "certificates");
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

/* A copy of the file with an empty list of revoked certificates behind it. */
static const char *
add_crl(const char *name, const char *certificate)
{
	const char *path = scratch_path(&scratch, name);
	FILE *from = fopen(certificate, "re"), *file = fopen(path, "we");
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = ASN1_TIME_set(NULL, 0);
	char text[8192];

	assert_non_null(from);
	assert_non_null(file);
	assert_non_null(crl);
	fwrite(text, 1, fread(text, 1, sizeof(text), from), file);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(rsa.certificate));
	X509_CRL_set1_lastUpdate(crl, now);
	assert_true(X509_CRL_sign(crl, rsa.key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
	ASN1_TIME_free(now);
	X509_CRL_free(crl);
	fclose(from);
	fclose(file);
	return path;
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
	settings.client_ca = add_crl("revoked.ca", rsa.files.certificate);
	assert_refused(&settings, "client-ca", 0, "revoked.ca", "revoked certificates");
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
		"lamp:0011\rtorch:2233", "\rlamp:0011",
		"lamp:0011\r\r", /* lines of another system */
		"la\tmp:0011", "la\x01mp:0011", "lamp\x7f:0011", "la\xe2\x80\x8bmp:0011",
		"lamp\xe2\x81\xa0:0011", /* what cannot be seen */
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
		cmocka_unit_test(test_order_of_chain),
		cmocka_unit_test(test_extended_key_usage),
		cmocka_unit_test(test_certificate_out_of_its_time),
		cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_private_keys),
		cmocka_unit_test(test_key_of_the_other_pair),
		cmocka_unit_test(test_encrypted_private_key),
		cmocka_unit_test(test_encrypted_certificate),
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
