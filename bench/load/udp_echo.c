/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The upstream of the relay benchmark: sends every UDP datagram back, with as few system calls as
 * the kernel allows. Says "ready" when it is, and runs until it is killed.
 *
 *     udp_echo PORT        (on 127.0.0.1)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BURST 64u
#define DATAGRAM_MAX 2048u

static uint8_t data[BURST][DATAGRAM_MAX];

int
main(int argc, char **argv)
{
	struct sockaddr_in local = { .sin_family = AF_INET }, peer[BURST];
	struct mmsghdr message[BURST];
	struct iovec part[BURST];
	int buffer = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc != 2)
		return 2;
	local.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) != 0 ||
		bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0) {
		perror("udp_echo");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n;

		for (unsigned int i = 0; i < BURST; i++) {
			part[i] = (struct iovec){ .iov_base = data[i], .iov_len = DATAGRAM_MAX };
			message[i].msg_hdr = (struct msghdr){
				.msg_name = &peer[i],
				.msg_namelen = sizeof(peer[i]),
				.msg_iov = &part[i],
				.msg_iovlen = 1,
			};
		}
		n = recvmmsg(fd, message, BURST, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++)
			part[i].iov_len = message[i].msg_len;
		for (int sent = 0, k; sent<n; sent += k> 0 ? k : 1)
			k = sendmmsg(fd, message + sent, (unsigned int)(n - sent), 0);
	}
}
