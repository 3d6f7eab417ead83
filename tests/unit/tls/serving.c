/* SPDX-License-Identifier: BSD-3-Clause */
#include "serving.h"
#include "unit.h"

struct serving serving;

int
serving_open(void **state)
{
	const struct hg_tls_settings settings = {
		.pairs = &serving.identity.files,
		.n_pairs = 1,
		.tickets = true,
	};
	struct hg_tls_error error;

	(void)state;
	scratch_open(&serving.scratch);
	identity_make(&serving.identity, &serving.scratch, "server", "EC", "server", NULL, NULL);
	return hg_tls_context_new(&serving.context, &settings, &error);
}

int
serving_close(void **state)
{
	(void)state;
	hg_tls_context_free(serving.context);
	identity_free(&serving.identity);
	scratch_close(&serving.scratch);
	return 0;
}
