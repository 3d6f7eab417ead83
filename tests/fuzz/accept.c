/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The field Accept of HTTP. An input is its text. A quality is in range, is the same for two spellings of a
 * type, and is that of a range that is put before it as the only precise one.
 */
#include "show/accept.h"

#include <string.h>

#include "fuzz.h"

#define FIELD_MAX 1024u

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char first[] = "a/b;q=0.25,";
	char field[FIELD_MAX + sizeof(first)];
	unsigned int quality;
	const char *text;

	if (size > FIELD_MAX || memchr(data, 0, size) != NULL)
		return 0;
	memcpy(field, data, size);
	field[size] = '\0';
	text = (const char *)fuzz_place(0, field, size + 1);
	quality = accept_quality(text, "text", "plain");
	fuzz_require(quality <= ACCEPT_MAX, "quality %u", quality);
	fuzz_require(quality == accept_quality(text, "TEXT", "Plain"), "another quality");
	if (strcasestr(text, "a/b") != NULL)
		return 0;
	memcpy(field, first, strlen(first));
	memcpy(field + strlen(first), data, size);
	field[strlen(first) + size] = '\0';
	text = (const char *)fuzz_place(0, field, strlen(first) + size + 1);
	quality = accept_quality(text, "a", "b");
	fuzz_require(quality == 250, "quality %u", quality);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	(void)seed;
	return LLVMFuzzerMutate(data, size, max_size);
}
