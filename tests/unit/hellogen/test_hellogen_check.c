/* SPDX-License-Identifier: BSD-3-Clause */
/* What hellogen finds wrong with answers, and with its command line. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "command.h"
#include "frames.h"
#include "unit.h"

/* A HelloVerifyRequest with a cookie of 4 bytes, as RFC 6347 4.2.1 has it. */
static const uint8_t hvr[] = { 22, 0xfe, 0xff, 0, 0, 0, 0, 0, 1, 2, 3, 0, 19, /* record */
	3, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 7,                                   /* message */
	0xfe, 0xff, 4, 0xc0, 0xc1, 0xc2, 0xc3 };

static const struct check_hello asked = { .record_seq = 0x010203, .message_seq = 0, .len = 61 };

/* From the "server", which the helper's peer is. */
static struct address
server(uint8_t family)
{
	struct address address = { .family = family, .port = FRAME_PEER_PORT };

	memcpy(address.bytes, family == 4 ? frame_peer_ipv4 : frame_peer_ipv6,
		family == 4 ? 4 : 16);
	return address;
}

static uint32_t
judge(const uint8_t *payload, size_t len, const struct check_hello *hello)
{
	struct check_answer answer = { .payload = payload, .payload_len = (uint16_t)len };
	const uint8_t *cookie;
	uint8_t cookie_len;

	return check_hvr(&answer, hello, &cookie, &cookie_len);
}

static void
test_sound_hvr(void **state)
{
	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct address target = server(family);
		struct check_answer answer;
		struct frame frame;
		const uint8_t *cookie;
		uint8_t cookie_len;

		frame_udp(&frame, family, 0, hvr, sizeof(hvr));
		check_frame(frame.bytes, frame.len, &target, &answer);
		assert_int_equal(answer.kind, CHECK_HVR);
		assert_int_equal(answer.faults, 0);
		assert_int_equal(answer.payload_len, sizeof(hvr));
		assert_int_equal(answer.ip_len, frame.len - 14);
		assert_int_equal(answer.port, __builtin_bswap16(FRAME_HOST_PORT));
		assert_memory_equal(answer.address, family == 4 ? frame_host_ipv4 : frame_host_ipv6,
			family == 4 ? 4 : 16);
		assert_int_equal(check_hvr(&answer, &asked, &cookie, &cookie_len), 0);
		assert_int_equal(cookie_len, 4);
		assert_memory_equal(cookie, hvr + 28, 4);
	}
}

/* One byte wrong: one fault, and that is the one. */
static void
test_hvr_faults(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		uint32_t faults;
	} cases[] = {
		{ 2, 0xfc, CHECK_BIT(RECORD_VERSION) },
		{ 4, 1, CHECK_BIT(EPOCH) },
		{ 5, 1, CHECK_BIT(RECORD_SEQ) },
		{ 10, 4, CHECK_BIT(RECORD_SEQ) },
		{ 16, 8, CHECK_BIT(MESSAGE_LENGTH) },
		{ 18, 1, CHECK_BIT(MESSAGE_SEQ) },
		{ 21, 1, CHECK_BIT(FRAGMENT_OFFSET) },
		{ 24, 6, CHECK_BIT(MESSAGE_LENGTH) },
		{ 25, 3, CHECK_BIT(SERVER_VERSION) },
		{ 27, 3, CHECK_BIT(COOKIE) },
		{ 27, 5, CHECK_BIT(COOKIE) },
		{ 27, 0, CHECK_BIT(COOKIE) },
	};
	struct check_hello small = asked;
	uint8_t bytes[sizeof(hvr) + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(bytes, hvr, sizeof(hvr));
		bytes[cases[i].at] = cases[i].value;
		assert_int_equal(judge(bytes, sizeof(hvr), &asked), cases[i].faults);
	}
	memcpy(bytes, hvr, sizeof(hvr));
	assert_int_equal(judge(bytes, sizeof(hvr) + 1, &asked), CHECK_BIT(TRAILING));
	bytes[12] = 14; /* ends after server_version */
	assert_true(judge(bytes, 27, &asked) & CHECK_BIT(MESSAGE_LENGTH));
	small.len = sizeof(hvr) - 1;
	assert_int_equal(judge(hvr, sizeof(hvr), &small), CHECK_BIT(LARGER));
	small.len = sizeof(hvr);
	assert_int_equal(judge(hvr, sizeof(hvr), &small), 0);
}

/* Versions that RFC 6347 4.2.1 allows. */
static void
test_hvr_of_dtls12(void **state)
{
	uint8_t bytes[sizeof(hvr)];

	(void)state;
	memcpy(bytes, hvr, sizeof(hvr));
	bytes[2] = bytes[26] = 0xfd;
	assert_int_equal(judge(bytes, sizeof(bytes), &asked), 0);
}

