/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "config_texts.h"
#include "hmac/hmac.h"
#include "unit.h"

static void
assert_refused_here(const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "hmac-kernel = %s\n", name);
	config_gateway_refused(line, 1, "does not run on this CPU");
}

static void
test_kernels_of_this_build(void **state)
{
	const struct hg_hmac_kernel *const *kernels;
	size_t n;

	(void)state;
	kernels = hg_hmac_kernels(&n);
	for (size_t i = 0; i < n; i++) {
		struct config *config;
		char line[64];

		if (!kernels[i]->usable()) {
			assert_refused_here(kernels[i]->name);
			continue;
		}
		snprintf(line, sizeof(line), "hmac-kernel = %s\n", kernels[i]->name);
		config = config_load_sections(&(struct config_text){ .gateway = line });
		assert_string_equal(config->gateway.hmac_kernel_name, kernels[i]->name);
		config_free(config);
	}
}

/* A configuration may have been written for another architecture. */
static void
test_kernels_of_others(void **state)
{
	static const char *const names[] = {
#define NAME(symbol, name) name,
		HG_HMAC_KERNELS(NAME)
#undef NAME
	};
	unsigned int refused = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (hg_hmac_kernel_find(names[i]))
			continue;
		assert_refused_here(names[i]);
		refused++;
	}
	assert_true(refused > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels_of_this_build),
		cmocka_unit_test(test_kernels_of_others),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
