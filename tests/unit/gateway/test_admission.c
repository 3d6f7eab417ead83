/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may begin a handshake: what a core decides, and what a worker sees of it before. */
#include <stdlib.h>
#include <string.h>

#include "gateway/admission.h"
#include "marking.h"
#include "unit.h"

#define HZ 1000000u
#define NOW UINT64_C(987654321987)
#define SEED UINT64_C(0x0123456789abcdef)
#define SECONDS 65u

static struct admission admission;
static struct admission_limits limits;
static struct admission_load load;

/* Limits that nothing reaches, and clients that are known one by one. */
static int
open_admission(void **state)
{
	void *memory = calloc(1, clients_size(64));

	(void)state;
	assert_non_null(memory);
	admission = (struct admission){ .used = marking_make(64, SECONDS, HZ, SEED) };
	clients_init(&admission.clients, memory, 64, SEED);
	admission.clients.with_sessions = true;
	limits = (struct admission_limits){
		.half_open = 10,
		.clients = { .half_open = 4, .sessions = 3 },
	};
	pace_init(&limits.pace, HZ, 0, 1);
	pace_init(&limits.clients.pace, HZ, 0, 1);
	load = (struct admission_load){ .sessions_max = 100 };
	return 0;
}

static int
close_admission(void **state)
{
	(void)state;
	free(admission.clients.table);
	free(admission.used.table);
	return 0;
}

/* A hello that is all in its record; its number makes it unlike others. */
static struct hg_hello
hello_of(uint8_t number)
{
	static uint8_t client[256][HG_HELLO_SESSION_ID_MAX + 35];
	static const uint8_t cookie[20] = { 0x21 };

	client[number][33] = number;
	return (struct hg_hello){
		.client = client[number],
		.cookie = cookie,
		.client_len = 35,
		.cookie_len = sizeof(cookie),
		.message_seq = 1,
		.message_len = 100,
		.record_len = HG_RECORD_LEN + HG_HANDSHAKE_LEN + 100,
		.record_seq = 1,
	};
}

static struct flow_key
key_of(uint8_t client, uint8_t port)
{
	return (struct flow_key){
		.family = 4,
		.tuple = { 192, 0, 2, client, 198, 18, 0, 1, 0x12, port, 0x16, 0x34 },
	};
}

static struct admission_ask
ask_of(uint8_t client, uint8_t number)
{
	struct flow_key key = key_of(client, number);
	struct hg_hello hello = hello_of(number);
	struct admission_ask ask;

	assert_true(admission_begin(&admission, &key, &hello, NOW, &ask));
	assert_int_equal(ask.now, NOW);
	return ask;
}

static enum admission_verdict
admit(struct admission_ask *ask)
{
	return admission_admit(&admission, &limits, &load, ask);
}

static enum admission_verdict
look(uint8_t client, uint8_t number)
{
	struct flow_key key = key_of(client, number);
	struct hg_hello hello = hello_of(number);

	return admission_look(&admission, &limits.clients, &key, &hello, NOW);
}

/* A handshake of the client begins, for a 4-tuple that has no session unless load has it otherwise. */
static struct client *
begin(uint8_t client, uint8_t number)
{
	struct admission_ask ask = ask_of(client, number);

	assert_int_equal(admit(&ask), ADMISSION_PASS);
	assert_true(admission_take(&admission, &limits, &ask));
	return ask.client;
}

/* Nobody is pushed out as long as there is room. */
static void
test_sessions(void **state)
{
	struct admission_ask ask = ask_of(1, 1);

	(void)state;
	load.has_idle = true;
	load.sessions = load.sessions_max - 1;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
	assert_false(ask.evicts);
	load.sessions++;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
	assert_true(ask.evicts);
	/* A handshake that this one replaces needs no room, nor does somebody go for it. */
	load.half_open = 1;
	load.replaces = true;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
	assert_false(ask.evicts);
	load.has_idle = false;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
	assert_false(ask.evicts);
	load.replaces = false;
	assert_int_equal(admit(&ask), ADMISSION_SESSIONS);
}

static void
test_half_open(void **state)
{
	struct admission_ask ask = ask_of(1, 1);

	(void)state;
	load.half_open = load.sessions = limits.half_open - 1;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
	load.half_open++;
	load.sessions++;
	assert_int_equal(admit(&ask), ADMISSION_HALF_OPEN);
	load.replaces = true;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
}

/* The core's bucket, whoever the clients are; and a token is taken by what begins alone. */
static void
test_rate(void **state)
{
	struct admission_ask ask;

	(void)state;
	pace_init(&limits.pace, HZ, 2, 2);
	for (uint8_t i = 0; i < 8; i++) {
		ask = ask_of(1, i);
		assert_int_equal(admit(&ask), ADMISSION_PASS);
	}
	begin(1, 1);
	begin(2, 2);
	ask = ask_of(3, 3);
	assert_int_equal(admit(&ask), ADMISSION_RATE);
	ask.now += HZ / 2;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
}

