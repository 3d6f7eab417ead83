/* SPDX-License-Identifier: BSD-3-Clause */
/* What a made-up host has and lacks. */
#include <arpa/inet.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_texts.h"
#include "host/host.h"
#include "scratch.h"
#include "unit.h"

#define PAGES "sys/kernel/mm/hugepages/hugepages-2048kB/"
#define ETH "sys/class/net/eth1/"
#define NIC "sys/bus/pci/devices/0000:01:00.0/"
#define PCI_PORT "device = 0000:01:00.0\naddress = 198.18.0.1/24, 2001:2::1/48\n"
#define ALL_CAPABILITIES "000001ffffffffff"

#define MB (1024u * 1024u)

static char root[64];
static struct ifaddrs *addresses;
static struct host_needs needs; /* made up: main/test_sizes.c has the true ones */

/* Makes the directories of a path below the root; returns the whole path. */
static const char *
reach(const char *path)
{
	static char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	return full;
}

static void
put(const char *path, const char *text)
{
	FILE *file = fopen(reach(path), "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void
point(const char *path, const char *target)
{
	const char *full = reach(path);

	unlink(full);
	assert_int_equal(symlink(target, full), 0);
}

static void
put_status(const char *uid, const char *capabilities, const char *cpus)
{
	char text[512];

	snprintf(text, sizeof(text),
		"Name:\thellogate\nUid:\t1000\t%s\t0\t0\nCapPrm:\t0\nCapEff:\t%s\nCpus_allowed:\tf\nCpus_allowed_list:\t%s\n",
		uid, capabilities, cpus);
	put("proc/self/status", text);
}

static void
put_limits(const char *files, const char *locked)
{
	char text[512];

	snprintf(text, sizeof(text),
		"Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 %s               files\nMax locked memory         1                    %s              bytes\n",
		files, locked);
	put("proc/self/limits", text);
}

/* A host that lacks nothing. */
static int
make_host(void **state)
{
	(void)state;
	strcpy(root, "/tmp/hellogate-host-XXXXXX");
	assert_non_null(mkdtemp(root));
	put_status("0", ALL_CAPABILITIES, "0-3");
	put_limits("1048576", "unlimited");
	put("proc/sys/fs/nr_open", "1048576\n");
	put("proc/mounts", "proc /proc proc rw 0 0\nnone /dev/hugepages hugetlbfs rw 0 0\n");
	put("sys/devices/system/cpu/isolated", "\n");
	put(PAGES "nr_hugepages", "100\n");
	put(PAGES "free_hugepages", "90\n");
	put("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
	put("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "0\n");
	put("dev/net/tun", "");
	put(ETH "flags", "0x1003\n");
	put(ETH "carrier", "1\n");
	put(ETH "queues/rx-0/rps_cpus", "0\n");
	put(ETH "queues/rx-1/rps_cpus", "0\n");
	put(ETH "queues/tx-0/xps_cpus", "0\n");
	put(NIC "iommu_group/devices/x", "");
	unlink(reach(NIC "iommu_group/devices/x"));
	point(NIC "iommu_group/devices/0000:01:00.0", "../../..");
	point(NIC "driver", "../../../bus/pci/drivers/vfio-pci");
	needs = (struct host_needs){
		.worker = { 8 * MB, 8 * MB, 8 * MB, 8 * MB },
		.core = 6 * MB,
		.cores = 9 * MB,
		.other = 6 * MB,
		.files = 65792,
	};
	return 0;
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

static int
remove_host(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The report, without its comments' beginnings; valid until the next one. */
static const char *
report(const struct config_text *text, const char *eal)
{
	static char *words;
	static size_t len;
	char copy[256], *rest = copy, *arg[16];
	struct config *config = config_load_sections(text);
	struct host host = { .view = { .root = root }, .config = config };

	snprintf(copy, sizeof(copy), "%s", eal);
	host.given.arg = arg;
	while (*eal != '\0' && (arg[host.given.n] = strsep(&rest, " ")) != NULL)
		host.given.n++;
	host.args = host.given;
	free(words);
	words = NULL;
	host.view.to = open_memstream(&words, &len);
	assert_non_null(host.view.to);
	host.addresses = addresses;
	host_find(&host);
	host_report(&host, &needs);
	assert_int_equal(fclose(host.view.to), 0);
	config_free(config);
	return words;
}

static void
assert_line(const char *words, const char *kind, const char *wanted, bool there)
{
	char line[512];

	snprintf(line, sizeof(line), "; host: %s %s", kind, wanted);
	if ((strstr(words, line) != NULL) != there)
		fail_msg("%s \"%s\" in:\n%s", there ? "no" : "there is", line, words);
}

static void
assert_lacks(const struct config_text *text, const char *eal, const char *wanted)
{
	assert_line(report(text, eal), "lacks", wanted, true);
}

static void
assert_has(const struct config_text *text, const char *eal, const char *wanted)
{
	const char *words = report(text, eal);

	assert_line(words, "has", wanted, true);
	/* Each thing is there or not. */
	assert_line(words, "lacks", wanted, false);
}

/* How many MB of DPDK's memory it says are needed. */
static unsigned int
needed(const struct config_text *text, const char *eal)
{
	const char *words = report(text, eal), *about = strstr(words, "about "),
		   *less = strstr(words, "less than the ");
	unsigned int n = 0;

	if ((about == NULL || sscanf(about, "about %u needed", &n) != 1) &&
		(less == NULL || sscanf(less, "less than the %u MB", &n) != 1))
		fail_msg("nothing is needed in:\n%s", words);
	return n;
}

static const struct config_text plain = { .gateway = "workers = 1\n" };

static void
test_all_is_there(void **state)
{
	const struct config_text text = { .gateway = "workers = 2\n",
		.port = "device = net_af_packet0,iface=eth1,qpairs=2\naddress = 198.18.0.1/24\n",
		.listener =
			"bind = 198.18.0.1:5684\npsk-file = psk.txt\nupstream = 127.0.0.1:5683\n" };
	char expected[1024];

	(void)state;
	snprintf(expected, sizeof(expected),
		"\n; host: has CPUs 0-3 for 2 workers and 1 handshake cores\n"
		"; host: has hugepages: 180 MB free, about %u needed\n"
		"; host: has open files: as many as max-sessions needs, 65792\n"
		"; host: has locked memory for secrets\n"
		"; host: has root, with what these devices need\n"
		"; host: has a link at port wan: eth1 is up\n",
		needed(&text, ""));
	assert_string_equal(report(&text, ""), expected);
}

static void
test_cpus(void **state)
{
	const struct config_text many = { .gateway = "workers = 5\n" },
				 all = { .gateway = "workers = 4\n" },
				 busy = { .gateway = "workers = 4\npoll = busy\n" },
				 busy_one = { .gateway = "workers = 1\npoll = busy\n" },
				 cores = { .gateway = "workers = 1\nhandshake-cores = 5\n" },
				 automatic = { .gateway = "handshake-cores = 2\n" };

	(void)state;
	assert_lacks(&many, "", "CPUs: 5 workers and 1 handshake cores do not start on 4 (0-3)");
	assert_lacks(&cores, "", "CPUs: 1 workers and 5 handshake cores do not start on 4");
	assert_lacks(&busy, "", "CPUs: 4 workers with poll = busy and 1 handshake cores do not");
	assert_lacks(&all, "", "CPUs of their own: 4 workers and 1 handshake cores share 4 (0-3)");
	assert_has(&automatic, "", "CPUs 0-3 for 2 workers and 2 handshake cores");
	assert_has(&many, "-l 0-7", "CPUs as the EAL options say");
	put_status("0", ALL_CAPABILITIES, "0,2,4-5,9");
	assert_has(&busy, "", "CPUs 0,2,4-5,9 for 4 workers and 1 handshake cores");
	/* The workers have the highest. */
	assert_lacks(&busy_one, "", "isolated CPUs: poll = busy wants them for 1 workers, 0 have");
	put("sys/devices/system/cpu/isolated", "4-5\n");
	assert_lacks(&busy_one, "", "isolated CPUs: poll = busy wants them for 1 workers, 0 have");
	put("sys/devices/system/cpu/isolated", "4-5,9\n");
	assert_has(&busy_one, "", "isolated CPUs for 1 of 1 workers");
	put("sys/devices/system/cpu/isolated", "6-7\n");
	assert_lacks(&plain, "", "isolated CPUs: 6-7 are, but this process may not use them");
}

/* MB that are needed for all of this: a worker, a core, what they share, and the rest. */
static void
test_memory(void **state)
{
	const struct config_text workers = { .gateway = "workers = 2\nhandshake-cores = 2\n" };

	(void)state;
	assert_int_equal(needed(&plain, ""), 8 + 6 + 9 + 6);
	assert_int_equal(needed(&workers, ""), 2 * 8 + 2 * 6 + 9 + 6);
	needs.other++;
	assert_int_equal(needed(&plain, "--no-huge -m 1"), 30);
}

static void
test_hugepages(void **state)
{
	unsigned int n = needed(&plain, "");
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "hugepages: 180 MB free, about %u needed", n);
	assert_has(&plain, "", text);
	assert_lacks(&plain, "-m 256", "hugepages: 180 MB free of 200 MB, about 256 needed");
	put(PAGES "free_hugepages", "10\n");
	snprintf(text, sizeof(text),
		"hugepages: 20 MB free of 200 MB, about %u needed: see host-setup.sh hugepages %u, or pass -- --no-huge -m %u",
		n, (n + 1) / 2, 2 * n);
	assert_lacks(&plain, "", text);
	put("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1\n");
	put("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
	assert_has(&plain, "", "hugepages: 1044 MB free");
	put("proc/mounts", "proc /proc proc rw 0 0\n");
	assert_lacks(&plain, "", "a mount of hugetlbfs");
	assert_line(report(&plain, "--in-memory"), "lacks", "a mount", false);
	/* None of this is of interest without them. */
	put(PAGES "free_hugepages", "0\n");
	assert_has(&plain, "--no-huge -m 256", "memory without hugepages, 256 MB");
	assert_line(report(&plain, "--no-huge -m 256"), "lacks", "hugepages", false);
	assert_line(report(&plain, "--no-huge -m 256"), "lacks", "a mount", false);
	assert_lacks(&plain, "--no-huge -m 8", "memory: -m 8 gives less than the ");
	assert_lacks(&plain, "--no-huge -m8", "memory: -m 8 gives less than the ");
	snprintf(text, sizeof(text), "memory without hugepages, %u MB",
		needed(&plain, "--no-huge -m 1"));
	assert_has(&plain, "--no-huge", text);
	needs.cores = 64 * MB;
	assert_lacks(&plain, "--no-huge",
		"memory: --no-huge without -m gives 64 MB, about 84 are needed");
}

static void
test_limits(void **state)
{
	const struct config_text relay = { .listener =
						   "bind = 198.18.0.1:5684\npsk-file = psk.txt\n"
						   "upstream = 127.0.0.1:5683\n" };

	(void)state;
	put_limits("65791", "8388607");
	assert_has(&relay, "", "open files");
	assert_has(&relay, "", "locked memory");
	put("proc/sys/fs/nr_open", "65791\n");
	assert_lacks(&relay, "", "open files: 65791 allowed, 65792 needed for max-sessions");
	assert_line(report(&plain, ""), "lacks", "open files", false); /* echo needs none */
	put("proc/sys/fs/nr_open", "1048576\n");
	/* Root without CAP_SYS_RESOURCE and CAP_IPC_LOCK. */
	put_status("0", "0000000000003fff", "0-3");
	assert_lacks(&relay, "", "open files: 65791 allowed, 65792 needed for max-sessions");
	assert_lacks(&relay, "", "locked memory: 8191 KB allowed, 8192 wanted");
	put_limits("65792", "8388608");
	assert_has(&relay, "", "open files");
	assert_has(&relay, "", "locked memory");
}

static void
test_privileges(void **state)
{
	const struct config_text packet = { .port = "device = net_af_packet0,iface=eth1\n"
						    "address = 198.18.0.1/24\n" },
				 tap = { .port = "device = net_tap0,iface=x\n"
						 "address = 198.18.0.1/24\n" },
				 root_stays = { .gateway = "user = root\n" },
				 xdp = { .port = "profile = net_af_xdp\n"
						 "device = net_af_xdp0,iface=eth1\n"
						 "address = 198.18.0.1/24\n" };

	(void)state;
	put_status("1000", "0000000000000000", "0-3");
	assert_lacks(&plain, "", "root: it is needed to set up");
	put_status("0", "0000000000000000", "0-3");
	assert_lacks(&plain, "", "capabilities: root is without setgid, setuid\n");
	assert_lacks(&packet, "",
		"capabilities: root is without setgid, setuid, net_admin, net_raw, ipc_lock\n");
	assert_lacks(&tap, "", "capabilities: root is without setgid, setuid, net_admin\n");
	assert_lacks(&xdp, "",
		"capabilities: root is without dac_read_search, setgid, setuid, net_admin, net_raw, ipc_lock, sys_admin\n");
	assert_has(&root_stays, "", "root, with what these devices need");
}

static void
test_interfaces(void **state)
{
	const struct config_text
		text = { .gateway = "workers = 2\n",
			.port = "device = net_af_packet0,iface=eth1\naddress = 198.18.0.1/24\n" },
		xdp = { .gateway = "workers = 2\n",
			.port = "device = net_af_xdp0,start_queue=1,queue_count=2,iface=eth1\n"
				"address = 198.18.0.1/24\n" },
		tap = { .port = "device = net_tap3\naddress = 198.18.0.1/24\n" };

	(void)state;
	assert_has(&text, "", "a link at port wan: eth1 is up");
	assert_lacks(&text, "",
		"queues for port wan: 1 for 2 workers, the others have none of it: see qpairs=");
	assert_lacks(&xdp, "",
		"queues for port wan: eth1 has 2, the device string asks for 2 from number 1: see ethtool -L eth1");
	put(ETH "queues/rx-2/rps_cpus", "0\n");
	assert_line(report(&xdp, ""), "lacks", "queues", false);
	put(ETH "carrier", "0\n");
	assert_lacks(&text, "", "a link at port wan: eth1 has no carrier");
	put(ETH "flags", "0x1002\n");
	assert_lacks(&text, "", "a link at port wan: eth1 is down, see ip link set eth1 up");
	unlink(reach(ETH "flags"));
	assert_lacks(&text, "",
		"interface eth1 of port wan: there is none here, and the port waits for it");
	assert_line(report(&tap, ""), "lacks", "/dev/net/tun", false);
	unlink(reach("dev/net/tun"));
	assert_lacks(&tap, "", "/dev/net/tun for port wan");
}

static void
test_addresses(void **state)
{
	const struct config_text
		text = { .port = "device = net_af_packet0,iface=eth1\naddress = 198.18.0.1/24\n" },
		mlx = { .port = "profile = mlx5\n" PCI_PORT };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	struct sockaddr link = { .sa_family = AF_PACKET };
	char eth1[] = "eth1", eth2[] = "eth2";
	struct ifaddrs list[4] = {
		{ .ifa_next = &list[1], .ifa_name = eth1 },
		{ .ifa_next = &list[2], .ifa_name = eth1, .ifa_addr = &link },
		{ .ifa_next = &list[3], .ifa_name = eth2, .ifa_addr = (struct sockaddr *)&ipv4 },
		{ .ifa_name = eth1, .ifa_addr = (struct sockaddr *)&ipv6 },
	};

	(void)state;
	addresses = list;
	inet_pton(AF_INET, "198.18.0.1", &ipv4.sin_addr);
	inet_pton(AF_INET6, "fe80::1", &ipv6.sin6_addr);
	assert_line(report(&text, ""), "lacks", "an interface of its own", false);
	inet_pton(AF_INET6, "2001:2::1", &ipv6.sin6_addr);
	assert_lacks(&text, "",
		"an interface of its own for port wan: the kernel has 2001:2::1 on eth1, and answers beside it");
	list[2].ifa_name = eth1;
	assert_lacks(&text, "",
		"an interface of its own for port wan: the kernel has 198.18.0.1 on eth1");
	/* Shared with the kernel, it has to have all of them. */
	point(NIC "driver", "../../../bus/pci/drivers/mlx5_core");
	put(NIC "infiniband/mlx5_0/x", "");
	put(NIC "net/eth1/flags", "0x1003\n");
	assert_has(&mlx, "", "a link at port wan: eth1 is up");
	assert_line(report(&mlx, ""), "lacks", "an interface of its own", false);
	assert_line(report(&mlx, ""), "lacks", "the address", false);
	inet_pton(AF_INET6, "2001:2::2", &ipv6.sin6_addr);
	list[2].ifa_name = eth2;
	assert_lacks(&mlx, "",
		"the address of port wan, 198.18.0.1, on eth1: with isolate = yes the kernel answers for it");
	assert_lacks(&mlx, "", "the address of port wan, 2001:2::1, on eth1");
	addresses = NULL;
}

static void
test_pci(void **state)
{
	const struct config_text nic = { .port = PCI_PORT },
				 brief = { .port = "device = 01:00.0,arg=1\naddress = 10.0.0.1/8\n",
					 .listener = "bind = 10.0.0.1:1\npsk-file = psk.txt\n"
						     "upstream = echo\n" };

	(void)state;
	assert_has(&nic, "", "vfio-pci and an IOMMU for port wan, 0000:01:00.0");
	assert_has(&brief, "", "vfio-pci and an IOMMU for port wan, 0000:01:00.0");
	point(NIC "iommu_group/devices/0000:02:00.0", "x");
	point("sys/bus/pci/devices/0000:02:00.0/driver", "drivers/pcieport");
	assert_line(report(&nic, ""), "lacks", "vfio-pci", false);
	point("sys/bus/pci/devices/0000:02:00.0/driver", "drivers/igb");
	assert_lacks(&nic, "",
		"vfio-pci for 0000:02:00.0, which shares the IOMMU group of port wan, 0000:01:00.0: its driver is igb");
	unlink(reach(NIC "iommu_group/devices/0000:01:00.0"));
	unlink(reach(NIC "iommu_group/devices/0000:02:00.0"));
	rmdir(reach(NIC "iommu_group/devices"));
	assert_int_equal(rmdir(reach(NIC "iommu_group")), 0);
	assert_lacks(&nic, "", "an IOMMU for port wan, 0000:01:00.0, and enable_unsafe_noiommu");
	put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
	assert_lacks(&nic, "", "an IOMMU for port wan, 0000:01:00.0, and enable_unsafe_noiommu");
	put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	assert_has(&nic, "", "vfio-pci for port wan, 0000:01:00.0, but no IOMMU");
	point(NIC "driver", "../../../bus/pci/drivers/uio_pci_generic");
	assert_has(&nic, "", "uio_pci_generic for port wan, 0000:01:00.0, without an IOMMU");
	point(NIC "driver", "../../../bus/pci/drivers/ixgbe");
	assert_lacks(&nic, "",
		"vfio-pci for port wan, 0000:01:00.0: its driver is ixgbe, see host-setup.sh bind 0000:01:00.0");
	unlink(reach(NIC "driver"));
	assert_lacks(&nic, "", "vfio-pci for port wan, 0000:01:00.0: its driver is none");
	point(NIC "driver", "../../../bus/pci/drivers/mlx5_core");
	assert_lacks(&nic, "", "the InfiniBand side of port wan, mlx5_core");
}

static void
test_no_such_device(void **state)
{
	const struct config_text text = { .port = "device = 0001:05:00.1\naddress = 10.0.0.1/8\n",
		.listener = "bind = 10.0.0.1:1\npsk-file = psk.txt\nupstream = echo\n" };

	(void)state;
	assert_lacks(&text, "", "PCI device 0001:05:00.1 of port wan: there is none here");
}

#define NODE(number) "sys/devices/system/node/node" #number "/"

/* CPUs 0 and 1 on one node, 2 and 3 on the other, which has this many hugepages of 2 MB. */
static void
put_nodes(const char *pages)
{
	put(NODE(0) "cpu0/x", "");
	put(NODE(0) "cpu1/x", "");
	put(NODE(1) "cpu2/x", "");
	put(NODE(1) "cpu3/x", "");
	put(NODE(0) "hugepages/hugepages-2048kB/free_hugepages", "50\n");
	put(NODE(1) "hugepages/hugepages-2048kB/free_hugepages", pages);
}

/* By default the workers have CPUs 3 and 2, and the core has CPU 0. */
static void
test_nodes(void **state)
{
	const struct config_text nic = { .gateway = "workers = 2\n", .port = PCI_PORT },
				 eth = { .gateway = "workers = 2\n",
					 .port = "device = net_af_packet0,iface=eth1,qpairs=2\n"
						 "address = 198.18.0.1/24\n" },
				 tap = { .gateway = "workers = 2\n",
					 .port = "device = net_tap0\naddress = 198.18.0.1/24\n" };
	static const char here[] = "workers on NUMA node 1, where the device of port wan is";

	(void)state;
	put(NIC "numa_node", "1\n");
	put(ETH "device/numa_node", "1\n");
	assert_null(strstr(report(&nic, ""), "NUMA"));
	put_nodes("50\n");
	assert_has(&nic, "", here);
	assert_has(&eth, "", here);
	assert_null(strstr(report(&tap, ""), "of port wan is"));
	put(NIC "numa_node", "0\n");
	put(ETH "device/numa_node", "0\n");
	assert_lacks(&nic, "",
		"workers on NUMA node 0, where the device of port wan is: those of 2 of 2 queues are on others");
	assert_lacks(&eth, "", "workers on NUMA node 0, where the device of port wan is: those of");
	/* As the EAL options have it, if they are read. */
	assert_lacks(&nic, "--lcores=0@0,1@1,2@2,3@3",
		"workers on NUMA node 0, where the device of port wan is: those of 1 of 2 queues");
	assert_has(&nic, "--lcores 2@0,3@1,4@0,5@2", "workers on NUMA node 0, where");
	assert_lacks(&nic, "-l0-3",
		"workers on NUMA node 0, where the device of port wan is: those of 1");
	assert_null(strstr(report(&nic, "--lcores=(0-3)@(0-3)"), "NUMA"));
	assert_null(strstr(report(&nic, "-l 0-1"), "NUMA"));
	assert_null(strstr(report(&nic, "-c f"), "NUMA"));
	put(NIC "numa_node", "-1\n");
	assert_null(strstr(report(&nic, ""), "of port wan is"));
}

static void
test_memory_of_nodes(void **state)
{
	const struct config_text text = { .gateway = "workers = 2\n" },
				 cores = { .gateway = "workers = 1\nhandshake-cores = 2\n" };

	(void)state;
	put_nodes("3\n");
	/* The session table is where the core is; what EAL and drivers take is nobody's. */
	assert_has(&text, "",
		"hugepages on NUMA node 0: 100 MB free, about 15 wanted by its lcores\n");
	assert_lacks(&text, "",
		"hugepages on NUMA node 1: 6 MB free, about 16 wanted by its lcores, which get memory of another node");
	put_nodes("50\n");
	assert_has(&text, "", "hugepages on NUMA node 1: 100 MB free");
	needs.cores = 100 * MB;
	assert_lacks(&text, "", "hugepages on NUMA node 0: 100 MB free, about 106");
	assert_has(&text, "", "hugepages on NUMA node 1: 100 MB free");
	assert_null(strstr(report(&cores, "--lcores=0@0,1@0,2@0,3@0"), "on NUMA node 1"));
	assert_has(&cores, "--lcores=0@0,1@0,2@0,3@2", "hugepages on NUMA node 1");
	assert_lacks(&text, "--no-huge -m 256",
		"memory on 2 NUMA nodes: without hugepages all of it is on the node of main");
	assert_null(strstr(report(&text, "--no-huge -m 256 --lcores=0@0,1@1,2@1,3@0"), "NUMA"));
}

/* Nothing of this is read wrong where there is nothing. */
static void
test_empty_host(void **state)
{
	const char *words;

	(void)state;
	assert_int_equal(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(mkdir(root, 0700), 0);
	words = report(&plain, "");
	assert_line(words, "lacks", "hugepages: 0 MB free of 0 MB", true);
	assert_line(words, "lacks", "root", true);
	assert_line(words, "lacks", "a mount", false); /* of what is not there */
}

#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, make_host, remove_host)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(test_all_is_there),
		HOST_TEST(test_cpus),
		HOST_TEST(test_memory),
		HOST_TEST(test_hugepages),
		HOST_TEST(test_limits),
		HOST_TEST(test_privileges),
		HOST_TEST(test_interfaces),
		HOST_TEST(test_addresses),
		HOST_TEST(test_pci),
		HOST_TEST(test_no_such_device),
		HOST_TEST(test_nodes),
		HOST_TEST(test_memory_of_nodes),
		HOST_TEST(test_empty_host),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
