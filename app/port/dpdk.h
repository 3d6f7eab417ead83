/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What releases of DPDK call differently, and which one the process has got. Nothing else in the code
 * knows of releases; meson.build asks for the least one.
 */
#pragma once

#include <rte_lcore.h>
#include <rte_telemetry.h>
#include <rte_thread.h>
#include <rte_version.h>

#include <pthread.h>
#include <stdint.h>

#include "config/error.h"

/*
 * Releases of one ABI have one soname, and each adds to the one before, so a library older than the
 * headers gets as far as this. Returns 0 or -EINVAL.
 */
int dpdk_check_release(struct error *error);

/*
 * What the body of a control thread returns; `return 0` suits either type. Such a thread runs on the
 * CPUs that the process was started on but for those of lcores, or on main's if none is left.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef uint32_t dpdk_thread_result;
#else
typedef void *dpdk_thread_result;
#endif

/* Returns 0 or a negative errno. To be joined by rte_thread_join(). */
static inline int
dpdk_thread_create(
	rte_thread_t *ret_thread, const char *name, dpdk_thread_result (*body)(void *), void *arg)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	return -rte_thread_create_control(ret_thread, name, body, arg);
#else
	pthread_t thread;
	int err = rte_ctrl_thread_create(&thread, name, NULL, body, arg);

	if (err == 0)
		ret_thread->opaque_id = (uintptr_t)thread;
	return err;
#endif
}

/* Returns 0 or a negative errno, as rte_tel_data_add_dict_string(). */
static inline int
dpdk_tel_add_uint(struct rte_tel_data *data, const char *name, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
	return rte_tel_data_add_dict_uint(data, name, value);
#else
	return rte_tel_data_add_dict_u64(data, name, value);
#endif
}
