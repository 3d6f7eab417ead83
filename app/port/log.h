/* SPDX-License-Identifier: BSD-3-Clause */
/* Where messages go: one line each on stderr, with its priority if the journal reads it. */
#pragma once

/* From now on; before the first message. */
void log_open(void);

/* Says why the process does not start, or not go on: a sentence without a full stop. */
void log_refusal(const char *sentence);