static uint32_t
faults_of(const struct frame *frame, size_t len)
{
	struct address target = server(frame->family);
	struct check_answer answer;

	check_frame(frame->bytes, len, &target, &answer);
	assert_int_not_equal(answer.kind, CHECK_FOREIGN);
	return answer.faults;
}

static void
test_ip_and_udp_faults(void **state)
{
	struct frame frame;

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		frame_udp(&frame, family, 0, hvr, sizeof(hvr));
		assert_int_equal(faults_of(&frame, frame.len - 1), CHECK_BIT(IP_LENGTH));
		frame.bytes[frame.len - 1] ^= 1;
		assert_int_equal(faults_of(&frame, frame.len), CHECK_BIT(UDP_CHECKSUM));
		frame_udp(&frame, family, 0, hvr, sizeof(hvr));
		frame.bytes[frame.l4 + 5]++;
		assert_int_equal(faults_of(&frame, frame.len), CHECK_BIT(UDP_LENGTH));
		/* RFC 768: none at all; RFC 8200 8.1: not over IPv6. */
		frame_udp(&frame, family, 0, hvr, sizeof(hvr));
		memset(frame.bytes + frame.l4 + 6, 0, 2);
		assert_int_equal(
			faults_of(&frame, frame.len), family == 4 ? 0 : CHECK_BIT(UDP_CHECKSUM));
	}
	frame_udp(&frame, 4, 0, hvr, sizeof(hvr));
	frame.bytes[frame.l3 + 8]--;
	assert_int_equal(faults_of(&frame, frame.len), CHECK_BIT(IP_CHECKSUM));
	frame_udp(&frame, 4, 0, hvr, sizeof(hvr));
	frame.bytes[frame.l3 + 6] = 0x20;
	frame_seal_ipv4(&frame);
	assert_int_equal(faults_of(&frame, frame.len), CHECK_BIT(IP_FRAGMENT));
}

static void
test_kinds(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		enum check_kind kind;
		uint32_t faults;
	} cases[] = {
		{ 13, 2, CHECK_SERVER_HELLO, 0 },
		{ 13, 11, CHECK_OTHER, 0 },
		{ 0, 21, CHECK_ALERT, 0 },
		{ 0, 23, CHECK_OTHER, 0 },
		{ 1, 3, CHECK_OTHER, CHECK_BIT(RECORD) },
		{ 12, 20, CHECK_OTHER, CHECK_BIT(RECORD) },
	};
	struct address target = server(4);
	struct check_answer answer;
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[sizeof(hvr)];

		memcpy(bytes, hvr, sizeof(hvr));
		bytes[cases[i].at] = cases[i].value;
		frame_udp(&frame, 4, 0, bytes, sizeof(bytes));
		check_frame(frame.bytes, frame.len, &target, &answer);
		assert_int_equal(answer.kind, cases[i].kind);
		assert_int_equal(answer.faults, cases[i].faults);
	}
	/* Nothing beyond the end is read, and what is not the target's is nobody's. */
	frame_udp(&frame, 4, 0, hvr, sizeof(hvr));
	for (size_t len = 0; len < 42; len++) {
		check_frame(frame.bytes, len, &target, &answer);
		assert_int_equal(answer.kind, CHECK_FOREIGN);
	}
	target.port++;
	check_frame(frame.bytes, frame.len, &target, &answer);
	assert_int_equal(answer.kind, CHECK_FOREIGN);
	target = server(6);
	check_frame(frame.bytes, frame.len, &target, &answer);
	assert_int_equal(answer.kind, CHECK_FOREIGN);
}

#define PLACE "--target", "198.18.0.1:5684", "--src", "198.18.128.0/17"
#define WORDS_MAX 12

static int
parse(struct command *command, struct error *error, const char *const *words)
{
	char text[WORDS_MAX + 1][128], *argv[WORDS_MAX + 2] = { text[0] };
	int argc = 1;

	snprintf(text[0], sizeof(text[0]), "hellogen");
	for (; words[argc - 1] != NULL; argc++) {
		snprintf(text[argc], sizeof(text[argc]), "%s", words[argc - 1]);
		argv[argc] = text[argc];
	}
	argv[argc] = NULL;
	return command_parse(command, argc, argv, error);
}

