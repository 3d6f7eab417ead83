/* SPDX-License-Identifier: BSD-3-Clause */
#include "serving.h"
#include "unit.h"

struct serving serving;

static int
make_context(void)
{
	struct hg_tls_error error;

	serving.settings.pairs = &serving.identity.files;
	serving.settings.n_pairs = 1;
	serving.settings.tickets = true;
	return hg_tls_context_new(&serving.context, &serving.settings, &error);
}

int
serving_open(void **state)
{
	(void)state;
	scratch_open(&serving.scratch);
	identity_make(&serving.identity, &serving.scratch, "server", "EC", "server", NULL, NULL);
	return make_context();
}

static int
open_mutual(const char *type)
{
	scratch_open(&serving.scratch);
	identity_make(
		&serving.authority, &serving.scratch, "authority", type, "authority", NULL, NULL);
	identity_make(&serving.identity, &serving.scratch, "server", type, "server", NULL,
		&serving.authority);
	identity_make(&serving.client, &serving.scratch, "client", type, "client", NULL,
		&serving.authority);
	serving.settings.client_ca = serving.authority.files.certificate;
	return make_context();
}

int
serving_open_mutual(void **state)
{
	(void)state;
	return open_mutual("EC");
}

int
serving_open_mutual_rsa(void **state)
{
	(void)state;
	return open_mutual("RSA");
}

int
serving_close(void **state)
{
	(void)state;
	hg_tls_context_free(serving.context);
	identity_free(&serving.identity);
	identity_free(&serving.authority);
	identity_free(&serving.client);
	scratch_close(&serving.scratch);
	return 0;
}
