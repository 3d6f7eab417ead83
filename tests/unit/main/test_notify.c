/* SPDX-License-Identifier: BSD-3-Clause */
/* What a made-up service manager is told, and when; workers, cores and the time are the test's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/core.h"
#include "gateway/gateway.h"
#include "main/notify.h"
#include "main/private.h"
#include "scratch.h"
#include "unit.h"
#include "worker/worker.h"

#define SECOND UINT64_C(1000000)
#define NOON (UINT64_C(43200) * SECOND)

enum { WORKERS = 2, CORES = 2, LCORES = WORKERS + CORES };

static struct worker worker[WORKERS];
static struct core core[CORES];
static struct worker *workers[WORKERS] = { &worker[0], &worker[1] };
static struct core *cores[CORES] = { &core[0], &core[1] };
static struct main_private private;
static struct gateway gateway = { .n_workers = WORKERS,
	.worker = workers,
	.n_cores = CORES,
	.core = cores,
	.private = &private };
static int manager; /* its socket */

static int
begin(void **state)
{
	(void)state;
	memset(worker, 0, sizeof(worker));
	memset(core, 0, sizeof(core));
	memset(&private, 0, sizeof(private));
	for (unsigned int i = 0; i < WORKERS; i++)
		atomic_store_explicit(&worker[i].running, true, memory_order_relaxed);
	for (unsigned int i = 0; i < CORES; i++)
		atomic_store_explicit(&core[i].running, true, memory_order_relaxed);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	manager = -1;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	notify_close(&private.notify);
	assert_int_equal(private.notify.socket, -1);
	if (manager >= 0)
		close(manager);
	return 0;
}

/* At a path, or at an abstract name that begins with '@'. */
static void
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	assert_true(len < sizeof(address.sun_path));
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
	setenv("NOTIFY_SOCKET", path, 1);
}

static void
open_notify(void)
{
	struct error error = { "" };

	if (notify_open(&private.notify, &error) != 0)
		fail_msg("%s", error.text);
}

/* With a manager that wants a sign of life within so many microseconds; NULL: none. */
static void
open_with(const char *watchdog)
{
	const char *path = scratch_path(&scratch_group, "notify");

	unlink(path);
	listen_at(path);
	if (watchdog != NULL)
		setenv("WATCHDOG_USEC", watchdog, 1);
	open_notify();
}

static void
refused(const char *words)
{
	struct error error = { "" };

	assert_int_equal(notify_open(&private.notify, &error), -EINVAL);
	assert_non_null(strstr(error.text, words));
	assert_int_equal(private.notify.socket, -1);
}

