/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls that the process may still make once it is set up. */
#pragma once

#include "config/error.h"

enum filter_mode {
	FILTER_ON,  /* any other call ends the process with SIGSYS */
	FILTER_OFF, /* no filter */
	FILTER_LOG, /* any other call is let through, and told to the kernel's audit log */
};

/* Puts the filter on every thread, for good. Returns 0 or -EINVAL. */
int seccomp_confine(enum filter_mode mode, struct error *error);
