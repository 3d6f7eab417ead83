/* SPDX-License-Identifier: BSD-3-Clause */
/* What the process finds around it when it starts: DPDK, OpenSSL, the kernel. */
#pragma once

#include "config/error.h"

/* Returns 0, or -EINVAL if one of them is too old. */
int release_check(struct error *error);
