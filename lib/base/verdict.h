/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the packet path decides about one packet. Every parse and check in libhellogate returns one of
 * these, and whoever runs them keeps one counter for each: this list yields the counters' names and
 * their help texts as well.
 */
#pragma once

/* X(NAME, name, help): reasons to drop a packet in silence, in the order of the checks. */
#define HG_DROPS(X)                                                                                \
	X(FRAME_SHORT, frame_short, "frame too short for the headers it announces")                \
	X(FRAME_CHAINED, frame_chained, "frame in more than one buffer")                           \
	X(FRAME_NOT_OURS, frame_not_ours, "destination MAC address is not ours")                   \
	X(VLAN_DEPTH, vlan_depth, "more than two VLAN tags")                                       \
	X(ETHER_TYPE, ether_type, "neither IPv4, IPv6 nor ARP")                                    \
	X(ARP, arp, "ARP other than a request for one of our addresses")                           \
	X(IPV4_HEADER, ipv4_header, "IPv4 version, header length or total length is wrong")        \
	X(IPV4_OPTIONS, ipv4_options, "IPv4 options")                                              \
	X(IPV4_FRAGMENT, ipv4_fragment, "IPv4 fragment")                                           \
	X(IPV4_CHECKSUM, ipv4_checksum, "IPv4 header checksum is wrong")                           \
	X(IPV6_HEADER, ipv6_header, "IPv6 version or payload length is wrong")                     \
	X(IPV6_EXTENSION, ipv6_extension, "IPv6 extension header or fragment")                     \
	X(DESTINATION, destination, "destination address is not ours")                             \
	X(SOURCE, source,                                                                          \
		"source address cannot be of a client: martian, multicast, broadcast or ours")     \
	X(IP_PROTOCOL, ip_protocol, "neither UDP nor ICMP")                                        \
	X(ICMP, icmp, "ICMP other than an echo request or neighbour solicitation for us")          \
	X(ICMP_CHECKSUM, icmp_checksum, "ICMP checksum is wrong")                                  \
	X(UDP_LENGTH, udp_length, "UDP length differs from that of the IP payload, or is below 8") \
	X(UDP_CHECKSUM, udp_checksum, "UDP checksum is wrong, or absent on IPv6")                  \
	X(SOURCE_PORT, source_port, "source port 0 or of a reflecting service")                    \
	X(NO_LISTENER, no_listener, "no listener on the destination address and port")             \
	X(RECORD_SHORT, record_short, "datagram shorter than a DTLS record header")                \
	X(RECORD_DTLS13, record_dtls13,                                                            \
		"DTLS 1.3 record: unified header, or content type 25 or 26")                       \
	X(RECORD_TYPE, record_type, "first byte is no DTLS content type")                          \
	X(RECORD_VERSION, record_version,                                                          \
		"record version is not DTLS: its major number is not 254")                         \
	X(RECORD_LENGTH, record_length, "record length is 0 or beyond the datagram")               \
	X(HANDSHAKE_SHORT, handshake_short, "record too short for a handshake header")             \
	X(HELLO_SEQ, hello_seq, "ClientHello with message_seq above 1")                            \
	X(HELLO_FRAGMENT, hello_fragment, "ClientHello whose fragment length does not fit")        \
	X(HELLO_BODY, hello_body, "ClientHello whose fields reach past its end")                   \
	X(HELLO_DTLS13, hello_dtls13, "ClientHello that offers DTLS 1.3 alone")                    \
	X(HELLO_UNBOUND, hello_unbound,                                                            \
		"cookie-binding = parameters, and not all of these are there to be bound to")      \
	X(HVR_PREFIX, hvr_prefix, "no valid cookie, and hvr-per-prefix of its network is used up") \
	X(WINDING_DOWN, winding_down,                                                              \
		"ClientHello, but no session begins any more: shutting down")                      \
	X(HELLO_COOKIE_SEQ, hello_cookie_seq,                                                      \
		"valid cookie, but message_seq 0: cannot be continued")                            \
	X(HELLO_RECORD_SEQ, hello_record_seq, "valid cookie, but record sequence of 2^47 or more") \
	X(HELLO_TOO_LONG, hello_too_long, "valid cookie, but declares more than 16384 bytes")      \
	X(HELLO_USED, hello_used, "valid cookie, but this hello has begun a handshake already")    \
	X(CLIENT_RATE, client_rate, "valid cookie, but client-rate of its client is used up")      \
	X(CLIENT_HALF_OPEN, client_half_open,                                                      \
		"valid cookie, but its client has too many handshakes in progress")                \
	X(CLIENT_SESSIONS, client_sessions,                                                        \
		"valid cookie, but its client has client-sessions already")                        \
	X(GUARD_FULL, guard_full, "valid cookie, but guard-table has no room for its 4-tuple")     \
	X(GUARD_HIDDEN, guard_hidden,                                                              \
		"ClientHello inside a datagram that begins otherwise, for a guarded listener")     \
	X(GUARD_UNPROVED, guard_unproved,                                                          \
		"no ClientHello, for a guarded listener, from a 4-tuple without a valid cookie")   \
	X(NO_SESSION, no_session,                                                                  \
		"DTLS record that is no ClientHello, from a peer without a session")               \
	X(RING_FULL, ring_full, "ring to the handshake core is full: established sessions")        \
	X(RING_PENDING_FULL, ring_pending_full,                                                    \
		"ring to the handshake core is full: handshakes in progress")                      \
	X(RING_NEW_FULL, ring_new_full, "ring to the handshake core is full: verified hellos")     \
	X(KERNEL_FULL, kernel_full, "ring towards the kernel is full")                             \
	X(TX_FULL, tx_full, "transmit queue is full")                                              \
	X(TX_REFUSED, tx_refused, "the device or its driver refuses the answer")                   \
	X(TX_TOO_LONG, tx_too_long, "the answer is longer than the MTU of the port")               \
	X(TX_DOWN, tx_down, "the port went out of service before the answer had left")             \
	X(BRIDGE_FULL, bridge_full, "transmit queue of the bridge's other port is full")           \
	X(BRIDGE_REFUSED, bridge_refused,                                                          \
		"the device or driver of the bridge's other port refuses the frame")               \
	X(BRIDGE_TOO_LONG, bridge_too_long, "longer than the MTU of the bridge's other port")      \
	X(BRIDGE_DOWN, bridge_down, "the bridge's other port is not in service")

enum hg_verdict {
	/* Nothing speaks against the packet so far: the next stage decides. */
	HG_PASS,
	/* Turned round in place: transmit it. */
	HG_ANSWER,
#define HG_DROP_ENUM(NAME, name, help) HG_DROP_##NAME,
	HG_DROPS(HG_DROP_ENUM)
#undef HG_DROP_ENUM
		HG_VERDICT_COUNT,
};
