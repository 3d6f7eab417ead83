/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/hello.h"

#include <string.h>

#include "base/bytes.h"

/* client_version, random, length of session_id */
#define CLIENT_MIN_LEN (HG_HELLO_RANDOM + HG_HELLO_RANDOM_LEN + 1u)

/* The first eight bytes of a handshake record in epoch 0, whatever its minor version, as a little-endian word. */
#define EPOCH_0 ((uint64_t)HG_VERSION_MAJOR << 8 | HG_CONTENT_HANDSHAKE)
#define EPOCH_0_MASK UINT64_C(0x000000ffff00ffff)

#define EXTENSION_SUPPORTED_VERSIONS 43
#define SUITE_MAJOR_TLS13 0x13

_Static_assert(HG_RECORD_LEN + HG_HANDSHAKE_LEN + CLIENT_MIN_LEN + 1 == HG_HELLO_MIN_LEN,
	"the smallest hello has an empty session_id and an empty cookie");

/*
 * Does a supported_versions list (RFC 8446 4.2.1) offer DTLS 1.3, and no version that OpenSSL 3.0
 * speaks?
 */
static bool
versions_offer_dtls13_alone(const uint8_t *list, size_t len)
{
	bool dtls13 = false;

	if (len < 1 || list[0] != len - 1)
		return false;
	for (size_t i = 1; i + 2 <= len; i += 2) {
		uint16_t version = hg_load_be16(list + i);

		if (version == HG_VERSION_DTLS12 || version == HG_VERSION_DTLS10)
			return false;
		dtls13 |= version == HG_VERSION_DTLS13;
	}
	return dtls13;
}

/*
 * RFC 9147 5.3: a client that would not continue with DTLS 1.2. Malformed extensions are not judged
 * here.
 */
static bool
is_dtls13_only(const uint8_t *extensions, const uint8_t *end)
{
	const uint8_t *p = extensions;

	if (end - p < 2)
		return false;
	if (hg_load_be16(p) < end - p - 2)
		end = p + 2 + hg_load_be16(p);
	for (p += 2; end - p >= 4;) {
		uint16_t type = hg_load_be16(p), len = hg_load_be16(p + 2);

		p += 4;
		if (len > end - p)
			return false;
		if (type == EXTENSION_SUPPORTED_VERSIONS)
			return versions_offer_dtls13_alone(p, len);
		p += len;
	}
	return false;
}

/*
 * A DTLS 1.3 suite first, or second behind a GREASE value (RFC 8701): worth a look at the
 * extensions.
 */
static bool
prefers_dtls13(const uint8_t *suites, size_t len)
{
	return (len >= 2 && suites[0] == SUITE_MAJOR_TLS13) ||
	       (len >= 4 && suites[2] == SUITE_MAJOR_TLS13);
}

/*
 * Cipher suites and compression methods, of which the fragment has the bytes up to end, and the message
 * so many more. A fragment may end anywhere in them (RFC 6347 4.2.3): where it does, a client's MTU
 * decides, and its second hello, longer by the cookie, ends earlier. What is there must fit into the
 * message.
 */
static enum hg_verdict
parse_offer(struct hg_hello *hello, const uint8_t *end, size_t more)
{
	const uint8_t *p = hello->offer, *suites;
	size_t left = (size_t)(end - p), len, suites_len;

	hello->offer_len = 0;
	if (left == 0)
		return HG_PASS;
	if (left + more < 3)
		return HG_DROP_HELLO_BODY;
	if (left < 2)
		return HG_PASS;
	suites = p + 2;
	suites_len = hg_load_be16(p);
	len = 2 + suites_len + 1; /* with that of the compression methods */
	if (len > left + more)
		return HG_DROP_HELLO_BODY;
	if (len > left)
		return HG_PASS;
	len += p[len - 1];
	if (len > left + more)
		return HG_DROP_HELLO_BODY;
	if (len > left)
		return HG_PASS;
	hello->offer_len = (uint16_t)len;
	if (prefers_dtls13(suites, suites_len) && is_dtls13_only(p + len, end))
		return HG_DROP_HELLO_DTLS13;
	return HG_PASS;
}

