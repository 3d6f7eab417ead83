/* SPDX-License-Identifier: BSD-3-Clause */
/* Nothing but what a room of the daemon, linked whole, refers to. */
int
main(void)
{
	return 0;
}
