/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls that the process may still make once it is set up. */
#pragma once

#include "config/config.h"
#include "config/error.h"

/* Puts the filter on every thread, for good. Returns 0 or -EINVAL. */
int seccomp_confine(enum config_seccomp mode, struct error *error);
