/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/interface.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWERS_MAX 16u /* to requests that were given up before */

struct interfaces {
	struct mnl_socket *netlink;
	uint32_t number; /* of the last request */
};

struct interfaces *
interface_open(void)
{
	/* The kernel answers at once. Main waits for nobody longer than that. */
	const struct timeval patience = { .tv_usec = 200000 };
	struct interfaces *interfaces = calloc(1, sizeof(*interfaces));

	if (interfaces == NULL)
		return NULL;
	interfaces->netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (interfaces->netlink != NULL &&
		mnl_socket_bind(interfaces->netlink, 0, MNL_SOCKET_AUTOPID) == 0 &&
		setsockopt(mnl_socket_get_fd(interfaces->netlink), SOL_SOCKET, SO_RCVTIMEO,
			&patience, sizeof(patience)) == 0)
		return interfaces;
	interface_close(interfaces);
	return NULL;
}

void
interface_close(struct interfaces *interfaces)
{
	if (interfaces != NULL && interfaces->netlink != NULL)
		mnl_socket_close(interfaces->netlink);
	free(interfaces);
}

static int
take_attribute(const struct nlattr *attribute, void *arg)
{
	struct interface *interface = arg;
	struct rtnl_link_stats64 stats = { 0 };
	size_t len = mnl_attr_get_payload_len(attribute);

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0 &&
			len <= sizeof(interface->name))
			strcpy(interface->name, mnl_attr_get_str(attribute));
		break;
	case IFLA_MTU:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			interface->mtu = mnl_attr_get_u32(attribute);
		break;
	case IFLA_ADDRESS:
		interface->has_mac = len == sizeof(interface->mac);
		if (interface->has_mac)
			memcpy(interface->mac, mnl_attr_get_payload(attribute), len);
		break;
	case IFLA_STATS64:
		/* A later kernel may say more, an earlier one less. */
		memcpy(&stats, mnl_attr_get_payload(attribute),
			len < sizeof(stats) ? len : sizeof(stats));
		interface->sent = stats.tx_packets + stats.tx_errors + stats.tx_dropped;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int
read_error(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(error->error))
		return -EBADMSG;
	return error->error < 0 ? error->error : -EAGAIN;
}

int
interface_read(const void *answer, size_t len, unsigned int number, struct interface *ret_interface)
{
	struct interface interface = { 0 };
	const struct nlmsghdr *message = answer;
	const struct ifinfomsg *link;
	int left = (int)len;

	while (mnl_nlmsg_ok(message, left) && message->nlmsg_seq != number)
		message = mnl_nlmsg_next(message, &left);
	if (!mnl_nlmsg_ok(message, left))
		return -EAGAIN;
	if (message->nlmsg_type == NLMSG_ERROR)
		return read_error(message);
	if (message->nlmsg_type != RTM_NEWLINK ||
		mnl_nlmsg_get_payload_len(message) < MNL_ALIGN(sizeof(*link)))
		return -EAGAIN;
	link = mnl_nlmsg_get_payload(message);
	interface.index = (unsigned int)link->ifi_index;
	interface.up = (link->ifi_flags & IFF_UP) != 0;
	interface.running = interface.up && (link->ifi_flags & IFF_RUNNING) != 0;
	mnl_attr_parse(message, sizeof(*link), take_attribute, &interface);
	*ret_interface = interface;
	return 0;
}

int
interface_find(struct interfaces *interfaces, const char *name, unsigned int index,
	struct interface *ret_interface)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[32768]; /* an interface is told in one datagram */
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;
	ssize_t len;
	int err;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	request->nlmsg_seq = ++interfaces->number;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = name == NULL ? (int)index : 0;
	if (name != NULL)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	if (mnl_socket_sendto(interfaces->netlink, request, request->nlmsg_len) < 0)
		return -errno;
	for (unsigned int i = 0; i < ANSWERS_MAX; i++) {
		len = mnl_socket_recvfrom(interfaces->netlink, buffer, sizeof(buffer));
		if (len < 0)
			return -errno;
		err = interface_read(buffer, (size_t)len, interfaces->number, ret_interface);
		if (err != -EAGAIN)
			return err;
	}
	return -ETIMEDOUT;
}
