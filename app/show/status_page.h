/* SPDX-License-Identifier: BSD-3-Clause */
/* The status page, status.html, in the program; embed.py makes it at build time. */
#pragma once

#include <stddef.h>

extern const char status_page[];
extern const size_t status_page_len; /* bytes */
