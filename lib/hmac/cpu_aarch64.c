/* SPDX-License-Identifier: BSD-3-Clause */
/* Which kernels can run here. The CPU's own registers for this are not for programs to read. */
#include "hmac/kernels.h"

#include <sys/auxv.h>

bool
hg_hmac_cpu_armv8(void)
{
	return getauxval(AT_HWCAP) & HWCAP_SHA2;
}
