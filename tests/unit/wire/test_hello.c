/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "hellos.h"
#include "unit.h"
#include "wire/hello.h"

static uint8_t datagram[HELLO_MAX];

/* Parses len bytes that end at a page that cannot be read. */
static enum hg_verdict
parse_at(const uint8_t *bytes, size_t len, bool *is_hello, struct hg_hello *hello)
{
	enum hg_verdict verdict;

	*is_hello = false;
	memset(hello, 0xee, sizeof(*hello));
	verdict = hg_hello_parse(bytes, len, is_hello, hello);
	return verdict;
}

static enum hg_verdict
parse(size_t len)
{
	struct hg_hello hello;
	bool is_hello;

	return parse_at(guard_page_place(datagram, len), len, &is_hello, &hello);
}

static void
assert_hello(size_t len)
{
	struct hg_hello hello;
	bool is_hello;

	assert_int_equal(
		parse_at(guard_page_place(datagram, len), len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
}

static void
assert_no_hello(size_t len)
{
	struct hg_hello hello;
	bool is_hello = true;

	assert_int_equal(
		hg_hello_parse(guard_page_place(datagram, len), len, &is_hello, &hello), HG_PASS);
	assert_false(is_hello);
}

static void
test_fields(void **state)
{
	uint8_t session_id[32], cookie[20];
	struct hello_parts parts = hello_usual;
	struct hg_hello hello;
	const uint8_t *bytes;
	bool is_hello;
	size_t len;

	(void)state;
	memset(session_id, 0x51, sizeof(session_id));
	memset(cookie, 0xc0, sizeof(cookie));
	parts.session_id = session_id;
	parts.session_id_len = sizeof(session_id);
	parts.cookie = cookie;
	parts.cookie_len = sizeof(cookie);
	parts.message_seq = 1;
	parts.record_seq = 0x0102030405ff;
	len = hello_build(datagram, &parts);
	bytes = guard_page_place(datagram, len);
	assert_int_equal(parse_at(bytes, len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_ptr_equal(hello.client, bytes + 25);
	assert_int_equal(hello.client_len, 35 + 32);
	assert_ptr_equal(hello.cookie, bytes + 25 + 67 + 1);
	assert_int_equal(hello.cookie_len, 20);
	assert_memory_equal(hello.cookie, cookie, 20);
	assert_ptr_equal(hello.offer, bytes + 25 + 67 + 21);
	assert_int_equal(hello.offer_len, 2 + parts.suites_len + 2);
	assert_int_equal(hello.message_seq, 1);
	assert_int_equal(hello.record_len, len);
	assert_int_equal(hello.message_len, len - 25);
	assert_true(hello.record_seq == 0x0102030405ff);
}

static void
test_truncated_datagram(void **state)
{
	struct hello_parts parts = hello_usual;
	uint8_t cookie[20] = { 0 };

	(void)state;
	for (unsigned int with_cookie = 0; with_cookie < 2; with_cookie++) {
		size_t len;

		parts.cookie = cookie;
		parts.cookie_len = with_cookie != 0 ? sizeof(cookie) : 0;
		len = hello_build(datagram, &parts);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(
				parse(n), n < 13 ? HG_DROP_RECORD_SHORT : HG_DROP_RECORD_LENGTH);
		assert_hello(len);
	}
}

/* Records and fragments that end early, as of a hello in several fragments. */
static void
test_first_fragment_of_every_length(void **state)
{
	static const uint8_t session_id[7] = { 1, 2, 3, 4, 5, 6, 7 };
	static const uint8_t cookie[20] = { 0x40 };

	(void)state;
	for (unsigned int form = 0; form < 4; form++) {
		struct hello_parts parts = hello_usual;
		size_t len, after_cookie;

		parts.session_id = session_id;
		parts.session_id_len = (form & 1) != 0 ? sizeof(session_id) : 0;
		parts.cookie = cookie;
		parts.cookie_len = (form & 2) != 0 ? sizeof(cookie) : 0;
		len = hello_build(datagram, &parts);
		after_cookie = 61u + parts.session_id_len + parts.cookie_len;
		for (size_t n = 14; n <= len; n++) {
			hello_build(datagram, &parts);
			hello_cut(datagram, n);
			if (n < 25)
				assert_int_equal(parse(n), HG_DROP_HANDSHAKE_SHORT);
			else if (n >= after_cookie)
				assert_hello(n);
			else
				assert_int_equal(parse(n), HG_DROP_HELLO_BODY);
		}
	}
}

static void
test_smallest(void **state)
{
	struct hg_hello hello;
	const uint8_t *bytes;
	bool is_hello;

	(void)state;
	hello_build(datagram, &hello_usual);
	hello_cut(datagram, HG_HELLO_MIN_LEN);
	bytes = guard_page_place(datagram, HG_HELLO_MIN_LEN);
	assert_int_equal(parse_at(bytes, HG_HELLO_MIN_LEN, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_int_equal(HG_HELLO_MIN_LEN, 61);
	assert_int_equal(hello.client_len, 35);
	assert_int_equal(hello.cookie_len, 0);
	assert_int_equal(hello.offer_len, 0);
	assert_true(hello.message_len > 36);
	hello_cut(datagram, HG_HELLO_MIN_LEN - 1); /* stops before the cookie's length */
	assert_int_equal(parse(HG_HELLO_MIN_LEN - 1), HG_DROP_HELLO_BODY);
}

static void
test_content_types(void **state)
{
	size_t len;

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		len = hello_build(datagram, &hello_usual);
		datagram[0] = (uint8_t)type;
		if (type == 22)
			assert_hello(len);
		else if (type >= 20 && type <= 23)
			assert_no_hello(len);
		else if (type == 25 || type == 26 || (type >= 0x20 && type <= 0x3f))
			assert_int_equal(parse(len), HG_DROP_RECORD_DTLS13);
		else
			assert_int_equal(parse(len), HG_DROP_RECORD_TYPE);
		/* A datagram too short for a record header, whatever it begins with. */
		assert_int_equal(parse(12), HG_DROP_RECORD_SHORT);
	}
}

static void
test_record_versions(void **state)
{
	size_t len;

	(void)state;
	for (unsigned int major = 0; major < 256; major++) {
		len = hello_build(datagram, &hello_usual);
		datagram[1] = (uint8_t)major;
		if (major == 0xfe)
			assert_hello(len);
		else
			assert_int_equal(parse(len), HG_DROP_RECORD_VERSION);
	}
	datagram[1] = 0xfe;
	for (unsigned int minor = 0; minor < 256; minor++) {
		datagram[2] = (uint8_t)minor;
		assert_hello(len);
	}
}

static void
test_record_lengths(void **state)
{
	struct hg_hello hello;
	const uint8_t *bytes;
	bool is_hello;
	size_t len;

	(void)state;
	len = hello_build(datagram, &hello_usual);
	for (unsigned int type = 20; type <= 23; type++) {
		datagram[0] = (uint8_t)type;
		datagram[11] = datagram[12] = 0;
		assert_int_equal(parse(len), HG_DROP_RECORD_LENGTH);
		assert_int_equal(parse(13), HG_DROP_RECORD_LENGTH);
		datagram[11] = datagram[12] = 0xff;
		assert_int_equal(parse(len), HG_DROP_RECORD_LENGTH);
		hello_cut(datagram, len + 1);
		assert_int_equal(parse(len), HG_DROP_RECORD_LENGTH);
		hello_cut(datagram, 14);
		if (type == 22)
			assert_int_equal(parse(len), HG_DROP_HANDSHAKE_SHORT);
		else
			assert_no_hello(14);
	}
	/* Bytes behind the first record are ignored, be they another hello. */
	len = hello_build(datagram, &hello_usual);
	memcpy(datagram + len, datagram, len);
	bytes = guard_page_place(datagram, 2 * len);
	assert_int_equal(parse_at(bytes, 2 * len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_int_equal(hello.record_len, len);
	assert_hello(len + 1);
}

/* The largest payload that UDP over IPv6 can carry, full of extensions. */
static void
test_largest(void **state)
{
	struct hello_parts parts = hello_usual;
	static uint8_t extensions[65527];
	struct hg_hello hello;
	const uint8_t *bytes;
	bool is_hello;
	size_t len;

	(void)state;
	len = hello_build(datagram, &parts);
	parts.extensions = extensions;
	parts.extensions_len = (uint16_t)(65527 - len + parts.extensions_len);
	len = hello_build(datagram, &parts);
	assert_int_equal(len, 65527);
	bytes = guard_page_place(datagram, len);
	assert_int_equal(parse_at(bytes, len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_int_equal(hello.record_len, 65527);
}

static void
test_other_messages(void **state)
{
	size_t len;

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		len = hello_build(datagram, &hello_usual);
		datagram[HELLO_AT_TYPE] = (uint8_t)type;
		if (type == 1)
			assert_hello(len);
		else
			assert_no_hello(len);
	}
	/* Another epoch: encrypted, whatever it looks like. */
	for (unsigned int bit = 0; bit < 16; bit++) {
		len = hello_build(datagram, &hello_usual);
		datagram[3 + bit / 8] = (uint8_t)(1 << bit % 8);
		assert_no_hello(len);
		hello_cut(datagram, 14);
		assert_no_hello(14);
	}
	/* Later fragments carry no cookie. */
	for (unsigned int bit = 0; bit < 24; bit++) {
		len = hello_build(datagram, &hello_usual);
		datagram[HELLO_AT_FRAG_OFFSET + bit / 8] = (uint8_t)(1 << bit % 8);
		assert_no_hello(len);
	}
}

static void
test_message_seq(void **state)
{
	struct hello_parts parts = hello_usual;
	size_t len;

	(void)state;
	for (unsigned int seq = 0; seq < 0x10000; seq++) {
		parts.message_seq = (uint16_t)seq;
		len = hello_build(datagram, &parts);
		if (seq <= 1)
			assert_hello(len);
		else
			assert_int_equal(parse(len), HG_DROP_HELLO_SEQ);
	}
}

static void
put24(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

static void
test_fragment_lengths(void **state)
{
	size_t len = hello_build(datagram, &hello_usual), body = len - 25;
	struct hg_hello hello;
	bool is_hello;

	(void)state;
	for (size_t n = 0; n < 2 * body; n++) {
		put24(datagram + HELLO_AT_FRAG_LEN, n);
		if (n == body)
			assert_hello(len);
		else
			assert_int_equal(parse(len), HG_DROP_HELLO_FRAGMENT);
	}
	put24(datagram + HELLO_AT_FRAG_LEN, 0x010000 + body);
	assert_int_equal(parse(len), HG_DROP_HELLO_FRAGMENT);
	put24(datagram + HELLO_AT_FRAG_LEN, 0xffffff);
	assert_int_equal(parse(len), HG_DROP_HELLO_FRAGMENT);
	put24(datagram + HELLO_AT_FRAG_LEN, body);
	for (size_t n = 0; n < body; n++) {
		put24(datagram + HELLO_AT_MESSAGE_LEN, n);
		assert_int_equal(parse(len), HG_DROP_HELLO_FRAGMENT);
	}
	put24(datagram + HELLO_AT_MESSAGE_LEN, 0xffffff);
	assert_int_equal(
		parse_at(guard_page_place(datagram, len), len, &is_hello, &hello), HG_PASS);
	assert_int_equal(hello.message_len, 0xffffff);
	hello_cut(datagram, 25); /* a fragment of nothing */
	assert_int_equal(parse(25), HG_DROP_HELLO_BODY);
}

static void
test_session_id_lengths(void **state)
{
	static const uint8_t zeros[255];
	struct hello_parts parts = hello_usual;
	size_t len;

	(void)state;
	parts.session_id = zeros;
	for (unsigned int n = 0; n < 256; n++) {
		parts.session_id_len = (uint8_t)n;
		len = hello_build(datagram, &parts);
		if (n <= 32)
			assert_hello(len);
		else
			assert_int_equal(parse(len), HG_DROP_HELLO_BODY);
	}
	/* Within 32, but past the end of the fragment. */
	for (unsigned int n = 1; n <= 32; n++) {
		hello_build(datagram, &hello_usual);
		hello_cut(datagram, 61);
		datagram[HELLO_AT_SESSION_ID] = (uint8_t)n;
		assert_int_equal(parse(61), HG_DROP_HELLO_BODY);
	}
}

static void
test_cookie_lengths(void **state)
{
	struct hello_parts parts = hello_usual;
	struct hg_hello hello;
	uint8_t cookie[255];
	bool is_hello;
	size_t len;

	(void)state;
	memset(cookie, 0xc0, sizeof(cookie));
	parts.cookie = cookie;
	for (unsigned int n = 0; n < 256; n++) {
		parts.cookie_len = (uint8_t)n;
		len = hello_build(datagram, &parts);
		assert_int_equal(
			parse_at(guard_page_place(datagram, len), len, &is_hello, &hello), HG_PASS);
		assert_true(is_hello);
		assert_int_equal(hello.cookie_len, n);
		assert_memory_equal(hello.cookie, cookie, n);
		/* The length says one more than there is. */
		hello_cut(datagram, 61u + n);
		datagram[60] = (uint8_t)(n + 1);
		if (n < 255)
			assert_int_equal(parse(61u + n), HG_DROP_HELLO_BODY);
	}
}

static void
test_offer_lengths(void **state)
{
	size_t len, suites = 61, compression = 61 + 2 + hello_usual.suites_len;
	unsigned int left = (unsigned int)(2 + 2 + hello_usual.extensions_len);

	(void)state;
	/* Every length that leaves room for a compression list, odd ones and 0 too, is OpenSSL's matter. */
	for (unsigned int n = 0; n < 0x10000; n++) {
		size_t end = suites + 2 + n; /* where the compression list's length then is */

		len = hello_build(datagram, &hello_usual);
		datagram[suites] = (uint8_t)(n >> 8);
		datagram[suites + 1] = (uint8_t)n;
		if (end < len && datagram[end] + 1u <= len - end)
			assert_hello(len);
		else
			assert_int_equal(parse(len), HG_DROP_HELLO_BODY);
	}
	/* A list of no compression methods as the last byte. */
	hello_build(datagram, &hello_usual);
	datagram[compression] = 0;
	hello_cut(datagram, compression + 1);
	assert_hello(compression + 1);
	for (unsigned int n = 0; n < 256; n++) {
		len = hello_build(datagram, &hello_usual);
		datagram[compression] = (uint8_t)n;
		if (n < left)
			assert_hello(len);
		else
			assert_int_equal(parse(len), HG_DROP_HELLO_BODY);
	}
}

/* Is this a hello of which the suites and compression methods have so many bytes in the fragment? */
static void
assert_offer(size_t len, size_t offer_len)
{
	struct hg_hello hello;
	bool is_hello = false;

	assert_int_equal(
		parse_at(guard_page_place(datagram, len), len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_int_equal(hello.offer_len, offer_len);
}

/* A fragment ends anywhere in the lists; but what it says of their lengths has to fit into the message. */
static void
test_offer_cut(void **state)
{
	size_t suites = 61, compression = suites + 2 + hello_usual.suites_len;
	size_t len = hello_build(datagram, &hello_usual), body = len - HELLO_AT_BODY;

	(void)state;
	for (size_t end = suites; end <= len; end++) {
		hello_build(datagram, &hello_usual);
		hello_cut(datagram, end);
		assert_offer(end, end >= compression + 2 ? hello_usual.suites_len + 4u : 0);
		/* A message that ends there, too, is well formed only behind both lists, or before. */
		put24(datagram + HELLO_AT_MESSAGE_LEN, end - HELLO_AT_BODY);
		if (end == suites || end >= compression + 2)
			assert_offer(end, end == suites ? 0 : hello_usual.suites_len + 4u);
		else
			assert_int_equal(parse(end), HG_DROP_HELLO_BODY);
	}
	for (unsigned int n = 0; n < 0x10000; n++) {
		bool fits = suites + 2 + n + 1 <= HELLO_AT_BODY + body;

		hello_build(datagram, &hello_usual);
		datagram[suites] = (uint8_t)(n >> 8);
		datagram[suites + 1] = (uint8_t)n;
		hello_cut(datagram, suites + 2);
		if (fits)
			assert_offer(suites + 2, 0);
		else
			assert_int_equal(parse(suites + 2), HG_DROP_HELLO_BODY);
	}
	for (unsigned int n = 0; n < 256; n++) {
		hello_build(datagram, &hello_usual);
		datagram[compression] = (uint8_t)n;
		hello_cut(datagram, compression + 1);
		if (compression + 1 + n <= HELLO_AT_BODY + body)
			assert_offer(compression + 1, n == 0 ? hello_usual.suites_len + 3u : 0);
		else
			assert_int_equal(parse(compression + 1), HG_DROP_HELLO_BODY);
	}
	/* Too short for both lengths, whatever the fragment has of it. */
	hello_build(datagram, &hello_usual);
	hello_cut(datagram, suites + 1);
	put24(datagram + HELLO_AT_MESSAGE_LEN, suites + 2 - HELLO_AT_BODY);
	assert_int_equal(parse(suites + 1), HG_DROP_HELLO_BODY);
}

static void
test_client_versions(void **state)
{
	static const uint16_t versions[] = { 0x0000, 0x0303, 0xfeff, 0xfefd, 0xfefc, 0xffff };
	struct hello_parts parts = hello_usual;

	(void)state;
	for (unsigned int i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		parts.client_version = versions[i];
		assert_hello(hello_build(datagram, &parts));
	}
}

/* Later fragments of a ClientHello, told from all else that is no hello. */
static void
test_is_fragment(void **state)
{
	size_t len = hello_build(datagram, &hello_usual);

	(void)state;
	assert_false(hg_hello_is_fragment(datagram, len));
	for (unsigned int bit = 0; bit < 24; bit++) {
		hello_build(datagram, &hello_usual);
		datagram[HELLO_AT_FRAG_OFFSET + bit / 8] = (uint8_t)(1 << bit % 8);
		assert_no_hello(len);
		assert_true(hg_hello_is_fragment(guard_page_place(datagram, len), len));
	}
	for (unsigned int type = 0; type < 256; type++) {
		datagram[HELLO_AT_TYPE] = (uint8_t)type;
		assert_int_equal(hg_hello_is_fragment(datagram, len), type == 1);
	}
	datagram[HELLO_AT_TYPE] = 1;
	for (unsigned int type = 0; type < 256; type++) {
		datagram[0] = (uint8_t)type;
		assert_int_equal(hg_hello_is_fragment(datagram, len), type == 22);
	}
	datagram[0] = 22;
	for (unsigned int epoch = 0; epoch < 0x10000; epoch++) {
		datagram[3] = (uint8_t)(epoch >> 8);
		datagram[4] = (uint8_t)epoch;
		assert_int_equal(hg_hello_is_fragment(datagram, len), epoch == 0);
	}
	datagram[3] = datagram[4] = 0;
	for (size_t n = 0; n <= len; n++)
		assert_int_equal(hg_hello_is_fragment(guard_page_place(datagram, n), n), n >= 25);
}

/* Hellos changed at random: pointers stay inside the record, nothing behind it is read. */
static void
test_random_changes(void **state)
{
	struct hello_parts parts = hello_usual;
	static const uint8_t cookie[20] = { 0x40 };
	unsigned int passed = 0;
	uint64_t x = 88172645463325252;

	(void)state;
	parts.cookie = cookie;
	parts.cookie_len = sizeof(cookie);
	for (unsigned int round = 0; round < 200000; round++) {
		size_t len = hello_build(datagram, &parts);
		struct hg_hello hello;
		const uint8_t *bytes, *end;
		bool is_hello;

		for (unsigned int i = 0; i <= round % 4; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			datagram[x % len] = (uint8_t)(x >> 32);
		}
		if (round % 5 == 0)
			len = (x >> 40) % (len + 1);
		bytes = guard_page_place(datagram, len);
		if (parse_at(bytes, len, &is_hello, &hello) != HG_PASS || !is_hello)
			continue;
		passed++;
		end = bytes + hello.record_len;
		assert_true(hello.record_len <= len);
		assert_true(hello.message_seq <= 1);
		assert_ptr_equal(hello.client, bytes + 25);
		assert_true(hello.client_len >= 35 && hello.client_len <= 67);
		assert_ptr_equal(hello.cookie, hello.client + hello.client_len + 1);
		assert_ptr_equal(hello.offer, hello.cookie + hello.cookie_len);
		assert_true(hello.offer + hello.offer_len <= end);
	}
	assert_true(passed > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_truncated_datagram),
		cmocka_unit_test(test_first_fragment_of_every_length),
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_content_types),
		cmocka_unit_test(test_record_versions),
		cmocka_unit_test(test_record_lengths),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_other_messages),
		cmocka_unit_test(test_message_seq),
		cmocka_unit_test(test_fragment_lengths),
		cmocka_unit_test(test_session_id_lengths),
		cmocka_unit_test(test_cookie_lengths),
		cmocka_unit_test(test_offer_lengths),
		cmocka_unit_test(test_offer_cut),
		cmocka_unit_test(test_client_versions),
		cmocka_unit_test(test_is_fragment),
		cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
