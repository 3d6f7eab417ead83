/* SPDX-License-Identifier: BSD-3-Clause */
/* Which tickets resume a session: keys that change, and contexts that follow one another. */
#include <openssl/ssl.h>

#include <string.h>

#include "conversation.h"
#include "serving.h"
#include "unit.h"

static struct identity other_authority;
static struct identity again; /* for the same name, by the same authority */
static struct identity rsa;

/* Connects with what *session holds, and puts in its place what the client has then. */
static bool
connect_with(const struct hg_tls_context *context, SSL_SESSION **session)
{
	const struct client_options options = { .identity = &serving.client, .session = *session };
	struct conversation *talk = conversation_new(&options);
	bool resumed;

	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 100);
	resumed = hg_tls_session_resumed(talk->server);
	assert_int_equal(SSL_session_reused(talk->client), resumed);
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(talk->client);
	conversation_free(talk);
	return resumed;
}

static void
test_keys_change(void **state)
{
	const struct hg_tls_settings settings = serving.settings;
	struct hg_tls_context *context = conversation_context(&settings);
	SSL_SESSION *old = NULL, *session = NULL;

	(void)state;
	assert_false(connect_with(context, &old));
	assert_false(connect_with(context, &session));
	assert_int_equal(hg_tls_context_renew_tickets(context), 0);
	assert_true(connect_with(context, &session)); /* and has got another ticket */
	assert_int_equal(hg_tls_context_renew_tickets(context), 0);
	assert_true(connect_with(context, &session));
	assert_true(connect_with(context, &session));
	assert_false(connect_with(context, &old)); /* two keys ago */
	SSL_SESSION_free(old);
	SSL_SESSION_free(session);
	hg_tls_context_free(context);
}

static void
test_context_that_follows(void **state)
{
	const struct hg_tls_settings settings = serving.settings;
	struct hg_tls_context *first = conversation_context(&settings), *second, *third;
	SSL_SESSION *session = NULL;

	(void)state;
	assert_false(connect_with(first, &session));
	second = conversation_context(&settings);
	hg_tls_context_take_tickets(second, first);
	assert_true(connect_with(second, &session));
	assert_true(connect_with(first, &session)); /* as long as it has sessions */
	hg_tls_context_free(first);
	assert_true(connect_with(second, &session));
	assert_int_equal(hg_tls_context_renew_tickets(second), 0);
	third = conversation_context(&settings);
	hg_tls_context_take_tickets(third, second);
	hg_tls_context_free(second);
	assert_true(connect_with(third, &session));
	SSL_SESSION_free(session);
	hg_tls_context_free(third);
}

/* Does a context with the one setting take the other's tickets? */
static bool
takes(const struct hg_tls_settings *before, const struct hg_tls_settings *after)
{
	struct hg_tls_context *first = conversation_context(before),
			      *second = conversation_context(after);
	SSL_SESSION *session = NULL;
	bool resumed;

	assert_false(connect_with(first, &session));
	hg_tls_context_take_tickets(second, first);
	hg_tls_context_free(first);
	resumed = connect_with(second, &session);
	SSL_SESSION_free(session);
	hg_tls_context_free(second);
	return resumed;
}

/* Whoever would not be let in, or not so, by a full handshake is not let in by a ticket. */
static void
test_terms_that_change(void **state)
{
	const struct hg_tls_pair pairs[] = { serving.identity.files, rsa.files };
	char both[8192];
	struct hg_tls_settings before = serving.settings, after = serving.settings;
	FILE *file;
	size_t n;

	(void)state;
	assert_true(takes(&before, &after));
	after.pairs = &again.files;
	assert_false(takes(&before, &after));
	after.pairs = pairs;
	after.n_pairs = 2;
	assert_false(takes(&before, &after));
	assert_true(takes(&after, &after));

	after = serving.settings;
	after.client_ca = NULL;
	assert_false(takes(&before, &after));
	assert_false(takes(&after, &before));
	file = fopen(serving.authority.files.certificate, "re");
	assert_non_null(file);
	n = fread(both, 1, sizeof(both) / 2, file);
	fclose(file);
	file = fopen(other_authority.files.certificate, "re");
	assert_non_null(file);
	n += fread(both + n, 1, sizeof(both) / 2 - 1, file);
	fclose(file);
	both[n] = '\0';
	after.client_ca = scratch_text(&serving.scratch, "both.pem", both);
	assert_false(takes(&before, &after));

	after = serving.settings;
	after.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
	assert_false(takes(&before, &after));
	after = serving.settings;
	after.groups = "P-256";
	assert_false(takes(&before, &after));
	after = serving.settings;
	after.psk_file = scratch_text(&serving.scratch, "psk", "lamp:0102\n");
	assert_false(takes(&before, &after));
	before = after;
	assert_true(takes(&before, &after));
	after.psk_file = scratch_text(&serving.scratch, "psk2", "lamp:0103\n");
	assert_false(takes(&before, &after));
	after.psk_file = scratch_text(&serving.scratch, "psk3", "lamp2:0102\n");
	assert_false(takes(&before, &after));
	after.psk_file = before.psk_file;
	after.psk_hint = "kitchen";
	assert_false(takes(&before, &after));
}

static void
test_no_tickets(void **state)
{
	struct hg_tls_settings with = serving.settings, without = serving.settings;
	struct hg_tls_context *context;

	(void)state;
	without.tickets = false;
	assert_false(takes(&with, &without));
	assert_false(takes(&without, &with));
	context = conversation_context(&without);
	assert_int_equal(hg_tls_context_renew_tickets(context), 0);
	hg_tls_context_free(context);
}

static int
set_up(void **state)
{
	int err = serving_open_mutual(state);

	identity_make(&other_authority, &serving.scratch, "ca2", "EC", "ca2", NULL, NULL);
	identity_make(&again, &serving.scratch, "again", "EC", "server", NULL, &serving.authority);
	identity_make(&rsa, &serving.scratch, "rsa", "RSA", "server", NULL, &serving.authority);
	return err;
}

static int
tear_down(void **state)
{
	identity_free(&other_authority);
	identity_free(&again);
	identity_free(&rsa);
	return serving_close(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_change),
		cmocka_unit_test(test_context_that_follows),
		cmocka_unit_test(test_terms_that_change),
		cmocka_unit_test(test_no_tickets),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
