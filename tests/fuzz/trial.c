/* SPDX-License-Identifier: BSD-3-Clause */
#include "trial.h"

#include <string.h>

#include "fuzz.h"
#include "poison.h"
#include "port/port.h"
#include "repair.h"

#define TAG 0x0123u /* the VLAN that a driver took off */

static struct trial trial;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	trial.bed = check_open();
	return 0;
}

/* Puts the right cookie for this burst into the hello of a frame, or nearly that. */
static size_t
put_cookie(uint8_t *frame, size_t len, bool damaged)
{
	struct model_packet m = repair_locate(frame, len);
	uint8_t *datagram = frame + m.l4 + 8, cookie[HG_COOKIE_LEN];
	struct model_hello hello;
	struct lab_bound bound;

	if (m.family == 0 || m.protocol != HG_NET_UDP)
		return len;
	hello = model_hello(datagram, m.l4_len - 8);
	if (hello.verdict != HG_PASS || !hello.is_hello ||
		hello.client_len + hello.offer_len > HG_COOKIE_BOUND_MAX)
		return len;
	bound = (struct lab_bound){
		.tuple = frame + m.l3 + (m.family == 4 ? 12 : 8),
		.family = m.family,
		.client = datagram + hello.client,
		.offer = datagram + hello.offer,
		.client_len = hello.client_len,
		.offer_len = hello.offer_len,
	};
	lab_mint(cookie, &bound, trial.clock.binding, trial.clock.now,
		trial.clock.now / LAB_ROTATION);
	if (damaged)
		cookie[hello.offer_len % HG_COOKIE_LEN] ^= (uint8_t)(1u << hello.message_seq);
	return m.l4 + 8 + repair_cookie(datagram, m.l4_len - 8, PACKET_MAX - m.l4 - 8, cookie);
}

/* What the worker will see, by way of the input's frame. */
static void
make_frame(struct packet *packet, const struct worker_packet *from)
{
	unsigned int peer = from->where & WHERE_PEER;
	unsigned int first = REPAIR_ETHER | REPAIR_ADDRESSES | REPAIR_HELLO;

	packet->len = from->len < PACKET_MAX - 64 ? from->len : PACKET_MAX - 64;
	memcpy(packet->frame, from->frame, packet->len);
	repair_frame(packet->frame, packet->len, from->how & first, peer, packet->port);
	if ((from->how & HOW_COOKIE) != 0)
		packet->len =
			put_cookie(packet->frame, packet->len, (from->where & WHERE_DAMAGED) != 0);
	repair_frame(packet->frame, packet->len, from->how & (REPAIR_LENGTHS | REPAIR_SUMS), peer,
		packet->port);
	if ((trial.input.limits & SUMS_LEFT_OUT) != 0 &&
		(from->where & WHERE_SUMS) == WHERE_SUMS_NONE)
		repair_partial(packet->frame, packet->len);
}

static struct rte_mbuf *
allocate(const void *bytes, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(trial.bed->worker->pool);
	char *to;

	fuzz_require(mbuf != NULL, "no buffer");
	memset(note_of(mbuf), 0xa5, sizeof(struct note));
	to = rte_pktmbuf_append(mbuf, (uint16_t)len);
	fuzz_require(to != NULL, "no room for %zu bytes", len);
	if (len != 0)
		memcpy(to, bytes, len);
	return mbuf;
}

/* The driver's view of the checksums, which counts if the port's profile says so. */
static uint64_t
device_verdict(struct packet *packet, unsigned int where)
{
	bool trusted = (trial.input.options & OPTION_TRUSTED_SUMS) != 0;

	packet->checked = 0;
	packet->sum_is_bad = trusted && (where & WHERE_SUMS) == WHERE_SUMS_BAD;
	switch (where & WHERE_SUMS) {
	case WHERE_SUMS_GOOD:
		packet->checked = trusted ? HG_NET_IP_CHECKED | HG_NET_L4_CHECKED : 0;
		return RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	case WHERE_SUMS_BAD:
		return RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	case WHERE_SUMS_NONE:
		packet->checked = trusted ? HG_NET_L4_CHECKED : 0;
		return RTE_MBUF_F_RX_L4_CKSUM_NONE;
	default:
		return RTE_MBUF_F_RX_L4_CKSUM_BAD;
	}
}

