/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came back, checked. This shares no code with the gateway: whoever wrote the answer must not be
 * the one to judge it. Checksums are DPDK's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/address.h"

/* X(NAME, name, "meaning"): what can be wrong with an answer; one may have several faults. */
#define CHECK_FAULTS(X)                                                                      \
	X(IP_LENGTH, ip_length, "IP length or header length does not fit the frame")         \
	X(IP_FRAGMENT, ip_fragment, "an IP fragment")                                        \
	X(IP_CHECKSUM, ip_checksum, "wrong IPv4 header checksum")                            \
	X(UDP_LENGTH, udp_length, "UDP length is not that of the IP payload")                \
	X(UDP_CHECKSUM, udp_checksum, "wrong UDP checksum, or none over IPv6")               \
	X(RECORD, record, "no whole DTLS record")                                            \
	X(RECORD_VERSION, record_version, "HVR: record version is neither DTLS 1.0 nor 1.2") \
	X(EPOCH, epoch, "HVR: epoch is not 0")                                               \
	X(RECORD_SEQ, record_seq, "HVR: record sequence number is not the hello's")          \
	X(TRAILING, trailing, "HVR: bytes behind its record")                                \
	X(MESSAGE_LENGTH, message_length,                                                    \
		"HVR: message and fragment length do not fit the record")                    \
	X(MESSAGE_SEQ, message_seq, "HVR: message_seq is not the hello's")                   \
	X(FRAGMENT_OFFSET, fragment_offset, "HVR: fragment offset is not 0")                 \
	X(SERVER_VERSION, server_version, "HVR: server_version is neither DTLS 1.0 nor 1.2") \
	X(COOKIE, cookie, "HVR: the cookie is empty, or does not fill the message")          \
	X(LARGER, larger, "HVR: larger than the hello that it answers")                      \
	X(EXTRA, extra, "an answer more for a hello that had one")                           \
	X(UNASKED, unasked, "not an HVR, in answer to a hello without a cookie")

enum check_fault {
#define CHECK_ENUM(NAME, name, meaning) CHECK_##NAME,
	CHECK_FAULTS(CHECK_ENUM)
#undef CHECK_ENUM
		CHECK_FAULTS_N
};

#define CHECK_BIT(NAME) (1u << CHECK_##NAME)

enum check_kind {
	CHECK_FOREIGN, /* nothing from the target's port */
	CHECK_HVR,
	CHECK_SERVER_HELLO,
	CHECK_ALERT,
	CHECK_OTHER, /* any other DTLS, or none */
};

/* An answer; pointers go into the frame. */
struct check_answer {
	enum check_kind kind;
	uint32_t faults;        /* of IP, UDP, and that of having no record */
	const uint8_t *address; /* destination, network byte order, as the port */
	uint16_t port;
	uint16_t ip_len;
	const uint8_t *payload;
	uint16_t payload_len;
};

/* What is known of the hello that an HVR answers. */
struct check_hello {
	uint64_t record_seq;
	uint16_t message_seq;
	uint16_t len; /* of its UDP payload */
};

/*
 * Takes a frame apart. With a fault that leaves no payload, payload_len is 0. A frame that is not UDP
 * over IP from the target is CHECK_FOREIGN, and nothing else is set.
 */
void check_frame(const uint8_t *frame, size_t len, const struct address *target,
	struct check_answer *ret_answer);

/*
 * Returns the faults of a HelloVerifyRequest (RFC 6347 4.2.1) and its cookie, which is NULL if it
 * cannot be read.
 */
uint32_t check_hvr(const struct check_answer *answer, const struct check_hello *hello,
	const uint8_t **ret_cookie, uint8_t *ret_cookie_len);

/* Name and meaning of a fault. */
const char *check_name(enum check_fault fault);
const char *check_meaning(enum check_fault fault);
