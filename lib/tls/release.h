/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether this process has got an OpenSSL that the library can run with. */
#pragma once

#include <stddef.h>

/*
 * OpenSSL keeps the ABI within a major release, and adds to it in minor ones. So a library that is newer
 * than the headers it was built with will do, and the patch level does not matter; an older one lacks
 * what those headers promised. Returns 0, or -ENOTSUP with a sentence in ret_text, terminated and cut off
 * at size bytes.
 */
int hg_tls_release_check(char *ret_text, size_t size);
