/*
 * The C library's error numbers, and those that only BSD kernels have: numbers above all others. Part of modlink: see
 * modlink(4).
 */
#ifndef MODLINK_SYS_ERRNO_H
#define MODLINK_SYS_ERRNO_H
#pragma GCC system_header
#include_next <sys/errno.h>

/* A module that was made for another version of the kernel. */
#ifndef EPROGMISMATCH
#define EPROGMISMATCH 1075
#endif
#ifndef EFTYPE
#define EFTYPE 1079
#endif
#ifndef EAUTH
#define EAUTH 1080
#endif
#ifndef ENEEDAUTH
#define ENEEDAUTH 1081
#endif

/* What functions of drivers return to their callers in the kernel. */
#define EJUSTRETURN (-2)
#define EPASSTHROUGH (-4)

#endif