/* The next message, or "" if there is none. */
static const char *
told(void)
{
	static char text[2048];
	ssize_t len = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

/* Lcores by their places: workers come first. */
static void
beat(unsigned int lcore)
{
	_Atomic uint64_t *heartbeat =
		lcore < WORKERS ? &worker[lcore].heartbeat : &core[lcore - WORKERS].heartbeat;

	stats_add(heartbeat, 1);
}

static void
beat_all(void)
{
	for (unsigned int i = 0; i < LCORES; i++)
		beat(i);
}

static void
test_nobody_wants_to_know(void **state)
{
	(void)state;
	setenv("WATCHDOG_USEC", "not looked at", 1);
	open_notify();
	assert_int_equal(private.notify.socket, -1);
	notify_ready(&gateway, "ready", NOON);
	notify_reloading(&private.notify, NOON);
	notify_reloaded(&private.notify, "reloaded");
	notify_alive(&gateway, NOON + SECOND);
	notify_stopping(&private.notify, 5);
}

static void
test_addresses(void **state)
{
	char name[64], longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	(void)state;
	setenv("NOTIFY_SOCKET", "run/notify", 1);
	refused("NOTIFY_SOCKET=run/notify is no address");
	setenv("NOTIFY_SOCKET", "", 1);
	refused("is no address");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	refused("is no address");
	setenv("NOTIFY_SOCKET", scratch_path(&scratch_group, "nobody"), 1);
	refused("cannot connect to NOTIFY_SOCKET=");
	/* An abstract one has no file. */
	snprintf(name, sizeof(name), "@hellogate-test-%d", (int)getpid());
	listen_at(name);
	open_notify();
	notify_reloaded(&private.notify, "up");
	assert_string_equal(told(), "READY=1\nSTATUS=up");
}

static void
test_watchdog_of_the_environment(void **state)
{
	static const char *const wrong[] = { "", "0", "soon", "-1", " 5", "5s",
		"99999999999999999999999" };
	char pid[32];

	(void)state;
	open_with(NULL);
	assert_int_equal(private.notify.interval, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		notify_close(&private.notify);
		setenv("WATCHDOG_USEC", wrong[i], 1);
		refused("is not a number of microseconds");
	}
	/* Twice as often as is asked for, and never 0. */
	setenv("WATCHDOG_USEC", "10000001", 1);
	open_notify();
	assert_int_equal(private.notify.interval, 5000001);
	notify_close(&private.notify);
	setenv("WATCHDOG_USEC", "1", 1);
	open_notify();
	assert_int_equal(private.notify.interval, 1);
	notify_close(&private.notify);
	/* It may be meant for another process. */
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	open_notify();
	assert_int_equal(private.notify.interval, 1);
	notify_close(&private.notify);
	snprintf(pid, sizeof(pid), "%d", (int)getpid() + 1);
	setenv("WATCHDOG_PID", pid, 1);
	open_notify();
	assert_int_equal(private.notify.interval, 0);
	notify_alive(&gateway, NOON);
	assert_string_equal(told(), "");
}

static void
test_what_is_said(void **state)
{
	(void)state;
	open_with(NULL);
	assert_string_equal(told(), "");
	notify_ready(&gateway, "ready: 1 ports", NOON);
	assert_string_equal(told(), "READY=1\nSTATUS=ready: 1 ports");
	notify_reloading(&private.notify, NOON + 7);
	assert_string_equal(told(), "RELOADING=1\nMONOTONIC_USEC=43200000007\nSTATUS=reloading");
	notify_reloaded(&private.notify, "not reloaded, see the log");
	assert_string_equal(told(), "READY=1\nSTATUS=not reloaded, see the log");
	notify_stopping(&private.notify, 5);
	assert_string_equal(told(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=95000000");
	notify_stopping(&private.notify, UINT32_MAX);
	assert_string_equal(
		told(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=4294967385000000");
	assert_string_equal(told(), "");
}

/* One that has gone is no reason to stop. */
static void
test_a_manager_that_is_gone(void **state)
{
	(void)state;
	open_with("2000000");
	close(manager);
	manager = -1;
	notify_ready(&gateway, "ready", NOON);
	beat_all();
	notify_alive(&gateway, NOON);
	notify_stopping(&private.notify, 0);
}

/* A sign of life each interval, which is half of what is asked for, and as soon as all have gone through their loops. */
static void
test_signs_of_life(void **state)
{
	uint64_t now = NOON;

	(void)state;
	open_with("2000000");
	notify_ready(&gateway, "ready", now);
	assert_string_equal(told(), "READY=1\nSTATUS=ready");
	notify_alive(&gateway, now);
	assert_string_equal(told(), ""); /* nobody has done anything yet */
	beat_all();
	notify_alive(&gateway, now);
	assert_string_equal(told(), "WATCHDOG=1");
	for (unsigned int i = 0; i < 3; i++) {
		beat_all();
		notify_alive(&gateway, now + SECOND - 1);
		assert_string_equal(told(), "");
		now += SECOND;
		notify_alive(&gateway, now);
		assert_string_equal(told(), "WATCHDOG=1");
		notify_alive(&gateway, now);
		assert_string_equal(told(), "");
	}
	/* A late one puts off the next. */
	beat_all();
	now += 10 * SECOND;
	notify_alive(&gateway, now);
	assert_string_equal(told(), "WATCHDOG=1");
	beat_all();
	notify_alive(&gateway, now + SECOND - 1);
	assert_string_equal(told(), "");
	notify_alive(&gateway, now + SECOND);
	assert_string_equal(told(), "WATCHDOG=1");
}

/* Each of them, worker or core, and how often the others go round makes no difference. */
static void
test_one_that_is_stuck(void **state)
{
	uint64_t now = NOON;

	(void)state;
	open_with("2000000");
	notify_ready(&gateway, "ready", now);
	told();
	for (unsigned int stuck = 0; stuck < LCORES; stuck++) {
		for (unsigned int i = 0; i < LCORES; i++)
			if (i != stuck)
				beat(i);
		for (unsigned int i = 0; i < 4; i++) {
			notify_alive(&gateway, now + i * SECOND / 2);
			assert_string_equal(told(), "");
			/* It is said once in each interval that goes by. */
			assert_int_equal(private.notify.n_missed, i / 2);
		}
		now += 2 * SECOND;
		beat(stuck);
		notify_alive(&gateway, now);
		assert_string_equal(told(), "WATCHDOG=1");
		assert_int_equal(private.notify.n_missed, 0);
		now += SECOND;
	}
}

/* Those that have ended are not waited for: main alone is left at the end, and says so. */
static void
test_lcores_that_have_ended(void **state)
{
	(void)state;
	open_with("2000000");
	notify_ready(&gateway, "ready", NOON);
	told();
	for (unsigned int i = 0; i < CORES; i++)
		atomic_store_explicit(&core[i].running, false, memory_order_relaxed);
	beat(0);
	notify_alive(&gateway, NOON);
	assert_string_equal(told(), "");
	beat(1);
	notify_alive(&gateway, NOON);
	assert_string_equal(told(), "WATCHDOG=1");
	for (unsigned int i = 0; i < WORKERS; i++)
		atomic_store_explicit(&worker[i].running, false, memory_order_relaxed);
	notify_alive(&gateway, NOON + SECOND);
	assert_string_equal(told(), "WATCHDOG=1");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_nobody_wants_to_know),
		TEST(test_addresses),
		TEST(test_watchdog_of_the_environment),
		TEST(test_what_is_said),
		TEST(test_a_manager_that_is_gone),
		TEST(test_signs_of_life),
		TEST(test_one_that_is_stuck),
		TEST(test_lcores_that_have_ended),
	};

	return cmocka_run_group_tests(tests, scratch_group_open, scratch_group_close);
}
