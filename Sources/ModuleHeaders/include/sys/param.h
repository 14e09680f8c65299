/*
 * The C library's header of the same name, and what the BSD kernels have in theirs. Part of modlink: see modlink(4).
 */
#ifndef MODLINK_SYS_PARAM_H
#define MODLINK_SYS_PARAM_H
#pragma GCC system_header
#include_next <sys/param.h>
#include <sys/types.h>

/*
 * The version of the interfaces of NetBSD that these headers give: 5.0, where MODULE() came, without what was taken out then.
 * It is written into each module that MODULE() makes, and one of another version is refused (EPROGMISMATCH).
 */
#define __NetBSD_Version__ 500000000
#define __NetBSD_Prereq__(major, minor, patch) \
    (((major) * 100000000 + (minor) * 1000000 + (patch) * 100) <= __NetBSD_Version__)

#ifndef MAXCOMLEN
#define MAXCOMLEN 16
#endif

/* Priorities of sleepers: without a meaning here. */
#define PZERO 22
#define PCATCH 0x100
#define PSWP 0
#define PVM 4
#define PINOD 8
#define PRIBIO 16
#define PVFS 20
#define PSOCK 24
#define PWAIT 32
#define PPAUSE 40
#define PLOCK 36
#define PUSER 50
#define PRIMASK 0xff

/* Microseconds and milliseconds, as ticks of the clock (hz). */
#define mstohz(milliseconds) ((int)(((milliseconds) * 100 + 999) / 1000))
#define hztoms(ticks) ((ticks) * 10)

#endif
