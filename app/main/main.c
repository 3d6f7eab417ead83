/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/crypto.h>
#include <rte_version.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "config/options.h"
#include "host/host.h"
#include "main/control.h"
#include "main/keys.h"
#include "main/private.h"
#include "main/process.h"
#include "main/release.h"
#include "main/seccomp.h"
#include "main/setup.h"
#include "main/sizes.h"
#include "port/eal.h"
#include "port/eal_args.h"
#include "port/log.h"
#include "show/counters.h"
#include "show/http.h"
#include "show/telemetry.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,            /* while running, or a buffer leaked */
	EXIT_REFUSED = EAL_REFUSED, /* option, configuration, device, memory or CPUs */
};

static int
refuse(const struct error *error)
{
	log_refusal(error->text);
	return EXIT_REFUSED;
}

static void
print_version(void)
{
	const struct hg_hmac_kernel *const *kernels;
	char chosen[HG_HMAC_LADDER_TEXT];
	struct hg_hmac_ladder ladder;
	size_t n;

	printf("hellogate " HG_VERSION "\n%s\n%s\nhmac kernels:", rte_version(),
		OpenSSL_version(OPENSSL_VERSION));
	kernels = hg_hmac_kernels(&n);
	for (size_t i = 0; i < n; i++)
		if (kernels[i]->usable())
			printf(" %s", kernels[i]->name);
	hg_hmac_ladder_measure(&ladder);
	hg_hmac_ladder_describe(&ladder, chosen, sizeof(chosen));
	printf("\nhmac kernel chosen: %s\n", chosen);
}

/* The kernel that the configuration names, or what is fastest here; none that computes wrong. */
static int
choose_hmac(struct gateway *gateway, struct error *error)
{
	const char *name = gateway->config->gateway.hmac_kernel_name;
	const struct hg_hmac_kernel *const *step = gateway->hmac.step;

	if (name != NULL)
		hg_hmac_ladder_force(&gateway->hmac, hg_hmac_kernel_find(name));
	else
		hg_hmac_ladder_measure(&gateway->hmac);
	for (unsigned int i = 0; i < HG_HMAC_STEPS; i++)
		if ((i == 0 || step[i] != step[i - 1]) && !hg_hmac_self_test(step[i]))
			return error_set(error, "hmac-kernel %s computes wrong results on this CPU",
				step[i]->name);
	return 0;
}

/* With EAL running: from the devices to the last counter. */
static int
serve(struct gateway *gateway)
{
	struct http *http = NULL;
	struct error error;
	unsigned int missing;
	int code = EXIT_DONE;

	if (setup_create(gateway, &error) != 0 || keys_open(gateway, &error) != 0 ||
		http_open(&http, gateway, &error) != 0 ||
		process_drop(gateway->config, &error) != 0 ||
		seccomp_confine(gateway->config->gateway.seccomp, &error) != 0) {
		code = refuse(&error);
		http_close(http);
		setup_close_ports(gateway);
		goto out;
	}
	telemetry_serve(gateway);
	http_serve(http);
	if (control_run(gateway, &error) != 0) {
		log_refusal(error.text);
		code = EXIT_FAILED;
	}
	telemetry_serve(NULL);
	http_close(http);
	missing = setup_close_ports(gateway);
	counters_print(gateway, stdout);
	if (missing != 0) {
		error_set(&error, "%u packet buffers leaked", missing);
		log_refusal(error.text);
		code = EXIT_FAILED;
	}
out:
	keys_close(gateway);
	setup_destroy(gateway);
	return code;
}

static int
run(struct config **config, const struct options *options)
{
	struct gateway *gateway = aligned_alloc(64, RTE_ALIGN(sizeof(*gateway), 64));
	struct main_private private = { 0 };
	struct error error;
	int code;

	if (gateway == NULL) {
		error_set(&error, "no memory to start");
		return refuse(&error);
	}
	*gateway = (struct gateway){
		.config = *config,
		.config_lock = PTHREAD_MUTEX_INITIALIZER,
		.n_cores = (*config)->gateway.handshake_cores,
		.private = &private,
	};
	if (notify_open(&private.notify, &error) != 0 || choose_hmac(gateway, &error) != 0) {
		code = refuse(&error);
	} else if (eal_count_workers(*config, options, &gateway->n_workers, &error) != 0 ||
		   eal_start(*config, options, gateway->n_workers, &error) != 0) {
		code = refuse(&error);
	} else {
		code = serve(gateway);
		eal_stop();
	}
	*config = gateway->config; /* may be another one */
	notify_close(&private.notify);
	free(gateway);
	return code;
}

/* What a start would be told, and whether the host has what it takes. */
static int
check(const struct config *config, const struct options *options)
{
	struct host_needs needs;
	struct eal_args args;
	struct error error;
	struct host host;

	if (eal_args_make(&args, config, options, 1, &error) != 0)
		return refuse(&error);
	config_print(config, stdout);
	host_open(&host, config, options, &args);
	sizes_needs(&host, &needs);
	host_report(&host, &needs);
	host_close(&host);
	eal_args_free(&args);
	return EXIT_DONE;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct config *config;
	struct error error;
	int code;

	log_open();
	if (options_parse(&options, argc, argv, &error) != 0)
		return refuse(&error);
	if (options.help) {
		options_print_help();
		return EXIT_DONE;
	}
	if (options.version) {
		print_version();
		return EXIT_DONE;
	}
	if (release_check(&error) != 0)
		return refuse(&error);
	control_prepare_signals();
	if (process_begin(&error) != 0)
		return refuse(&error);
	if (config_load(&config, options.config, &error) != 0)
		return refuse(&error);
	code = options.check ? check(config, &options) : run(&config, &options);
	config_free(config);
	return code;
}
