/* SPDX-License-Identifier: BSD-3-Clause */
/* What is made of what a made-up kernel says of interfaces, and of queues that send or do not. */
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <errno.h>
#include <string.h>

#include "gateway/gateway.h"
#include "gateway/stats.h"
#include "main/private.h"
#include "main/watch.h"
#include "port/interface.h"
#include "port/port.h"
#include "unit.h"

#define INDEX 7

static struct {
	int error; /* negative errno, or 0 */
	bool silent;
	uint32_t mtu;
	uint64_t sent, lost;
	uint32_t number; /* of the last request */
	uint32_t off;    /* that much is the answer's beside that */
} kernel;

static struct config_port config_port = { .name = "wan", .device = "net_tap0" };
static struct config config = { .port = &config_port, .n_ports = 1 };
static struct port port;
static struct queue queue[2] = { { .port = &port }, { .port = &port, .number = 1 } };
static struct private_queue own_queue[2];
static struct main_private private = { .queue = own_queue };
static struct gateway gateway = {
	.n_ports = 1,
	.port = &port,
	.n_queues = 2,
	.queue = queue,
	.config = &config,
	.private = &private,
};

ssize_t
mnl_socket_sendto(const struct mnl_socket *nl, const void *request, size_t len)
{
	const struct nlmsghdr *header = request;

	(void)nl;
	assert_int_equal(header->nlmsg_type, RTM_GETLINK);
	kernel.number = header->nlmsg_seq;
	return (ssize_t)len;
}

static size_t
write_link(void *buffer, uint32_t number)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
	struct rtnl_link_stats64 stats = { .tx_packets = kernel.sent, .tx_dropped = kernel.lost };
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;

	header->nlmsg_type = RTM_NEWLINK;
	header->nlmsg_seq = number;
	link = mnl_nlmsg_put_extra_header(header, sizeof(*link));
	link->ifi_index = INDEX;
	link->ifi_flags = IFF_UP | IFF_RUNNING;
	mnl_attr_put_strz(header, IFLA_IFNAME, "eth7");
	mnl_attr_put_u32(header, IFLA_MTU, kernel.mtu);
	mnl_attr_put(header, IFLA_ADDRESS, sizeof(mac), mac);
	mnl_attr_put(header, IFLA_STATS64, sizeof(stats), &stats);
	return header->nlmsg_len;
}

static size_t
write_error(void *buffer, uint32_t number, int error)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nlmsgerr *told;

	header->nlmsg_type = NLMSG_ERROR;
	header->nlmsg_seq = number;
	told = mnl_nlmsg_put_extra_header(header, sizeof(*told));
	told->error = error;
	return header->nlmsg_len;
}

ssize_t
mnl_socket_recvfrom(const struct mnl_socket *nl, void *buffer, size_t size)
{
	(void)nl;
	(void)size;
	if (kernel.silent) {
		errno = EAGAIN;
		return -1;
	}
	if (kernel.error != 0)
		return (ssize_t)write_error(buffer, kernel.number + kernel.off, kernel.error);
	return (ssize_t)write_link(buffer, kernel.number + kernel.off);
}

static int
begin(void **state)
{
	struct error error;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	memset(&port, 0, sizeof(port));
	kernel.mtu = 1500;
	port.config = &config_port;
	port.link_up = true;
	for (unsigned int i = 0; i < 2; i++)
		queue[i] = (struct queue){ .port = &port, .number = (uint16_t)i };
	memset(own_queue, 0, sizeof(own_queue));
	assert_int_equal(watch_open(&gateway, &error), 0);
	assert_non_null(private.interfaces);
	private.watch[0].index = INDEX;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	watch_close(&gateway);
	return 0;
}

/* Looks, and sends so much between them; all of what is sent the interface counts, if it counts. */
static void
look(unsigned int n, uint64_t sent, uint64_t full, bool counted)
{
	while (n-- > 0) {
		stats_add(&queue[1].sent, sent);
		stats_add(&queue[1].full, full);
		kernel.sent += counted ? sent : 0;
		watch_look(&gateway);
	}
}

