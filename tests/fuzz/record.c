/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/tls/record.c and flight.c: which records of a client are let through to OpenSSL, and the handshake
 * messages that are put together of them. An input is five bytes about the session, and what comes for
 * it, record behind record. Verdicts, lengths and whole messages are those of a model, which keeps every
 * byte by itself; no fragment writes outside of its message.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tls/flight.h"
#include "tls/record.h"

#define MESSAGES 3u
#define FIRST 60u /* bytes of a hello that came with its cookie */

enum { MESSAGE_HELLO = 1, MESSAGE_CERTIFICATE = 11, MESSAGE_VERIFY = 15, MESSAGE_EXCHANGE = 16 };

/* A message: each byte, or -1 for one that has not come. */
struct message {
	unsigned int type;
	unsigned int most;
	long declared; /* -1: nothing of it has come */
	unsigned int fixed;
	int byte[16384];
};

static struct model {
	unsigned int first_seq;
	unsigned int n;
	unsigned int done;
	struct message message[MESSAGES];
} model;

static unsigned int
number(const uint8_t *p, unsigned int n)
{
	unsigned int v = 0;

	while (n-- > 0)
		v = v * 256 + *p++;
	return v;
}

static void
begin(unsigned int first_seq, unsigned int n, const uint8_t *types)
{
	model.first_seq = first_seq;
	model.n = n;
	model.done = 0;
	for (unsigned int i = 0; i < n; i++) {
		model.message[i].type = types[i];
		model.message[i].most = types[i] == MESSAGE_VERIFY     ? 2052
					: types[i] == MESSAGE_EXCHANGE ? 2048
								       : 16384;
		model.message[i].declared = -1;
		model.message[i].fixed = 0;
	}
}

static enum hg_tls_verdict
model_fragment(const uint8_t *p, unsigned int n)
{
	unsigned int length = number(p + 1, 3), seq = number(p + 4, 2), at = number(p + 6, 3);
	struct message *message;

	if (seq < model.first_seq + model.done)
		return HG_TLS_IGNORE_REPEATED;
	if (seq >= model.first_seq + model.n)
		return HG_TLS_IGNORE_MESSAGE;
	message = &model.message[seq - model.first_seq];
	if (p[0] != message->type || length > message->most || n == 0 || at + n > length)
		return HG_TLS_IGNORE_MESSAGE;
	if (message->declared != (long)length) {
		if (message->fixed != 0)
			return HG_TLS_IGNORE_MESSAGE;
		for (unsigned int i = 0; i < 16384; i++)
			message->byte[i] = -1;
		message->declared = length;
	}
	for (unsigned int i = 0; i < n; i++)
		if (at + i >= message->fixed)
			message->byte[at + i] = p[12 + i];
	return HG_TLS_TAKE;
}

static enum hg_tls_verdict
model_add(const uint8_t *p, size_t len)
{
	enum hg_tls_verdict worst = HG_TLS_TAKE;

	for (size_t at = 0; at < len;) {
		enum hg_tls_verdict verdict = HG_TLS_IGNORE_MESSAGE;
		unsigned int n = 0;

		if (len - at >= 12)
			n = number(p + at + 9, 3);
		if (len - at < 12 || at + 12 + n > len)
			at = len;
		else
			verdict = model_fragment(p + at, n);
		at += 12 + n;
		if (worst == HG_TLS_TAKE)
			worst = verdict;
	}
	return worst;
}

static bool
model_is_whole(const struct message *message)
{
	if (message->declared < 0)
		return false;
	for (long i = 0; i < message->declared; i++)
		if (message->byte[i] < 0)
			return false;
	return true;
}

/* docs/protocol.md, "Records". */
static enum hg_tls_verdict
model_judge(unsigned int phase, const struct hg_tls_shape *shape, const uint8_t *p, size_t len)
{
	unsigned int type = p[0], version = number(p + 1, 2), epoch = number(p + 3, 2);
	size_t n = len - 13, whole = n;
	bool any = (phase == HG_TLS_AWAIT_HELLO || phase == HG_TLS_AWAIT_FLIGHT) && epoch == 0;

	if (type != 20 && type != 21 && type != 22 && type != 23)
		return HG_TLS_IGNORE_FORMAT;
	if (any ? (version & 0xff00) != 0xfe00 : version != 0xfefd)
		return HG_TLS_IGNORE_FORMAT;
	if (n == 0 || (epoch == 0 && n > 16384) || n > 18432)
		return HG_TLS_IGNORE_FORMAT;
	if (epoch > 1)
		return HG_TLS_IGNORE_EPOCH;
	if (epoch == 0) {
		if (phase > HG_TLS_AWAIT_FLIGHT)
			return HG_TLS_IGNORE_EPOCH;
		if (type == 21 || type == 23)
			return HG_TLS_IGNORE_CLEAR;
		if (type == 22)
			return n < 12 ? HG_TLS_IGNORE_MESSAGE : HG_TLS_TAKE;
		return phase == HG_TLS_AWAIT_FLIGHT && n == 1 && p[13] == 1 ? HG_TLS_TAKE
									    : HG_TLS_IGNORE_MESSAGE;
	}
	if (phase == HG_TLS_AWAIT_HELLO)
		return HG_TLS_IGNORE_EPOCH;
	if (type == 20)
		return HG_TLS_IGNORE_MESSAGE;
	if (n < shape->least)
		return HG_TLS_IGNORE_SHORT;
	if (shape->block > 1)
		for (n -= shape->apart; n != 0; n -= shape->block)
			if (n < shape->block)
				return HG_TLS_IGNORE_SHORT;
	if (shape->most > 0 && whole > shape->most)
		return HG_TLS_IGNORE_LONG;
	if (phase == HG_TLS_AWAIT_DATA || (phase == HG_TLS_AWAIT_FINISHED && type == 22))
		return HG_TLS_TAKE;
	return HG_TLS_KEEP;
}

