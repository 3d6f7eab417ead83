/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a session ignores a record of its peer. RFC 6347 4.1.2.7: what is invalid is dropped in silence,
 * and the association goes on.
 */
#pragma once

#define HG_TLS_IGNORED(X)                                                                        \
	X(FORMAT, format,                                                                        \
		"records ignored: cut off, or of a type, version or length that cannot be")      \
	X(EPOCH, epoch, "records ignored: of an epoch that is not, or not any more, read")       \
	X(CLEAR, clear, "records ignored: alert or application data without protection")         \
	X(MESSAGE, message, "records ignored: handshake message that cannot be the next")        \
	X(REPEATED, repeated, "records ignored: handshake message that has been taken already")  \
	X(SHORT, short, "records ignored: of a length that the cipher suite does not have")      \
	X(LONG, long, "records ignored: longer than max_fragment_length, or TLS itself, allows") \
	X(MAC, mac, "records ignored: wrong MAC, found before OpenSSL looked")                   \
	X(WARNING, warning, "records ignored: authentic alert, but a warning")                   \
	X(ROOM, room, "records ignored: too early, and no room to keep them")

enum hg_tls_verdict {
	HG_TLS_TAKE, /* it is good as far as can be told: its turn is now */
	HG_TLS_KEEP, /* it is good as far as can be told: its turn comes later */
#define HG_TLS_IGNORED_ENUM(NAME, name, help) HG_TLS_IGNORE_##NAME,
	HG_TLS_IGNORED(HG_TLS_IGNORED_ENUM)
#undef HG_TLS_IGNORED_ENUM
		HG_TLS_VERDICT_COUNT
};
