/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What peers.py calls of pump.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct _Pump Pump;

void pump_init (void);
int pump_has (const char *element);
Pump *pump_open (const char *launch, const char *caps_text, uint64_t duration,
    const double *taps, unsigned n_taps, char *error, size_t room);
void pump_close (Pump *self);
int64_t pump_run (Pump *self, const void *data, size_t size, unsigned n,
    void *out, size_t room);
int pump_in_place (Pump *self, const void *data, size_t size);
double pump_time (Pump *self, const void *data, size_t size, unsigned n,
    int in_place, int own);
int pump_begin_stream (Pump *self, const void *data, size_t size);
double pump_stream (Pump *self, unsigned n);
double pump_alone (Pump *self, unsigned n);
void pump_stat (Pump *self, const char *name, char *text, size_t room);
