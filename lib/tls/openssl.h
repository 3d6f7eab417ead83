/* SPDX-License-Identifier: BSD-3-Clause */
/* What releases of OpenSSL call differently; nothing else in the code knows of releases. */
#pragma once

#include <openssl/opensslv.h>
#include <openssl/x509_vfy.h>

/*
 * What an X509_STORE has, to be freed with openssl_free_objects(), or NULL for want of memory. 4.0 is
 * rid of the one that is the store's own and that no lock protects; the one in its place came with 3.3.
 */
static inline STACK_OF(X509_OBJECT) * openssl_get_objects(X509_STORE *store)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
	return X509_STORE_get1_objects(store);
#else
	return X509_STORE_get0_objects(store);
#endif
}

static inline void
openssl_free_objects(STACK_OF(X509_OBJECT) * objects)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
	sk_X509_OBJECT_pop_free(objects, X509_OBJECT_free);
#else
	(void)objects;
#endif
}
