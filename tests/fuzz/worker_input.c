/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker_input.h"

#include <string.h>

#include "model.h"
#include "repair.h"
#include "worker_model.h"

#define PLACES_MAX 64u /* packets that a mutator chooses from */

struct worker_input
worker_input(const uint8_t *data, size_t size)
{
	struct worker_input input = { .packets = { .p = data, .left = size } };

	input.options = (unsigned int)fuzz_take(&input.packets, 1);
	input.tx_room = (unsigned int)fuzz_take(&input.packets, 1);
	input.ring_room = (unsigned int)fuzz_take(&input.packets, 1);
	input.n_out = (unsigned int)fuzz_take(&input.packets, 1);
	input.start = (int16_t)fuzz_take(&input.packets, 2);
	input.step = (int8_t)fuzz_take(&input.packets, 1);
	input.limits = (unsigned int)fuzz_take(&input.packets, 1);
	return input;
}

bool
worker_input_next(struct fuzz_input *packets, struct worker_packet *ret)
{
	if (packets->left < WORKER_PACKET_HEAD)
		return false;
	ret->len = (size_t)fuzz_take(packets, 2);
	ret->how = (unsigned int)fuzz_take(packets, 1);
	ret->where = (unsigned int)fuzz_take(packets, 1);
	if (ret->len > packets->left)
		ret->len = packets->left;
	ret->frame = packets->p;
	packets->p += ret->len;
	packets->left -= ret->len;
	return true;
}

static size_t
replace(uint8_t *data, size_t size, size_t max_size, size_t at, size_t old, const void *bytes,
	size_t len)
{
	if (size - old + len > max_size)
		return size;
	memmove(data + at + len, data + at + old, size - at - old);
	if (len != 0)
		memcpy(data + at, bytes, len);
	return size - old + len;
}

/* Changes the frame of the packet at this place, and its length with it. */
static size_t
mutate_frame(uint8_t *data, size_t size, size_t max_size, size_t at, size_t len)
{
	uint8_t packet[WORKER_PACKET_HEAD + PACKET_MAX];
	size_t grown;

	if (len > PACKET_MAX)
		return size;
	memcpy(packet, data + at, WORKER_PACKET_HEAD + len);
	grown = LLVMFuzzerMutate(packet + WORKER_PACKET_HEAD, len, PACKET_MAX);
	packet[0] = (uint8_t)grown;
	packet[1] = (uint8_t)(grown >> 8);
	return replace(data, size, max_size, at, WORKER_PACKET_HEAD + len, packet,
		WORKER_PACKET_HEAD + grown);
}

/* The packets of an input, as far as they fit: where each begins, and at last where the input ends. */
static unsigned int
find_packets(const uint8_t *data, size_t size, size_t place[PLACES_MAX + 1])
{
	struct worker_input input = worker_input(data, size);
	struct worker_packet packet;
	unsigned int n = 0;

	place[0] = (size_t)(input.packets.p - data);
	while (n < PLACES_MAX && worker_input_next(&input.packets, &packet))
		place[++n] = (size_t)(input.packets.p - data);
	return n;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct fuzz_random random = fuzz_random(seed);
	uint8_t packet[WORKER_PACKET_HEAD + PACKET_MAX];
	size_t place[PLACES_MAX + 1], at, len;
	unsigned int n = find_packets(data, size, place), i;

	if (n == 0 || fuzz_below(&random, 16) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	i = fuzz_below(&random, n);
	at = place[i];
	len = place[i + 1] - at;
	switch (fuzz_below(&random, 8)) {
	case 0: /* the head */
		LLVMFuzzerMutate(data, WORKER_HEAD, WORKER_HEAD);
		return size;
	case 1: /* what is done to a packet */
		data[at + 2] ^= (uint8_t)(1u << fuzz_below(&random, 8));
		return size;
	case 2:
		data[at + 3] ^= (uint8_t)(1u << fuzz_below(&random, 8));
		return size;
	case 3: /* the packet again, elsewhere */
		if (len > sizeof(packet))
			return size;
		memcpy(packet, data + at, len);
		return replace(data, size, max_size, place[fuzz_below(&random, n)], 0, packet, len);
	case 4: /* one less */
		return n == 1 ? size : replace(data, size, max_size, at, len, NULL, 0);
	default:
		return mutate_frame(data, size, max_size, at, len - WORKER_PACKET_HEAD);
	}
}