static void
insert_tag(struct packet *packet)
{
	static const uint8_t tag[4] = { 0x81, 0, TAG >> 8, TAG & 255 };

	memmove(packet->frame + 16, packet->frame + 12, packet->len - 12);
	memcpy(packet->frame + 12, tag, sizeof(tag));
	packet->len += sizeof(tag);
}

/* Nothing but the frame may be touched; an advertisement may grow, and a tag that was taken off goes in. */
static void
forbid(const struct packet *packet, bool stripped)
{
	const struct rte_mbuf *mbuf = packet->mbuf;
	const char *start = mbuf->buf_addr, *frame = start + mbuf->data_off - (stripped ? 4 : 0);
	const char *end = start + mbuf->data_off + mbuf->data_len + MODEL_GROWTH;

	poison(start, (size_t)(frame - start));
	if (end < start + mbuf->buf_len)
		poison(end, (size_t)(start + mbuf->buf_len - end));
}

static void
add_packet(const struct worker_packet *from)
{
	unsigned int port = (from->where & WHERE_PORT) != 0;
	struct packet *packet = &trial.burst[port].packet[trial.burst[port].n++];
	bool stripped = (from->how & HOW_STRIPPED) != 0;
	struct rte_mbuf *last;

	packet->port = port;
	packet->seen = false;
	packet->is_hello = false;
	packet->partial = false;
	packet->may_be_forgotten = false;
	memset(packet->tuple, 0, sizeof(packet->tuple));
	make_frame(packet, from);
	packet->received_len = packet->len;
	packet->chained = (from->where & WHERE_CHAINED) != 0 && packet->len > 1;
	packet->mbuf = allocate(packet->frame, packet->chained ? packet->len - 1 : packet->len);
	packet->mbuf->ol_flags = device_verdict(packet, from->where);
	if (packet->chained) {
		last = allocate(packet->frame + packet->len - 1, 1);
		fuzz_require(rte_pktmbuf_chain(packet->mbuf, last) == 0, "no chain");
	} else if (stripped) {
		packet->mbuf->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
		packet->mbuf->vlan_tci = TAG;
	}
	forbid(packet, stripped);
	packet->cut = stripped && packet->len < 12;
	if (!packet->chained && stripped && !packet->cut)
		insert_tag(packet);
	fuzz_require(rte_ring_sp_enqueue(trial.bed->rx[port], packet->mbuf) == 0, "no room");
}

/* Packets of sessions: the cores give them in turn, to either port. */
static void
add_out(void)
{
	uint8_t bytes[TRIAL_OUT_LEN];

	trial.n_out = trial.input.n_out % (TRIAL_OUT_MAX + 1);
	for (unsigned int i = 0; i < trial.n_out; i++) {
		unsigned int core = i % BED_CORES;
		struct note *note;

		memset(bytes, (int)i, sizeof(bytes));
		trial.out[i] = allocate(bytes, sizeof(bytes));
		note = note_of(trial.out[i]);
		*note = (struct note){ .kind = NOTE_OUT, .family = i % 3 == 0 ? 4 : 6, .l3 = 14 };
		note->queue = (uint16_t)((trial.input.n_out >> 5 & i) % LAB_PORTS);
		fuzz_require(rte_ring_sp_enqueue(rings_out(&trial.bed->gateway.rings, 0, core),
				     trial.out[i]) == 0,
			"no room for packets from a core");
	}
}

