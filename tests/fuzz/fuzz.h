/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets share. A target defines LLVMFuzzerTestOneInput(), and LLVMFuzzerCustomMutator()
 * if bytes changed at random would seldom get far. Linked with libFuzzer it looks for inputs; linked
 * with replay.c it runs those that are known.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FUZZ_PLACES 3u        /* of fuzz_place() */
#define FUZZ_PLACE_MAX 65536u /* bytes of one */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* Of libFuzzer or of replay.c: changes something, and returns the new size, at least 1. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* A property that must hold for every input; the words say what is wrong if it does not. */
#define fuzz_require(condition, ...)                                            \
	do {                                                                    \
		if (!(condition))                                               \
			fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Copies len bytes to memory that ends right behind them: touching more crashes, and so does touching
 * what is before them under AddressSanitizer. Valid until the next call with that place's number.
 */
uint8_t *fuzz_place(unsigned int place, const void *bytes, size_t len);

/* Reports the first byte in which the two differ. */
void fuzz_require_same(const char *what, const uint8_t *got, const uint8_t *wanted, size_t len);

/* What is left of an input that is taken apart. */
struct fuzz_input {
	const uint8_t *p;
	size_t left;
};

/* The next n bytes as a number, little endian; zeroes follow the end of the input. */
static inline uint64_t
fuzz_take(struct fuzz_input *in, unsigned int n)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n && in->left > 0; i++, in->left--)
		value |= (uint64_t)*in->p++ << (8 * i);
	return value;
}

/* A sequence of numbers that follows from a seed (xorshift64*), for mutators. */
struct fuzz_random {
	uint64_t state; /* not 0 */
};

static inline uint32_t
fuzz_below(struct fuzz_random *random, uint32_t below)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (uint32_t)((random->state * UINT64_C(0x2545f4914f6cdd1d) >> 32) * below >> 32);
}

static inline struct fuzz_random
fuzz_random(unsigned int seed)
{
	struct fuzz_random random = { .state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1 };

	fuzz_below(&random, 1);
	return random;
}