static enum hg_verdict
parse_body(const uint8_t *body, size_t len, size_t message_len, struct hg_hello *hello)
{
	const uint8_t *end = body + len, *p;
	size_t session_id_len;

	if (len < CLIENT_MIN_LEN + 1)
		return HG_DROP_HELLO_BODY;
	session_id_len = body[CLIENT_MIN_LEN - 1];
	if (session_id_len > HG_HELLO_SESSION_ID_MAX || CLIENT_MIN_LEN + session_id_len + 1 > len)
		return HG_DROP_HELLO_BODY;
	hello->client = body;
	hello->client_len = (uint16_t)(CLIENT_MIN_LEN + session_id_len);

	p = body + hello->client_len;
	hello->cookie_len = *p++;
	hello->cookie = p;
	if (hello->cookie_len > end - p)
		return HG_DROP_HELLO_BODY;
	hello->offer = p + hello->cookie_len;
	return parse_offer(hello, end, message_len - len);
}

/* For a record that is not, or not in epoch 0, of a handshake. */
static enum hg_verdict
check_record(const uint8_t *datagram, size_t len)
{
	uint16_t record_len;
	uint8_t type;

	if (len < HG_RECORD_LEN)
		return HG_DROP_RECORD_SHORT;
	type = datagram[0];
	if (type < HG_CONTENT_CHANGE_CIPHER_SPEC || type > HG_CONTENT_APPLICATION_DATA) {
		/* RFC 9147 4: the unified header begins with the bits 001. */
		if (type >> 5 == 1 || type == HG_CONTENT_TLS12_CID || type == HG_CONTENT_ACK)
			return HG_DROP_RECORD_DTLS13;
		return HG_DROP_RECORD_TYPE;
	}
	if (datagram[HG_RECORD_VERSION] != HG_VERSION_MAJOR)
		return HG_DROP_RECORD_VERSION;
	record_len = hg_load_be16(datagram + HG_RECORD_LENGTH);
	if (record_len == 0 || record_len > len - HG_RECORD_LEN)
		return HG_DROP_RECORD_LENGTH;
	return HG_PASS;
}

enum hg_verdict
hg_hello_parse(const uint8_t *datagram, size_t len, bool *ret_is_hello, struct hg_hello *hello)
{
	const uint8_t *handshake = datagram + HG_RECORD_LEN;
	uint32_t record_len, fragment_len;
	uint64_t start, fragment;

	*ret_is_hello = false;
	if (len < HG_RECORD_LEN)
		return HG_DROP_RECORD_SHORT;
	memcpy(&start, datagram, sizeof(start));
	if ((start & EPOCH_0_MASK) != EPOCH_0)
		return check_record(datagram, len);
	record_len = hg_load_be16(datagram + HG_RECORD_LENGTH);
	if (record_len == 0 || record_len > len - HG_RECORD_LEN)
		return HG_DROP_RECORD_LENGTH;
	if (record_len < HG_HANDSHAKE_LEN)
		return HG_DROP_HANDSHAKE_SHORT;
	/* message_seq, fragment offset and fragment length, of 16, 24 and 24 bits */
	fragment = hg_load_be64(handshake + HG_HANDSHAKE_SEQ);
	if (handshake[0] != HG_HANDSHAKE_CLIENT_HELLO || (fragment >> 24 & 0xffffff) != 0)
		return HG_PASS;

	*ret_is_hello = true;
	if (fragment >> 48 > 1)
		return HG_DROP_HELLO_SEQ;
	fragment_len = (uint32_t)fragment & 0xffffff;
	hello->message_len = hg_load_be32(handshake) & 0xffffff;
	if (fragment_len != record_len - HG_HANDSHAKE_LEN || fragment_len > hello->message_len)
		return HG_DROP_HELLO_FRAGMENT;
	hello->message_seq = (uint8_t)(fragment >> 48);
	hello->record_len = (uint16_t)(HG_RECORD_LEN + record_len);
	hello->record_seq = hg_load_be64(datagram + HG_RECORD_EPOCH); /* the epoch is 0 */
	return parse_body(handshake + HG_HANDSHAKE_LEN, fragment_len, hello->message_len, hello);
}

enum hg_verdict
hg_hello_parse_body(const uint8_t *body, size_t len, size_t message_len, struct hg_hello *hello)
{
	return parse_body(body, len, message_len, hello);
}

