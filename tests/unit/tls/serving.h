/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of sessions serve their clients with. */
#pragma once

#include "identities.h"

struct serving {
	struct scratch scratch;
	struct identity identity;
	struct identity authority;       /* of identity and client, if clients show a certificate */
	struct identity client;          /* which they show then */
	struct hg_tls_settings settings; /* identity alone, or with authority; tickets */
	struct hg_tls_context *context;  /* made with them */
};

extern struct serving serving;

/* For a group of tests: with a certificate of type "EC", without certificates of clients. */
int serving_open(void **state);
/* The same with certificates of both sides, of type "EC" or "RSA". */
int serving_open_mutual(void **state);
int serving_open_mutual_rsa(void **state);
int serving_close(void **state);
