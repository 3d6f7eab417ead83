/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/net: parsing a frame, and turning it round. An input is one byte of options, then a frame. The
 * parse and every answer are those of the model; nothing is touched outside the frame, nothing is
 * written where nothing is answered or behind an answer, and no answer outgrows its question.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "lab.h"
#include "model.h"
#include "net/answer.h"
#include "net/find.h"
#include "net/packet.h"
#include "net/path.h"
#include "net/sum.h"
#include "repair.h"

#define FRAME_MAX 9000u
#define OPTION_CHECKED 3u    /* what the device has checked: HG_NET_IP_CHECKED, HG_NET_L4_CHECKED */
#define OPTION_PORT 4u       /* which of the lab's ports */
#define OPTION_SHIFT 3u      /* the rest: how much shorter the answer is, how much room is behind */
#define OPTION_PARTIAL 0x80u /* HG_NET_PARTIAL_SUM; the highest bit of the rest as well */

struct request {
	const uint8_t *frame;
	size_t len;
	size_t rest; /* of the options: a number below 32 */
	struct model_packet model;
};

/* A copy that may be written to, with so much room behind it, and where hg_net_parse() found what. */
static struct hg_net_packet
copy(const struct request *request, size_t room, const struct hg_net_packet *parsed)
{
	static uint8_t buffer[FRAME_MAX + 64];
	struct hg_net_packet packet = *parsed;

	memcpy(buffer, request->frame, request->len);
	memset(buffer + request->len, 0xa5, room);
	packet.frame = fuzz_place(1, buffer, request->len + room);
	packet.l3 = packet.frame + (parsed->l3 - parsed->frame);
	packet.l4 = packet.frame + (parsed->l4 - parsed->frame);
	return packet;
}

/* Is the answer the right one, and all behind it as it was? */
static void
compare(const char *what, const struct request *request, size_t room,
	const struct hg_net_packet *packet, size_t len, const uint8_t *wanted, size_t wanted_len)
{
	fuzz_require(len == wanted_len, "%s: %zu bytes, not %zu", what, len, wanted_len);
	fuzz_require_same(what, packet->frame, wanted, len);
	if (len < request->len)
		fuzz_require_same(
			what, packet->frame + len, request->frame + len, request->len - len);
	for (size_t i = len > request->len ? len : request->len; i < request->len + room; i++)
		fuzz_require(packet->frame[i] == 0xa5, "%s: wrote behind the answer", what);
}

static void
check_udp(const struct request *request, const struct hg_net_packet *parsed, bool device_sums)
{
	static uint8_t wanted[FRAME_MAX + MODEL_GROWTH];
	size_t header = request->model.l4 + 8, asked = request->model.l4_len - 8, wanted_len;
	uint16_t payload_len = (uint16_t)(asked - (request->rest < asked ? request->rest : asked));
	struct hg_net_packet packet = copy(request, 0, parsed);
	struct hg_net_path path;
	uint8_t *payload = packet.frame + header;
	uint64_t sum;
	size_t len;

	fuzz_require(hg_net_payload(&packet) == payload, "payload elsewhere");
	fuzz_require(hg_net_payload_len(&packet) == asked, "payload of another length");
	for (size_t i = 0; i < payload_len; i++)
		payload[i] ^= (uint8_t)(i + 0x5a);
	wanted_len =
		model_answer_udp(wanted, request->frame, &request->model, payload, payload_len);
	/* In memory order, on a little-endian machine. */
	sum = __builtin_bswap16(model_sum(payload, payload_len, 0));

	hg_net_path_init(&path, &packet);
	len = hg_net_answer_udp(&packet, payload_len, sum, device_sums);
	fuzz_require(len <= request->len, "an answer of %zu bytes to %zu", len, request->len);
	if (device_sums)
		model_device_sums(packet.frame, request->model.l3, packet.family);
	compare("UDP answer", request, 0, &packet, len, wanted, wanted_len);

	memset(packet.frame, 0x5a, header);
	len = hg_net_path_write(&path, packet.frame, payload_len, device_sums);
	if (device_sums)
		model_device_sums(packet.frame, request->model.l3, packet.family);
	compare("path back", request, 0, &packet, len, wanted, wanted_len);
}

