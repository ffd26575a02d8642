/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernel-sdk.h: all that a kernel includes.
 *
 *   #include <ringkernel/kernel-sdk.h>
 *
 *   RING_KERNEL (fade, "Scales every byte",
 *       RING_FLOAT (amount, 0.5, 0.0, 1.0, "1 leaves the input as it is"))
 *   {
 *     RING_FOR_EACH (i, in.size)
 *       out.data[i] = ring_clamp_u8 (in.data[i] * params.amount);
 *   }
 *
 * The body is run by every worker of a message at once (SPMD). It sees
 *
 *   in, out        RingView, the payloads, by value
 *   params         the declared parameters, by name
 *   state          the declared state; lives across messages, zero at first
 *   state_buffer   RING_STATE_PER_BYTE bytes, likewise
 *   scratch        RING_SCRATCH bytes, undefined at the begin of a message
 *
 * and shares out its work with RING_FOR_EACH*, in phases with ring_barrier ().
 * One text serves every backend: C99 that is also CUDA C++, no libc, no
 * recursion, maths by the ring_* names, pointers marked RING_GLOBAL.
 */
#ifndef RING_KERNEL_SDK_H
#define RING_KERNEL_SDK_H

#include "worker.h"
#include "sdk-map.h"

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define RING_CUDA 1
#endif
#if defined(RING_CUDA) || defined(RING_DEVICE_ON_HOST)
#include "device-loop.h"
#endif

#ifdef RING_CUDA
#define RING_FUNCTION static __device__ __forceinline__ __attribute__ ((unused))
#else
#define RING_FUNCTION static inline __attribute__ ((always_inline, unused))
#endif
#define RING_UNUSED_ __attribute__ ((unused))
#ifdef RING_CUDA
#define RING_MAY_ALIAS_
#else
#define RING_MAY_ALIAS_ __attribute__ ((may_alias))
#endif

/* A view as the body gets it; see RingDeviceView. */
#if defined(RING_CUDA) || defined(RING_DEVICE_ON_HOST)
#define RingView RingDeviceView
#define RING_BODY_VIEW_(view) ring_view_on_device (&(view))
#else
#define RING_BODY_VIEW_(view) (view)
#endif

/* ---- what a kernel declares ---------------------------------------------
 *
 * Items of RING_KERNEL, in any order. A parameter becomes a field of `params`, a
 * property of the element, and an entry of the generated documentation.
 *
 * Each item is a tuple of one of four kinds, from which the passes further down
 * pick what they need:
 *   (PARAMETER, (field), (cell), (load), (description))
 *   (FORMAT, kind, output kind, input, output, input record size, output record size,
 *       records of one message)
 *   (STATE, fields)
 *   (OPTION, sharing, flags, outputs, state per byte, scratch, scratch per byte)
 */

/* RING_FLOAT (name, default, minimum, maximum, [RING_UNIT_*,] "what it does") */
#define RING_FLOAT(name, value, minimum, maximum, ...) \
  (PARAMETER, (float name;), (double name;), \
      (params.name = (float) cells->name;), \
      ({ #name, RING_DESCRIPTION_ (__VA_ARGS__), "", RING_PARAMETER_FLOAT, \
           RING_UNIT_ (__VA_ARGS__), 0, 0, value, minimum, maximum }, ))

/* RING_INT (name, default, minimum, maximum, [RING_UNIT_*,] "what it does") */
#define RING_INT(name, value, minimum, maximum, ...) \
  (PARAMETER, (int32_t name;), (int64_t name;), \
      (params.name = (int32_t) cells->name;), \
      ({ #name, RING_DESCRIPTION_ (__VA_ARGS__), "", RING_PARAMETER_INT, \
           RING_UNIT_ (__VA_ARGS__), 0, 0, value, minimum, maximum }, ))

/* RING_BOOL (name, default, "what it does") */
#define RING_BOOL(name, value, description) \
  (PARAMETER, (int32_t name;), (int64_t name;), \
      (params.name = cells->name != 0;), \
      ({ #name, description, "", RING_PARAMETER_BOOL, RING_UNIT_NONE, 0, 0, \
           value, 0, 1 }, ))

/* RING_ENUM (name, default index, "first|second|third", "what it does") */
#define RING_ENUM(name, value, nicks, description) \
  (PARAMETER, (int32_t name;), (int64_t name;), \
      (params.name = (int32_t) cells->name;), \
      ({ #name, description, nicks, RING_PARAMETER_ENUM, RING_UNIT_NONE, 0, 0, \
           value, 0, 0 }, ))

