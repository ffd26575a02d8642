/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nvcuvid.c: a stand-in for the driver's video decoder, which decodes nothing.
 * GStreamer registers cudaupload and cudadownload only where it finds a decoder or
 * an encoder.
 */
#define NOT_SUPPORTED 801 /* CUDA_ERROR_NOT_SUPPORTED */

#define DECLINE(name) \
  __attribute__ ((visibility ("default"))) int name (void); \
  int name (void) \
  { \
    return NOT_SUPPORTED; \
  }

DECLINE (cuvidCreateDecoder)
DECLINE (cuvidCreateVideoParser)
DECLINE (cuvidCtxLock)
DECLINE (cuvidCtxLockCreate)
DECLINE (cuvidCtxLockDestroy)
DECLINE (cuvidCtxUnlock)
DECLINE (cuvidDecodePicture)
DECLINE (cuvidDestroyDecoder)
DECLINE (cuvidDestroyVideoParser)
DECLINE (cuvidGetDecodeStatus)
DECLINE (cuvidGetDecoderCaps)
DECLINE (cuvidMapVideoFrame)
DECLINE (cuvidMapVideoFrame64)
DECLINE (cuvidParseVideoData)
DECLINE (cuvidReconfigureDecoder)
DECLINE (cuvidUnmapVideoFrame)
DECLINE (cuvidUnmapVideoFrame64)
