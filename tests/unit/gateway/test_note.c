/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker takes down of a packet is what a core gets back, whatever has become of the packet. */
#include <string.h>

#include "frames.h"
#include "gateway/note.h"
#include "hellos.h"
#include "unit.h"

/* A buffer as a pool of the gateway has it, with a frame in its own memory. */
struct buffer {
	struct rte_mbuf mbuf;
	uint8_t room[NOTE_ROOM];
	struct frame frame;
};

static void
fill(struct buffer *buffer, uint8_t family, unsigned int tags, const struct hello_parts *parts)
{
	uint8_t datagram[HELLO_MAX];

	memset(buffer, 0, sizeof(*buffer));
	frame_udp(&buffer->frame, family, tags, datagram, hello_build(datagram, parts));
	buffer->mbuf.buf_addr = buffer->frame.bytes;
	buffer->mbuf.data_len = (uint16_t)buffer->frame.len;
}

/* As a worker does. */
static void
take_down(struct buffer *buffer, struct hg_net_packet *ret_packet, struct hg_hello *ret_hello)
{
	struct note *note = note_of(&buffer->mbuf);
	bool is_hello = false;

	assert_int_equal(
		hg_net_parse(buffer->frame.bytes, buffer->frame.len, &frame_host, 0, ret_packet),
		HG_PASS);
	assert_int_equal(hg_hello_parse(hg_net_payload(ret_packet), hg_net_payload_len(ret_packet),
				 &is_hello, ret_hello),
		HG_PASS);
	assert_true(is_hello);
	note_set_packet(note, ret_packet);
	note_set_hello(note, ret_packet, ret_hello);
}

static void
assert_same_places(
	struct buffer *buffer, const struct hg_net_packet *packet, const struct hg_hello *hello)
{
	struct hg_net_packet packet_back = note_get_packet(&buffer->mbuf);
	struct hg_hello back = note_get_hello(note_of(&buffer->mbuf), &packet_back);

	assert_ptr_equal(packet_back.frame, packet->frame);
	assert_ptr_equal(packet_back.l3, packet->l3);
	assert_ptr_equal(packet_back.l4, packet->l4);
	assert_int_equal(packet_back.l4_len, packet->l4_len);
	assert_int_equal(packet_back.family, packet->family);
	assert_int_equal(packet_back.protocol, HG_NET_UDP);
	assert_ptr_equal(back.client, hello->client);
	assert_int_equal(back.client_len, hello->client_len);
	assert_ptr_equal(back.cookie, hello->cookie);
	assert_int_equal(back.cookie_len, hello->cookie_len);
	assert_int_equal(back.record_len, hello->record_len);
}

static void
test_hello(void **state)
{
	static const uint8_t id[HG_HELLO_SESSION_ID_MAX], cookie[255];
	struct hg_net_packet packet;
	struct hg_hello hello, back;
	struct buffer buffer;

	(void)state;
	for (unsigned int tags = 0; tags <= 2; tags++)
		for (unsigned int id_len = 0; id_len <= sizeof(id); id_len++)
			for (unsigned int cookie_len = 0; cookie_len <= sizeof(cookie);
				cookie_len += cookie_len == 20 ? 235 : 20) {
				struct hello_parts parts = hello_usual;

				parts.session_id = id;
				parts.session_id_len = (uint8_t)id_len;
				parts.cookie = cookie;
				parts.cookie_len = (uint8_t)cookie_len;
				parts.message_seq = 1;
				parts.record_seq = UINT64_C(0x010203040506) >> id_len;
				fill(&buffer, id_len % 2 == 0 ? 4 : 6, tags, &parts);
				take_down(&buffer, &packet, &hello);
				assert_int_equal(hello.cookie_len, cookie_len);
				assert_same_places(&buffer, &packet, &hello);
				back = note_get_hello(note_of(&buffer.mbuf), &packet);
				assert_int_equal(back.record_seq, parts.record_seq);
				assert_int_equal(back.message_seq, 1);
				assert_int_equal(back.message_len, hello.message_len);
				assert_true(hg_hello_is_whole(&back));
			}
}

static void
test_first_fragment(void **state)
{
	struct hg_net_packet packet;
	uint8_t datagram[HELLO_MAX];
	struct hg_hello hello, back;
	struct buffer buffer;
	size_t len;

	(void)state;
	memset(&buffer, 0, sizeof(buffer));
	len = hello_build(datagram, &hello_usual) - 1;
	hello_cut(datagram, len);
	frame_udp(&buffer.frame, 6, 1, datagram, len);
	buffer.mbuf.buf_addr = buffer.frame.bytes;
	take_down(&buffer, &packet, &hello);
	assert_same_places(&buffer, &packet, &hello);
	back = note_get_hello(note_of(&buffer.mbuf), &packet);
	assert_int_equal(back.message_len, back.record_len - NOTE_HELLO_BODY + 1);
	assert_false(hg_hello_is_whole(&back));
}

/* The other end of a memif writes on: every byte may be another one, and nothing is elsewhere or longer. */
static void
test_packet_that_changes(void **state)
{
	static const uint8_t id[8], cookie[20];
	struct hello_parts parts = hello_usual;
	struct hg_net_packet packet;
	struct hg_hello hello;
	struct buffer buffer;

	(void)state;
	parts.session_id = id;
	parts.session_id_len = sizeof(id);
	parts.cookie = cookie;
	parts.cookie_len = sizeof(cookie);
	fill(&buffer, 4, 2, &parts);
	take_down(&buffer, &packet, &hello);
	memset(buffer.frame.bytes, 0xff, buffer.frame.len);
	assert_same_places(&buffer, &packet, &hello);
	memset(buffer.frame.bytes, 0, buffer.frame.len);
	assert_same_places(&buffer, &packet, &hello);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_first_fragment),
		cmocka_unit_test(test_packet_that_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