/* RING_FLOAT_ARRAY (name, max count, "0.5, 0.5", minimum, maximum,
 * [RING_UNIT_*,] "what it does"): params.name is a pointer, params.name_count
 * how many there are. */
#define RING_FLOAT_ARRAY(name, max_count, values, minimum, maximum, ...) \
  (PARAMETER, (const RING_GLOBAL float *name; uint32_t name##_count;), \
      (RingArrayRef name;), \
      (params.name = \
              (const RING_GLOBAL float *) ((const RING_GLOBAL uint8_t *) cells \
                  + cells->name.offset); \
          params.name##_count = cells->name.count;), \
      ({ #name, RING_DESCRIPTION_ (__VA_ARGS__), values, \
           RING_PARAMETER_FLOAT_ARRAY, RING_UNIT_ (__VA_ARGS__), max_count, 0, \
           0, minimum, maximum }, ))

/* Formats. None declared: raw bytes, any caps, output as long as the input. */
#define RING_VIDEO(formats) \
  (FORMAT, RING_KIND_VIDEO, RING_KIND_VIDEO, formats, "", 0, 0, 0)
/* The input's own format if it is among the output's, else the first of those; or
 * whichever is asked for, with RING_ANY_FORMAT. */
#define RING_VIDEO_TO(formats, output_formats) \
  (FORMAT, RING_KIND_VIDEO, RING_KIND_VIDEO, formats, output_formats, 0, 0, 0)
#define RING_AUDIO(formats) \
  (FORMAT, RING_KIND_AUDIO, RING_KIND_AUDIO, formats, "", 0, 0, 0)
/* Typed records: a fixed-size GVariant type and the C type of the same layout,
 * for the input and for the output. */
#define RING_RECORDS(type, c_type, output_type, c_output_type) \
  (FORMAT, RING_KIND_RECORD, RING_KIND_RECORD, type, output_type, \
      sizeof (c_type), sizeof (c_output_type), 0)
/* Frames in, and for each of them n records out; with RING_EMITS, n at the most. */
#define RING_VIDEO_TO_RECORDS(formats, output_type, c_output_type, n) \
  (FORMAT, RING_KIND_VIDEO, RING_KIND_RECORD, formats, output_type, 0, \
      sizeof (c_output_type), n)
/* Blocks of audio in, and as many records out as the kernel says with RING_EMITS: one
 * for each sample of a channel and n more at the most. */
#define RING_AUDIO_TO_RECORDS(formats, output_type, c_output_type, n) \
  (FORMAT, RING_KIND_AUDIO, RING_KIND_RECORD, formats, output_type, 0, \
      sizeof (c_output_type), n)

/* State: fields of a struct, zeroed when the stream's format changes. */
#define RING_STATE(...) (STATE, __VA_ARGS__)
/* State of n bytes for each byte of a tightly packed payload: rows and planes one
 * behind the other, subsampled sides rounded up; index it so, not by strides. */
#define RING_STATE_PER_BYTE(n) (OPTION, 0, 0, 0, n, 0, 0)
/* Scratch memory, likewise; where frames come of frames, for each byte of the larger of
 * both. */
#define RING_SCRATCH(bytes) (OPTION, 0, 0, 0, 0, bytes, 0)
#define RING_SCRATCH_PER_BYTE(n) (OPTION, 0, 0, 0, 0, 0, n)

/* The output may be the input's memory: what a worker writes no other worker,
 * and no later step of its own, reads. */
#define RING_IN_PLACE (OPTION, 0, RING_KERNEL_IN_PLACE, 0, 0, 0, 0)
/* The output has any of the formats of RING_VIDEO_TO, as whoever uses the kernel asks
 * for: out.format; and any size: out.width, out.height. */
#define RING_ANY_FORMAT (OPTION, 0, RING_KERNEL_ANY_FORMAT, 0, 0, 0, 0)
#define RING_ANY_SIZE (OPTION, 0, RING_KERNEL_ANY_SIZE, 0, 0, 0, 0)
/* Each block takes a message of its own. For small messages; not with state. */
#define RING_BLOCK_SHARING (OPTION, RING_SHARING_BLOCK, 0, 0, 0, 0, 0)
/* The body says by ring_emit what comes out: 0 to n messages per input.
 * Without this, every input gives one output of out.size bytes. */
#define RING_EMITS(n) (OPTION, 0, RING_KERNEL_EMITS, n, 0, 0, 0)

#define RING_UNIT_(...) \
  RING_CAT_ (RING_UNIT_, RING_COUNT_ (__VA_ARGS__)) (__VA_ARGS__)
#define RING_UNIT_1(text) RING_UNIT_NONE
#define RING_UNIT_2(unit, text) unit
#define RING_DESCRIPTION_(...) \
  RING_CAT_ (RING_DESCRIPTION_, RING_COUNT_ (__VA_ARGS__)) (__VA_ARGS__)
#define RING_DESCRIPTION_1(text) text
#define RING_DESCRIPTION_2(unit, text) text

/* ---- sharing out the work ----------------------------------------------- */

/* RING_STRIDED shares out as a GPU does; tests define it on the CPU as well. */
#if defined(RING_CUDA) || defined(RING_DEVICE_ON_HOST)
#define RING_STRIDED 1
#endif

#ifdef RING_STRIDED
#define RING_STEP_(i, n, begin, step) \
  for (int64_t i = (begin), ring_end_##i = (int64_t) (n); i < ring_end_##i; \
       i += (step))
#define RING_FOR_EACH(i, n) \
  RING_STEP_ (i, n, (int64_t) ring->block * ring->n_lanes + ring->lane, \
      (int64_t) ring->n_blocks * ring->n_lanes)
#define RING_FOR_EACH_ROW_OF(y, height) \
  RING_STEP_ (y, height, ring->block, ring->n_blocks)
#define RING_FOR_EACH_LANE(x, n) RING_STEP_ (x, n, ring->lane, ring->n_lanes)
#else
#ifdef __clang__
/* That a loop is not vectorised is no fault of the kernel. */
#pragma clang diagnostic ignored "-Wpass-failed"
#define RING_INDEPENDENT_ _Pragma ("clang loop vectorize(assume_safety)")
#else
#define RING_INDEPENDENT_ _Pragma ("GCC ivdep")
#endif
/* A contiguous slice for each worker. */
RING_FUNCTION int64_t
ring_slice_ (uint64_t n, uint32_t part, uint32_t parts)
{
  return parts == 1 ? (int64_t) (part * n)
                    : (int64_t) (n / parts * part + n % parts * part / parts);
}

#define RING_SLICE_(i, n) \
  for (int64_t i = ring_slice_ ((uint64_t) (n), ring->block, ring->n_blocks), \
               ring_end_##i = ring_slice_ ((uint64_t) (n), ring->block + 1, \
                   ring->n_blocks); \
       i < ring_end_##i; i++)
/* RING_FOR_EACH (i, n) statement: all i below n, shared out, in no order. What
 * one i writes no other i may read. */
#define RING_FOR_EACH(i, n) RING_INDEPENDENT_ RING_SLICE_ (i, n)
/* RING_FOR_EACH_ROW_OF (y, height) statement: the rows, shared out; inside,
 * RING_FOR_EACH_LANE (x, n) statement: all x below n, in no order. */
#define RING_FOR_EACH_ROW_OF(y, height) RING_SLICE_ (y, height)
#define RING_FOR_EACH_LANE(x, n) \
  RING_INDEPENDENT_ \
  for (int64_t x = 0, ring_end_##x = (int64_t) (n); x < ring_end_##x; x++)
#endif

/* How many neighbouring results one step of a loop best works on, where each of
 * them is a sum over many inputs: enough to fill a CPU's vector registers, one on
 * a GPU, whose lanes are neighbours already. */
#ifdef RING_STRIDED
#define RING_TILE 1
#else
#define RING_TILE 64
#endif

/* RING_FOR_EACH_ROW (p, y, view) statement: every row y of every plane p. */
#define RING_FOR_EACH_ROW(p, y, view) \
  for (uint32_t p = 0; p < (view).n_planes; p++) \
    RING_FOR_EACH_ROW_OF (y, (view).plane[p].height)

/* RING_FOR_EACH_PIXEL (x, y, plane) statement */
#define RING_FOR_EACH_PIXEL(x, y, of_plane) \
  RING_FOR_EACH_ROW_OF (y, (of_plane).height) \
    RING_FOR_EACH_LANE (x, (of_plane).width)

#include "sdk-bytes.h"

/* Every worker waits here until all have come; what was written before is seen
 * after. All workers of a message must come, so never under a condition that
 * differs between them. */
#ifdef RING_CUDA
#define ring_barrier() ring_loop_barrier (ring)
#else
#define ring_barrier() ring->barrier (ring)
#endif

/* True in exactly one worker of the message. */
#define ring_is_first_worker() (ring->block == 0 && ring->lane == 0)

/* Only with RING_EMITS (n): the message's k-th output, k below n … */
#define ring_output(k) RING_BODY_VIEW_ (ring->outputs[k])
/* … comes out, @bytes of it. Outputs come out in the order of k. To be called by
 * any one worker, the first for instance. */
#define ring_emit(k, bytes) ((void) (ring->emitted[k] = (bytes)))

RING_FUNCTION RING_GLOBAL uint8_t *
ring_row (const RingPlane plane, int64_t y)
{
  return plane.data + y * plane.stride;
}

/* ---- maths --------------------------------------------------------------- */

#ifdef RING_CUDA
#define RING_MATH_(name) name
#else
#define RING_MATH_(name) __builtin_##name
#endif
#define ring_sqrtf(x) RING_MATH_ (sqrtf) (x)
#define ring_fabsf(x) RING_MATH_ (fabsf) (x)
#define ring_floorf(x) RING_MATH_ (floorf) (x)
#define ring_ceilf(x) RING_MATH_ (ceilf) (x)
#define ring_expf(x) RING_MATH_ (expf) (x)
#define ring_logf(x) RING_MATH_ (logf) (x)
#define ring_powf(x, y) RING_MATH_ (powf) (x, y)
#define ring_sinf(x) RING_MATH_ (sinf) (x)
#define ring_cosf(x) RING_MATH_ (cosf) (x)
#define ring_atan2f(y, x) RING_MATH_ (atan2f) (y, x)
#define ring_sqrt(x) RING_MATH_ (sqrt) (x)
#define ring_fabs(x) RING_MATH_ (fabs) (x)

RING_FUNCTION int32_t
ring_min_i32 (int32_t a, int32_t b)
{
  return a < b ? a : b;
}

RING_FUNCTION int32_t
ring_max_i32 (int32_t a, int32_t b)
{
  return a > b ? a : b;
}

RING_FUNCTION int32_t
ring_clamp_i32 (int32_t x, int32_t low, int32_t high)
{
  return x < low ? low : x > high ? high : x;
}

RING_FUNCTION float
ring_minf (float a, float b)
{
  return a < b ? a : b;
}

RING_FUNCTION float
ring_maxf (float a, float b)
{
  return a > b ? a : b;
}

RING_FUNCTION float
ring_clampf (float x, float low, float high)
{
  return x < low ? low : x > high ? high : x;
}

/* Rounds to the nearest, halves up, and saturates. */
RING_FUNCTION uint8_t
ring_clamp_u8 (float x)
{
  return (uint8_t) ring_clampf (x + 0.5f, 0.0f, 255.0f);
}

RING_FUNCTION int16_t
ring_clamp_s16 (float x)
{
  return (int16_t) ring_floorf (ring_clampf (x + 0.5f, -32768.0f, 32767.0f));
}

/* The length of (x, y), whose squares together are below 2^23: rounded to the nearest
 * integer, 255 at the most. It is the same everywhere: the root of an integer up to
 * 255^2 is at least 4.8e-4 away from where rounding changes, a GPU's quick one is off by
 * less than 1e-4. */
RING_FUNCTION uint32_t
ring_length_u8 (int32_t x, int32_t y)
{
#ifdef RING_CUDA
  /* As floats, 2^23 is these bits, and what follows it are the integers: so floats are
   * made of integers and back by sums, where conversions are slower. */
  const int32_t bits = 0x4b000000;
  const float square =
      __int_as_float (
          ring_min_i32 (x * x + bits + y * y, 255 * 255 + bits))
      - 8388608.0f;
  float root;

  asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(root) : "f"(square));
  return (uint32_t) (__float_as_int (root + 8388608.0f) - bits);
#else
  const int32_t square = ring_min_i32 (x * x + y * y, 255 * 255);

  return (uint32_t) (int32_t) (ring_sqrtf ((float) square) + 0.5f);
#endif
}

/* a * b + c, rounded once where the machine does that in one step. */
RING_FUNCTION float
ring_madf (float a, float b, float c)
{
#if defined(RING_CUDA) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return RING_MATH_ (fmaf) (a, b, c);
#else
  return a * b + c;
#endif
}

RING_FUNCTION float
ring_mixf (float a, float b, float amount)
{
  return a + (b - a) * amount;
}

/* a where amount is 0, b where it is 1. */
RING_FUNCTION uint8_t
ring_mix_u8 (int32_t a, int32_t b, float amount)
{
  return ring_clamp_u8 ((float) a + (float) (b - a) * amount);
}

#include "sdk-lookup.h"
#include "sdk-math.h"
#include "sdk-fft.h"

/* ---- the passes over the items --------------------------------------------
 *
 * RING_IF_<kind> (item) picks from items of that kind and lets the others
 * vanish; numbers are sums, texts are concatenations. */

#define RING_IF_PARAMETER_PARAMETER(pick, ...) pick (__VA_ARGS__)
#define RING_IF_PARAMETER_FORMAT(pick, ...)
#define RING_IF_PARAMETER_STATE(pick, ...)
#define RING_IF_PARAMETER_OPTION(pick, ...)
#define RING_IF_FORMAT_PARAMETER(pick, ...)
#define RING_IF_FORMAT_FORMAT(pick, ...) pick (__VA_ARGS__)
#define RING_IF_FORMAT_STATE(pick, ...)
#define RING_IF_FORMAT_OPTION(pick, ...)
#define RING_IF_STATE_PARAMETER(pick, ...)
#define RING_IF_STATE_FORMAT(pick, ...)
#define RING_IF_STATE_STATE(pick, ...) pick (__VA_ARGS__)
#define RING_IF_STATE_OPTION(pick, ...)
#define RING_IF_OPTION_PARAMETER(pick, ...)
#define RING_IF_OPTION_FORMAT(pick, ...)
#define RING_IF_OPTION_STATE(pick, ...)
#define RING_IF_OPTION_OPTION(pick, ...) pick (__VA_ARGS__)

#define RING_BARE_(...) __VA_ARGS__
#define RING_PICK_FIELD_(f, c, l, d) RING_BARE_ f
#define RING_PICK_CELL_(f, c, l, d) RING_BARE_ c
#define RING_PICK_LOAD_(f, c, l, d) RING_BARE_ l
#define RING_PICK_DESCRIBE_(f, c, l, d) RING_BARE_ d
#define RING_PICK_ONE_(...) +1
#define RING_PICK_TEXT_(...) #__VA_ARGS__
#define RING_PICK_KIND_(kind, ok, i, o, is, os, n) +kind
#define RING_PICK_OUTPUT_KIND_(kind, ok, i, o, is, os, n) +ok
#define RING_PICK_INPUT_(kind, ok, i, o, is, os, n) i
#define RING_PICK_OUTPUT_(kind, ok, i, o, is, os, n) o
#define RING_PICK_INPUT_SIZE_(kind, ok, i, o, is, os, n) +is
#define RING_PICK_OUTPUT_SIZE_(kind, ok, i, o, is, os, n) +os
#define RING_PICK_RECORDS_(kind, ok, i, o, is, os, n) +n
#define RING_PICK_SHARING_(s, f, n, spb, sc, scpb) +s
#define RING_PICK_FLAGS_(s, f, n, spb, sc, scpb) +f
#define RING_PICK_OUTPUTS_(s, f, n, spb, sc, scpb) +n
#define RING_PICK_STATE_PER_BYTE_(s, f, n, spb, sc, scpb) +spb
#define RING_PICK_SCRATCH_(s, f, n, spb, sc, scpb) +sc
#define RING_PICK_SCRATCH_PER_BYTE_(s, f, n, spb, sc, scpb) +scpb

#define RING_FIELD_(tag, ...) \
  RING_IF_PARAMETER_##tag (RING_PICK_FIELD_, __VA_ARGS__)
#define RING_CELL_(tag, ...) \
  RING_IF_PARAMETER_##tag (RING_PICK_CELL_, __VA_ARGS__)
#define RING_LOAD_(tag, ...) \
  RING_IF_PARAMETER_##tag (RING_PICK_LOAD_, __VA_ARGS__)
#define RING_DESCRIBE_(tag, ...) \
  RING_IF_PARAMETER_##tag (RING_PICK_DESCRIBE_, __VA_ARGS__)
#define RING_N_PARAMETERS_(tag, ...) \
  RING_IF_PARAMETER_##tag (RING_PICK_ONE_, __VA_ARGS__)
#define RING_KIND_(tag, ...) RING_IF_FORMAT_##tag (RING_PICK_KIND_, __VA_ARGS__)
#define RING_OUTPUT_KIND_(tag, ...) \
  RING_IF_FORMAT_##tag (RING_PICK_OUTPUT_KIND_, __VA_ARGS__)
#define RING_RECORDS_(tag, ...) \
  RING_IF_FORMAT_##tag (RING_PICK_RECORDS_, __VA_ARGS__)
#define RING_N_FORMATS_(tag, ...) \
  RING_IF_FORMAT_##tag (RING_PICK_ONE_, __VA_ARGS__)
#define RING_INPUT_(tag, ...) \
  RING_IF_FORMAT_##tag (RING_PICK_INPUT_, __VA_ARGS__)
#define RING_OUTPUT_(tag, ...) \
  RING_IF_FORMAT_##tag (RING_PICK_OUTPUT_, __VA_ARGS__)
#define RING_INPUT_SIZE_(tag, ...) \
  RING_IF_FORMAT_##tag (RING_PICK_INPUT_SIZE_, __VA_ARGS__)
#define RING_OUTPUT_SIZE_(tag, ...) \
  RING_IF_FORMAT_##tag (RING_PICK_OUTPUT_SIZE_, __VA_ARGS__)
#define RING_STATE_FIELDS_(tag, ...) \
  RING_IF_STATE_##tag (RING_BARE_, __VA_ARGS__)
#define RING_STATE_TEXT_(tag, ...) \
  RING_IF_STATE_##tag (RING_PICK_TEXT_, __VA_ARGS__)
#define RING_N_STATES_(tag, ...) \
  RING_IF_STATE_##tag (RING_PICK_ONE_, __VA_ARGS__)
#define RING_SHARING_(tag, ...) \
  RING_IF_OPTION_##tag (RING_PICK_SHARING_, __VA_ARGS__)
#define RING_FLAGS_(tag, ...) \
  RING_IF_OPTION_##tag (RING_PICK_FLAGS_, __VA_ARGS__)
#define RING_OUTPUTS_(tag, ...) \
  RING_IF_OPTION_##tag (RING_PICK_OUTPUTS_, __VA_ARGS__)
#define RING_SPB_(tag, ...) \
  RING_IF_OPTION_##tag (RING_PICK_STATE_PER_BYTE_, __VA_ARGS__)
#define RING_SCRATCH_(tag, ...) \
  RING_IF_OPTION_##tag (RING_PICK_SCRATCH_, __VA_ARGS__)
#define RING_SCPB_(tag, ...) \
  RING_IF_OPTION_##tag (RING_PICK_SCRATCH_PER_BYTE_, __VA_ARGS__)

/* ---- the kernel itself ----------------------------------------------------- */

#ifdef __cplusplus
#define RING_EXTERN_C_ extern "C"
#define RING_EXTERN_DATA_ extern "C"
#else
#define RING_EXTERN_C_
#define RING_EXTERN_DATA_
#endif

/* Kernels of the built-in set share one library, in several instruction-set
 * variants, so their modules carry name and variant; any other kernel has its
 * library to itself. */
#ifdef RING_BUILTIN_VARIANT
#define RING_MODULE_SYMBOL_(name) \
  RING_CAT_ (RING_CAT_ (RING_CAT_ (ring_module_, name), _), \
      RING_BUILTIN_VARIANT)
#define RING_EXPORT_
#else
#define RING_MODULE_SYMBOL_(name) ring_kernel_module
#define RING_EXPORT_ __attribute__ ((visibility ("default")))
#endif

#if defined(RING_CUDA)
#define RING_DESCRIPTION_STORAGE_ extern "C" __device__ const
/* Registers of a thread, at the most: 64, so that a multiprocessor has twice as many
 * threads to wait with, or 128. A kernel that keeps much in variables, and is slower
 * with 64, defines it before it includes this. */
#ifndef RING_REGISTERS
#define RING_REGISTERS 64
#endif
/* The resident kernel: one launch is one residency. */
#define RING_ENTRY_(name, state_text) \
  extern "C" __global__ void __launch_bounds__ (RING_MAX_LANES, \
      65536 / (RING_MAX_LANES * RING_REGISTERS)) \
      ring_kernel_resident (const __grid_constant__ RingResidency residency) \
  { \
    RingDeviceThread thread = { blockIdx.x, gridDim.x, threadIdx.x, \
      blockDim.x }; \
    RING_BLOCK_BYTES (jobs, 2 * RING_JOB_SIZE (ring_outputs_##name), 0); \
    const RingLoop loop = { &residency, &thread, jobs, ring_outputs_##name, \
      RING_JOB_SIZE (ring_outputs_##name), ring_flags_##name, \
      ring_sharing_##name, ring_stateless_##name }; \
    ring_device_loop (&loop, ring_run_##name); \
  }
#elif defined(RING_DEVICE_ON_HOST)
#ifdef RING_BUILTIN_VARIANT
#define RING_DEVICE_SYMBOL_(name) RING_CAT_ (ring_device_kernel_, name)
#else
#define RING_DEVICE_SYMBOL_(name) ring_device_kernel
#endif
#define RING_DESCRIPTION_STORAGE_ static const
/* The same loop for threads of this machine. */
#define RING_ENTRY_(name, state_text) \
  static void ring_resident_##name (const void *parameter, \
      RingDeviceThread *thread) \
  { \
    RingResidency r = *(const RingResidency *) parameter; \
    RingLoop loop = { &r, thread, 0, ring_outputs_##name, \
      RING_JOB_SIZE (ring_outputs_##name), ring_flags_##name, \
      ring_sharing_##name, ring_stateless_##name }; \
    ring_residency_localise (&r, thread); \
    loop.jobs = ring_loop_jobs_elsewhere (&loop); \
    ring_device_loop (&loop, ring_run_##name); \
  } \
  RING_EXTERN_DATA_ RING_EXPORT_ const RingDeviceKernel RING_DEVICE_SYMBOL_ ( \
      name); \
  RING_EXTERN_C_ const RingDeviceKernel RING_DEVICE_SYMBOL_ ( \
      name) = { RING_ABI_VERSION, sizeof (RingDeviceKernel), \
    sizeof (RingResidency), RING_MAX_LANES, &ring_kernel_description, \
    ring_resident_##name };
#else
#define RING_DESCRIPTION_STORAGE_ static const
#define RING_ENTRY_(name, state_text) \
  static void ring_entry_##name (const RingInvocation *invocation, \
      RingWorker *worker) \
  { \
    ring_run_##name (invocation, worker); \
  } \
  RING_EXTERN_DATA_ RING_EXPORT_ const RingCpuModule RING_MODULE_SYMBOL_ ( \
      name); \
  RING_EXTERN_C_ const RingCpuModule RING_MODULE_SYMBOL_ ( \
      name) = { RING_ABI_VERSION, sizeof (RingCpuModule), RING_LAYOUT_HASH, \
    &ring_kernel_description, ring_entry_##name, state_text };
#endif

#define RING_ROUND_UP_(n, to) (((n) + (to) -1) / (to) * (to))

/* RING_KERNEL (name, "what it does", items …) { body } */
#define RING_KERNEL(name, ...) \
  typedef struct \
  { \
    RING_EACH_ITEM_ (RING_FIELD_, __VA_ARGS__) \
    uint32_t ring_end_; \
  } RingParams_##name; \
  typedef struct \
  { \
    RING_EACH_ITEM_ (RING_CELL_, __VA_ARGS__) \
    uint64_t ring_end_; \
  } RingCells_##name; \
  typedef struct \
  { \
    RING_EACH_ITEM_ (RING_STATE_FIELDS_, __VA_ARGS__) \
    uint32_t ring_end_; \
  } RingState_##name; \
  RING_STATIC_ASSERT ((0 RING_EACH_ITEM_ (RING_N_FORMATS_, __VA_ARGS__)) <= 1, \
      "a kernel declares one of RING_VIDEO*, RING_AUDIO* and RING_RECORDS"); \
  RING_STATIC_ASSERT ((0 RING_EACH_ITEM_ (RING_OUTPUTS_, __VA_ARGS__)) \
          <= (int) RING_MAX_OUTPUTS, \
      "RING_EMITS: too many outputs"); \
  RING_STATIC_ASSERT ((0 RING_EACH_ITEM_ (RING_N_PARAMETERS_, __VA_ARGS__)) \
          <= (int) RING_MAX_PARAMETERS, \
      "too many parameters"); \
  enum \
  { \
    ring_flags_##name = 0 RING_EACH_ITEM_ (RING_FLAGS_, __VA_ARGS__), \
    ring_sharing_##name = 0 RING_EACH_ITEM_ (RING_SHARING_, __VA_ARGS__), \
    ring_outputs_##name = (0 RING_EACH_ITEM_ (RING_OUTPUTS_, __VA_ARGS__)) > 0 \
        ? (0 RING_EACH_ITEM_ (RING_OUTPUTS_, __VA_ARGS__)) \
        : 1, \
    /* nothing is kept for the next message, nor in memory that blocks share */ \
    ring_stateless_##name = \
        ((0 RING_EACH_ITEM_ (RING_N_STATES_, __VA_ARGS__)) \
                + (0 RING_EACH_ITEM_ (RING_SPB_, __VA_ARGS__)) \
                + (0 RING_EACH_ITEM_ (RING_SCRATCH_, __VA_ARGS__)) \
                + (0 RING_EACH_ITEM_ (RING_SCPB_, __VA_ARGS__)) \
            == 0) \
        && ((0 RING_EACH_ITEM_ (RING_FLAGS_, __VA_ARGS__)) \
               & RING_KERNEL_EMITS) \
            == 0 \
  }; \
  RING_DESCRIPTION_STORAGE_ RingKernelDescription ring_kernel_description = { \
    RING_ABI_VERSION, 0 RING_EACH_ITEM_ (RING_KIND_, __VA_ARGS__), \
    RING_LAYOUT_HASH, #name, RING_FIRST_ (__VA_ARGS__, 0), \
    "" RING_EACH_ITEM_ (RING_INPUT_, __VA_ARGS__), \
    "" RING_EACH_ITEM_ (RING_OUTPUT_, __VA_ARGS__), \
    (uint32_t) (0 RING_EACH_ITEM_ (RING_INPUT_SIZE_, __VA_ARGS__)), \
    (uint32_t) (0 RING_EACH_ITEM_ (RING_OUTPUT_SIZE_, __VA_ARGS__)), \
    0 RING_EACH_ITEM_ (RING_SHARING_, __VA_ARGS__), \
    (uint32_t) (0 RING_EACH_ITEM_ (RING_FLAGS_, __VA_ARGS__)), \
    ring_outputs_##name, 0 RING_EACH_ITEM_ (RING_N_PARAMETERS_, __VA_ARGS__), \
    0 RING_EACH_ITEM_ (RING_OUTPUT_KIND_, __VA_ARGS__), \
    0 RING_EACH_ITEM_ (RING_RECORDS_, __VA_ARGS__), \
    (0 RING_EACH_ITEM_ (RING_N_STATES_, __VA_ARGS__)) > 0 \
        ? RING_ROUND_UP_ (sizeof (RingState_##name), RING_STATE_ALIGNMENT) \
        : 0, \
    0 RING_EACH_ITEM_ (RING_SPB_, __VA_ARGS__), \
    0 RING_EACH_ITEM_ (RING_SCPB_, __VA_ARGS__), \
    0 RING_EACH_ITEM_ (RING_SCRATCH_, __VA_ARGS__), \
    { RING_EACH_ITEM_ (RING_DESCRIBE_, __VA_ARGS__){ "", "", "", 0, 0, 0, 0, \
        0, 0, 0 } } \
  }; \
  RING_FUNCTION void ring_body_##name (const RingView in, const RingView out, \
      const RingParams_##name params, RING_GLOBAL RingState_##name *state, \
      RING_GLOBAL uint8_t *state_buffer, RING_GLOBAL uint8_t *scratch, \
      RingWorker *ring); \
  RING_FUNCTION void ring_run_##name (const RingInvocation *invocation, \
      RingWorker *ring) \
  { \
    const RING_GLOBAL RingCells_##name *cells RING_UNUSED_ = \
        (const RING_GLOBAL RingCells_##name *) invocation->parameters; \
    RingParams_##name params; \
    RING_EACH_ITEM_ (RING_LOAD_, __VA_ARGS__) \
    params.ring_end_ = 0; \
    ring_body_##name (RING_BODY_VIEW_ (invocation->in), \
        RING_BODY_VIEW_ (invocation->outputs[0]), params, \
        (RING_GLOBAL RingState_##name *) invocation->state, \
        invocation->state + ring_kernel_description.state_size, \
        invocation->scratch, ring); \
  } \
  RING_ENTRY_ (name, "" RING_EACH_ITEM_ (RING_STATE_TEXT_, __VA_ARGS__)) \
  RING_FUNCTION void ring_body_##name (const RingView in RING_UNUSED_, \
      const RingView out RING_UNUSED_, \
      const RingParams_##name params RING_UNUSED_, \
      RING_GLOBAL RingState_##name *state RING_UNUSED_, \
      RING_GLOBAL uint8_t *state_buffer RING_UNUSED_, \
      RING_GLOBAL uint8_t *scratch RING_UNUSED_, \
      RingWorker *ring RING_UNUSED_)

#endif /* RING_KERNEL_SDK_H */
