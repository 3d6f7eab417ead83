/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "guard_page.h"
#include "hellos.h"
#include "unit.h"
#include "wire/hvr.h"

static uint8_t datagram[HELLO_MAX];

static void
test_hvr(void **state)
{
	static const uint8_t expected[48] = {
		22,
		0xfe,
		0xff,
		0,
		0,
		0x01,
		0x02,
		0x03,
		0x04,
		0x05,
		0xff,
		0,
		35,
		3,
		0,
		0,
		23,
		0,
		1,
		0,
		0,
		0,
		0,
		0,
		23,
		0xfe,
		0xff,
		20,
		0xf0,
		0xf1,
		0xf2,
		0xf3,
		0xf4,
		0xf5,
		0xf6,
		0xf7,
		0xf8,
		0xf9,
		0xfa,
		0xfb,
		0xfc,
		0xfd,
		0xfe,
		0xff,
		0xe0,
		0xe1,
		0xe2,
		0xe3,
	};
	struct hello_parts parts = hello_usual;
	uint8_t before[HELLO_MAX / 64];
	uint64_t sum, byte_sum = 0;
	size_t len;

	(void)state;
	parts.message_seq = 1;
	parts.record_seq = 0x0102030405ff;
	len = hello_build(datagram, &parts);
	datagram[2] = 0xfd; /* a record that says DTLS 1.2 gets an answer that says 1.0 */
	memcpy(before, datagram, len);
	sum = hg_hvr_write(datagram, expected + 28);
	assert_memory_equal(datagram, expected, sizeof(expected));
	assert_memory_equal(datagram + 48, before + 48, len - 48);

	/* RFC 1071: sums are equal modulo 2^16 - 1, in whatever words they were made. */
	for (unsigned int i = 0; i < sizeof(expected); i++)
		byte_sum += (uint64_t)expected[i] << (i % 2 * 8);
	assert_int_equal(sum % 0xffff, byte_sum % 0xffff);
}

/* The smallest hello, with the largest sequence number, in a buffer that is full. */
static void
test_hvr_of_smallest_hello(void **state)
{
	static const uint8_t cookie[20] = { 1 };
	struct hello_parts parts = hello_usual;
	uint8_t *bytes;

	(void)state;
	parts.record_seq = 0xffffffffffff;
	hello_build(datagram, &parts);
	hello_cut(datagram, HG_HELLO_MIN_LEN);
	bytes = guard_page_place(datagram, HG_HELLO_MIN_LEN);
	assert_true(HG_HVR_LEN <= HG_HELLO_MIN_LEN);
	hg_hvr_write(bytes, cookie);
	assert_int_equal(bytes[13], 3);
	for (unsigned int i = 5; i < 11; i++)
		assert_int_equal(bytes[i], 0xff);
	assert_int_equal(bytes[17], 0);
	assert_int_equal(bytes[18], 0); /* message_seq 0 echoed */
	assert_memory_equal(bytes + 28, cookie, 20);
	assert_memory_equal(bytes + 48, datagram + 48, HG_HELLO_MIN_LEN - 48);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hvr),
		cmocka_unit_test(test_hvr_of_smallest_hello),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
