/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/secret.h"

#include <openssl/crypto.h>

#include <errno.h>

/*
 * A private key takes 1 to 5 KB, a handshake in progress 64 bytes for its ephemeral key. All of it is
 * what Debian lets a process lock that has no privileges; pages count in memory when they are used.
 */
#define HEAP_SIZE (8u << 20)
#define PIECE_MIN 32u

int
hg_tls_secret_init(void)
{
	switch (CRYPTO_secure_malloc_init(HEAP_SIZE, PIECE_MIN)) {
	case 0:
		return -ENOMEM;
	case 1:
		return 0;
	default:
		return -EPERM;
	}
}

void *
hg_tls_secret_alloc(size_t n)
{
	/* Pieces are powers of two, each on a multiple of its size. */
	return OPENSSL_secure_zalloc(n);
}

bool
hg_tls_secret_has_room(size_t n)
{
	return CRYPTO_secure_malloc_initialized() != 1 ||
	       CRYPTO_secure_used() + n <= HEAP_SIZE / 4 * 3;
}

void
hg_tls_secret_free(void *p, size_t n)
{
	OPENSSL_secure_clear_free(p, n);
}
