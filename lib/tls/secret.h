/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for secrets: OpenSSL's secure heap. It is never swapped out, in no core dump, between guard
 * pages, and wiped when it is given back. OpenSSL keeps private keys there of its own accord, and gives
 * the heap back when the process ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes the heap, for the rest of the process. Before any secret is read. Returns 0, -EPERM if the
 * kernel does not let it be locked (RLIMIT_MEMLOCK), so that it may be swapped out, or -ENOMEM.
 */
int hg_tls_secret_init(void);

/*
 * Zeroed memory, on a boundary of 64 bytes if it has as many; NULL if there is none left. Without
 * hg_tls_secret_init() it comes from malloc().
 */
void *hg_tls_secret_alloc(size_t n);

/*
 * May n bytes more be taken for what there are many of? A quarter of the heap is kept for the keys of
 * certificates and of handshakes, which fail when it is full. Always true without hg_tls_secret_init().
 */
bool hg_tls_secret_has_room(size_t n);

/* Wipes n bytes and gives them back; NULL is fine. */
void hg_tls_secret_free(void *p, size_t n);
