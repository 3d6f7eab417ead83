/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers. A kernel may go wrong in some lanes, batch sizes or mixtures of lengths only. */
#include "hmac/hmac.h"

#include <string.h>

#define LANES_MAX 64u
#define JOBS_MAX (2 * LANES_MAX)
#define SECRET_MAX 131u
#define MESSAGE_MAX 184u

/* A text, or len bytes: first, first + step, ... */
struct octets {
	const char *text;
	uint8_t len;
	uint8_t first;
	uint8_t step;
};

struct vector {
	struct octets secret;
	struct octets message;
	const char *tag;
};

#define TEXT(s)                                   \
	{                                         \
		.text = (s), .len = sizeof(s) - 1 \
	}
#define SAME(n, octet)                       \
	{                                    \
		.len = (n), .first = (octet) \
	}
#define COUNT(n, from, by)                                \
	{                                                 \
		.len = (n), .first = (from), .step = (by) \
	}
#define BOUNDARY(n) COUNT(32, 0, 1), COUNT(n, 0x80, 7)

static const struct vector vectors[] = {
	/* RFC 4231, 4.2 to 4.8; of the fifth tag it gives the first half. */
	{ SAME(20, 0x0b), TEXT("Hi There"),
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ TEXT("Jefe"), TEXT("what do ya want for nothing?"),
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ SAME(20, 0xaa), SAME(50, 0xdd),
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ COUNT(25, 0x01, 1), SAME(50, 0xcd),
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ SAME(20, 0x0c), TEXT("Test With Truncation"),
		"a3b6167473100ee06e0c796c2955552bfa6f7c0a6a8aef8b93f860aab0cd20c5" },
	{ SAME(131, 0xaa), TEXT("Test Using Larger Than Block-Size Key - Hash Key First"),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ SAME(131, 0xaa),
		TEXT("This is a test using a larger than block-size key and a larger than "
		     "block-size data. The key needs to be hashed before being used by the "
		     "HMAC algorithm."),
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	/* A message's last block takes 55 bytes beside its padding: lengths around every boundary. */
	{ BOUNDARY(0), "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb" },
	{ BOUNDARY(1), "91228f7020d1e587784697a563c0b912fac75af520ba569077e4819916c321ea" },
	{ BOUNDARY(55), "cda7e1febdd28c476080bcbd0db5d74d74bcbb4e339a2d9a1e4e4155dfc5c141" },
	{ BOUNDARY(56), "0fc1d5ecf4910d4e7d7bf02045bd0c6598f2c01ebb3d9459dca83c100a6ec001" },
	{ BOUNDARY(63), "4ba8a454bc0f339c4b18072ce48cd8c94eb2fb5dbcb61786c0ce1954155c45fa" },
	{ BOUNDARY(64), "425ef6866bd84f0ab3de07959fab5b58dd8b5e91afdbf5b60bd98d19f45e37e3" },
	{ BOUNDARY(119), "68da6e4c4b846ef09a954c2c86f901c2b7e8be5f989055f2f2baeacf8ed00367" },
	{ BOUNDARY(120), "e6e91de18e250be3ff700d9a12299e551d8a03020d6fccdffc41bc76a272818f" },
	{ BOUNDARY(127), "d6d3a59d9929d05bc7c17255bf55d4efd686103d8086dc140f322a4495143260" },
	{ BOUNDARY(128), "acc800b8f0f5b7df745a713a8a52c175e56b0b0e6b469182d82071603dc55971" },
	{ BOUNDARY(183), "4d69398363719081745265b9649d10a787dcc184ba550f56308c19361f84596c" },
	{ BOUNDARY(184), "292c5fd525668a68a35bdb2537734c639edf2c5e1c71275827ef9179908f397a" },
};

#define N_VECTORS (sizeof(vectors) / sizeof(vectors[0]))

/* A vector, ready to be made a job. */
struct ready {
	struct hg_hmac_key key;
	uint8_t blocks[MESSAGE_MAX + HG_HMAC_PAD_ROOM];
	uint32_t n_blocks;
	uint8_t tag[HG_HMAC_LEN];
};

static void
expand(uint8_t *to, const struct octets *octets)
{
	if (octets->text) {
		memcpy(to, octets->text, octets->len);
		return;
	}
	for (unsigned int i = 0; i < octets->len; i++)
		to[i] = (uint8_t)(octets->first + i * octets->step);
}

static uint8_t
nibble(char hex)
{
	return (uint8_t)(hex <= '9' ? hex - '0' : hex - 'a' + 10);
}

static void
prepare(struct ready *ready, const struct vector *vector)
{
	uint8_t secret[SECRET_MAX];

	expand(secret, &vector->secret);
	hg_hmac_key_init(&ready->key, secret, vector->secret.len);
	expand(ready->blocks, &vector->message);
	ready->n_blocks = hg_hmac_pad(ready->blocks, vector->message.len);
	for (unsigned int i = 0; i < HG_HMAC_LEN; i++)
		ready->tag[i] =
			(uint8_t)(nibble(vector->tag[2 * i]) << 4 | nibble(vector->tag[2 * i + 1]));
}

static uint8_t
anything_but(uint8_t octet)
{
	return octet ^ 0xff;
}

/* Runs n jobs on vectors first, first + step, ... Returns true if it wrote their tags and no more. */
static bool
burst_passes(const struct hg_hmac_kernel *kernel, const struct ready *ready, size_t n, size_t first,
	size_t step)
{
	struct hg_hmac_job jobs[JOBS_MAX + 1];
	const struct ready *r;
	bool right = true;

	for (size_t i = 0; i <= n; i++) {
		r = &ready[(first + i * step) % N_VECTORS];
		jobs[i].key = &r->key;
		jobs[i].blocks = r->blocks;
		jobs[i].n_blocks = r->n_blocks;
		for (unsigned int j = 0; j < HG_HMAC_LEN; j++)
			jobs[i].tag[j] = anything_but(r->tag[j]);
	}
	kernel->run(jobs, n);
	for (size_t i = 0; i < n; i++) {
		r = &ready[(first + i * step) % N_VECTORS];
		if (memcmp(jobs[i].tag, r->tag, HG_HMAC_LEN) != 0)
			right = false;
	}
	r = &ready[(first + n * step) % N_VECTORS];
	for (unsigned int j = 0; j < HG_HMAC_LEN; j++)
		if (jobs[n].tag[j] != anything_but(r->tag[j]))
			right = false;
	return right;
}

bool
hg_hmac_self_test(const struct hg_hmac_kernel *kernel)
{
	struct ready ready[N_VECTORS];

	if (kernel->lanes == 0 || kernel->lanes > LANES_MAX)
		return false;
	for (size_t i = 0; i < N_VECTORS; i++)
		prepare(&ready[i], &vectors[i]);
	for (size_t n = 0; n <= 2 * (size_t)kernel->lanes; n++) {
		for (size_t first = 0; first < N_VECTORS; first++) {
			/* One length, as in most bursts, and neighbours that all differ. */
			if (!burst_passes(kernel, ready, n, first, 0) ||
				!burst_passes(kernel, ready, n, first, 1))
				return false;
		}
	}
	return true;
}
