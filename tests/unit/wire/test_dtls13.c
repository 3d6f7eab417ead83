/* SPDX-License-Identifier: BSD-3-Clause */
/* Which hellos offer DTLS 1.3 alone. */
#include <string.h>

#include "guard_page.h"
#include "hellos.h"
#include "unit.h"
#include "wire/hello.h"

static uint8_t datagram[HELLO_MAX];

static enum hg_verdict
parse(size_t len)
{
	struct hg_hello hello;
	bool is_hello = false;

	return hg_hello_parse(guard_page_place(datagram, len), len, &is_hello, &hello);
}

#define SUITES(...) ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })
#define GREASE 0x3a, 0x3a
#define TLS13 0x13, 0x01
#define TLS12 0xc0, 0x2b

static const struct {
	const char *why;
	const uint8_t *suites;
	uint16_t suites_len;
	const uint8_t *extensions;
	uint16_t extensions_len;
	bool alone;
} dtls13_hellos[] = {
	{ "1.3 alone", SUITES(TLS13), SUITES(0, 43, 0, 3, 2, 0xfe, 0xfc), true },
	{ "1.3 alone, two suites", SUITES(TLS13, 0x13, 0x02), SUITES(0, 43, 0, 3, 2, 0xfe, 0xfc),
		true },
	{ "GREASE first everywhere", SUITES(GREASE, TLS13),
		SUITES(GREASE, 0, 0, 0, 43, 0, 5, 4, GREASE, 0xfe, 0xfc), true },
	{ "behind other extensions", SUITES(TLS13),
		SUITES(0, 23, 0, 0, 0, 10, 0, 4, 0, 2, 0, 29, 0, 43, 0, 3, 2, 0xfe, 0xfc), true },
	{ "1.3 and 1.2", SUITES(TLS13, TLS12), SUITES(0, 43, 0, 5, 4, 0xfe, 0xfc, 0xfe, 0xfd),
		false },
	{ "1.2 and 1.3", SUITES(TLS13, TLS12), SUITES(0, 43, 0, 5, 4, 0xfe, 0xfd, 0xfe, 0xfc),
		false },
	{ "1.3 and 1.0", SUITES(TLS13, TLS12), SUITES(0, 43, 0, 5, 4, 0xfe, 0xfc, 0xfe, 0xff),
		false },
	{ "GREASE, 1.3 and 1.2", SUITES(GREASE, TLS13, TLS12),
		SUITES(GREASE, 0, 0, 0, 43, 0, 7, 6, GREASE, 0xfe, 0xfc, 0xfe, 0xfd), false },
	{ "no supported_versions", SUITES(TLS13), SUITES(0, 23, 0, 0), false },
	{ "no extensions", SUITES(TLS13), SUITES(0), false },
	{ "empty list", SUITES(TLS13), SUITES(0, 43, 0, 1, 0), false },
	{ "empty extension", SUITES(TLS13), SUITES(0, 43, 0, 0), false },
	{ "no DTLS version", SUITES(TLS13), SUITES(0, 43, 0, 3, 2, 3, 4), false },
	{ "GREASE alone", SUITES(TLS13), SUITES(0, 43, 0, 3, 2, GREASE), false },
	{ "list longer than its extension", SUITES(TLS13), SUITES(0, 43, 0, 3, 4, 0xfe, 0xfc),
		false },
	{ "list shorter than its extension", SUITES(TLS13),
		SUITES(0, 43, 0, 5, 2, 0xfe, 0xfc, 0xfe, 0xfc), false },
	{ "extension past the end", SUITES(TLS13), SUITES(0, 43, 0, 9, 2, 0xfe, 0xfc), false },
	{ "an earlier one past the end", SUITES(TLS13),
		SUITES(0, 23, 0xff, 0xff, 0, 43, 0, 3, 2, 0xfe, 0xfc), false },
	{ "three bytes of an extension", SUITES(TLS13), SUITES(0, 43, 0), false },
};

static void
test_dtls13(void **state)
{
	struct hello_parts parts = hello_usual;

	(void)state;
	for (unsigned int i = 0; i < sizeof(dtls13_hellos) / sizeof(dtls13_hellos[0]); i++) {
		enum hg_verdict verdict;

		parts.suites = dtls13_hellos[i].suites;
		parts.suites_len = dtls13_hellos[i].suites_len;
		parts.extensions = dtls13_hellos[i].extensions;
		parts.extensions_len = dtls13_hellos[i].extensions_len;
		verdict = parse(hello_build(datagram, &parts));
		if (verdict != (dtls13_hellos[i].alone ? HG_DROP_HELLO_DTLS13 : HG_PASS))
			fail_msg("%s: verdict %d", dtls13_hellos[i].why, (int)verdict);
	}
}

/* A length of all extensions that is too small hides those behind; one too large hides none. */
static void
test_dtls13_extensions_length(void **state)
{
	static const uint8_t suites[] = { 0x13, 0x01 };
	static const uint8_t extensions[] = { 0, 43, 0, 3, 2, 0xfe, 0xfc };
	struct hello_parts parts = hello_usual;
	size_t len, at;

	(void)state;
	parts.suites = suites;
	parts.suites_len = sizeof(suites);
	parts.extensions = extensions;
	parts.extensions_len = sizeof(extensions);
	len = hello_build(datagram, &parts);
	at = len - sizeof(extensions) - 2;
	assert_int_equal(parse(len), HG_DROP_HELLO_DTLS13);
	for (unsigned int n = 0; n < sizeof(extensions); n++) {
		datagram[at + 1] = (uint8_t)n;
		assert_int_equal(parse(len), HG_PASS);
	}
	/* Bytes behind the extensions change nothing. */
	datagram[at + 1] = sizeof(extensions);
	for (size_t n = len; n < len + 5; n++) {
		hello_cut(datagram, n);
		datagram[HELLO_AT_MESSAGE_LEN + 1] = 0x10;
		assert_int_equal(parse(n), HG_DROP_HELLO_DTLS13);
	}
	hello_cut(datagram, len);
	/* Cut right behind: the first fragment of a longer hello. */
	datagram[at] = 0x10;
	assert_int_equal(parse(len), HG_DROP_HELLO_DTLS13);
	for (size_t n = at; n < len; n++) {
		hello_cut(datagram, n);
		assert_int_equal(parse(n), HG_PASS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dtls13),
		cmocka_unit_test(test_dtls13_extensions_length),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