bool
hg_hello_is_fragment(const uint8_t *datagram, size_t len)
{
	const uint8_t *handshake = datagram + HG_RECORD_LEN;

	return len >= HG_RECORD_LEN + HG_HANDSHAKE_LEN && datagram[0] == HG_CONTENT_HANDSHAKE &&
	       hg_load_be16(datagram + HG_RECORD_EPOCH) == 0 &&
	       handshake[0] == HG_HANDSHAKE_CLIENT_HELLO &&
	       hg_load_be24(handshake + HG_HANDSHAKE_FRAG_OFFSET) != 0;
}

/* What the messages of a handshake record, len bytes of them, have of a ClientHello. */
static enum hg_hello_part
find_in_messages(const uint8_t *message, size_t len)
{
	enum hg_hello_part found = HG_HELLO_NONE;

	while (len >= HG_HANDSHAKE_LEN) {
		size_t taken = HG_HANDSHAKE_LEN + hg_load_be24(message + HG_HANDSHAKE_FRAG_LENGTH);

		if (message[0] == HG_HANDSHAKE_CLIENT_HELLO) {
			if (hg_load_be24(message + HG_HANDSHAKE_FRAG_OFFSET) == 0)
				return HG_HELLO_BEGINNING;
			found = HG_HELLO_REST;
		}
		if (taken > len)
			break;
		message += taken;
		len -= taken;
	}
	return found;
}

/* The same for any record, which has len bytes behind its header. */
static enum hg_hello_part
find_in_record(const uint8_t *record, size_t len)
{
	enum hg_hello_part found;

	if (record[0] != HG_CONTENT_HANDSHAKE)
		return HG_HELLO_NONE;
	if (hg_load_be16(record + HG_RECORD_EPOCH) == 0)
		return find_in_messages(record + HG_RECORD_LEN, len);
	/* Most likely encrypted, and then it says that a message begins here once in 2^32 times. */
	found = find_in_messages(
		record + HG_RECORD_LEN, len < HG_HANDSHAKE_LEN ? len : HG_HANDSHAKE_LEN);
	return found == HG_HELLO_BEGINNING ? found : HG_HELLO_NONE;
}

/*
 * As GnuTLS reads: record by record, whatever their version and epoch, to the first one of a type that it
 * does not know. It keeps the beginning of a record that does not end, and takes the rest from the next
 * datagram, as wolfSSL does with a first record: what becomes of that nobody can tell.
 */
static enum hg_hello_part
find_by_lengths(const uint8_t *p, size_t left)
{
	enum hg_hello_part found = HG_HELLO_NONE, part;

	while (left > 0 && p[0] >= HG_CONTENT_CHANGE_CIPHER_SPEC && p[0] <= HG_CONTENT_HEARTBEAT) {
		size_t len;

		if (left < HG_RECORD_LEN)
			return HG_HELLO_BEGINNING;
		len = hg_load_be16(p + HG_RECORD_LENGTH);
		if (len > left - HG_RECORD_LEN)
			return HG_HELLO_BEGINNING;
		part = find_in_record(p, len);
		if (part > found)
			found = part;
		p += HG_RECORD_LEN + len;
		left -= HG_RECORD_LEN + len;
	}
	return found;
}

/*
 * As OpenSSL reads: records of any type, and nothing but the header of one whose version is not that of DTLS,
 * or whose length is too large. The next one is then taken from right behind those 13 bytes.
 */
static enum hg_hello_part
find_by_versions(const uint8_t *p, size_t left)
{
	enum hg_hello_part found = HG_HELLO_NONE, part;

	while (left >= HG_RECORD_LEN) {
		size_t len = hg_load_be16(p + HG_RECORD_LENGTH);

		if (p[HG_RECORD_VERSION] != HG_VERSION_MAJOR || len > left - HG_RECORD_LEN) {
			len = 0;
		} else {
			part = find_in_record(p, len);
			if (part > found)
				found = part;
		}
		p += HG_RECORD_LEN + len;
		left -= HG_RECORD_LEN + len;
	}
	return found;
}

enum hg_hello_part
hg_hello_find(const uint8_t *datagram, size_t len)
{
	enum hg_hello_part by_lengths = find_by_lengths(datagram, len);
	enum hg_hello_part by_versions = find_by_versions(datagram, len);

	return by_lengths > by_versions ? by_lengths : by_versions;
}
