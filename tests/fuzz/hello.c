/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/wire: telling hellos from other datagrams, taking them apart, and writing the HVR. An input is a
 * datagram. The parse is that of the model; the HVR fits into its hello, is the right one byte for byte,
 * and is no hello itself; and a client that sends its hello again with the cookie is asked for the same.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "lab.h"
#include "model.h"
#include "repair.h"
#include "wire/hvr.h"

#define DATAGRAM_MAX 9000u

static const uint8_t cookie[HG_HVR_COOKIE_LEN] = { 0x2e, 0xde, 0xad, 0xbe, 0xef, 0, 0xff, 1, 2, 3 };

static void
check_fields(const uint8_t *datagram, const struct hg_hello *hello, const struct model_hello *model)
{
	fuzz_require(
		hello->client == datagram + model->client && hello->client_len == model->client_len,
		"client at %td, %u bytes", hello->client - datagram, hello->client_len);
	fuzz_require(
		hello->cookie == datagram + model->cookie && hello->cookie_len == model->cookie_len,
		"cookie at %td, %u bytes", hello->cookie - datagram, hello->cookie_len);
	fuzz_require(
		hello->offer == datagram + model->offer && hello->offer_len == model->offer_len,
		"offer at %td, %u bytes", hello->offer - datagram, hello->offer_len);
	fuzz_require(
		hello->record_len == model->record_len, "record of %u bytes", hello->record_len);
	fuzz_require(hello->message_seq == model->message_seq, "message %u", hello->message_seq);
	fuzz_require(hello->message_len == model->message_len, "message of %u bytes",
		hello->message_len);
	fuzz_require(hello->record_seq == model->record_seq, "record %llu",
		(unsigned long long)hello->record_seq);
}

static void
check_hvr(const uint8_t *datagram, size_t len)
{
	uint8_t wanted[MODEL_HVR_LEN], *hvr = fuzz_place(1, datagram, len);
	struct hg_hello hello;
	bool is_hello = true;
	uint64_t sum;

	fuzz_require(HG_HVR_LEN <= len, "an HVR of %u bytes to %zu", HG_HVR_LEN, len);
	model_hvr(wanted, datagram, cookie);
	sum = hg_hvr_write(hvr, cookie);
	fuzz_require_same("HVR", hvr, wanted, HG_HVR_LEN);
	fuzz_require_same(
		"behind the HVR", hvr + HG_HVR_LEN, datagram + HG_HVR_LEN, len - HG_HVR_LEN);
	sum = (sum & 0xffffffff) + (sum >> 32);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	fuzz_require(sum == __builtin_bswap16(model_sum(wanted, HG_HVR_LEN, 0)), "sum %llx",
		(unsigned long long)sum);
	fuzz_require(hg_hello_parse(hvr, HG_HVR_LEN, &is_hello, &hello) == HG_PASS && !is_hello,
		"an HVR would be answered");
}

/* The second hello is bound to what the first one was, whatever else it changes. */
static void
check_second(const uint8_t *datagram, size_t len, const struct hg_hello *first)
{
	static uint8_t bytes[DATAGRAM_MAX + HG_HVR_COOKIE_LEN];
	struct hg_hello second;
	bool is_hello = false;
	uint8_t *copy;
	size_t grown;

	memcpy(bytes, datagram, len);
	grown = repair_cookie(bytes, len, sizeof(bytes), cookie);
	if (grown == len && memcmp(bytes, datagram, len) == 0)
		return;
	bytes[10] ^= 1; /* record sequence number */
	bytes[18] ^= 1; /* message_seq */
	copy = fuzz_place(2, bytes, grown);
	fuzz_require(hg_hello_parse(copy, grown, &is_hello, &second) == HG_PASS && is_hello,
		"refused with a cookie");
	fuzz_require(second.cookie_len == sizeof(cookie), "cookie of %u bytes", second.cookie_len);
	fuzz_require_same("cookie", second.cookie, cookie, sizeof(cookie));
	fuzz_require(second.client_len == first->client_len && second.offer_len == first->offer_len,
		"bound to %u and %u bytes, not %u and %u", second.client_len, second.offer_len,
		first->client_len, first->offer_len);
	fuzz_require_same("client", second.client, first->client, first->client_len);
	fuzz_require_same("offer", second.offer, first->offer, first->offer_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_hello model = model_hello(data, size);
	const uint8_t *datagram = fuzz_place(0, data, size <= DATAGRAM_MAX ? size : 0);
	enum hg_verdict verdict, again;
	struct hg_hello hello, same;
	bool is_hello = false;

	if (size > DATAGRAM_MAX)
		return 0;
	fuzz_require((unsigned int)hg_hello_find(datagram, size) == model_find(data, size),
		"another part of a hello than %u", model_find(data, size));
	verdict = hg_hello_parse(datagram, size, &is_hello, &hello);
	fuzz_require(verdict == model.verdict, "verdict %d, not %d", verdict, model.verdict);
	if (verdict != HG_PASS)
		return 0;
	fuzz_require(is_hello == model.is_hello, "hello: %d", is_hello);
	if (!is_hello) {
		fuzz_require(hg_hello_is_fragment(datagram, size) == model.is_fragment,
			"fragment: %d", !model.is_fragment);
		return 0;
	}
	fuzz_require(size >= HG_HELLO_MIN_LEN, "a hello of %zu bytes", size);
	check_fields(datagram, &hello, &model);
	check_hvr(datagram, size);
	check_second(datagram, size, &hello);

	/* What follows the first record counts for nothing. */
	datagram = fuzz_place(1, data, hello.record_len);
	again = hg_hello_parse(datagram, hello.record_len, &is_hello, &same);
	fuzz_require(again == HG_PASS && is_hello, "another verdict without what follows");
	check_fields(datagram, &same, &model);
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct fuzz_random random = fuzz_random(seed);

	size = LLVMFuzzerMutate(data, size, max_size);
	if (fuzz_below(&random, 4) != 0)
		repair_hello(data, size);
	if (fuzz_below(&random, 8) == 0)
		size = repair_cookie(data, size, max_size, cookie);
	return size;
}
