/* SPDX-License-Identifier: BSD-3-Clause */
/* Hellos inside datagrams that begin otherwise: found where a server finds them, and nowhere else. */
#include <string.h>

#include "guard_page.h"
#include "hellos.h"
#include "unit.h"
#include "wire/hello.h"

static uint8_t datagram[HELLO_MAX];

/* Looks at len bytes that end at a page that cannot be read. */
static enum hg_hello_part
find(size_t len)
{
	return hg_hello_find(guard_page_place(datagram, len), len);
}

/* A record header of these fields, with sequence number 0. */
static void
put_header(uint8_t *p, unsigned int type, unsigned int version, unsigned int epoch, size_t len)
{
	memset(p, 0, HG_RECORD_LEN);
	p[0] = (uint8_t)type;
	p[1] = (uint8_t)(version >> 8);
	p[2] = (uint8_t)version;
	p[3] = (uint8_t)(epoch >> 8);
	p[4] = (uint8_t)epoch;
	p[11] = (uint8_t)(len >> 8);
	p[12] = (uint8_t)len;
}

/* Behind other bytes: at multiples of 13, if no record begins before. */
static void
test_find_behind_bytes(void **state)
{
	static const uint8_t fillers[] = { 0, 0x21, 0x80, 0xff };

	(void)state;
	for (unsigned int f = 0; f < sizeof(fillers); f++)
		for (size_t at = 0; at < 600; at++) {
			size_t len = at + hello_build(datagram + at, &hello_usual);
			bool found = at % HG_RECORD_LEN == 0;

			memset(datagram, fillers[f], at);
			assert_int_equal(find(len), found ? HG_HELLO_BEGINNING : HG_HELLO_NONE);
			/* The last byte of its record is missing: no server reads that, but at the start. */
			assert_int_equal(
				find(len - 1), at == 0 ? HG_HELLO_BEGINNING : HG_HELLO_NONE);
		}
}

/* Behind a record of any type, version and epoch. */
static void
test_find_behind_record(void **state)
{
	static const unsigned int versions[] = { 0xfeff, 0xfefd, 0xfe00, 0x0303, 0x0100, 0x2121 };
	size_t len;

	(void)state;
	for (unsigned int type = 0; type < 256; type++)
		for (unsigned int i = 0; i < 2 * sizeof(versions) / sizeof(versions[0]); i++) {
			bool by_length = type >= 20 && type <= 24,
			     dtls = versions[i / 2] >> 8 == 0xfe;

			put_header(datagram, type, versions[i / 2], i % 2, 7);
			memset(datagram + HG_RECORD_LEN, 0, 7);
			len = HG_RECORD_LEN + 7 +
			      hello_build(datagram + HG_RECORD_LEN + 7, &hello_usual);
			assert_int_equal(
				find(len), by_length || dtls ? HG_HELLO_BEGINNING : HG_HELLO_NONE);
			/* With a header alone in front it is reached if that is skipped. */
			put_header(datagram, type, versions[i / 2], i % 2, 0xffff);
			len = HG_RECORD_LEN + hello_build(datagram + HG_RECORD_LEN, &hello_usual);
			assert_int_equal(find(len), HG_HELLO_BEGINNING);
		}
}

/* What a hello has to have of a hello; behind a record, as the first one is none of this function's business. */
static void
test_find_fields(void **state)
{
	uint8_t *hello = datagram + HG_RECORD_LEN + 2;
	size_t len;

	(void)state;
	put_header(datagram, 21, 0xfefd, 0, 2);
	datagram[HG_RECORD_LEN] = datagram[HG_RECORD_LEN + 1] = 0;
	len = HG_RECORD_LEN + 2 + hello_build(hello, &hello_usual);
	for (unsigned int type = 0; type < 256; type++) {
		hello[0] = (uint8_t)type;
		assert_int_equal(find(len), type == 22 ? HG_HELLO_BEGINNING : HG_HELLO_NONE);
	}
	hello[0] = 22;
	for (unsigned int major = 0; major < 256; major++) {
		hello[1] = (uint8_t)major;
		assert_int_equal(find(len), HG_HELLO_BEGINNING);
	}
	hello[1] = 0xfe;
	for (unsigned int type = 0; type < 256; type++)
		for (unsigned int seq = 0; seq < 0x10000; seq = seq < 4 ? seq + 1 : seq * 2) {
			hello[HELLO_AT_TYPE] = (uint8_t)type;
			hello[HELLO_AT_SEQ] = (uint8_t)(seq >> 8);
			hello[HELLO_AT_SEQ + 1] = (uint8_t)seq;
			assert_int_equal(find(len), type == 1 ? HG_HELLO_BEGINNING : HG_HELLO_NONE);
		}
	hello[HELLO_AT_TYPE] = 1;
	for (unsigned int bit = 0; bit < 24; bit++) {
		uint8_t *byte = &hello[HELLO_AT_FRAG_OFFSET + bit / 8];

		*byte = (uint8_t)(1 << bit % 8);
		assert_int_equal(find(len), HG_HELLO_REST);
		for (unsigned int epoch = 1; epoch < 0x10000; epoch *= 2) {
			hello[3] = (uint8_t)(epoch >> 8);
			hello[4] = (uint8_t)epoch;
			assert_int_equal(find(len), HG_HELLO_NONE); /* most likely encrypted */
		}
		hello[3] = hello[4] = *byte = 0;
	}
	for (unsigned int epoch = 1; epoch < 0x10000; epoch++) {
		hello[3] = (uint8_t)(epoch >> 8);
		hello[4] = (uint8_t)epoch;
		assert_int_equal(find(len), HG_HELLO_BEGINNING);
	}
}

