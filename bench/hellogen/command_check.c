/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const char *
show(const struct address *address, char text[INET6_ADDRSTRLEN])
{
	inet_ntop(
		address->family == 4 ? AF_INET : AF_INET6, address->bytes, text, INET6_ADDRSTRLEN);
	return text;
}

static int
check_place(const char *option, const struct address *address, uint8_t prefix, struct error *error)
{
	struct address network = *address;
	char text[INET6_ADDRSTRLEN];

	network.prefix = prefix;
	if (source_is_private(&network))
		return 0;
	return error_set(error,
		"%s: %s/%u is in no network for benchmarks (RFC 2544, 5180), documentation "
		"(RFC 5737, 3849), private use (RFC 1918, 4193), loopback or one link: "
		"--any-address sends all the same",
		option, show(address, text), prefix);
}

static int
check_addresses(struct command *command, struct error *error)
{
	const struct address *target = &command->target, *src = &command->src;
	uint8_t whole = target->family == 4 ? 32 : 128;
	int err = 0;

	if (target->family == 0)
		return error_set(error, "option --target is missing: see hellogen --help");
	if (src->family == 0)
		return error_set(error, "option --src is missing: see hellogen --help");
	if (src->family != target->family ||
		(command->own.family != 0 && command->own.family != target->family))
		return error_set(error, "--target, --src and --own are not of one IP version");
	if (source_holds(src, target->family, target->bytes))
		return error_set(error, "--src holds the address of --target");
	if (command->any_address)
		return 0;
	err = check_place("--target", target, whole, error);
	return err != 0 ? err : check_place("--src", src, src->prefix, error);
}

/* Probe and replay need a whole hello: no server goes on with a part of one. */
static int
check_hellos(struct command *command, struct error *error)
{
	if (command->n_templates == 0 &&
		template_find(&command->template[command->n_templates++], "openssl", error) != 0)
		return -1;
	if (command->weight[PLAN_PROBE] == 0 && command->weight[PLAN_REPLAY] == 0)
		return 0;
	for (unsigned int i = 0; i < command->n_templates; i++)
		if (!command->template[i].complete)
			return error_set(error,
				"hello %s is only the start of one: modes probe and replay need "
				"all of it",
				command->template[i].name);
	return 0;
}

static int
check_pcap(struct command *command, struct error *error)
{
	if (command->weight[PLAN_PROBE] != 0 || command->weight[PLAN_REPLAY] != 0)
		return error_set(
			error, "--write-pcap: modes probe and replay need a server that answers");
	if (!command->has_far_mac)
		return error_set(error, "--write-pcap needs --dst-mac");
	if (command->device != NULL)
		return error_set(error, "--write-pcap sends nothing, so --device has no meaning");
	if (command->count == 0)
		command->count = COMMAND_PCAP_COUNT;
	return 0;
}

int
command_check(struct command *command, struct error *error)
{
	bool any = false;
	int err = check_addresses(command, error);

	if (err != 0)
		return err;
	if (command->has_mix && command->rate_has_modes)
		return error_set(error, "--rate with modes takes the place of --mix");
	for (unsigned int mode = 0; mode < PLAN_MODES_N; mode++)
		any |= command->weight[mode] != 0;
	if (!any)
		command->weight[PLAN_FLOOD] = 1;
	/* One of the two always bounds it. */
	if (command->seconds <= 0)
		command->seconds = COMMAND_SECONDS;
	err = check_hellos(command, error);
	if (err != 0)
		return err;
	if (command->write_pcap != NULL)
		return check_pcap(command, error);
	if (command->device == NULL)
		return error_set(error, "option --device is missing: see hellogen --help");
	return 0;
}
