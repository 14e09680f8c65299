/* Types that sources of the Linux kernel take for granted. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_TYPES_H
#define MODLINK_LINUX_TYPES_H
#pragma GCC system_header
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned short umode_t;
/* The C library leaves it out in the strict modes of the C standards. */
#ifndef __USE_MISC
typedef __loff_t loff_t;
#endif

#endif