/* Records that go on in the next datagram, from the first byte of their header on. */
static void
test_find_cut(void **state)
{
	(void)state;
	for (unsigned int n_before = 0; n_before < 3; n_before++)
		for (unsigned int type = 0; type < 256; type++) {
			size_t at = n_before * (HG_RECORD_LEN + 1);
			bool kept = type >= 20 && type <= 24;

			for (unsigned int i = 0; i < n_before; i++)
				put_header(
					datagram + i * (HG_RECORD_LEN + 1), 21 + i, 0x0303, i, 1);
			put_header(datagram + at, type, 0xfefd, 1, 40);
			memset(datagram + at + HG_RECORD_LEN, 7, 40);
			assert_int_equal(find(at), HG_HELLO_NONE);
			for (size_t len = 1; len <= HG_RECORD_LEN + 40; len++)
				assert_int_equal(find(at + len), kept && len < HG_RECORD_LEN + 40
									 ? HG_HELLO_BEGINNING
									 : HG_HELLO_NONE);
		}
}

/* ... and behind other messages of a handshake in one record. */
static void
test_find_messages(void **state)
{
	static const uint8_t finished[] = { 20, 0, 0, 3, 0, 7, 0, 0, 0, 0, 0, 3, 1, 2, 3 };
	size_t len = hello_build(datagram, &hello_usual), room = 2 * sizeof(finished);
	uint8_t *message = datagram + HELLO_AT_TYPE, *hello = message + room;

	(void)state;
	memmove(hello, message, len - HELLO_AT_TYPE);
	memcpy(message, finished, sizeof(finished));
	memcpy(message + sizeof(finished), finished, sizeof(finished));
	len += room;
	put_header(datagram, 22, 0xfeff, 0, len - HELLO_AT_TYPE);
	assert_int_equal(find(len), HG_HELLO_BEGINNING);
	hello[8] = 1;
	assert_int_equal(find(len), HG_HELLO_REST);
	/* The greater of both, whichever comes first. */
	message[0] = 1;
	assert_int_equal(find(len), HG_HELLO_BEGINNING);
	message[8] = 1;
	hello[8] = 0;
	assert_int_equal(find(len), HG_HELLO_BEGINNING);
	message[0] = 20;
	message[8] = 0;
	/* Two messages are as good as one that is as long; lengths beyond the record end the search. */
	message[11] = (uint8_t)(sizeof(finished) + 3);
	assert_int_equal(find(len), HG_HELLO_BEGINNING);
	message[11] = 4;
	assert_int_equal(find(len), HG_HELLO_NONE);
	for (size_t size = len - HELLO_AT_BODY + 1; size < 0x1000000; size += 251) {
		message[9] = (uint8_t)(size >> 16);
		message[10] = (uint8_t)(size >> 8);
		message[11] = (uint8_t)size;
		assert_int_equal(find(len), HG_HELLO_NONE);
	}
	memcpy(message, finished, sizeof(finished));
	/* A record that ends before it; bytes behind it that begin none. */
	for (size_t size = 0; size <= len - HELLO_AT_TYPE; size++) {
		put_header(datagram, 22, 0xfeff, 0, size);
		assert_int_equal(find(HELLO_AT_TYPE + size),
			size >= room + 12 ? HG_HELLO_BEGINNING : HG_HELLO_NONE);
	}
}

/* As many messages, records and headers as there is room for: each is looked at. */
static void
test_find_many(void **state)
{
	size_t len = hello_build(datagram, &hello_usual);
	static uint8_t hello[sizeof(datagram)];

	(void)state;
	memcpy(hello, datagram, len);
	for (size_t n = 0; n < 60; n++) {
		memset(datagram, 0, HG_RECORD_LEN * n);
		memcpy(datagram + HG_RECORD_LEN * n, hello, len);
		assert_int_equal(find(HG_RECORD_LEN * n + len), HG_HELLO_BEGINNING);
		for (size_t i = 0; i < n; i++)
			put_header(datagram + HG_RECORD_LEN * i, 23, 0x0303, 0, 0);
		assert_int_equal(find(HG_RECORD_LEN * n + len), HG_HELLO_BEGINNING);
		memset(datagram, 0, HG_RECORD_LEN + 12 * n);
		memcpy(datagram + HG_RECORD_LEN + 12 * n, hello + HG_RECORD_LEN,
			len - HG_RECORD_LEN);
		put_header(datagram, 22, 0xfefd, 0, 12 * n + len - HG_RECORD_LEN);
		assert_int_equal(find(12 * n + len), HG_HELLO_BEGINNING);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_behind_bytes),
		cmocka_unit_test(test_find_behind_record),
		cmocka_unit_test(test_find_fields),
		cmocka_unit_test(test_find_cut),
		cmocka_unit_test(test_find_messages),
		cmocka_unit_test(test_find_many),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
