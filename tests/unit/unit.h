/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka, with what it wants to be included before. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* 2.0 has names for signed and unsigned and warns of the one without, which is all that 1.1 has. */
#ifndef assert_uint_in_range
#define assert_uint_in_range(value, minimum, maximum) assert_in_range(value, minimum, maximum)
#endif
