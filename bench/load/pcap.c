/* SPDX-License-Identifier: BSD-3-Clause */
#include "load/pcap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0xa1b2c3d4u
#define FILE_HEADER 24u
#define FRAME_HEADER 16u

static void
refuse(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	exit(EXIT_FAILURE);
}

static uint32_t
load_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static size_t
read_file(struct pcap_file *file, const char *path)
{
	FILE *in = fopen(path, "rb");
	long len = -1;

	if (in != NULL && fseek(in, 0, SEEK_END) == 0)
		len = ftell(in);
	if (len < (long)FILE_HEADER)
		refuse(path, "cannot be read, or is no capture file");
	rewind(in);
	file->content = malloc((size_t)len);
	if (file->content == NULL || fread(file->content, 1, (size_t)len, in) != (size_t)len)
		refuse(path, "cannot be read");
	fclose(in);
	return (size_t)len;
}

void
pcap_load(struct pcap_file *ret_file, const char *path)
{
	struct pcap_file file = { 0 };
	size_t len = read_file(&file, path), at = FILE_HEADER;

	if (load_u32(file.content) != MAGIC)
		refuse(path, "not a capture file in microseconds and this byte order");
	file.frame = calloc((len - at) / FRAME_HEADER + 1, sizeof(*file.frame));
	if (file.frame == NULL)
		refuse(path, "no memory for its frames");
	while (len - at >= FRAME_HEADER) {
		uint32_t kept = load_u32(file.content + at + 8);

		at += FRAME_HEADER;
		if (kept > len - at || kept != load_u32(file.content + at - 4))
			refuse(path, "a frame is cut");
		file.frame[file.n++] = (struct pcap_frame){ file.content + at, kept };
		at += kept;
	}
	if (file.n == 0)
		refuse(path, "holds no frame");
	*ret_file = file;
}

void
pcap_free(struct pcap_file *file)
{
	free(file->frame);
	free(file->content);
}
