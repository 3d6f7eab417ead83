/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SHA-2 instructions of ARMv8-A: sha256h and sha256h2 make four rounds. There are registers for
 * four messages at once, with their schedules.
 */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "hmac/kernels.h"

#define INLINE static inline __attribute__((always_inline))
#define LANES_IN_REGISTERS 4u

struct vars {
	uint32x4_t abcd, efgh;
};

struct schedule {
	uint32x4_t w[4];
};

INLINE void
quad(struct vars *v, struct schedule *s, const uint8_t *block, unsigned int i)
{
	uint32x4_t *w = s->w;
	uint32x4_t abcd = v->abcd;
	uint32x4_t t;

	if (i < 4) {
		w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * (size_t)i)));
	} else {
		t = vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]);
		w[i % 4] = vsha256su1q_u32(t, w[(i + 2) % 4], w[(i + 3) % 4]);
	}
	t = vaddq_u32(w[i % 4], vld1q_u32(&hg_sha256_k[4 * (size_t)i]));
	v->abcd = vsha256hq_u32(abcd, v->efgh, t);
	v->efgh = vsha256h2q_u32(v->efgh, abcd, t);
}

INLINE void
feed_forward(struct vars *v, struct vars *chain)
{
	v->abcd = chain->abcd = vaddq_u32(chain->abcd, v->abcd);
	v->efgh = chain->efgh = vaddq_u32(chain->efgh, v->efgh);
}

INLINE void
set_chain(struct vars *chain, const uint32_t words[HG_SHA256_WORDS])
{
	chain->abcd = vld1q_u32(words);
	chain->efgh = vld1q_u32(words + 4);
}

INLINE void
put_digest(const struct vars *chain, uint8_t *to)
{
	vst1q_u8(to, vrev32q_u8(vreinterpretq_u8_u32(chain->abcd)));
	vst1q_u8(to + 16, vrev32q_u8(vreinterpretq_u8_u32(chain->efgh)));
}

#include "hmac/interleave.h"

static void
run(struct hg_hmac_job *jobs, size_t n)
{
	mac(jobs, n);
	hg_hmac_wipe_traces();
}

const struct hg_hmac_kernel hg_hmac_armv8 = {
	.name = "armv8",
	.lanes = LANES,
	.usable = hg_hmac_cpu_armv8,
	.run = run,
};
