/* SPDX-License-Identifier: BSD-3-Clause */
/* What the link of one port of a bridge means for the other's, with devices that are none. */
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <string.h>

#include "port/link.h"
#include "port/port.h"
#include "unit.h"

enum { WAN, LAN, OWN, N_PORTS };

#define AGES (UINT64_MAX / 64) /* cycles of a second in which no link gives up */

static struct config_port config_port[N_PORTS] = { { .name = "wan" }, { .name = "lan" },
	{ .name = "own" } };
static struct port port[N_PORTS];

static uint64_t second;
static int refusal[N_PORTS];
static unsigned int n_down[N_PORTS], n_up[N_PORTS];

uint64_t
rte_get_tsc_hz(void)
{
	return second;
}

int
rte_eth_dev_set_link_down(uint16_t id)
{
	n_down[id]++;
	return refusal[id];
}

int
rte_eth_dev_set_link_up(uint16_t id)
{
	n_up[id]++;
	return refusal[id];
}

static int
begin(void **state)
{
	(void)state;
	memset(port, 0, sizeof(port));
	memset(refusal, 0, sizeof(refusal));
	memset(n_down, 0, sizeof(n_down));
	memset(n_up, 0, sizeof(n_up));
	second = AGES;
	for (uint16_t i = 0; i < N_PORTS; i++) {
		port[i].config = &config_port[i];
		port[i].id = i;
		port[i].link_up = true;
	}
	port[WAN].peer = &port[LAN];
	port[LAN].peer = &port[WAN];
	port_link_begin(port, N_PORTS);
	return 0;
}

/* Two looks: the second finds nothing more to do. */
static void
look(bool wan, bool lan)
{
	port[WAN].link_up = wan;
	port[LAN].link_up = lan;
	port_link_look(port, N_PORTS);
	port_link_look(port, N_PORTS);
}

/* How often each was set down and up. */
static void
assert_calls(unsigned int wan_down, unsigned int wan_up, unsigned int lan_down, unsigned int lan_up)
{
	assert_int_equal(n_down[WAN], wan_down);
	assert_int_equal(n_up[WAN], wan_up);
	assert_int_equal(n_down[LAN], lan_down);
	assert_int_equal(n_up[LAN], lan_up);
	assert_int_equal(n_down[OWN] + n_up[OWN], 0);
}

/* Down with the other, and up with it; what is held is not sent back. */
static void
test_follows(void **state)
{
	(void)state;
	port[OWN].link_up = false; /* nobody's */
	look(true, true);
	assert_calls(0, 0, 0, 0);
	look(false, true);
	assert_calls(0, 0, 1, 0);
	look(false, false);
	assert_calls(0, 0, 1, 0);
	look(true, false);
	assert_calls(0, 0, 1, 1);
	look(true, false); /* it takes its time */
	assert_calls(0, 0, 1, 1);
	look(true, true);
	assert_calls(0, 0, 1, 1);
	look(true, false);
	assert_calls(1, 0, 1, 1);
	look(false, true);
	assert_calls(1, 1, 1, 1);
	look(false, false); /* lan's is gone again before wan's has come */
	assert_calls(2, 1, 1, 1);
	look(true, true);
	assert_calls(2, 2, 1, 1);
	look(false, true);
	assert_calls(2, 2, 2, 1);
}

/* Ten seconds for a link that was set up, also at the start; then its absence counts. */
static void
test_patience(void **state)
{
	uint64_t before = rte_get_tsc_cycles();

	(void)state;
	second = UINT64_C(1) << 40;
	port[WAN].link_up = false;
	port_link_begin(port, N_PORTS);
	assert_int_equal(port[WAN].link.state, PORT_LINK_COMING);
	assert_uint_in_range(port[WAN].link.until - before, 10 * second,
		10 * second + rte_get_tsc_cycles() - before);
	look(false, true);
	assert_calls(0, 0, 0, 0);
	port[WAN].link.until = rte_get_tsc_cycles();
	look(false, true);
	assert_calls(0, 0, 1, 0);

	/* Released into nothing: now the other has to be held. */
	second = 0;
	look(true, false);
	assert_calls(1, 0, 1, 1);
}

/* A device that cannot is asked once, and its peer gets no trouble. */
static void
test_cannot(void **state)
{
	(void)state;
	refusal[LAN] = -ENOTSUP;
	for (unsigned int i = 0; i < 3; i++) {
		look(false, true);
		look(true, true);
	}
	assert_calls(0, 0, 1, 0);
	look(true, false);
	assert_calls(1, 0, 1, 0);
	port_link_end(port, N_PORTS, false);
	assert_calls(1, 0, 1, 0);
}

/* A link that does not come when it is released is released again. */
static void
test_is_released_again(void **state)
{
	(void)state;
	look(false, true);
	refusal[LAN] = -EIO;
	port[WAN].link_up = true;
	port_link_look(port, N_PORTS);
	assert_calls(0, 0, 1, 1);
	refusal[LAN] = 0;
	look(true, false);
	assert_calls(0, 0, 1, 2);
}

static void
test_ends_closed(void **state)
{
	(void)state;
	port_link_end(port, N_PORTS, false);
	assert_calls(1, 0, 1, 0);
	begin(state);
	look(false, true);
	port_link_end(port, N_PORTS, false); /* one is down already */
	assert_calls(1, 0, 1, 0);
}

static void
test_ends_open(void **state)
{
	(void)state;
	port_link_end(port, N_PORTS, true);
	assert_calls(0, 0, 0, 0);
	begin(state);
	look(false, true);
	port_link_end(port, N_PORTS, true);
	assert_calls(0, 0, 1, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_follows, begin),
		cmocka_unit_test_setup(test_patience, begin),
		cmocka_unit_test_setup(test_cannot, begin),
		cmocka_unit_test_setup(test_is_released_again, begin),
		cmocka_unit_test_setup(test_ends_closed, begin),
		cmocka_unit_test_setup(test_ends_open, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
