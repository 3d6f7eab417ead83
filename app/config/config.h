/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration file, read and checked as a whole before anything is touched. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "config/address.h"
#include "config/error.h"
#include "config/ini.h"
#include "config/profile.h"
#include "cookie/keys.h"
#include "net/host.h"

#define CONFIG_WORKERS_MAX 128u
#define CONFIG_CORES_MAX 128u
#define CONFIG_PORTS_MAX 16u
#define CONFIG_LISTENERS_MAX 64u
#define CONFIG_BINDS_MAX 16u     /* of one listener */
#define CONFIG_PAIRS_MAX 16u     /* of one listener */
#define CONFIG_UPSTREAMS_MAX 16u /* of one listener */
#define CONFIG_DENIED_MAX 16u
#define CONFIG_NAME_MAX 32u
#define CONFIG_AUTO 0u
#define CONFIG_MTU_MIN 1280u          /* RFC 8200 5 */
#define CONFIG_MTU_MAX 2026u          /* of a port that is not of the bridge */
#define CONFIG_MTU_BRIDGED_MAX 16128u /* with all headers it fits into a buffer of 16 KB */

struct hg_tls_context;

/* What becomes of a system call that the process has no use for, once it is set up. */
enum config_seccomp {
	CONFIG_SECCOMP_ON,  /* it ends the process with SIGSYS */
	CONFIG_SECCOMP_OFF, /* no filter */
	CONFIG_SECCOMP_LOG, /* it is let through, and told to the kernel's audit log */
};

struct config_gateway {
	const struct ini_section *section; /* NULL: there is none */
	const char *cookie_secret;         /* NULL: random */
	const char *former_secret_text;
	uint32_t cookie_lifetime; /* seconds */
	uint32_t key_rotation;    /* seconds */
	enum hg_cookie_binding cookie_binding;
	const char *workers_text;
	uint32_t workers; /* CONFIG_AUTO: as the CPUs allow */
	uint32_t handshake_cores;
	bool poll_busy;
	const char *hmac_kernel_name;   /* NULL: auto */
	const char *metrics;            /* as it is written; NULL: off */
	const char *metrics_path;       /* of a unix socket; NULL: an address */
	struct address metrics_address; /* with its port */
	uint32_t max_sessions;
	uint32_t half_open;         /* handshakes in progress per handshake core */
	uint32_t handshake_timeout; /* seconds */
	uint32_t handshake_rate;    /* per handshake core and second; 0: no limit */
	uint32_t client_rate;       /* handshakes of one client per second; 0: no limit */
	uint32_t client_burst;
	uint32_t client_half_open; /* handshakes in progress of one client; 0: no limit */
	uint32_t client_sessions;  /* of one client; 0: no limit */
	uint32_t evict_idle;       /* seconds; 0: no session ends for a new one */
	uint32_t client_table;     /* clients per handshake core */
	uint32_t used_hellos;      /* remembered per handshake core */
	uint32_t hvr_per_prefix;   /* per worker and second; 0: no limit */
	const char *denied_text;
	uint16_t denied[CONFIG_DENIED_MAX]; /* source ports, host byte order */
	unsigned int n_denied;
	const char *upstream_ports_text;
	uint16_t upstream_port_first; /* 0: the kernel chooses */
	uint16_t upstream_port_last;
	uint32_t upstream_port_rest; /* seconds */
	const char *user;
	uid_t uid;
	gid_t gid;
	enum config_seccomp seccomp;
	uint32_t drain_timeout;  /* seconds */
	const char *bridge_text; /* NULL: no bridge */
	bool guard_open;
	bool guard_strict;
	uint32_t guard_table;   /* 4-tuples of each worker */
	uint32_t guard_timeout; /* seconds */
	uint8_t *secret;        /* HG_COOKIE_SECRET_LEN bytes */
	uint8_t *former_secret; /* likewise; NULL: none */
};

/* Written while it is read; immutable then, for as long as the process runs: all threads read it. */
struct config_port {
	char name[CONFIG_NAME_MAX];
	const struct ini_section *section;
	const char *profile_name;
	const char *device;
	const char *mac_text;
	const char *address_text;
	const char *exception; /* as it is written; NULL: what is not for a listener is dropped */
	const char *tap;       /* the interface's name in it */
	const char *mtu_text;
	uint16_t mtu; /* 0: the device's own */
	bool bridged;
	struct profile profile;
	bool has_mac;
	struct hg_net_host host; /* addresses, and the MAC address if has_mac */
};

/* Likewise, for as long as its configuration is in effect or sessions of it live: main and cores read it. */
struct config_listener {
	char name[CONFIG_NAME_MAX];
	const struct ini_section *section;
	const char *bind_text;
	bool guard; /* there is no more than binds */
	const char *certificate_text;
	const char *private_key_text;
	const char *upstream_text;
	const char *client_ca;
	const char *psk_file;
	const char *psk_hint;
	const char *ciphers;
	const char *groups;
	bool proxy; /* PROXY protocol v2 towards the upstream */
	bool tickets;
	uint32_t idle_timeout; /* seconds */
	uint32_t flight_mtu;   /* bytes of the longest IPv6 packet of a handshake */
	struct address bind[CONFIG_BINDS_MAX];
	unsigned int n_binds;
	bool echo;
	struct address upstream[CONFIG_UPSTREAMS_MAX];
	unsigned int n_upstreams;  /* 0: echo */
	uint32_t upstream_silence; /* seconds; 0: it need not answer */
	uint32_t upstream_retry;   /* seconds */
	struct hg_tls_context *tls;
};

/* Immutable once it is in effect, but for what config_reload_take_ports() takes out of it. */
struct config {
	struct ini *ini;
	struct ini *ports_ini; /* the file that the texts of ports are of: that of the start */
	char directory[PATH_MAX];
	struct config_gateway gateway;
	struct config_port *port; /* CONFIG_PORTS_MAX of them */
	unsigned int n_ports;
	struct config_listener *listener; /* CONFIG_LISTENERS_MAX of them */
	unsigned int n_listeners;
	char bridge_name[2][CONFIG_NAME_MAX]; /* the clients' port, the servers' port */
	unsigned int bridge[2];               /* numbers of these ports */
};

/*
 * Reads path and every file that it names, and checks all of it. Returns 0 with *ret_config to be
 * given to config_free(), or -EINVAL with a sentence that begins with file:line where one is to
 * blame.
 */
int config_load(struct config **ret_config, const char *path, struct error *error);
void config_free(struct config *config);

/*
 * Calls take(arg, section, key, value) for every setting in effect; value is "" for one that is not
 * set.
 */
typedef void config_take_fn(void *arg, const char *section, const char *key, const char *value);
void config_each(const struct config *config, config_take_fn *take, void *arg);

/* Are there limits of single clients? With them, a client's sessions are all on one core. */
bool config_limits_clients(const struct config_gateway *settings);

/* Prints the effective settings as a configuration file. */
void config_print(const struct config *config, FILE *to);
