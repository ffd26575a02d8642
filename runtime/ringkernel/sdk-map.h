/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sdk-map.h: RING_EACH_ITEM_ (m, description, (tag, …), (tag, …), …) becomes
 * m (tag, …) m (tag, …) …; the description comes first so that a kernel without
 * items needs no empty argument, which C11 does not allow.
 */
#ifndef RING_SDK_MAP_H
#define RING_SDK_MAP_H

#define RING_CAT_(a, b) RING_CAT2_ (a, b)
#define RING_CAT2_(a, b) a##b
#define RING_FIRST_(first, ...) first

#define RING_COUNT_(...) RING_COUNT2_ (__VA_ARGS__, 41, 40, 39, 38, 37, \
    36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, \
    18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define RING_COUNT2_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, \
    a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, \
    a28, a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, a41, n, \
    ...) n

#define RING_EACH_ITEM_(m, ...) \
    RING_CAT_ (RING_EACH_, RING_COUNT_ (__VA_ARGS__)) (m, __VA_ARGS__)
#define RING_EACH_1(m, description)
#define RING_EACH_2(m, description, a) m a
#define RING_EACH_3(m, d, a, ...) m a RING_EACH_2 (m, d, __VA_ARGS__)
#define RING_EACH_4(m, d, a, ...) m a RING_EACH_3 (m, d, __VA_ARGS__)
#define RING_EACH_5(m, d, a, ...) m a RING_EACH_4 (m, d, __VA_ARGS__)
#define RING_EACH_6(m, d, a, ...) m a RING_EACH_5 (m, d, __VA_ARGS__)
#define RING_EACH_7(m, d, a, ...) m a RING_EACH_6 (m, d, __VA_ARGS__)
#define RING_EACH_8(m, d, a, ...) m a RING_EACH_7 (m, d, __VA_ARGS__)
#define RING_EACH_9(m, d, a, ...) m a RING_EACH_8 (m, d, __VA_ARGS__)
#define RING_EACH_10(m, d, a, ...) m a RING_EACH_9 (m, d, __VA_ARGS__)
#define RING_EACH_11(m, d, a, ...) m a RING_EACH_10 (m, d, __VA_ARGS__)
#define RING_EACH_12(m, d, a, ...) m a RING_EACH_11 (m, d, __VA_ARGS__)
#define RING_EACH_13(m, d, a, ...) m a RING_EACH_12 (m, d, __VA_ARGS__)
#define RING_EACH_14(m, d, a, ...) m a RING_EACH_13 (m, d, __VA_ARGS__)
#define RING_EACH_15(m, d, a, ...) m a RING_EACH_14 (m, d, __VA_ARGS__)
#define RING_EACH_16(m, d, a, ...) m a RING_EACH_15 (m, d, __VA_ARGS__)
#define RING_EACH_17(m, d, a, ...) m a RING_EACH_16 (m, d, __VA_ARGS__)
#define RING_EACH_18(m, d, a, ...) m a RING_EACH_17 (m, d, __VA_ARGS__)
#define RING_EACH_19(m, d, a, ...) m a RING_EACH_18 (m, d, __VA_ARGS__)
#define RING_EACH_20(m, d, a, ...) m a RING_EACH_19 (m, d, __VA_ARGS__)
#define RING_EACH_21(m, d, a, ...) m a RING_EACH_20 (m, d, __VA_ARGS__)
#define RING_EACH_22(m, d, a, ...) m a RING_EACH_21 (m, d, __VA_ARGS__)
#define RING_EACH_23(m, d, a, ...) m a RING_EACH_22 (m, d, __VA_ARGS__)
#define RING_EACH_24(m, d, a, ...) m a RING_EACH_23 (m, d, __VA_ARGS__)
#define RING_EACH_25(m, d, a, ...) m a RING_EACH_24 (m, d, __VA_ARGS__)
#define RING_EACH_26(m, d, a, ...) m a RING_EACH_25 (m, d, __VA_ARGS__)
#define RING_EACH_27(m, d, a, ...) m a RING_EACH_26 (m, d, __VA_ARGS__)
#define RING_EACH_28(m, d, a, ...) m a RING_EACH_27 (m, d, __VA_ARGS__)
#define RING_EACH_29(m, d, a, ...) m a RING_EACH_28 (m, d, __VA_ARGS__)
#define RING_EACH_30(m, d, a, ...) m a RING_EACH_29 (m, d, __VA_ARGS__)
#define RING_EACH_31(m, d, a, ...) m a RING_EACH_30 (m, d, __VA_ARGS__)
#define RING_EACH_32(m, d, a, ...) m a RING_EACH_31 (m, d, __VA_ARGS__)
#define RING_EACH_33(m, d, a, ...) m a RING_EACH_32 (m, d, __VA_ARGS__)
#define RING_EACH_34(m, d, a, ...) m a RING_EACH_33 (m, d, __VA_ARGS__)
#define RING_EACH_35(m, d, a, ...) m a RING_EACH_34 (m, d, __VA_ARGS__)
#define RING_EACH_36(m, d, a, ...) m a RING_EACH_35 (m, d, __VA_ARGS__)
#define RING_EACH_37(m, d, a, ...) m a RING_EACH_36 (m, d, __VA_ARGS__)
#define RING_EACH_38(m, d, a, ...) m a RING_EACH_37 (m, d, __VA_ARGS__)
#define RING_EACH_39(m, d, a, ...) m a RING_EACH_38 (m, d, __VA_ARGS__)
#define RING_EACH_40(m, d, a, ...) m a RING_EACH_39 (m, d, __VA_ARGS__)
#define RING_EACH_41(m, d, a, ...) m a RING_EACH_40 (m, d, __VA_ARGS__)

#endif /* RING_SDK_MAP_H */
