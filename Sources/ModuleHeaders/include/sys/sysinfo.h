/* The C library's header, which takes one structure out of linux/kernel.h and wants no more. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_SYSINFO_H
#define MODLINK_SYS_SYSINFO_H
#pragma GCC system_header
#define MODLINK_IN_SYSINFO
#include_next <sys/sysinfo.h>
#undef MODLINK_IN_SYSINFO
#endif
