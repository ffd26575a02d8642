/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * guard.h: kernels that crash or never end. On the cpu they are code of this very
 * process, so all that is left is to say which it was.
 */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include <glib.h>

/* From now on, who crashes or takes longer than @seconds ends the program, with
 * CLI_FAILED and one line that says what was being done. */
void cli_guard_start (guint seconds);
/* What is being done now; time starts again. */
void cli_guard_doing (const gchar *format, ...) G_GNUC_PRINTF (1, 2);
/* Nothing that could hang. */
void cli_guard_rest (void);

/* What a kernel does that ends with that signal, as in "the kernel …"; static. */
const gchar *cli_guard_describe_signal (gint number);

#endif /* CLI_GUARD_H */
