/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/bridge.h"

#include <errno.h>
#include <string.h>

#include "config/setting.h"

static bool
is_name(const char *text)
{
	return text[0] != '\0' && strlen(text) < CONFIG_NAME_MAX;
}

int
config_bridge_read(struct config *config, struct error *error)
{
	struct setting_list list;
	int err = 0;

	if (config->gateway.bridge_text == NULL)
		return 0;
	if (setting_list_read(&list, config->ini, config->gateway.bridge_text, error) != 0)
		return -EINVAL;
	if (list.n != 2 || strcmp(list.item[0], list.item[1]) == 0 || !is_name(list.item[0]) ||
		!is_name(list.item[1])) {
		err = ini_blame(config->ini, config->gateway.section, "bridge", error,
			"bridge must be the names of two ports with a comma between: "
			"the clients' and the servers'");
	} else {
		strcpy(config->bridge_name[0], list.item[0]);
		strcpy(config->bridge_name[1], list.item[1]);
	}
	setting_list_free(&list);
	return err;
}

bool
config_bridge_has(const struct config *config, const char *name)
{
	return config->gateway.bridge_text != NULL &&
	       (strcmp(config->bridge_name[0], name) == 0 ||
		       strcmp(config->bridge_name[1], name) == 0);
}

int
config_bridge_find(struct config *config, struct error *error)
{
	if (config->gateway.bridge_text == NULL)
		return 0;
	for (unsigned int side = 0; side < 2; side++) {
		unsigned int i = 0;

		while (i < config->n_ports &&
			strcmp(config->port[i].name, config->bridge_name[side]) != 0)
			i++;
		if (i == config->n_ports)
			return ini_blame(config->ini, config->gateway.section, "bridge", error,
				"bridge: there is no [port %s]", config->bridge_name[side]);
		config->bridge[side] = i;
	}
	return 0;
}
