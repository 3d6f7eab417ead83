/* SPDX-License-Identifier: BSD-3-Clause */
#include "junk.h"

#include <string.h>

#include "base/bytes.h"

#define STUN_LEN 20u
#define SHORT_LEN 12u
#define ONES_LEN 64u

/* Writes something else than a hello. Returns its length, 0 if the kind is a changed hello. */
static uint16_t
replace(uint8_t *bytes, enum junk_kind kind)
{
	static const uint8_t alert[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40 };
	static const uint8_t stun[STUN_LEN] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };

	switch (kind) {
	case JUNK_SHORT:
		return SHORT_LEN;
	case JUNK_ALERT:
		memcpy(bytes, alert, sizeof(alert));
		return sizeof(alert);
	case JUNK_STUN:
		memcpy(bytes, stun, sizeof(stun)); /* RFC 5389 6 */
		return sizeof(stun);
	case JUNK_ONES:
		memset(bytes, 0xff, ONES_LEN);
		return ONES_LEN;
	default:
		return 0;
	}
}

/* Spoils one field of a hello of len bytes. */
static void
spoil(uint8_t *bytes, uint16_t len, enum junk_kind kind, const struct template *template)
{
	switch (kind) {
	case JUNK_VERSION:
		hg_store_be16(bytes + 1, 0x0303);
		break;
	case JUNK_EPOCH:
		hg_store_be16(bytes + RECORD_EPOCH, 1);
		break;
	case JUNK_APPLICATION_DATA:
		bytes[0] = 23;
		hg_store_be16(bytes + RECORD_EPOCH, 1);
		break;
	case JUNK_HEARTBEAT:
		bytes[0] = 24; /* RFC 6520 */
		break;
	case JUNK_MESSAGE_TYPE:
		bytes[RECORD_HEADER] = 2;
		break;
	case JUNK_MESSAGE_SEQ:
		hg_store_be16(bytes + MESSAGE_SEQ, 2);
		break;
	case JUNK_FRAGMENT_OFFSET:
		hg_store_be24(bytes + FRAGMENT_OFFSET, 1);
		hg_store_be24(bytes + MESSAGE_LENGTH, len);
		break;
	case JUNK_FRAGMENT_LENGTH:
		hg_store_be24(bytes + MESSAGE_LENGTH, (uint32_t)len - HELLO_BODY - 1);
		break;
	case JUNK_SESSION_ID:
		bytes[HELLO_SESSION_ID] = 33;
		break;
	case JUNK_COOKIE:
		bytes[template->cookie_at] = 255;
		break;
	default:
		break;
	}
}

void
junk_plan(struct blueprint *ret_blueprint, const struct frame_link *link,
	const struct template *template, enum junk_kind kind)
{
	uint8_t bytes[TEMPLATE_BYTES_MAX];
	uint16_t len = template->datagram[0].len, other;
	enum frame_damage damage = FRAME_SOUND;
	enum frame_fresh fresh = FRAME_HELLO;

	memcpy(bytes, template->datagram[0].bytes, len);
	other = replace(bytes, kind);
	spoil(bytes, len, kind, template);
	if (kind == JUNK_CUT) {
		len /= 2;
	} else if (kind == JUNK_COOKIE) {
		/* It ends there, so that 255 bytes are never in it. */
		len = (uint16_t)(template->cookie_at + 1);
		hg_store_be16(bytes + RECORD_LENGTH, (uint16_t)(len - RECORD_HEADER));
		hg_store_be24(bytes + FRAGMENT_LENGTH, (uint32_t)len - HELLO_BODY);
	}
	if (kind == JUNK_UDP_CHECKSUM)
		damage = FRAME_BAD_UDP_SUM;
	else if (kind == JUNK_IP_CHECKSUM)
		damage = FRAME_BAD_IP_SUM;
	else if (kind == JUNK_UDP_LENGTH)
		damage = FRAME_BAD_UDP_LENGTH;
	if (kind == JUNK_EMPTY || other != 0) {
		len = other;
		fresh = FRAME_FIXED;
	} else if (len < HELLO_RANDOM + HELLO_RANDOM_LEN) {
		fresh = FRAME_NUMBERED;
	}
	frame_plan(ret_blueprint, link, bytes, len, fresh, damage);
}

const char *
junk_meaning(enum junk_kind kind)
{
	static const char *const meanings[] = {
#define JUNK_MEANING(NAME, meaning) meaning,
		JUNK_KINDS(JUNK_MEANING)
#undef JUNK_MEANING
	};

	return meanings[kind];
}
