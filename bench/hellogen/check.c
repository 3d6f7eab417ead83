/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <string.h>

#define RECORD_LEN 13u
#define MESSAGE_LEN 12u
#define VERSION_LEN 2u
#define HVR_MIN (RECORD_LEN + MESSAGE_LEN + VERSION_LEN + 1u)

enum {
	TYPE_ALERT = 21,
	TYPE_HANDSHAKE = 22,
	MESSAGE_SERVER_HELLO = 2,
	MESSAGE_HVR = 3,
};

static uint64_t
number(const uint8_t *p, unsigned int len)
{
	uint64_t value = 0;

	while (len-- > 0)
		value = value << 8 | *p++;
	return value;
}

static void
find_kind(struct check_answer *answer)
{
	const uint8_t *p = answer->payload;

	answer->kind = CHECK_OTHER;
	if (answer->payload_len < RECORD_LEN || p[1] != 0xfe ||
		number(p + 11, 2) > answer->payload_len - RECORD_LEN) {
		answer->faults |= CHECK_BIT(RECORD);
		return;
	}
	if (p[0] == TYPE_ALERT)
		answer->kind = CHECK_ALERT;
	else if (p[0] == TYPE_HANDSHAKE && number(p + 11, 2) >= MESSAGE_LEN &&
		 p[RECORD_LEN] == MESSAGE_SERVER_HELLO)
		answer->kind = CHECK_SERVER_HELLO;
	else if (p[0] == TYPE_HANDSHAKE && number(p + 11, 2) >= 1 && p[RECORD_LEN] == MESSAGE_HVR)
		answer->kind = CHECK_HVR;
}

/* len: what follows the IP header as the IP length has it. */
static void
check_udp(struct check_answer *answer, const void *ip, bool six, const uint8_t *udp, size_t len)
{
	const struct rte_udp_hdr *header = (const struct rte_udp_hdr *)(const void *)udp;

	if (number(udp + 4, 2) != len)
		answer->faults |= CHECK_BIT(UDP_LENGTH);
	else if (six ? header->dgram_cksum == 0 || rte_ipv6_udptcp_cksum_verify(ip, udp) != 0
		     : header->dgram_cksum != 0 && rte_ipv4_udptcp_cksum_verify(ip, udp) != 0)
		answer->faults |= CHECK_BIT(UDP_CHECKSUM);
	answer->payload = udp + sizeof(*header);
	answer->payload_len = (uint16_t)(len - sizeof(*header));
	find_kind(answer);
}

static bool
is_from(const uint8_t *source, const uint8_t *udp, const struct address *target)
{
	return memcmp(source, target->bytes, target->family == 4 ? 4 : 16) == 0 &&
	       number(udp, 2) == target->port;
}

static void
check_ipv4(
	const uint8_t *ip, size_t room, const struct address *target, struct check_answer *answer)
{
	size_t header = (ip[0] & 15u) * 4u, total = number(ip + 2, 2);

	if (ip[0] >> 4 != 4 || ip[9] != IPPROTO_UDP || header < sizeof(struct rte_ipv4_hdr) ||
		header + sizeof(struct rte_udp_hdr) > room ||
		!is_from(ip + 12, ip + header, target))
		return;
	answer->kind = CHECK_OTHER;
	answer->address = ip + 16;
	memcpy(&answer->port, ip + header + 2, 2);
	answer->ip_len = (uint16_t)total;
	if (rte_raw_cksum(ip, header) != 0xffff)
		answer->faults |= CHECK_BIT(IP_CHECKSUM);
	if ((number(ip + 6, 2) & 0x3fff) != 0)
		answer->faults |= CHECK_BIT(IP_FRAGMENT);
	else if (total > room || total < header + sizeof(struct rte_udp_hdr))
		answer->faults |= CHECK_BIT(IP_LENGTH);
	else
		check_udp(answer, ip, false, ip + header, total - header);
}