static void
check_link(const struct request *request, const struct hg_net_packet *parsed,
	const struct hg_net_host *host)
{
	static uint8_t wanted[FRAME_MAX + 64];
	size_t room = request->rest % 16, wanted_len, len;
	struct hg_net_packet packet;

	if (parsed->protocol == HG_NET_ARP) {
		packet = copy(request, 0, parsed);
		wanted_len = model_answer_arp(wanted, request->frame, &request->model, host);
		len = hg_net_answer_arp(&packet, host);
		fuzz_require(
			len <= request->len, "an ARP reply of %zu bytes to %zu", len, request->len);
		compare("ARP reply", request, 0, &packet, len, wanted, wanted_len);
		return;
	}
	packet = copy(request, 0, parsed);
	wanted_len = model_answer_echo(wanted, request->frame, &request->model);
	len = hg_net_answer_echo(&packet);
	fuzz_require(len <= request->len, "an echo of %zu bytes to %zu", len, request->len);
	compare("echo", request, 0, &packet, len, wanted, wanted_len);
	if (parsed->family == 4)
		return;

	packet = copy(request, room, parsed);
	wanted_len = model_answer_neighbour(
		wanted, request->frame, &request->model, host, request->len + room);
	len = hg_net_answer_neighbour(&packet, host, request->len + room);
	fuzz_require(len <= request->len + MODEL_GROWTH, "an advertisement of %zu bytes to %zu",
		len, request->len);
	compare("advertisement", request, room, &packet, len, wanted, wanted_len);
}

/* Any bytes, from any place on: the function that this CPU is given, and the one for any other. */
static void
check_sum(const uint8_t *bytes, size_t len)
{
	uint16_t wanted = (uint16_t)~__builtin_bswap16(model_sum(bytes, len, 0));
	uint16_t chosen = hg_net_sum_fold(hg_net_sum(bytes, len, 0));
	uint16_t portable = hg_net_sum_fold(hg_net_sum_portable(bytes, len, 0));

	fuzz_require(chosen == wanted && portable == wanted, "sums %04x and %04x, not %04x", chosen,
		portable, wanted);
}

static void
check_destination(const uint8_t *frame, size_t len)
{
	unsigned int wanted_family = 0;
	size_t l3 = model_ip(frame, len, &wanted_family), deep = 0,
	       tags = l3 == 0 ? 0 : (l3 - 14) / 4;
	uint8_t family = 0;
	const uint8_t *found = hg_net_find_destination(frame, len, &family, &deep);

	if (l3 == 0) {
		fuzz_require(found == NULL, "a destination at %td", found - frame);
		return;
	}
	fuzz_require(found == frame + l3 + (wanted_family == 4 ? 16 : 24) &&
			     family == wanted_family && deep == (tags > 2 ? 4 * (tags - 2) : 0),
		"destination of family %u at %td, behind %zu bytes of tags", family, found - frame,
		deep);
}

/* What was parsed as UDP is found as such, with the same ports; all other frames are only looked at. */
static void
check_find(const uint8_t *frame, size_t len, const struct hg_net_packet *parsed)
{
	uint8_t tuple[HG_NET_TUPLE_MAX], family = 0;
	enum hg_net_found found = hg_net_find_udp(frame, len, tuple, &family);

	if (parsed == NULL)
		return;
	fuzz_require((found == HG_NET_FOUND_UDP) == (parsed->protocol == HG_NET_UDP) &&
			     found != HG_NET_FOUND_NOTHING,
		"found %d", found);
	if (found != HG_NET_FOUND_UDP)
		return;
	fuzz_require(family == parsed->family, "found family %u", family);
	fuzz_require_same("ports", tuple, hg_net_tuple(parsed), hg_net_tuple_len(parsed));
}

