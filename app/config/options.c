/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct option known[] = {
	{ "check", no_argument, NULL, 'C' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/*
 * getopt_long() also takes the beginning of a name, as long as no other has it, several short options behind
 * one hyphen, and -cFILE. These would mean something else, or nothing, as soon as there is an option more.
 */
static bool
is_written_out(const char *word, int number)
{
	return number < 0 ? word[2] == '\0' : strcmp(word + 2, known[number].name) == 0;
}

static int
refuse(const char *word, struct error *error)
{
	return error_set(error, "unknown option %s: see hellogate --help", word);
}

/* Takes what getopt_long() makes of a word: an option, which if it is a long one has that number. */
static int
take(struct options *options, int id, int number, const char *word, struct error *error)
{
	if (id == '?' || !is_written_out(word, number))
		return refuse(word, error);
	switch (id) {
	case 'c':
		if (options->config != NULL)
			return error_set(error, "option -c is given twice");
		options->config = optarg;
		return 0;
	case ':':
		return error_set(error, "option -c needs a FILE");
	case 'C':
		options->check = true;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	default:
		options->help = true;
		return 0;
	}
}

/* Our own options, up to "--", which EAL's follow. */
static int
take_all(struct options *options, int argc, char **argv, struct error *error)
{
	opterr = 0;
	optind = 0; /* begin anew */
	for (int at = 1; at < argc; at = optind) {
		int number = -1, id = getopt_long(argc, argv, "+:c:h", known, &number);

		if (id != -1) {
			if (take(options, id, number, argv[at], error) != 0)
				return -EINVAL;
			continue;
		}
		if (strcmp(argv[at], "--") != 0)
			return refuse(argv[at], error);
		options->n_eal = argc - optind;
		options->eal = argv + optind;
		return 0;
	}
	return 0;
}

void
options_leave_getopt(void)
{
	static const struct option none[] = { { NULL, 0, NULL, 0 } };
	char name[] = "", *argv[] = { name, NULL };

	optind = 0;
	getopt_long(1, argv, "", none, NULL);
	opterr = 1; /* EAL says by it which of its options is wrong */
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
	int err = take_all(&options, argc, argv, error);

	options_leave_getopt();
	if (err != 0)
		return err;
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
