/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the capture files that load/hello_pcap.py writes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct pcap_frame {
	const uint8_t *bytes;
	uint32_t len;
};

struct pcap_file {
	struct pcap_frame *frame;
	size_t n;
	uint8_t *content; /* of the whole file; the frames point into it */
};

/*
 * Loads a file: microseconds, this machine's byte order, frames not cut. Ends the process with a
 * sentence if it cannot, or if there is no frame.
 */
void pcap_load(struct pcap_file *ret_file, const char *path);
void pcap_free(struct pcap_file *file);