/* Of which the last bytes are elsewhere, or are not. */
static void
check_partial(const uint8_t *frame, size_t seen, size_t len)
{
	size_t l4 = 0, end = 0, field = 0;
	bool wanted = model_partial(frame, seen, len, &l4, &end, &field);
	struct hg_net_partial partial = { 0 };
	const uint8_t *place = fuzz_place(1, frame, seen);

	fuzz_require(hg_net_find_partial(place, seen, len, &partial) == wanted,
		"a checksum %s left out", wanted ? "is" : "is not");
	fuzz_require(!wanted || (partial.l4 == l4 && partial.l4_len == end - l4 &&
					partial.field == field),
		"%zu bytes at %zu are to be summed at %zu", partial.l4_len, partial.l4,
		partial.field);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request request = { .frame = data + 1, .len = size - 1 };
	const struct hg_net_host *host;
	struct hg_net_packet packet;
	unsigned int flags;
	enum hg_verdict verdict;
	uint8_t *frame;

	if (size == 0 || size - 1 > FRAME_MAX)
		return 0;
	host = &lab_host[(data[0] & OPTION_PORT) != 0];
	request.rest = data[0] >> OPTION_SHIFT;
	flags = data[0] & OPTION_CHECKED;
	if ((data[0] & OPTION_PARTIAL) != 0)
		flags |= HG_NET_PARTIAL_SUM;
	request.model = model_frame(host, data + 1, size - 1, flags);
	check_partial(data + 1, size - 1, size - 1);
	check_partial(data + 1, (size - 1) - request.rest % size, size - 1);

	frame = fuzz_place(0, data + 1, size - 1);
	check_sum(frame + request.rest % size, size - 1 - request.rest % size);
	verdict = hg_net_parse(frame, size - 1, host, flags, &packet);
	fuzz_require(verdict == request.model.verdict, "verdict %d, not %d", verdict,
		request.model.verdict);
	fuzz_require_same("parsed frame", frame, data + 1, size - 1);
	check_destination(frame, size - 1);
	check_find(frame, size - 1, verdict == HG_PASS ? &packet : NULL);
	if (verdict != HG_PASS)
		return 0;
	fuzz_require(
		packet.frame == frame, "frame at %p, not %p", (void *)packet.frame, (void *)frame);
	fuzz_require(
		packet.family == request.model.family && packet.protocol == request.model.protocol,
		"family %u, protocol %u", packet.family, packet.protocol);
	fuzz_require(packet.l3 == frame + request.model.l3 &&
			     packet.l4 == frame + request.model.l4 &&
			     packet.l4_len == request.model.l4_len,
		"headers at %td, %td", packet.l3 - frame, packet.l4 - frame);
	fuzz_require(packet.l4 + packet.l4_len <= frame + size - 1, "beyond the frame");
	if (packet.protocol != HG_NET_UDP) {
		check_link(&request, &packet, host);
		return 0;
	}
	fuzz_require(packet.partial_sum == request.model.partial, "a checksum %s left out",
		request.model.partial ? "is" : "is not");
	check_udp(&request, &packet, false);
	check_udp(&request, &packet, true);
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct fuzz_random random = fuzz_random(seed);
	unsigned int what = fuzz_below(&random, REPAIR_ALL + 1);

	size = LLVMFuzzerMutate(data, size, max_size);
	if (size > 1 && fuzz_below(&random, 8) != 0)
		repair_frame(data + 1, size - 1, what | REPAIR_ETHER,
			fuzz_below(&random, LAB_PEERS), (data[0] & OPTION_PORT) != 0);
	if (size > 1 && fuzz_below(&random, 8) == 0)
		repair_partial(data + 1, size - 1);
	return size;
}
