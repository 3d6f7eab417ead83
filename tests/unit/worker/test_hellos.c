/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The second stage of hellos: each is verified, and then whoever has filled the burst finds it in its order, or
 * among the answers, or dropped; and it is counted.
 */
#include <stdlib.h>
#include <string.h>

#include "cookies.h"
#include "frames.h"
#include "gateway/generation.h"
#include "hellos.h"
#include "port/port.h"
#include "unit.h"
#include "worker/hellos.h"

#define N 8u
#define RECORD_SEQ_MAX (UINT64_C(1) << 47)

static struct worker *worker;
static struct gateway gateway;
static struct generation generation;
static struct port port;
static struct hg_cookie_keys keys;
static struct rte_mbuf mbuf[N];
static struct frame frame[N];

static int
open_worker(void **state)
{
	(void)state;
	worker = aligned_alloc(64, (sizeof(*worker) + 63) & ~(size_t)63);
	if (worker == NULL || cookie_batch_open(state) != 0)
		return -1;
	memset(worker, 0, sizeof(*worker));
	hg_hmac_ladder_force(&gateway.hmac, cookie_kernel());
	keys = cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	generation = (struct generation){ 0 };
	worker->gateway = &gateway;
	worker->cookies = cookie_batch;
	worker->burst.port = &port;
	worker->burst.generation = &generation;
	worker->burst.now = COOKIE_NOW;
	hg_cookie_batch_begin(worker->cookies, &keys, COOKIE_NOW);
	return 0;
}

static int
close_worker(void **state)
{
	free(worker->hvr_cap.due);
	free(worker);
	return cookie_batch_close(state);
}

/* Whether another one still has the buffer tells what has become of it: so it goes to no pool. */
static bool
is_dropped(unsigned int i)
{
	return rte_mbuf_refcnt_read(&mbuf[i]) == 1;
}

static void
parse(unsigned int i, struct classified *ret_info)
{
	bool is_hello = false;

	assert_int_equal(
		hg_net_parse(frame[i].bytes, frame[i].len, &frame_host, 0, &ret_info->packet),
		HG_PASS);
	assert_int_equal(
		hg_hello_parse(hg_net_payload(&ret_info->packet),
			hg_net_payload_len(&ret_info->packet), &is_hello, &ret_info->hello),
		HG_PASS);
	assert_true(is_hello);
}

/* What the cookie of that hello is, found out by a batch of its own. */
static void
find_cookie(unsigned int i, uint8_t ret_cookie[HG_COOKIE_LEN])
{
	struct hg_cookie_batch *batch =
		aligned_alloc(64, (hg_cookie_batch_size(HG_COOKIE_BIND_HELLO) + 63) & ~(size_t)63);
	struct classified info;

	assert_non_null(batch);
	parse(i, &info);
	hg_cookie_batch_begin(batch, &keys, COOKIE_NOW);
	assert_int_equal(hg_cookie_batch_add(batch,
				 &(struct hg_cookie_hello){
					 .tuple = hg_net_tuple(&info.packet),
					 .client = info.hello.client,
					 .offer = info.hello.offer,
					 .client_len = info.hello.client_len,
					 .offer_len = info.hello.offer_len,
					 .family = info.packet.family,
				 }),
		0);
	hg_cookie_batch_run(batch, cookie_kernel());
	hg_cookie_batch_mint(batch, 0, ret_cookie);
	free(batch);
}

/* Adds a hello to the burst, with a valid cookie if it is to be verified. */
static void
add(unsigned int i, struct hello_parts parts, bool verified)
{
	uint8_t datagram[HELLO_MAX], cookie[HG_COOKIE_LEN];

	frame_udp(&frame[i], i % 2 == 0 ? 4 : 6, 0, datagram, hello_build(datagram, &parts));
	if (verified) {
		find_cookie(i, cookie);
		parts.cookie = cookie;
		parts.cookie_len = sizeof(cookie);
		frame_udp(
			&frame[i], i % 2 == 0 ? 4 : 6, 0, datagram, hello_build(datagram, &parts));
	}
	mbuf[i] = (struct rte_mbuf){ .buf_addr = frame[i].bytes,
		.buf_len = FRAME_MAX,
		.data_len = (uint16_t)frame[i].len,
		.pkt_len = (uint32_t)frame[i].len,
		.nb_segs = 1 };
	rte_mbuf_refcnt_set(&mbuf[i], 2);
	parse(i, &worker->burst.hello_info[worker->burst.n_hellos]);
	assert_true(hellos_take(worker, &worker->burst, &mbuf[i]));
}

static struct hello_parts
second(uint64_t record_seq)
{
	struct hello_parts parts = hello_usual;

	parts.message_seq = 1;
	parts.record_seq = record_seq;
	return parts;
}

static uint64_t
drops(enum hg_verdict verdict)
{
	return stats_get(&worker->stats.drop[verdict]);
}

