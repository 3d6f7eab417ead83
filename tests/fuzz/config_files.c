/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_files.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static const struct {
	const char *name;
	const char *usual;
} known[CONFIG_FILES] = {
	[CONFIG_MAIN] = { "gw.conf", "" },
	[CONFIG_PROFILE] = { "profile.ini",
		"[driver]\nname = net_null\ntried = no: for a test\n[queues]\nburst = 16\n" },
	[CONFIG_SECRET] = { "cookie.secret",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n" },
	[CONFIG_PSK] = { "psk.txt", "lamp:0011\n" },
	[CONFIG_AGAIN] = { "again.conf", "" },
};

/* Two certificates with their keys, and the names that they are for beside gw.example, if any. */
static const struct {
	const char *certificate;
	const char *key;
	const char *curve;
	const char *names;
} identities[] = {
	{ "server.pem", "server.key", "P-256", NULL },
	{ "other.pem", "other.key", "P-384", "DNS:other.example,IP:198.18.0.1" },
};

#define N_IDENTITIES (sizeof(identities) / sizeof(identities[0]))

static struct {
	char folder[64];
	struct {
		char path[128];
		char *text;
		size_t len;
		bool usual;
	} file[CONFIG_FILES];
} files;

static FILE *
open_named(const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", files.folder, name);
	file = fopen(path, "we");
	fuzz_require(file != NULL, "cannot write %s", path);
	return file;
}

static void
remove_named(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", files.folder, name);
	unlink(path);
}

static void
close_files(void)
{
	for (unsigned int i = 0; i < CONFIG_FILES; i++) {
		remove_named(known[i].name);
		free(files.file[i].text);
	}
	for (unsigned int i = 0; i < N_IDENTITIES; i++) {
		remove_named(identities[i].certificate);
		remove_named(identities[i].key);
	}
	rmdir(files.folder);
}

static void
add_names(X509 *certificate, const char *names)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	fuzz_require(extension != NULL && X509_add_ext(certificate, extension, -1) == 1,
		"no certificate for %s", names);
	X509_EXTENSION_free(extension);
}

/* A self-signed certificate and its key. */
static void
write_identity(unsigned int i)
{
	EVP_PKEY *key = EVP_EC_gen(identities[i].curve);
	X509 *certificate = X509_new();
	X509_NAME *name = X509_NAME_new();
	FILE *pem = open_named(identities[i].certificate), *key_pem = open_named(identities[i].key);
	bool good;

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 10L * 365 * 86400);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"gw.example", -1, -1, 0);
	X509_set_subject_name(certificate, name);
	X509_set_issuer_name(certificate, name);
	X509_NAME_free(name);
	X509_set_pubkey(certificate, key);
	if (identities[i].names != NULL)
		add_names(certificate, identities[i].names);
	good = X509_sign(certificate, key, EVP_sha256()) > 0 &&
	       PEM_write_X509(pem, certificate) == 1 &&
	       PEM_write_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1;
	good &= fclose(pem) == 0 && fclose(key_pem) == 0;
	fuzz_require(good, "cannot write %s", identities[i].certificate);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void
config_files_write_one(enum config_file file, const void *bytes, size_t size)
{
	const char *path = files.file[file].path;
	char *grown = realloc(files.file[file].text, size + 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_require(grown != NULL, "no memory");
	files.file[file].text = grown;
	files.file[file].len = size;
	files.file[file].usual = false;
	if (size != 0)
		memcpy(grown, bytes, size);
	fuzz_require(fd >= 0 && write(fd, grown, size) == (ssize_t)size && close(fd) == 0,
		"cannot write %s", path);
}

static void
write_usual(enum config_file file)
{
	if (files.file[file].usual)
		return;
	config_files_write_one(file, known[file].usual, strlen(known[file].usual));
	files.file[file].usual = true;
}

void
config_files_open(void)
{
	const char *parent = getenv("TMPDIR");

	snprintf(files.folder, sizeof(files.folder), "%.40s/hellogate-fuzz-XXXXXX",
		parent != NULL ? parent : "/tmp");
	fuzz_require(mkdtemp(files.folder) != NULL, "cannot make %s", files.folder);
	for (unsigned int i = 0; i < CONFIG_FILES; i++)
		snprintf(files.file[i].path, sizeof(files.file[i].path), "%s/%s", files.folder,
			known[i].name);
	atexit(close_files);
	for (unsigned int i = 0; i < N_IDENTITIES; i++)
		write_identity(i);
}

/* Which file a line begins, or CONFIG_FILES. */
static enum config_file
begins(const uint8_t *line, size_t len)
{
	for (unsigned int i = CONFIG_PROFILE; i <= CONFIG_PSK; i++)
		if (len == 2 + strlen(known[i].name) && memcmp(line, "%%", 2) == 0 &&
			memcmp(line + 2, known[i].name, len - 2) == 0)
			return i;
	return CONFIG_FILES;
}

void
config_files_write(const uint8_t *data, size_t size)
{
	enum config_file current = CONFIG_MAIN;
	bool written[CONFIG_FILES] = { false };
	size_t start = 0, at = 0;

	while (at <= size) {
		const uint8_t *end = at < size ? memchr(data + at, '\n', size - at) : NULL;
		size_t next = end != NULL ? (size_t)(end - data) + 1 : size + 1;
		enum config_file file = at < size ? begins(data + at, next - 1 - at) : CONFIG_FILES;

		if (file != CONFIG_FILES || next > size) {
			size_t stop = file != CONFIG_FILES ? at : size;

			config_files_write_one(current, data + start, stop - start);
			written[current] = true;
			current = file;
			start = next;
		}
		at = next;
	}
	for (unsigned int i = CONFIG_PROFILE; i <= CONFIG_PSK; i++)
		if (!written[i])
			write_usual(i);
}

const char *
config_files_path(enum config_file file)
{
	return files.file[file].path;
}

const char *
config_files_line(enum config_file file, unsigned long line, size_t *ret_len)
{
	const char *p = files.file[file].text, *end = p + files.file[file].len, *next;

	for (; p < end && line > 0; line--, p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next != NULL ? next + 1 : end;
		if (line == 1) {
			*ret_len = (size_t)(next - p);
			return p;
		}
	}
	return NULL;
}
