/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sdk-headers.h: the texts of the headers that kernels include, which the build
 * puts into the library.
 */
#ifndef RING_SDK_HEADERS_H
#define RING_SDK_HEADERS_H

typedef struct
{
  const char *name; /* without a directory */
  const char *text;
} RingSdkHeader;

extern const RingSdkHeader ring_sdk_headers[];
extern const unsigned ring_n_sdk_headers;

#endif /* RING_SDK_HEADERS_H */