static void
test_order(void **state)
{
	static const uint8_t wrong[HG_COOKIE_LEN] = { 0xff };
	struct worker_burst *burst = &worker->burst;
	struct hello_parts bad = second(1);

	(void)state;
	bad.cookie = wrong;
	bad.cookie_len = sizeof(wrong);
	add(0, second(1), true);
	add(1, hello_usual, false);
	add(2, second(RECORD_SEQ_MAX - 1), true);
	add(3, bad, false);
	add(4, second(7), true);
	hellos_settle(worker, burst);
	assert_int_equal(burst->n_verified, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(burst->verified[i], 2 * i);
		assert_ptr_equal(burst->hello[burst->verified[i]], &mbuf[2 * i]);
	}
	assert_int_equal(burst->n_answers, 2);
	assert_ptr_equal(burst->answer[0], &mbuf[1]);
	assert_ptr_equal(burst->answer[1], &mbuf[3]);
	assert_int_equal(burst->answer_bytes, mbuf[1].pkt_len + mbuf[3].pkt_len);
	for (unsigned int i = 0; i < 5; i++)
		assert_false(is_dropped(i));
	assert_int_equal(stats_get(&worker->stats.cookie_valid), 3);
	assert_int_equal(stats_get(&worker->stats.cookie_none), 1);
	assert_int_equal(stats_get(&worker->stats.cookie_malformed), 1);
	assert_int_equal(stats_get(&worker->stats.hvr), 2);
	/* Nobody stands behind it who would have taken them. */
	assert_int_equal(
		stats_get(&worker->stats.forwarded) + stats_get(&worker->stats.guard_hellos), 0);
}

/* With a valid cookie, but nobody can go on from it. */
static void
test_of_no_use(void **state)
{
	struct worker_burst *burst = &worker->burst;
	struct hello_parts first = hello_usual;

	(void)state;
	add(0, first, true);
	add(1, second(RECORD_SEQ_MAX), true);
	add(2, second(1), true);
	burst->hello_info[2].hello.message_len = 16385;
	add(3, second(1), true);
	burst->hello_info[3].hello.message_len = 16384;
	hellos_settle(worker, burst);
	assert_int_equal(burst->n_verified, 1);
	assert_int_equal(burst->verified[0], 3);
	assert_int_equal(burst->n_answers, 0);
	assert_int_equal(drops(HG_DROP_HELLO_COOKIE_SEQ), 1);
	assert_int_equal(drops(HG_DROP_HELLO_RECORD_SEQ), 1);
	assert_int_equal(drops(HG_DROP_HELLO_TOO_LONG), 1);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(is_dropped(i), i < 3);
	/* All had a cookie that was good, of an age that is known. */
	assert_int_equal(stats_get(&worker->stats.cookie_valid), 4);
	assert_int_equal(stats_get(&worker->stats.cookie_age.bucket[0]), 4);
}

/* A limit for one network is none for those who are verified. */
static void
test_network_limit(void **state)
{
	struct worker_burst *burst = &worker->burst;

	(void)state;
	worker->hvr_cap.due = calloc(HVR_CAP_PLACES, sizeof(*worker->hvr_cap.due));
	assert_non_null(worker->hvr_cap.due);
	generation.hvr = (struct pace){ .interval = UINT64_C(1) << 60 };
	add(0, hello_usual, false);
	add(2, hello_usual, false);
	add(4, second(1), true);
	add(1, hello_usual, false); /* of another family, so of another network */
	hellos_settle(worker, burst);
	assert_int_equal(burst->n_answers, 2);
	assert_ptr_equal(burst->answer[0], &mbuf[0]);
	assert_ptr_equal(burst->answer[1], &mbuf[1]);
	assert_true(is_dropped(2));
	assert_int_equal(drops(HG_DROP_HVR_PREFIX), 1);
	assert_int_equal(burst->n_verified, 1);
	assert_int_equal(burst->verified[0], 2);
	assert_int_equal(stats_get(&worker->stats.hvr), 2);
}

static void
test_unbound(void **state)
{
	struct worker_burst *burst = &worker->burst;

	(void)state;
	keys = cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_PARAMETERS);
	hg_cookie_batch_begin(worker->cookies, &keys, COOKIE_NOW);
	add(0, hello_usual, false);
	parse(0, &burst->hello_info[1]);
	burst->hello_info[1].hello.offer_len = 0;
	mbuf[1] = mbuf[0];
	assert_false(hellos_take(worker, burst, &mbuf[1]));
	assert_int_equal(burst->n_hellos, 1);
	assert_int_equal(drops(HG_DROP_HELLO_UNBOUND), 1);
	assert_true(is_dropped(1));
	hellos_settle(worker, burst);
	assert_int_equal(burst->n_answers, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_worker, close_worker)
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_of_no_use),
		TEST(test_network_limit),
		TEST(test_unbound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