static void
check_ipv6(
	const uint8_t *ip, size_t room, const struct address *target, struct check_answer *answer)
{
	size_t header = sizeof(struct rte_ipv6_hdr), len = number(ip + 4, 2);

	if (ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP || !is_from(ip + 8, ip + header, target))
		return;
	answer->kind = CHECK_OTHER;
	answer->address = ip + 24;
	memcpy(&answer->port, ip + header + 2, 2);
	answer->ip_len = (uint16_t)(header + len);
	if (header + len > room || len < sizeof(struct rte_udp_hdr))
		answer->faults |= CHECK_BIT(IP_LENGTH);
	else
		check_udp(answer, ip, true, ip + header, len);
}

void
check_frame(const uint8_t *frame, size_t len, const struct address *target,
	struct check_answer *ret_answer)
{
	const uint8_t *ip = frame + sizeof(struct rte_ether_hdr);
	uint16_t type;

	ret_answer->kind = CHECK_FOREIGN;
	ret_answer->faults = 0;
	ret_answer->payload = NULL;
	ret_answer->payload_len = 0;
	if (len < sizeof(struct rte_ether_hdr))
		return;
	type = (uint16_t)number(frame + 12, 2);
	len -= sizeof(struct rte_ether_hdr);
	if (target->family == 4 && type == RTE_ETHER_TYPE_IPV4 &&
		len >= sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr))
		check_ipv4(ip, len, target, ret_answer);
	else if (target->family == 6 && type == RTE_ETHER_TYPE_IPV6 &&
		 len >= sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_udp_hdr))
		check_ipv6(ip, len, target, ret_answer);
}

static bool
is_version(const uint8_t *p)
{
	return p[0] == 0xfe && (p[1] == 0xff || p[1] == 0xfd);
}

uint32_t
check_hvr(const struct check_answer *answer, const struct check_hello *hello,
	const uint8_t **ret_cookie, uint8_t *ret_cookie_len)
{
	const uint8_t *p = answer->payload, *message = p + RECORD_LEN;
	size_t record = number(p + 11, 2);
	uint32_t faults = 0;

	*ret_cookie = NULL;
	*ret_cookie_len = 0;
	if (answer->payload_len > hello->len)
		faults |= CHECK_BIT(LARGER);
	if (!is_version(p + 1))
		faults |= CHECK_BIT(RECORD_VERSION);
	if (number(p + 3, 2) != 0)
		faults |= CHECK_BIT(EPOCH);
	if (number(p + 5, 6) != hello->record_seq)
		faults |= CHECK_BIT(RECORD_SEQ);
	if (answer->payload_len > RECORD_LEN + record)
		faults |= CHECK_BIT(TRAILING);
	if (RECORD_LEN + record < HVR_MIN)
		return faults | CHECK_BIT(MESSAGE_LENGTH);
	if (number(message + 1, 3) != record - MESSAGE_LEN ||
		number(message + 9, 3) != record - MESSAGE_LEN)
		faults |= CHECK_BIT(MESSAGE_LENGTH);
	if (number(message + 4, 2) != hello->message_seq)
		faults |= CHECK_BIT(MESSAGE_SEQ);
	if (number(message + 6, 3) != 0)
		faults |= CHECK_BIT(FRAGMENT_OFFSET);
	message += MESSAGE_LEN;
	if (!is_version(message))
		faults |= CHECK_BIT(SERVER_VERSION);
	if (message[VERSION_LEN] == 0 || HVR_MIN + message[VERSION_LEN] != RECORD_LEN + record)
		return faults | CHECK_BIT(COOKIE);
	*ret_cookie = message + VERSION_LEN + 1;
	*ret_cookie_len = message[VERSION_LEN];
	return faults;
}

const char *
check_name(enum check_fault fault)
{
	static const char *const names[] = {
#define CHECK_NAME(NAME, name, meaning) #name,
		CHECK_FAULTS(CHECK_NAME)
#undef CHECK_NAME
	};

	return names[fault];
}

const char *
check_meaning(enum check_fault fault)
{
	static const char *const meanings[] = {
#define CHECK_MEANING(NAME, name, meaning) meaning,
		CHECK_FAULTS(CHECK_MEANING)
#undef CHECK_MEANING
	};

	return meanings[fault];
}
