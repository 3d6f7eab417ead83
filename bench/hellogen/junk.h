/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that a server must not answer, made from a hello. */
#pragma once

#include "frame.h"
#include "template.h"

/* X(NAME, "meaning") */
#define JUNK_KINDS(X)                                                          \
	X(EMPTY, "no payload")                                                 \
	X(SHORT, "12 bytes, less than a record header")                        \
	X(CUT, "half a hello: the record's length is more than there is")      \
	X(VERSION, "a record of TLS 1.2")                                      \
	X(EPOCH, "a hello of epoch 1")                                         \
	X(APPLICATION_DATA, "application data of a session that is not")       \
	X(ALERT, "a fatal alert")                                              \
	X(HEARTBEAT, "a heartbeat record")                                     \
	X(MESSAGE_TYPE, "a ServerHello")                                       \
	X(MESSAGE_SEQ, "a hello with message_seq 2")                           \
	X(FRAGMENT_OFFSET, "a fragment that does not begin the hello")         \
	X(FRAGMENT_LENGTH, "a fragment that is longer than the hello")         \
	X(SESSION_ID, "a session_id of 33 bytes")                              \
	X(COOKIE, "a cookie that is longer than the hello")                    \
	X(STUN, "a STUN binding request")                                      \
	X(ONES, "64 bytes of ff")                                              \
	X(UDP_CHECKSUM, "a hello with a wrong UDP checksum")                   \
	X(IP_CHECKSUM, "a hello with a wrong IPv4 checksum, or UDP over IPv6") \
	X(UDP_LENGTH, "a hello with a UDP length past its end")

enum junk_kind {
#define JUNK_ENUM(NAME, meaning) JUNK_##NAME,
	JUNK_KINDS(JUNK_ENUM)
#undef JUNK_ENUM
		JUNK_KINDS_N
};

/* A packet of one kind, from the first datagram of a hello. */
void junk_plan(struct blueprint *ret_blueprint, const struct frame_link *link,
	const struct template *template, enum junk_kind kind);

const char *junk_meaning(enum junk_kind kind);
