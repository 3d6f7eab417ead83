/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/accept.h"
#include "unit.h"

static void
test_quality(void **state)
{
	static const struct {
		const char *field;
		unsigned int text, open; /* text/plain, application/openmetrics-text */
	} fields[] = {
		{ NULL, 1000, 1000 },
		{ "", 0, 0 },
		{ "*/*", 1000, 1000 },
		{ "text/plain", 1000, 0 },
		{ "Text/PLAIN", 1000, 0 },
		{ "text/*", 1000, 0 },
		{ "application/*;q=0.5, */*;q=0.1", 100, 500 },
		{ "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5",
			500, 750 },
		{ "application/openmetrics-text;q=0, */*", 1000, 0 },
		{ "application/openmetrics-text;q=0.0, text/plain;q=0.001", 1, 0 },
		{ "application/openmetrics-text ; q=0.000 ,text/plain ; Q=1.000", 1000, 0 },
		/* The most precise one counts, wherever it stands; of two, the higher. */
		{ "*/*;q=1, text/*;q=0.2, text/plain;q=0.1", 100, 1000 },
		{ "text/plain;q=0.1, text/*;q=0.2, */*", 100, 1000 },
		{ "text/plain;q=0.1, text/plain;q=0.3", 300, 0 },
		/* A parameter's name may end in q, and so may its value. */
		{ "text/plain;xq=0", 1000, 0 },
		/* Malformed ones are passed over. */
		{ "text/plain;q=, application/openmetrics-text;q=2", 0, 0 },
		{ "text/plain;q=1.001, application/openmetrics-text;q=0.1234", 0, 0 },
		{ "text/plain;q=-1, application/openmetrics-text;q=0,5", 0, 0 },
		{ "text/plain;q=.5, application/openmetrics-text;q=0x", 0, 0 },
		{ "text/plain;q=1.000, application/openmetrics-text;q=1.", 1000, 1000 },
		{ "text, /plain, text/, text/plainer, tex/plain, */plain", 0, 0 },
		{ ",,;;,q=0,;q=0, , text/plain ,", 1000, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		unsigned int text = accept_quality(fields[i].field, "text", "plain");
		unsigned int open =
			accept_quality(fields[i].field, "application", "openmetrics-text");

		if (text != fields[i].text || open != fields[i].open)
			fail_msg("%s: %u and %u", fields[i].field, text, open);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
