/* SPDX-License-Identifier: BSD-3-Clause */
/* What an lcore counts. Written by that lcore alone, read by main. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* X(NAME, name, "meaning") */
#define COUNTERS(X)                                                                              \
	X(FLOOD_HELLOS, flood_hellos, "hellos of mode flood")                                    \
	X(PROBE_HELLOS, probe_hellos, "first hellos of mode probe")                              \
	X(REPLAY_HELLOS, replay_hellos, "first hellos of mode replay, that its copy is made of") \
	X(REPLAY_COPIES, replay_copies, "copies of a verified hello")                            \
	X(JUNK_PACKETS, junk_packets, "packets of mode junk")                                    \
	X(HVR, hvr, "HVRs that answered a first hello, with and without faults")                 \
	X(HVR_FAULTY, hvr_faulty, "those of them with a fault")                                  \
	X(SECOND_HELLOS, second_hellos, "hellos with a cookie")                                  \
	X(SERVER_HELLOS, server_hellos, "ServerHellos that answered one")                        \
	X(REFUSED, refused, "HVRs that answered a hello with a cookie")                          \
	X(ALERTS, alerts, "alerts of the server")                                                \
	X(FLIGHT, flight, "further datagrams to who has returned a cookie")                      \
	X(CLOSED, closed, "alerts sent to end a probe")                                          \
	X(UNANSWERED, unanswered, "first hellos without an answer in time")                      \
	X(UNVERIFIED, unverified, "hellos with a cookie without an answer in time")              \
	X(JUNK_ANSWERS, junk_answers, "answers to junk")                                         \
	X(REPLAY_ANSWERS, replay_answers, "answers to copies")                                   \
	X(LATE, late, "answers to a hello that is not waited for any more")                      \
	X(FOREIGN, foreign, "frames that are no answer to anything here")                        \
	X(NEIGHBOUR, neighbour, "ARP and neighbour solicitations answered")                      \
	X(HELD_BACK, held_back, "packets that --rate asked for and this machine was late for")   \
	X(WINDOW_FULL, window_full, "probes that --rate asked for while --window was full")      \
	X(UNSENT, unsent, "frames that the device never took")                                   \
	X(UNPROVEN_OUT, unproven_out, "packets sent without a cookie")                           \
	X(UNPROVEN_OUT_PAYLOAD, unproven_out_payload, "bytes of UDP payload in them")            \
	X(UNPROVEN_OUT_IP, unproven_out_ip, "bytes of IP in them")                               \
	X(UNPROVEN_IN, unproven_in, "packets received by those who have sent no cookie")         \
	X(UNPROVEN_IN_PAYLOAD, unproven_in_payload, "bytes of UDP payload in them")              \
	X(UNPROVEN_IN_IP, unproven_in_ip, "bytes of IP in them")                                 \
	X(PROVEN_OUT, proven_out, "packets sent with a cookie or after it")                      \
	X(PROVEN_OUT_PAYLOAD, proven_out_payload, "bytes of UDP payload in them")                \
	X(PROVEN_OUT_IP, proven_out_ip, "bytes of IP in them")                                   \
	X(PROVEN_IN, proven_in, "packets received by those who have sent a cookie")              \
	X(PROVEN_IN_PAYLOAD, proven_in_payload, "bytes of UDP payload in them")                  \
	X(PROVEN_IN_IP, proven_in_ip, "bytes of IP in them")

enum counter {
#define COUNTER_ENUM(NAME, name, meaning) COUNTER_##NAME,
	COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
		COUNTERS_N
};

static inline void
counter_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static inline uint64_t
counter_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}
