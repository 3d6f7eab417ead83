/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/release.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include <errno.h>
#include <stdio.h>

int
hg_tls_release_check(char *ret_text, size_t size)
{
	const unsigned int major = OPENSSL_VERSION_MAJOR, minor = OPENSSL_VERSION_MINOR;

	if (OPENSSL_version_major() == major && OPENSSL_version_minor() >= minor)
		return 0;
	snprintf(ret_text, size,
		"the OpenSSL library is %s, but this was built for %u.%u and needs that or a later %u",
		OpenSSL_version(OPENSSL_VERSION_STRING), major, minor, major);
	return -ENOTSUP;
}
