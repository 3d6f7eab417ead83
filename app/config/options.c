/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
parse_one(struct options *options, int argc, char **argv, int *at, struct error *error)
{
	const char *arg = argv[*at];

	if (strcmp(arg, "-c") == 0) {
		if (*at + 1 >= argc)
			return error_set(error, "option -c needs a FILE");
		if (options->config != NULL)
			return error_set(error, "option -c is given twice");
		options->config = argv[++*at];
	} else if (strcmp(arg, "--check") == 0) {
		options->check = true;
	} else if (strcmp(arg, "--version") == 0) {
		options->version = true;
	} else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
		options->help = true;
	} else {
		return error_set(error, "unknown option %s: see hellogate --help", arg);
	}
	return 0;
}

/*
 * Does an argument ask EAL for help or for its version? EAL would print that where nobody sees it, and
 * end the process. getopt_long() takes a long option by any unique beginning of its name, and several
 * short options behind one hyphen.
 */
static bool
asks_eal(const char *arg)
{
	size_t len;

	if (arg[0] != '-')
		return false;
	if (arg[1] == '-') {
		arg += 2;
		len = strcspn(arg, "=");
		return len >= 2 &&
		       (strncmp(arg, "help", len) == 0 || strncmp(arg, "version", len) == 0);
	}
	/* Up to a letter that takes the rest as its value. */
	for (const char *letter = arg + 1; *letter != '\0' && strchr("abcdlmnrsS", *letter) == NULL;
		letter++)
		if (*letter == 'h' || *letter == 'v')
			return true;
	return false;
}

int
options_parse(struct options *ret_options, int argc, char **argv, struct error *error)
{
	struct options options = { 0 };

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			options.n_eal = argc - i - 1;
			options.eal = argv + i + 1;
			break;
		}
		if (parse_one(&options, argc, argv, &i, error) != 0)
			return -EINVAL;
	}
	for (int i = 0; i < options.n_eal; i++)
		if (asks_eal(options.eal[i]))
			return error_set(error,
				"EAL option %s is refused: it starts nothing; hellogate --version "
				"tells DPDK's version, dpdk-testpmd --help its options",
				options.eal[i]);
	if (options.config == NULL && !options.help && !options.version)
		return error_set(error, "option -c FILE is missing: see hellogate --help");
	*ret_options = options;
	return 0;
}

void
options_print_help(void)
{
	fputs("usage: hellogate -c FILE [--check] [--version] [--help] [-- EAL options]\n"
	      "\n"
	      "Answers DTLS ClientHellos from DPDK ports with a stateless cookie exchange, "
	      "completes the\n"
	      "handshakes of those whose address is proved, and relays their datagrams upstream.\n"
	      "\n"
	      "  -c FILE    configuration, see hellogate.conf(5)\n"
	      "  --check    read the configuration and every file that it names, print the "
	      "effective\n"
	      "             settings and what the host has or lacks for them, and exit\n"
	      "  --version  print version, libraries and HMAC kernels, and exit\n"
	      "  --help     print this, and exit\n"
	      "  --         what follows goes to DPDK, for example --no-huge -m 512; -h, --help, "
	      "-v and\n"
	      "             --version are refused there\n"
	      "\n"
	      "SIGTERM and SIGINT drain: every session is closed, the final counters are printed.\n"
	      "Exit codes: 0 done; 1 failed while running, or a buffer leaked; 2 bad option,\n"
	      "configuration, device, or too little memory or CPUs.\n",
		stdout);
}
