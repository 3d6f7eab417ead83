/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker_bed.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_random.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "main/private.h"
#include "main/setup.h"
#include "port/port.h"

#define NEVER (UINT64_C(1) << 50) /* TSC cycles until a token is back */
#define CLIENTS 512u              /* places in the table of clients */
#define USED 2048u
#define BED_PROVED 1024u /* places in the table of 4-tuples that have shown a cookie */
#define TX_SIZE 128u     /* no more than RINGS_SIZE */

static struct bed bed;
static char blocking; /* its address lies in rings that are to be full */

static const char configuration[] =
	"[gateway]\n"
	"cookie-binding = parameters\n" /* room for the messages of every binding */
	"cookie-lifetime = 3600\nkey-rotation = 3600\n"
	"workers = 1\nhandshake-cores = 2\nmax-sessions = 64\n"
	"client-sessions = 0\nclient-table = 512\nused-hellos = 2048\nhvr-per-prefix = 1\n"
	"deny-source-ports = 7, 13, 17, 19, 37, 1900\n"
	"[port wan]\n"
	"device = net_ring_wan\nprofile = net_ring\nmac = 02:00:00:00:00:0a\n"
	"address = 198.18.0.1/24, 198.18.7.1/32, 2001:2::1/48\n"
	"[port lan]\n"
	"device = net_ring_lan\nprofile = net_ring\nmac = 02:00:00:00:00:0b\n"
	"address = 192.0.2.1/24, fe80::b/64\n"
	"[listener first]\n"
	"bind = 0.0.0.0:5684, [::]:5684\npsk-file = psk\nupstream = echo\n"
	"[listener second]\n"
	"bind = 0.0.0.0:5685, [::]:5685\npsk-file = psk\nupstream = echo\n";

static const char bridge_configuration[] =
	"[gateway]\n"
	"cookie-binding = parameters\n" /* room for the messages of every binding */
	"cookie-lifetime = 3600\nkey-rotation = 3600\n"
	"workers = 1\nhandshake-cores = 2\nmax-sessions = 64\n"
	"client-sessions = 0\nclient-table = 512\nused-hellos = 2048\nguard-table = 1024\n"
	"deny-source-ports = 7, 13, 17, 19, 37, 1900\n"
	"bridge = wan, lan\n"
	"[port wan]\n"
	"device = net_ring_wan\nprofile = net_ring\n"
	"[port lan]\n"
	"device = net_ring_lan\nprofile = net_ring\n"
	"[listener first]\n"
	"mode = guard\nbind = 198.18.0.1:5684, 198.18.7.1:5684, [2001:2::1]:5684\n"
	"[listener second]\n"
	"mode = guard\nbind = 198.18.0.1:5685, 198.18.7.1:5685, [2001:2::1]:5685\n";

static void
write_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	fuzz_require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write %s",
		path);
}

static struct config *
read_configuration(const char *text)
{
	char folder[] = "/tmp/hellogate-fuzz-XXXXXX", path[128];
	struct error error = { "" };
	struct config *config;

	fuzz_require(mkdtemp(folder) != NULL, "no folder in /tmp");
	write_file(folder, "psk", "lamp:0011\n");
	write_file(folder, "conf", text);
	snprintf(path, sizeof(path), "%s/conf", folder);
	fuzz_require(config_load(&config, path, &error) == 0, "%s", error.text);
	unlink(path);
	snprintf(path, sizeof(path), "%s/psk", folder);
	unlink(path);
	rmdir(folder);
	return config;
}

