/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "setup.h"

#define HEX_LEN (2 * HG_COOKIE_SECRET_LEN)
#define CERTIFICATES_MAX 16384 /* bytes that a client may make OpenSSL reserve for its own */

volatile sig_atomic_t setup_end, setup_reload;

static const char usage[] =
	"usage: %s [-b BINDING] [-l LIFETIME] [-r ROTATION] [-p PREVIOUS]\n"
	"       ADDRESS PORT CERTIFICATE KEY SECRET\n"
	"\n"
	"  ADDRESS      IPv4 or IPv6; 0.0.0.0 or :: for any\n"
	"  CERTIFICATE  PEM file; KEY: PEM file with its private key\n"
	"  SECRET       file of 64 hexadecimal digits, as for hellogate's cookie-secret\n"
	"  -b BINDING   what cookies of DTLS are bound to beside the addresses: hello (default),\n"
	"               parameters or address for nothing\n"
	"  -l LIFETIME  seconds for which a cookie is good (60)\n"
	"  -r ROTATION  seconds after which the key changes (3600)\n"
	"  -p PREVIOUS  file of a former secret whose cookies are good too\n"
	"\n"
	"SIGHUP has both files read again, SIGTERM ends it.\n";

static void __attribute__((noreturn))
give_up(const struct setup *setup, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", setup->name, what, why);
	ERR_print_errors_fp(stderr);
	exit(2);
}

int64_t
setup_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
on_signal(int number)
{
	if (number == SIGHUP)
		setup_reload = 1;
	else
		setup_end = 1;
}

/* Returns NULL, or what is wrong with the file. */
static const char *
read_secret(const char *path, uint8_t ret_secret[HG_COOKIE_SECRET_LEN])
{
	char text[HEX_LEN + 1] = { 0 };
	FILE *file = fopen(path, "re");
	size_t len = 0, n = 0;
	int ok = 0;

	if (file == NULL)
		return "cannot be opened";
	setvbuf(file, NULL, _IONBF, 0); /* no copy in a buffer */
	n = fread(text, 1, HEX_LEN, file);
	fclose(file);
	if (n == HEX_LEN)
		ok = OPENSSL_hexstr2buf_ex(ret_secret, HG_COOKIE_SECRET_LEN, &len, text, '\0');
	OPENSSL_cleanse(text, sizeof(text));
	return ok == 1 && len == HG_COOKIE_SECRET_LEN ? NULL : "is not 64 hexadecimal digits";
}

static enum hg_cookie_binding
read_binding(struct setup *setup, const char *text)
{
	static const char *const name[] = {
		[HG_COOKIE_BIND_HELLO] = "hello",
		[HG_COOKIE_BIND_PARAMETERS] = "parameters",
		[HG_COOKIE_BIND_ADDRESS] = "address",
	};

	for (unsigned int i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (strcmp(text, name[i]) == 0)
			return (enum hg_cookie_binding)i;
	give_up(setup, text, "is neither hello, parameters nor address");
}

static void
read_arguments(struct setup *setup, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "b:l:r:p:")) != -1)
		switch (option) {
		case 'b':
			setup->options.binding = read_binding(setup, optarg);
			break;
		case 'l':
			setup->options.lifetime = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			setup->options.rotation = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			setup->previous_file = optarg;
			break;
		default:
			fprintf(stderr, usage, setup->name);
			exit(2);
		}
	if (argc - optind != 5) {
		fprintf(stderr, usage, setup->name);
		exit(2);
	}
}

/* Returns 0, or -1 with a sentence on standard error. */
static int
set_cookies(struct setup *setup)
{
	struct hg_tls_cookies_options options = setup->options;
	uint8_t secret[HG_COOKIE_SECRET_LEN], previous[HG_COOKIE_SECRET_LEN];
	struct hg_tls_error error;
	const char *file = setup->secret_file, *why = read_secret(file, secret);

	options.secret = secret;
	options.secret_len = sizeof(secret);
	if (why == NULL && setup->previous_file != NULL) {
		file = setup->previous_file;
		why = read_secret(file, previous);
		options.previous = previous;
		options.previous_len = sizeof(previous);
	}
	if (why == NULL &&
		(setup->cookies == NULL
				? hg_tls_cookies_new(&setup->cookies, &options, &error)
				: hg_tls_cookies_change(setup->cookies, &options, &error)) != 0) {
		file = error.setting;
		why = error.text;
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(previous, sizeof(previous));
	if (why != NULL)
		fprintf(stderr, "%s: %s: %s\n", setup->name, file, why);
	return why != NULL ? -1 : 0;
}

static void
make_context(
	struct setup *setup, const SSL_METHOD *method, const char *certificate, const char *key)
{
	setup->ctx = SSL_CTX_new(method);
	if (setup->ctx == NULL)
		give_up(setup, "SSL_CTX_new", "no context");
	if (SSL_CTX_use_certificate_chain_file(setup->ctx, certificate) != 1)
		give_up(setup, certificate, "holds no certificate");
	if (SSL_CTX_use_PrivateKey_file(setup->ctx, key, SSL_FILETYPE_PEM) != 1)
		give_up(setup, key, "does not hold the certificate's key");
	SSL_CTX_set_options(setup->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(setup->ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(setup->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(setup->ctx, CERTIFICATES_MAX);
}

void
setup_begin(struct setup *setup, int argc, char **argv, const SSL_METHOD *method)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct sigaction action = { .sa_handler = on_signal };
	struct hg_tls_error error;
	struct addrinfo *found;
	sigset_t held;

	memset(setup, 0, sizeof(*setup));
	setup->name = argv[0];
	read_arguments(setup, argc, argv);
	argv += optind;
	hints.ai_socktype = SOCK_DGRAM;
	if (getaddrinfo(argv[0], argv[1], &hints, &found) != 0)
		give_up(setup, argv[0], "is no address, or the port is no number");
	memcpy(&setup->address, found->ai_addr, found->ai_addrlen);
	setup->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	setup->secret_file = argv[4];
	make_context(setup, method, argv[2], argv[3]);
	if (set_cookies(setup) != 0)
		exit(2);
	if (hg_tls_cookies_install(setup->cookies, setup->ctx, &error) != 0)
		give_up(setup, error.setting, error.text);

	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, &setup->usual);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

void
setup_again(struct setup *setup)
{
	setup_reload = 0;
	if (set_cookies(setup) == 0)
		printf("%s: the secret was read again\n", setup->name);
	fflush(stdout);
}

void
setup_finish(struct setup *setup)
{
	static const char *const verdict[HG_COOKIE_VERDICTS] = {
		[HG_COOKIE_NONE] = "none",
		[HG_COOKIE_VALID] = "valid",
		[HG_COOKIE_MALFORMED] = "malformed",
		[HG_COOKIE_UNKNOWN_EPOCH] = "unknown_epoch",
		[HG_COOKIE_EXPIRED] = "expired",
		[HG_COOKIE_WRONG_TAG] = "wrong_tag",
	};
	struct hg_tls_cookies_counts counts;

	hg_tls_cookies_count(setup->cookies, &counts);
	for (unsigned int i = 0; i < HG_COOKIE_VERDICTS; i++)
		printf("cookie_%s %llu\n", verdict[i], (unsigned long long)counts.verdict[i]);
	printf("cookie_unbound %llu\n", (unsigned long long)counts.unbound);
	printf("cookie_unusable %llu\n", (unsigned long long)counts.unusable);
	hg_tls_cookies_free(setup->cookies);
	SSL_CTX_free(setup->ctx);
}