static void
test_client_rate(void **state)
{
	struct admission_ask ask;

	(void)state;
	pace_init(&limits.clients.pace, HZ, 2, 1);
	begin(1, 1);
	ask = ask_of(1, 2);
	assert_int_equal(admit(&ask), ADMISSION_CLIENT_RATE);
	assert_int_equal(look(1, 2), ADMISSION_CLIENT_RATE);
	begin(2, 2);
	ask.now += HZ / 2;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
}

static void
test_client_half_open(void **state)
{
	struct admission_ask ask;
	struct client *client = NULL;

	(void)state;
	limits.clients.sessions = 0;
	for (uint8_t i = 0; i < limits.clients.half_open; i++)
		client = begin(1, i);
	ask = ask_of(1, 100);
	assert_int_equal(admit(&ask), ADMISSION_CLIENT_HALF_OPEN);
	assert_int_equal(look(1, 100), ADMISSION_CLIENT_HALF_OPEN);
	clients_leave(client);
	assert_int_equal(admit(&ask), ADMISSION_PASS);
	assert_int_equal(look(1, 100), ADMISSION_PASS);
}

/* One of a 4-tuple that has a session is no further one, before it begins and when it has begun. */
static void
test_client_sessions(void **state)
{
	struct admission_ask ask;
	struct client *client;

	(void)state;
	begin(1, 1);
	begin(1, 2);
	load.has_entry = true;
	client = begin(1, 3);
	clients_leave(client);
	load.has_entry = false;
	begin(1, 4);
	clients_leave(client);
	ask = ask_of(1, 5);
	assert_int_equal(admit(&ask), ADMISSION_CLIENT_SESSIONS);
	assert_int_equal(look(1, 5), ADMISSION_CLIENT_SESSIONS);
	load.has_entry = true;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
	clients_exit(client);
	load.has_entry = false;
	assert_int_equal(admit(&ask), ADMISSION_PASS);
}

/* A client that nobody knows, and all places of its sets are in use. */
static void
test_client_table(void **state)
{
	unsigned int refused = 0;

	(void)state;
	for (unsigned int i = 0; i < 128; i++) {
		struct admission_ask ask = ask_of((uint8_t)i, (uint8_t)i);
		enum admission_verdict verdict = admit(&ask);

		/* The worker does not know whether there will be a place. */
		assert_int_equal(look((uint8_t)i, (uint8_t)i), ADMISSION_PASS);
		if (verdict == ADMISSION_PASS) {
			admission_take(&admission, &limits, &ask);
			continue;
		}
		assert_int_equal(verdict, ADMISSION_CLIENT_TABLE);
		assert_null(ask.client);
		refused++;
	}
	assert_int_equal(refused, 64);
}

static void
test_no_limit_of_clients(void **state)
{
	(void)state;
	free(admission.clients.table);
	admission.clients.table = NULL;
	pace_init(&limits.clients.pace, HZ, 1, 1);
	for (uint8_t i = 0; i < 10; i++) {
		assert_int_equal(look(1, i), ADMISSION_PASS);
		assert_null(begin(1, i));
	}
}

/* A hello begins one handshake; what was refused may come again. */
static void
test_used(void **state)
{
	struct flow_key key = key_of(1, 1);
	struct hg_hello hello = hello_of(1), fragment;
	struct admission_ask ask = ask_of(1, 1);

	(void)state;
	load.half_open = limits.half_open;
	assert_int_equal(admit(&ask), ADMISSION_HALF_OPEN);
	load.half_open = 0;
	assert_int_equal(look(1, 1), ADMISSION_PASS);
	begin(1, 1);
	assert_int_equal(look(1, 1), ADMISSION_USED);
	assert_int_equal(look(1, 2), ADMISSION_PASS);
	assert_false(admission_begin(&admission, &key, &hello, NOW, &ask));
	/* A fragment is passed on: it may be longer than it was the first time. */
	fragment = hello;
	fragment.message_len++;
	assert_int_equal(
		admission_look(&admission, &limits.clients, &key, &fragment, NOW), ADMISSION_PASS);
	assert_false(admission_begin(&admission, &key, &fragment, NOW, &ask));
	/* Given up, it may begin again, in another record. */
	admission_give_up(&admission, ask.mark, NOW);
	assert_false(admission_begin(&admission, &key, &hello, NOW, &ask));
	hello.record_seq++;
	assert_true(admission_begin(&admission, &key, &hello, NOW, &ask));
}

static void
test_forgotten(void **state)
{
	unsigned int forgotten = 0;

	(void)state;
	limits.clients.half_open = limits.clients.sessions = 0;
	for (unsigned int i = 0; i < 256; i++) {
		struct admission_ask ask = ask_of(1, (uint8_t)i);

		assert_int_equal(admit(&ask), ADMISSION_PASS);
		forgotten += !admission_take(&admission, &limits, &ask);
		assert_int_equal(look(1, (uint8_t)i), ADMISSION_USED);
	}
	assert_uint_in_range(forgotten, 256 - 64, 255);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_admission, close_admission)
	const struct CMUnitTest tests[] = {
		TEST(test_sessions),
		TEST(test_half_open),
		TEST(test_rate),
		TEST(test_client_rate),
		TEST(test_client_half_open),
		TEST(test_client_sessions),
		TEST(test_client_table),
		TEST(test_no_limit_of_clients),
		TEST(test_used),
		TEST(test_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