/* EAL pins its first thread; here it may stay on whatever CPUs the process was given. */
static void
start_eal(void)
{
	static char name[] = "fuzz", memory[] = "-m", size[] = "128", huge[] = "--no-huge",
		    conf[] = "--no-shconf", pci[] = "--no-pci", quiet[] = "--no-telemetry",
		    log[] = "--log-level=*:4", lcores[1024] = "--lcores=0@(";
	char *argv[] = { name, memory, size, huge, conf, pci, quiet, log, lcores };
	size_t n = strlen(lcores);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	fuzz_require(sched_getaffinity(0, sizeof(cpus), &cpus) == 0, "no CPU");
	for (int i = 0; i < CPU_SETSIZE && n < sizeof(lcores) - 8; i++)
		if (CPU_ISSET(i, &cpus))
			n += (size_t)snprintf(lcores + n, sizeof(lcores) - n, "%d,", i);
	lcores[n - 1] = ')';
	fuzz_require(rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) >= 0, "EAL does not start");
}

static void
create_port(const char *name, unsigned int i)
{
	char ring[32];

	snprintf(ring, sizeof(ring), "rx-%s", name);
	bed.rx[i] = rte_ring_create(ring, TX_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(ring, sizeof(ring), "tx-%s", name);
	bed.tx[i] = rte_ring_create(ring, TX_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	fuzz_require(bed.rx[i] != NULL && bed.tx[i] != NULL &&
			     rte_eth_from_rings(name, &bed.rx[i], 1, &bed.tx[i], 1, 0) >= 0,
		"no port %s", name);
}

static void
open_sessions(void)
{
	static uint64_t session[BED_SESSIONS * LAB_PORTS * 2]; /* nobody follows a pointer to it */

	for (unsigned int i = 0; i < BED_SESSIONS * LAB_PORTS * 2; i++) {
		struct flow_key key = { .family = i % 2 == 0 ? 4 : 6 };
		bool is_established = i / 2 / LAB_PORTS < BED_ESTABLISHED;

		lab_tuple(key.tuple, key.family, i / 2 / LAB_PORTS, i / 2 % LAB_PORTS);
		fuzz_require(flows_put(bed.gateway.sessions, &key,
				     flow_data(&session[i], is_established)) == 0,
			"no session %u", i);
	}
}

enum bed_session
bed_session(const uint8_t *tuple, uint8_t family)
{
	uint8_t known[36];

	for (unsigned int i = 0; i < BED_SESSIONS * LAB_PORTS; i++) {
		lab_tuple(known, family, i / LAB_PORTS, i % LAB_PORTS);
		if (memcmp(tuple, known, family == 4 ? 12 : 36) == 0)
			return i / LAB_PORTS < BED_ESTABLISHED ? BED_ESTABLISHED_SESSION
							       : BED_HALF_OPEN_SESSION;
	}
	return BED_NO_SESSION;
}

uint32_t
bed_recent_place(const uint8_t tuple[36], uint8_t family)
{
	struct flow_key key = { .family = family };

	memcpy(key.tuple, tuple, sizeof(key.tuple));
	return rte_hash_hash(bed.gateway.sessions, &key) % RECENT_PEERS;
}

/* The last port has been polled: the round that is under way shall be the last to receive. */
static uint16_t
stop_receiving(
	uint16_t port, uint16_t queue, struct rte_mbuf **mbuf, uint16_t n, uint16_t max, void *arg)
{
	(void)port;
	(void)queue;
	(void)mbuf;
	(void)max;
	(void)arg;
	atomic_store(&bed.gateway.stage, STAGE_STOP);
	return n;
}

static void
open_gateway(const char *text)
{
	struct gateway *gateway = &bed.gateway;
	static struct main_private private;
	struct error error = { "" };

	start_eal();
	rte_srand(1); /* the session table's hash is the same in every run */
	create_port("wan", 0);
	create_port("lan", 1);
	gateway->private = &private;
	gateway->config = read_configuration(text);
	gateway->n_workers = 1;
	gateway->n_cores = BED_CORES;
	fuzz_require(setup_create(gateway, &error) == 0, "%s", error.text);
	bed.worker = gateway->worker[0];
	fuzz_require(bed.worker->n_queues == LAB_PORTS && bed.worker->queue[LAB_PORTS - 1]->port ==
								  &gateway->port[LAB_PORTS - 1],
		"%u queues", bed.worker->n_queues);
	for (unsigned int i = 0; i < LAB_PORTS; i++)
		fuzz_require(gateway->port[i].config->profile.burst == BED_BURST,
			"bursts of another size");
	fuzz_require(rte_eth_add_rx_callback(
			     gateway->port[LAB_PORTS - 1].id, 0, stop_receiving, NULL) != NULL,
		"no callback");
	for (unsigned int c = 0; c < BED_CORES; c++) {
		bed.clients[c] = gateway->admission[c].clients.table;
		fuzz_require(bed.clients[c] != NULL, "core %u has no table of clients", c);
	}
	bed.generation = *atomic_load(&gateway->generation);
	atomic_store(&gateway->generation, &bed.generation);
}

struct bed *
bed_open(void)
{
	open_gateway(configuration);
	for (unsigned int i = 0; i < LAB_PORTS; i++)
		fuzz_require(
			memcmp(&bed.gateway.port[i].host, &lab_host[i], sizeof(lab_host[i])) == 0,
			"port %u has other addresses than lab.c", i);
	open_sessions();
	return &bed;
}

struct bed *
bed_open_bridge(void)
{
	open_gateway(bridge_configuration);
	fuzz_require(bed.gateway.port[0].guards && bed.gateway.port[0].peer == &bed.gateway.port[1],
		"no bridge");
	return &bed;
}

void
bed_guard(struct bed *b, bool open, bool strict)
{
	b->generation.guard_open = open;
	b->generation.guard_strict = strict;
	memset(b->worker->proved.table, 0, marks_size(BED_PROVED));
}

void
bed_limit(struct bed *b, bool of_clients, unsigned int half_open_max, bool of_networks)
{
	struct clients_limits *limits = &b->generation.limits.clients;

	memset(&b->worker->recent, 0, sizeof(b->worker->recent));
	memset(b->worker->hvr_cap.due, 0, HVR_CAP_PLACES * sizeof(*b->worker->hvr_cap.due));
	b->generation.hvr = of_networks ? (struct pace){ NEVER, (BED_HVR_BURST - 1) * NEVER }
					: (struct pace){ 0 };
	limits->half_open = half_open_max;
	limits->pace = (struct pace){ NEVER, (BED_CLIENT_BURST - 1) * NEVER };
	b->gateway.by_client = of_clients;
	for (unsigned int c = 0; c < BED_CORES; c++) {
		struct admission *admission = &b->gateway.admission[c];
		struct clients *clients = &admission->clients;

		memset(admission->used.table, 0, marks_size(USED));
		if (clients->table != NULL)
			memset(clients->table, 0, clients_size(CLIENTS));
		clients->table = of_clients ? b->clients[c] : NULL;
	}
}

void
bed_run(struct bed *b, const struct hg_cookie_keys *keys, uint64_t now)
{
	atomic_store(&b->gateway.keys, keys);
	atomic_store(&b->gateway.now, now);
	atomic_store(&b->gateway.stage, STAGE_RUN);
	worker_run(b->worker);
	atomic_store(&b->gateway.keys, NULL);
}

unsigned int
bed_block(struct rte_ring *ring, unsigned int room)
{
	unsigned int free = rte_ring_free_count(ring), n = free > room ? free - room : 0;
	void *entry[RINGS_SIZE];

	for (unsigned int i = 0; i < n; i++)
		entry[i] = &blocking;
	fuzz_require(rte_ring_sp_enqueue_bulk(ring, entry, n, NULL) == n, "no room");
	return n;
}

void
bed_unblock(struct rte_ring *ring, unsigned int n)
{
	void *entry[RINGS_SIZE];

	fuzz_require(rte_ring_sc_dequeue_bulk(ring, entry, n, NULL) == n, "entries are gone");
	for (unsigned int i = 0; i < n; i++)
		fuzz_require(entry[i] == &blocking, "what came later is first");
}