static void
test_refused_commands(void **state)
{
	static const struct {
		const char *words[WORDS_MAX + 1];
		const char *reason;
	} cases[] = {
		{ { NULL }, "option --target is missing: see hellogen --help" },
		{ { "--nonsense" }, "unknown option or value --nonsense: see hellogen --help" },
		{ { "nonsense" }, "unknown argument nonsense: see hellogen --help" },
		{ { "--src" }, "option --src needs a value" },
		{ { "--target", "198.18.0.1:5684" },
			"option --src is missing: see hellogen --help" },
		{ { PLACE }, "option --device is missing: see hellogen --help" },
		{ { PLACE, "--own", "fd00::1" },
			"--target, --src and --own are not of one IP version" },
		{ { "--target", "198.18.0.1:1", "--src", "198.18.0.0/24" },
			"--src holds the address of --target" },
		{ { "--target", "198.18.0.1" },
			"--target must be ADDRESS:PORT, or [ADDRESS]:PORT for IPv6: 198.18.0.1" },
		{ { "--src", "x" }, "--src must be ADDRESS or ADDRESS/LENGTH: x" },
		{ { "--ports", "9-8" }, "--ports must be a port or FIRST-LAST, 1 to 65535: 9-8" },
		{ { "--order", "up" }, "--order must be random or range: up" },
		{ { "--probe-end", "up" }, "--probe-end must be abandon or alert: up" },
		{ { "--mix", "flood,x" }, "--mix: there is no mode 'x', see --list" },
		{ { "--mix", "flood,flood" }, "--mix names mode flood twice" },
		{ { "--mix", "flood=0" },
			"--mix: mode flood needs a whole number from 1 to 1000000000" },
		{ { "--rate", "0" }, "--rate must be above 0 and at most 1000M: 0" },
		{ { "--rate", "flood" }, "--rate must be above 0 and at most 1000M: flood" },
		{ { PLACE, "--mix", "flood", "--rate", "flood=1" },
			"--rate with modes takes the place of --mix" },
		{ { "--seconds", "-1" }, "--seconds must be above 0 and at most 10M: -1" },
		{ { "--count", "1.5" }, "--count must be 1 to 4503599627370496: 1.5" },
		{ { "--queues", "65" }, "--queues must be 1 to 64: 65" },
		{ { "--window", "0" }, "--window must be 1 to 262144: 0" },
		{ { "--timeout", "x" }, "--timeout must be 1 to 60000: x" },
		{ { "--mac", "01:00:00:00:00:00" }, "--mac is no MAC address: 01:00:00:00:00:00" },
		{ { "--dst-mac", "x" }, "--dst-mac is no MAC address: x" },
		{ { "--hello", "x" }, "--hello: there is no hello x, see --list" },
		{ { PLACE, "--hello", "smallest", "--mix", "probe" },
			"hello smallest is only the start of one: modes probe and replay need all "
			"of it" },
		{ { PLACE, "--write-pcap", "x", "--mix", "probe" },
			"--write-pcap: modes probe and replay need a server that answers" },
		{ { PLACE, "--write-pcap", "x" }, "--write-pcap needs --dst-mac" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct command command;
		struct error error = { "" };

		assert_int_not_equal(parse(&command, &error, cases[i].words), 0);
		assert_string_equal(error.text, cases[i].reason);
	}
}

static void
test_addresses_of_others(void **state)
{
	static const char *const target[] = { "--target", "8.8.8.8:53", "--src", "10.0.0.0/8",
		"--device", "net_null0", NULL };
	static const char *const src[] = { "--target", "10.0.0.1:53", "--src", "8.8.0.0/16",
		"--device", "net_null0", NULL };
	static const char *const allowed[] = { "--target", "8.8.8.8:53", "--src", "9.0.0.0/8",
		"--device", "net_null0", "--any-address", NULL };
	static struct command command;
	struct error error;

	(void)state;
	assert_int_not_equal(parse(&command, &error, target), 0);
	assert_memory_equal(error.text, "--target: 8.8.8.8/32 is in no network", 37);
	assert_int_not_equal(parse(&command, &error, src), 0);
	assert_memory_equal(error.text, "--src: 8.8.0.0/16 is in no network", 34);
	assert_int_equal(parse(&command, &error, allowed), 0);
}

static void
test_command(void **state)
{
	static const char *const words[] = { PLACE, "--device", "net_null0", "--rate",
		"flood=2k,junk=500", "--ports", "5000", "--", "--no-huge", NULL };
	static const char *const least[] = { PLACE, "--device", "net_null0", NULL };
	static struct command command;
	struct error error;

	(void)state;
	assert_int_equal(parse(&command, &error, words), 0);
	assert_int_equal(command.weight[PLAN_FLOOD], 2000);
	assert_int_equal(command.weight[PLAN_JUNK], 500);
	assert_true(command.rate >= 2500 && command.rate <= 2500);
	assert_int_equal(command.first_port, 5000);
	assert_int_equal(command.last_port, 5000);
	assert_int_equal(command.n_eal, 1);
	assert_int_equal(parse(&command, &error, least), 0);
	assert_int_equal(command.weight[PLAN_FLOOD], 1);
	assert_true(command.seconds >= 10 && command.seconds <= 10);
	assert_int_equal(command.count, 0);
	assert_string_equal(command.template[0].name, "openssl");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound_hvr),
		cmocka_unit_test(test_hvr_faults),
		cmocka_unit_test(test_hvr_of_dtls12),
		cmocka_unit_test(test_ip_and_udp_faults),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_refused_commands),
		cmocka_unit_test(test_addresses_of_others),
		cmocka_unit_test(test_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