/* Poison is for the worker alone: buffers come back from anywhere. */
static void
permit_all(void)
{
	for (unsigned int p = 0; p < LAB_PORTS; p++)
		for (unsigned int i = 0; i < trial.burst[p].n; i++)
			unpoison(trial.burst[p].packet[i].mbuf->buf_addr,
				trial.burst[p].packet[i].mbuf->buf_len);
}

static unsigned int
room(unsigned int byte)
{
	return byte == 0 ? UINT32_MAX : byte - 1;
}

static void
run_burst(void)
{
	struct bed *bed = trial.bed;
	struct rings *rings = &bed->gateway.rings;

	check_expect(&trial);
	for (unsigned int p = 0; p < LAB_PORTS; p++)
		trial.tx_blocked[p] = bed_block(bed->tx[p], room(trial.input.tx_room));
	for (unsigned int c = 0; c < BED_CORES; c++)
		for (enum rings_class rank = 0; rank < RINGS_CLASSES; rank++)
			trial.ring_blocked[c][rank] =
				bed_block(rings_in(rings, 0, c, rank), room(trial.input.ring_room));
	bed_run(bed, &trial.keys, trial.clock.now);
	permit_all();
	check_result(&trial);
	trial.burst[0].n = 0;
	trial.burst[1].n = 0;
	trial.n_out = 0;
}

/* One kernel for every size of burst, or another one for each. */
static void
choose_kernels(struct hg_hmac_ladder *ladder, unsigned int which)
{
	size_t n;
	const struct hg_hmac_kernel *const *kernel = lab_kernels(&n);

	for (unsigned int i = 0; i < HG_HMAC_STEPS; i++)
		ladder->step[i] = kernel[(which < n ? which : which + i) % n];
}

static enum hg_cookie_binding
binding(void)
{
	if ((trial.input.options & OPTION_BIND_PARAMETERS) != 0)
		return HG_COOKIE_BIND_PARAMETERS;
	return (trial.input.options & OPTION_BIND_ADDRESS) != 0 ? HG_COOKIE_BIND_ADDRESS
								: HG_COOKIE_BIND_HELLO;
}

static void
set_up(const uint8_t *data, size_t size)
{
	struct gateway *gateway = &trial.bed->gateway;

	trial.input = worker_input(data, size);
	trial.clock = (struct lab_clock){
		.now = LAB_NOW + (uint64_t)trial.input.start,
		.rotation = LAB_ROTATION,
		.lifetime = LAB_ROTATION,
		.binding = binding(),
	};
	choose_kernels(
		&gateway->hmac, trial.input.options % OPTION_BIND_PARAMETERS / OPTION_KERNEL);
	for (unsigned int p = 0; p < LAB_PORTS; p++) {
		gateway->port[p].device_sums = (trial.input.options & OPTION_DEVICE_SUMS) != 0;
		gateway->port[p].trusted_sums = (trial.input.options & OPTION_TRUSTED_SUMS) != 0;
		gateway->port[p].partial_sums = (trial.input.limits & SUMS_PARTIAL) != 0;
	}
	check_begin(&trial);
	bed_limit(trial.bed, trial.history.of_clients, trial.history.half_open_max,
		(trial.input.limits & LIMIT_HVR) != 0);
}

static void
derive_keys(void)
{
	fuzz_require(hg_cookie_keys_derive(&trial.keys, lab_secret, trial.clock.now, LAB_ROTATION,
			     LAB_ROTATION, trial.clock.binding) == 0,
		"no keys");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct worker_packet packet;
	bool last = true;

	set_up(data, size);
	derive_keys();
	add_out();
	for (unsigned int n = 0;
		n < PACKETS_MAX && worker_input_next(&trial.input.packets, &packet); n++) {
		add_packet(&packet);
		last = (packet.how & HOW_LAST) != 0 || trial.burst[0].n == BED_BURST ||
		       trial.burst[1].n == BED_BURST;
		if (!last)
			continue;
		run_burst();
		trial.clock.now += (uint64_t)trial.input.step;
		derive_keys();
	}
	if (!last || trial.n_out != 0)
		run_burst();
	return 0;
}
