/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka 2.0 has names for signed and unsigned and warns of the one without, which is all that 1.1 has. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#ifndef assert_uint_in_range
#define assert_uint_in_range(value, minimum, maximum) assert_in_range(value, minimum, maximum)
#endif
