/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: OpenSSL fails for good, as if it had no sequence number left, when it is to write what begins
 * with "fail".
 */
#include <dlfcn.h>
#include <string.h>

#include <openssl/ssl.h>

int
SSL_write_ex(SSL *ssl, const void *data, size_t len, size_t *written)
{
	static int (*real)(SSL *, const void *, size_t, size_t *);

	if (len >= 4 && memcmp(data, "fail", 4) == 0)
		return 0;
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "SSL_write_ex");
	return real(ssl, data, len, written);
}