/* What is whole is handed over, as a session does. */
static void
hand_over(struct hg_tls_flight *flight)
{
	struct hg_tls_message *got;

	while ((got = hg_tls_flight_whole(flight)) != NULL) {
		const struct message *wanted = &model.message[model.done];

		fuzz_require(model.done < model.n && model_is_whole(wanted), "message %u is whole",
			model.done);
		fuzz_require(got->len == wanted->declared, "of %u bytes, not %ld", got->len,
			wanted->declared);
		for (unsigned int i = 0; i < got->len; i++)
			fuzz_require(got->bytes[HG_TLS_HEADROOM + i] == wanted->byte[i],
				"byte %u of message %u", i, model.done);
		hg_tls_flight_step(flight);
		model.done++;
	}
	fuzz_require(model.done == model.n || !model_is_whole(&model.message[model.done]),
		"message %u is not whole", model.done);
	fuzz_require(hg_tls_flight_over(flight) == (model.done == model.n), "over");
}

static void
expect(struct hg_tls_flight *flight, unsigned int kind)
{
	static const uint8_t hello[] = { MESSAGE_HELLO };
	static const uint8_t types[] = { MESSAGE_CERTIFICATE, MESSAGE_EXCHANGE, MESSAGE_VERIFY };
	uint8_t first[12 + FIRST] = { MESSAGE_HELLO, 0, 0, 200, 0, 1, [11] = FIRST, 0xfe, 0xfd };

	if (kind == 0) {
		begin(1, 1, hello);
		hg_tls_flight_expect(flight, 1, hello, 1);
		model_add(first, sizeof(first));
		fuzz_require(hg_tls_flight_add(flight, first, sizeof(first)) == HG_TLS_TAKE,
			"the hello is refused");
		flight->message[0].fixed = FIRST;
		model.message[0].fixed = FIRST;
	} else if (kind == 1) {
		begin(2, 0, types);
		hg_tls_flight_expect(flight, 2, types, 0);
	} else {
		begin(2, kind == 2 ? 1 : 3, kind == 2 ? types + 1 : types);
		hg_tls_flight_expect(flight, 2, kind == 2 ? types + 1 : types, kind == 2 ? 1 : 3);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t blocks[] = { 0, 1, 8, 16 };
	struct fuzz_input in = { .p = data, .left = size };
	enum hg_tls_phase phase = (enum hg_tls_phase)(fuzz_take(&in, 1) % 4);
	struct hg_tls_flight flight = { 0 };
	struct hg_tls_shape shape;
	unsigned int lengths;

	expect(&flight, fuzz_take(&in, 1) % 4);
	lengths = (unsigned int)fuzz_take(&in, 1);
	shape.block = blocks[lengths % 4];
	shape.most = (uint16_t)(lengths / 4 * 8);
	shape.apart = (uint16_t)(fuzz_take(&in, 1) % 65);
	shape.least = (uint16_t)(shape.apart + fuzz_take(&in, 1) % 100);
	while (in.left > 0) {
		size_t len = hg_tls_record_len(in.p, in.left), n;
		enum hg_tls_verdict verdict, wanted;
		const uint8_t *record;

		n = in.left >= 13 ? 13 + number(in.p + 11, 2) : 0;
		fuzz_require(
			len == (n <= in.left ? n : 0), "a record of %zu bytes, not %zu", len, n);
		if (len == 0)
			break;
		record = fuzz_place(0, in.p, len);
		verdict = hg_tls_record_judge(phase, &shape, record, len);
		wanted = model_judge(phase, &shape, record, len);
		fuzz_require(verdict == wanted, "verdict %d, not %d", verdict, wanted);
		if (verdict == HG_TLS_TAKE && number(record + 3, 2) == 0 && record[0] == 22) {
			verdict = hg_tls_flight_add(&flight, record + 13, len - 13);
			wanted = model_add(record + 13, len - 13);
			fuzz_require(verdict == wanted, "fragments: verdict %d, not %d", verdict,
				wanted);
			hand_over(&flight);
		}
		in.p += len;
		in.left -= len;
	}
	hg_tls_flight_forget(&flight);
	return 0;
}

/* Puts lengths of records right, most of the time, and those of a single fragment in them. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct fuzz_random random = fuzz_random(seed);

	size = LLVMFuzzerMutate(data, size, max_size);
	for (size_t at = 5; at + 13 + 12 <= size;) {
		uint8_t *p = data + at;
		size_t n = number(p + 11, 2);

		if (n > size - at - 13 && fuzz_below(&random, 8) != 0)
			n = 12 + fuzz_below(&random, (uint32_t)(size - at - 13 - 11));
		p[11] = (uint8_t)(n >> 8);
		p[12] = (uint8_t)n;
		if (fuzz_below(&random, 4) != 0) {
			p[1] = 0xfe;
			p[2] = 0xfd;
			p[3] = 0;
			p[4] = (uint8_t)(p[4] % 3);
			p[0] = (uint8_t)(20 + p[0] % 4);
		}
		if (p[0] == 22 && n >= 12 && fuzz_below(&random, 4) != 0) {
			unsigned int fragment = (unsigned int)n - 12;

			p[13 + 4] = 0;
			p[13 + 5] %= 6;
			p[13 + 9] = 0;
			p[13 + 10] = (uint8_t)(fragment >> 8);
			p[13 + 11] = (uint8_t)fragment;
		}
		at += 13 + n;
	}
	return size;
}
