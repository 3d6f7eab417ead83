/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

#include <string.h>

#include "wire/record.h"

/* A part of a datagram that is taken apart from its beginning. */
struct part {
	const uint8_t *datagram;
	size_t at;
	size_t end;
	bool short_of; /* something was asked for that is not there */
};

static uint64_t
number(struct part *part, unsigned int n)
{
	uint64_t value;

	if (part->short_of || part->end - part->at < n) {
		part->short_of = true;
		return 0;
	}
	value = model_be(part->datagram + part->at, n);
	part->at += n;
	return value;
}

/* Skips bytes that are preceded by their number, itself of n bytes. */
static size_t
skip_vector(struct part *part, unsigned int n)
{
	size_t len = number(part, n);

	if (part->short_of || part->end - part->at < len) {
		part->short_of = true;
		return 0;
	}
	part->at += len;
	return len;
}

/* Of the two-byte numbers from at to end, at the steps of a list: is one of them this? */
static bool
list_has(const struct part *part, size_t at, size_t end, unsigned int wanted)
{
	for (; at + 2 <= end; at += 2)
		if (model_be16(part->datagram + at) == wanted)
			return true;
	return false;
}

/* Is 1.3 the only one of our versions in the supported_versions of what follows the offer? */
static bool
offers_dtls13_alone(const struct part *rest)
{
	struct part part = *rest;
	size_t declared = number(&part, 2), versions;

	if (declared < part.end - part.at)
		part.end = part.at + declared;
	while (!part.short_of) {
		unsigned int type = (unsigned int)number(&part, 2);
		size_t len = skip_vector(&part, 2), start = part.at - len;

		if (part.short_of || type != 43)
			continue;
		versions = len > 0 ? part.datagram[start] : 0;
		if (len == 0 || versions != len - 1)
			return false;
		return list_has(&part, start + 1, part.at, 0xfefc) &&
		       !list_has(&part, start + 1, part.at, 0xfefd) &&
		       !list_has(&part, start + 1, part.at, 0xfeff);
	}
	return false;
}

/*
 * A vector that may go on in later fragments, which have so many bytes more. Returns false if it reaches past
 * the end of the message; *ret_is_cut says whether it, or the number before it, is not all there.
 */
static bool
skip_cut_vector(struct part *part, unsigned int n, size_t more, size_t *ret_len, bool *ret_is_cut)
{
	size_t there = part->end - part->at;

	*ret_is_cut = there < n;
	*ret_len = 0;
	if (there + more < n)
		return false;
	if (there < n)
		return true;
	*ret_len = number(part, n);
	there -= n;
	if (*ret_len > there + more)
		return false;
	*ret_is_cut = *ret_len > there;
	part->at = *ret_is_cut ? part->end : part->at + *ret_len;
	return true;
}

/* A message ends where its fragment does, or has so many bytes more. */
static enum hg_verdict
judge_offer(struct part body, size_t more, struct model_hello *m)
{
	const uint8_t *datagram = body.datagram;
	size_t suites, suites_len, compression_len;
	bool is_cut;

	m->offer = body.at;
	if (body.at == body.end)
		return HG_PASS;
	/* Behind the suites there is at least the number of compression methods. */
	if (body.end - body.at + more < 3)
		return HG_DROP_HELLO_BODY;
	if (!skip_cut_vector(&body, 2, more, &suites_len, &is_cut) ||
		2 + suites_len + 1 > body.end - m->offer + more)
		return HG_DROP_HELLO_BODY;
	if (is_cut)
		return HG_PASS;
	suites = body.at - suites_len;
	if (!skip_cut_vector(&body, 1, more, &compression_len, &is_cut))
		return HG_DROP_HELLO_BODY;
	if (is_cut)
		return HG_PASS;
	m->offer_len = body.at - m->offer;
	if (((suites_len >= 2 && datagram[suites] == 0x13) ||
		    (suites_len >= 4 && datagram[suites + 2] == 0x13)) &&
		offers_dtls13_alone(&body))
		return HG_DROP_HELLO_DTLS13;
	return HG_PASS;
}

static enum hg_verdict
judge_body(struct part body, size_t more, struct model_hello *m)
{
	m->client = body.at;
	number(&body, 2);
	for (unsigned int i = 0; i < 4; i++)
		number(&body, 8); /* random */
	if (skip_vector(&body, 1) > 32 || body.short_of)
		return HG_DROP_HELLO_BODY;
	m->client_len = body.at - m->client;
	m->cookie_len = skip_vector(&body, 1);
	if (body.short_of)
		return HG_DROP_HELLO_BODY;
	m->cookie = body.at - m->cookie_len;
	return judge_offer(body, more, m);
}

