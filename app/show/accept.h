/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client of HTTP takes: the field Accept (RFC 9110 12.5.1). */
#pragma once

#define ACCEPT_MAX 1000u /* quality of what is taken most gladly, in thousandths */

/*
 * How gladly a media type, "text" "plain" for example, is taken: 0, not at all, to ACCEPT_MAX. The range that
 * names it most precisely counts; one that is malformed does not. Without a field (NULL) everything is.
 */
unsigned int accept_quality(const char *field, const char *type, const char *subtype);