static void
test_answers(void **state)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[4096], part[4096];
	struct interface told;
	size_t len;

	(void)state;
	kernel.sent = 40;
	kernel.lost = 2;
	assert_int_equal(interface_find(private.interfaces, "eth7", 0, &told), 0);
	assert_string_equal(told.name, "eth7");
	assert_int_equal(told.index, INDEX);
	assert_true(told.up && told.running && told.has_mac);
	assert_int_equal(told.mac[5], 7);
	assert_int_equal(told.mtu, 1500);
	assert_int_equal(told.sent, 42);
	kernel.error = -ENODEV;
	assert_int_equal(interface_find(private.interfaces, NULL, 9, &told), -ENODEV);
	kernel.error = 0;
	kernel.silent = true;
	assert_int_equal(interface_find(private.interfaces, NULL, 9, &told), -EAGAIN);
	kernel.silent = false;
	/* Answers to what was asked before are not for us, and not for ever. */
	kernel.off = UINT32_MAX;
	assert_int_equal(interface_find(private.interfaces, NULL, 9, &told), -ETIMEDOUT);

	/* Of an answer that ends early nothing is read behind its end. */
	memset(buffer, 0, sizeof(buffer));
	len = write_link(buffer, 5);
	for (size_t i = 0; i < len; i++) {
		memset(part, 0xff, sizeof(part));
		memcpy(part, buffer, i);
		assert_int_equal(interface_read(part, i, 5, &told), -EAGAIN);
	}
	assert_int_equal(interface_read(buffer, len, 5, &told), 0);
	assert_int_equal(interface_read(buffer, len, 4, &told), -EAGAIN);
}

static void
test_a_queue_without_room(void **state)
{
	(void)state;
	look(30, 1, 1, true); /* some of it has room */
	assert_false(port.stopped);
	look(5, 0, 1, true);
	assert_string_equal(port_service(&port), "in service");
	look(1, 0, 1, true);
	assert_string_equal(port_service(&port), "stopped");
	assert_false(port_in_service(&port));
	look(10, 0, 0, true); /* it is asked for nothing */
	assert_true(port.stopped);
	look(1, 1, 0, true);
	assert_true(port_in_service(&port));
}

/* One queue may be stuck beside another that sends. */
static void
test_a_queue_without_room_beside_another(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		stats_add(&queue[0].sent, 10);
		kernel.sent += 10;
		look(1, 0, 1, true);
	}
	assert_true(port.stopped);
}

static void
test_an_interface_that_sends_nothing(void **state)
{
	(void)state;
	look(100, 3, 0, false); /* it counts nothing of ours: there is nothing to be learnt */
	assert_false(port.stopped);
	look(2, 3, 0, true);
	look(19, 3, 0, false);
	assert_false(port.stopped);
	look(3, 0, 0, false); /* nothing is said by nothing */
	assert_false(port.stopped);
	look(1, 3, 0, false);
	assert_true(port.stopped);
	look(1, 3, 0, true);
	assert_false(port.stopped);
	/* What it counts some seconds late it has sent. */
	look(15, 3, 0, false);
	kernel.sent += 45;
	look(1, 0, 0, false);
	look(1, 3, 0, true);
	look(15, 3, 0, false);
	assert_false(port.stopped);
}

static void
test_a_link_that_is_down_is_no_stop(void **state)
{
	(void)state;
	port.link_up = false;
	look(50, 0, 5, true);
	assert_false(port.stopped);
}

static void
test_the_mtu(void **state)
{
	(void)state;
	look(1, 0, 0, true);
	assert_int_equal(port.mtu, 1500);
	kernel.mtu = 1400;
	look(1, 0, 0, true);
	assert_int_equal(port.mtu, 1400);
	kernel.silent = true;
	kernel.mtu = 1300;
	look(1, 0, 0, true);
	assert_int_equal(port.mtu, 1400);
	kernel.silent = false;
	kernel.mtu = 65535;
	look(1, 0, 0, true);
	assert_int_equal(port.mtu, 1500);
	config_port.mtu = 1900;
	kernel.mtu = 9000;
	look(1, 0, 0, true);
	assert_int_equal(port.mtu, 1900);
	config_port.mtu = 0;
}

static void
test_names(void **state)
{
	struct config_port packet = { .device = "net_af_packet12,qpairs=2,iface=eth1" },
			   xdp = { .device = "net_af_xdp0,iface=eth2,start_queue=1" },
			   tap = { .device = "net_tap0,iface=eth3" },
			   none = { .device = "net_af_packet0,qpairs=2" };
	char name[IF_NAMESIZE];

	(void)state;
	assert_true(watch_names_interface(&packet, name));
	assert_string_equal(name, "eth1");
	assert_true(watch_names_interface(&xdp, name));
	assert_string_equal(name, "eth2");
	assert_false(watch_names_interface(&tap, name)); /* it makes its own */
	assert_false(watch_names_interface(&none, name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, begin, end),
		cmocka_unit_test_setup_teardown(test_a_queue_without_room, begin, end),
		cmocka_unit_test_setup_teardown(
			test_a_queue_without_room_beside_another, begin, end),
		cmocka_unit_test_setup_teardown(test_an_interface_that_sends_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_a_link_that_is_down_is_no_stop, begin, end),
		cmocka_unit_test_setup_teardown(test_the_mtu, begin, end),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