static enum hg_verdict
judge_record(const uint8_t *datagram, size_t len)
{
	unsigned int type;

	if (len < 13)
		return HG_DROP_RECORD_SHORT;
	type = datagram[0];
	if (type == 25 || type == 26 || (type >= 32 && type <= 63))
		return HG_DROP_RECORD_DTLS13;
	if (type < 20 || type > 23)
		return HG_DROP_RECORD_TYPE;
	if (datagram[1] != 0xfe)
		return HG_DROP_RECORD_VERSION;
	if (model_be16(datagram + 11) == 0 || 13 + model_be16(datagram + 11) > len)
		return HG_DROP_RECORD_LENGTH;
	return HG_PASS;
}

static enum hg_verdict
judge(const uint8_t *datagram, size_t len, struct model_hello *m)
{
	struct part part = { .datagram = datagram };
	enum hg_verdict verdict = judge_record(datagram, len);
	uint64_t type, offset, fragment;

	if (verdict != HG_PASS)
		return verdict;
	if (datagram[0] != 22 || model_be16(datagram + 3) != 0)
		return HG_PASS;
	m->record_len = 13 + model_be16(datagram + 11);
	m->record_seq = model_be(datagram + 5, 6);
	part.at = 13;
	part.end = m->record_len;
	type = number(&part, 1);
	m->message_len = (uint32_t)number(&part, 3);
	m->message_seq = (unsigned int)number(&part, 2);
	offset = number(&part, 3);
	fragment = number(&part, 3);
	if (part.short_of)
		return HG_DROP_HANDSHAKE_SHORT;
	m->is_hello = type == 1 && offset == 0;
	m->is_fragment = type == 1 && offset != 0;
	if (!m->is_hello)
		return HG_PASS;
	if (m->message_seq > 1)
		return HG_DROP_HELLO_SEQ;
	if (part.at + fragment != part.end || fragment > m->message_len)
		return HG_DROP_HELLO_FRAGMENT;
	return judge_body(part, m->message_len - fragment, m);
}

struct model_hello
model_hello(const uint8_t *datagram, size_t len)
{
	struct model_hello m = { 0 };

	m.verdict = judge(datagram, len, &m);
	return m;
}

/* What a reader takes out of a record from at to end: 0 no hello, 1 the rest of one, 2 the beginning. */
static unsigned int
read_record(const uint8_t *datagram, size_t at, size_t end)
{
	bool encrypted = model_be16(datagram + at + 3) != 0;
	unsigned int found = 0, n = 0;

	if (datagram[at] != 22)
		return 0;
	for (at += 13; at + 12 <= end; at += 12 + model_be(datagram + at + 9, 3), n++) {
		if (datagram[at] != 1 || (encrypted && n > 0))
			continue;
		if (model_be(datagram + at + 6, 3) == 0)
			found = 2;
		else if (!encrypted && found == 0)
			found = 1;
	}
	return found;
}

unsigned int
model_find(const uint8_t *datagram, size_t len)
{
	unsigned int most = 0;

	for (unsigned int reader = 0; reader < 2; reader++)
		for (size_t at = 0, end; at < len; at = end) {
			bool header = len - at >= 13, ends;
			unsigned int found = 0;

			end = header ? at + 13 + model_be16(datagram + at + 11) : len + 1;
			ends = end <= len;
			if (reader == 0 && (datagram[at] < 20 || datagram[at] > 24))
				break;
			if (reader == 1 && !header)
				break;
			if (reader == 1 && (datagram[at + 1] != 0xfe || !ends))
				end = at + 13;
			else
				found = ends ? read_record(datagram, at, end) : 2;
			if (found > most)
				most = found;
		}
	return most;
}

void
model_hvr(uint8_t ret[MODEL_HVR_LEN], const uint8_t *datagram, const uint8_t cookie[20])
{
	static const uint8_t fixed[28] = {
		22, 0xfe,
		0xff, [12] = 35, [13] = 3, [16] = 23, [24] = 23, [25] = 0xfe, [26] = 0xff, [27] = 20
	};

	memcpy(ret, fixed, sizeof(fixed));
	memcpy(ret + 3, datagram + 3, 8);
	memcpy(ret + 17, datagram + 17, 2);
	memcpy(ret + 28, cookie, 20);
}
