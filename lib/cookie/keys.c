/* SPDX-License-Identifier: BSD-3-Clause */
#include "cookie/keys.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"

static const char label[] = "hellogate cookie v2";

#define LABEL_LEN (sizeof(label) - 1)

static void
derive(struct hg_hmac_key *key, const struct hg_hmac_key *secret, uint64_t epoch)
{
	const struct hg_hmac_kernel *reference = hg_hmac_kernel_find("scalar");
	uint8_t message[LABEL_LEN + sizeof(epoch) + HG_HMAC_PAD_ROOM];
	struct hg_hmac_job job = { .key = secret, .blocks = message };

	memcpy(message, label, LABEL_LEN);
	hg_store_be64(message + LABEL_LEN, epoch);
	job.n_blocks = hg_hmac_pad(message, LABEL_LEN + sizeof(epoch));
	reference->run(&job, 1);
	hg_hmac_key_init(key, job.tag, sizeof(job.tag));
	hg_secret_wipe(&job, sizeof(job));
}

int
hg_cookie_keys_derive(struct hg_cookie_keys *keys, const uint8_t secret[HG_COOKIE_SECRET_LEN],
	uint64_t now, uint32_t rotation, uint32_t lifetime, enum hg_cookie_binding binding)
{
	struct hg_hmac_key mac;
	uint64_t epoch;

	if (rotation == 0 || rotation < lifetime || lifetime > HG_COOKIE_LIFETIME_MAX)
		return -EINVAL;
	epoch = hg_cookie_epoch(now, rotation);
	hg_hmac_key_init(&mac, secret, HG_COOKIE_SECRET_LEN);
	for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++) {
		/* At epoch 0 the previous one wraps round, to a key that nobody has used. */
		keys->slot[i].epoch = epoch + i - HG_COOKIE_CURRENT;
		derive(&keys->slot[i].mac, &mac, keys->slot[i].epoch);
	}
	memset(keys->former, 0, sizeof(keys->former));
	keys->has_former = false;
	keys->lifetime = lifetime;
	keys->binding = binding;
	hg_secret_wipe(&mac, sizeof(mac));
	return 0;
}

void
hg_cookie_keys_accept(struct hg_cookie_keys *keys, const uint8_t former[HG_COOKIE_SECRET_LEN])
{
	struct hg_hmac_key mac;

	hg_hmac_key_init(&mac, former, HG_COOKIE_SECRET_LEN);
	for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++)
		derive(&keys->former[i], &mac, keys->slot[i].epoch);
	keys->has_former = true;
	hg_secret_wipe(&mac, sizeof(mac));
}
