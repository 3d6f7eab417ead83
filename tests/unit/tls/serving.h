/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of sessions serve their clients with. */
#pragma once

#include "identities.h"

/* A certificate and a context with it alone, and with tickets. */
struct serving {
	struct scratch scratch;
	struct identity identity;
	struct hg_tls_context *context;
};

extern struct serving serving;

/* For a group of tests. */
int serving_open(void **state);
int serving_close(void **state);
