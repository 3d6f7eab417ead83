/* SPDX-License-Identifier: BSD-3-Clause */
#include "exception/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVICE "/dev/net/tun"

static void
name_request(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof(*request));
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
}

/* Without offloads asked for, the kernel's frames come with all checksums, and none is too long. */
static int
make_interface(int fd, const char *name, const uint8_t mac[6])
{
	static const uint8_t none[6];
	struct ifreq request;

	name_request(&request, name);
	/* EXCL: an interface that is there already is somebody else's, also if it could be had. */
	request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
	if (ioctl(fd, TUNSETIFF, &request) != 0)
		return -errno;
	return memcmp(mac, none, 6) != 0 ? tap_set_mac(fd, name, mac) : 0;
}

int
tap_set_mac(int fd, const char *name, const uint8_t mac[6])
{
	struct ifreq request;

	name_request(&request, name);
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, mac, 6);
	return ioctl(fd, SIOCSIFHWADDR, &request) == 0 ? 0 : -errno;
}

int
tap_set_mtu(const char *name, unsigned int mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct ifreq request;

	if (fd < 0)
		return -errno;
	name_request(&request, name);
	request.ifr_mtu = (int)mtu;
	if (ioctl(fd, SIOCSIFMTU, &request) != 0)
		err = -errno;
	close(fd);
	return err;
}

static const char *
reason_of(int err)
{
	switch (err) {
	case -EBUSY:
		return "there is one of that name already";
	case -EPERM:
		return "that takes the capability net_admin";
	default:
		return strerror(-err);
	}
}

int
tap_open(int *ret_fd, const char *name, const uint8_t mac[6], unsigned int mtu, struct error *error)
{
	int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return error_set(error, "cannot make interface %s: " DEVICE ": %m", name);
	err = make_interface(fd, name, mac);
	if (err == 0)
		err = tap_set_mtu(name, mtu);
	if (err != 0) {
		close(fd);
		return error_set(error, "cannot make interface %s: %s", name, reason_of(err));
	}
	*ret_fd = fd;
	return 0;
}

void
tap_set_carrier(int fd, bool up)
{
	int carrier = up;

	ioctl(fd, TUNSETCARRIER, &carrier); /* kernels before 5.0 have none to set */
}
