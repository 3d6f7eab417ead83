/* SPDX-License-Identifier: BSD-3-Clause */
#include "suites.h"

#include <stdio.h>

#include "unit.h"

const struct suite suites[N_SUITES] = {
	{ "ECDHE-ECDSA-AES128-GCM-SHA256", false, 24 },
	{ "ECDHE-ECDSA-AES256-GCM-SHA384", false, 24 },
	{ "ECDHE-ECDSA-CHACHA20-POLY1305", false, 16 },
	{ "ECDHE-ECDSA-AES128-CCM", false, 24 },
	{ "ECDHE-ECDSA-AES128-CCM8", false, 16 },
	{ "ECDHE-ECDSA-ARIA128-GCM-SHA256", false, 24 },
	{ "ECDHE-ECDSA-AES128-SHA256", false, 16 + 16 + 32 },
	{ "ECDHE-ECDSA-AES256-SHA384", false, 16 + 16 + 48 },
	{ "ECDHE-ECDSA-AES128-SHA", false, 16 + 16 + 20 },
	{ "ECDHE-ECDSA-CAMELLIA128-SHA256", false, 16 + 16 + 32 },
	{ "PSK-NULL-SHA256", true, 32 },
	{ "PSK-AES128-CBC-SHA256", true, 16 + 16 + 32 },
	{ "PSK-CHACHA20-POLY1305", true, 16 },
	{ "PSK-AES256-CCM8", true, 16 },
};

struct conversation *
suite_connect(unsigned int i, const struct suite_wish *wish, struct hg_tls_context **ret_context)
{
	static const uint8_t key[16] = { 1, 2, 3 };
	static struct client_options options;
	char list[64];
	struct hg_tls_settings settings = {
		.pairs = wish->pair,
		.n_pairs = 1,
		.psk_file = wish->psk_file,
		.ciphers = list,
		.tickets = true,
	};
	struct conversation *talk;
	struct hg_tls_error error;

	snprintf(list, sizeof(list), "%s:@SECLEVEL=0", suites[i].name);
	if (hg_tls_context_new(ret_context, &settings, &error) != 0)
		return NULL;
	options = (struct client_options){
		.ciphers = list,
		.no_etm = wish->no_etm,
		.max_fragment = wish->max_fragment,
	};
	if (suites[i].psk) {
		options.psk_identity = "one";
		options.psk = key;
		options.psk_len = sizeof(key);
	}
	talk = conversation_new(&options);
	conversation_get_cookie(talk);
	conversation_enter(talk, *ret_context, wish->flight_max != 0 ? wish->flight_max : 1200);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	assert_string_equal(SSL_get_cipher_name(talk->client), suites[i].name);
	return talk;
}
