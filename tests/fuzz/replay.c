/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a fuzz target without libFuzzer: every file of some folders, then mutations of them, always
 * the same ones. Speaks TAP. An input that fails is kept, and the last line says where.
 *
 * usage: TARGET MUTATIONS FOLDER...
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX 65536u
#define STACK_MAX 4u /* mutations on top of each other */

#pragma weak LLVMFuzzerInitialize
#pragma weak LLVMFuzzerCustomMutator
#pragma weak __sanitizer_set_death_callback
void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
	char *name;
	uint8_t *bytes;
	size_t size;
};

static struct {
	struct input *input;
	size_t n;
	const struct input *current; /* that the one below was made of */
	const uint8_t *bytes;
	size_t size;
	char kept[256];
	struct fuzz_random random;
} replay;

static void
add_file(const char *folder, const char *name)
{
	struct input *grown = realloc(replay.input, (replay.n + 1) * sizeof(*grown));
	struct input *input;
	ssize_t size = 0;
	int fd;

	fuzz_require(grown != NULL, "no memory");
	replay.input = grown;
	input = &replay.input[replay.n++];
	input->bytes = malloc(INPUT_MAX);
	fuzz_require(asprintf(&input->name, "%s/%s", folder, name) > 0, "no memory");
	fd = open(input->name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && input->bytes != NULL)
		size = read(fd, input->bytes, INPUT_MAX);
	fuzz_require(fd >= 0 && size >= 0, "cannot read %s", input->name);
	close(fd);
	input->size = (size_t)size;
}

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
add_folder(const char *folder)
{
	struct dirent **entry = NULL;
	int n = scandir(folder, &entry, is_input, alphasort);

	for (int i = 0; i < n; i++) {
		add_file(folder, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
}

/* Async-signal-safe; runs in the middle of whatever went wrong. */
static void
keep_input(void)
{
	static const char before[] = "# input: ", of[] = ", of ", end[] = "\n";
	int fd;

	if (replay.current == NULL)
		return;
	fd = open(replay.kept, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, replay.bytes, replay.size) < 0)
		return;
	close(fd);
	if (write(STDOUT_FILENO, before, sizeof(before) - 1) < 0 ||
		write(STDOUT_FILENO, replay.kept, strlen(replay.kept)) < 0 ||
		write(STDOUT_FILENO, of, sizeof(of) - 1) < 0 ||
		write(STDOUT_FILENO, replay.current->name, strlen(replay.current->name)) < 0 ||
		write(STDOUT_FILENO, end, sizeof(end) - 1) < 0)
		return;
	replay.current = NULL;
}

static void
on_signal(int number)
{
	keep_input();
	signal(number, SIG_DFL);
	raise(number);
}

static void
run(const struct input *input, const uint8_t *bytes, size_t size)
{
	replay.current = input;
	replay.bytes = bytes;
	replay.size = size;
	LLVMFuzzerTestOneInput(bytes, size);
	replay.current = NULL;
}

/* What libFuzzer's does, in the small: the targets' mutators call it as well. */
size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	static const uint8_t telling[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };
	size_t at = size != 0 ? fuzz_below(&replay.random, (uint32_t)size) : 0, n;

	if (max_size == 0)
		return 0;
	if (size == 0) {
		data[0] = (uint8_t)fuzz_below(&replay.random, 256);
		return 1;
	}
	switch (fuzz_below(&replay.random, 6)) {
	case 0:
		data[at] ^= (uint8_t)(1u << fuzz_below(&replay.random, 8));
		return size;
	case 1:
		data[at] = telling[fuzz_below(&replay.random, sizeof(telling))];
		return size;
	case 2:
		data[at] = (uint8_t)fuzz_below(&replay.random, 256);
		return size;
	case 3: /* remove some */
		n = 1 + fuzz_below(&replay.random, 8);
		if (n > size - at)
			n = size - at;
		if (n == size)
			return size;
		memmove(data + at, data + at + n, size - at - n);
		return size - n;
	case 4: /* insert some */
		n = 1 + fuzz_below(&replay.random, 8);
		if (n > max_size - size)
			n = max_size - size;
		memmove(data + at + n, data + at, size - at);
		memset(data + at, (int)fuzz_below(&replay.random, 256), n);
		return size + n;
	default: /* repeat some elsewhere */
		n = fuzz_below(&replay.random, (uint32_t)(size - at)) + 1;
		memmove(data + fuzz_below(&replay.random, (uint32_t)(size - n + 1)), data + at, n);
		return size;
	}
}

static void
run_mutation(void)
{
	static uint8_t bytes[INPUT_MAX];
	const struct input *input = &replay.input[fuzz_below(&replay.random, (uint32_t)replay.n)];
	size_t size = input->size, max = 2 * size + 64;

	if (max > sizeof(bytes))
		max = sizeof(bytes);
	memcpy(bytes, input->bytes, size);
	for (unsigned int i = 1 + fuzz_below(&replay.random, STACK_MAX); i > 0; i--)
		size = LLVMFuzzerCustomMutator != NULL
			       ? LLVMFuzzerCustomMutator(
					 bytes, size, max, fuzz_below(&replay.random, UINT32_MAX))
			       : LLVMFuzzerMutate(bytes, size, max);
	run(input, bytes, size);
}

static void
result(const char *target, unsigned long n, const char *what)
{
	static unsigned int number;

	printf("%sok %u - %s: %lu %s\n", n != 0 ? "" : "not ", ++number, target, n, what);
}

int
main(int argc, char **argv)
{
	const char *target = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
	unsigned long mutations;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3) {
		fprintf(stderr, "usage: %s MUTATIONS FOLDER...\n", argv[0]);
		return 2;
	}
	mutations = strtoul(argv[1], NULL, 10);
	replay.random = fuzz_random(1);
	snprintf(replay.kept, sizeof(replay.kept), "%.200s.failed", argv[0]);
	for (int i = 2; i < argc; i++)
		add_folder(argv[i]);
	signal(SIGABRT, on_signal);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(keep_input);
	else
		signal(SIGSEGV, on_signal);
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);

	for (size_t i = 0; i < replay.n; i++)
		run(&replay.input[i], replay.input[i].bytes, replay.input[i].size);
	result(target, replay.n, "inputs of the corpus");
	if (mutations != 0 && replay.n != 0) {
		for (unsigned long i = 0; i < mutations; i++)
			run_mutation();
		result(target, mutations, "mutations of them");
	}
	printf("1..%d\n", mutations != 0 && replay.n != 0 ? 2 : 1);
	for (size_t i = 0; i < replay.n; i++) {
		free(replay.input[i].name);
		free(replay.input[i].bytes);
	}
	free(replay.input);
	return replay.n != 0 ? 0 : 1;
}
