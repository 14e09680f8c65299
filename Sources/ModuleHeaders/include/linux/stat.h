/* Permissions of files, as parameters of modules of Linux have them. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_STAT_H
#define MODLINK_LINUX_STAT_H
#pragma GCC system_header
#if defined(__KERNEL__) || defined(MODULE) || defined(MODLINK_LINUX_MODULE_H)
#include <sys/stat.h>
#else
#include_next <linux/stat.h>
#endif
#ifndef S_IRUGO
#define S_IRWXUGO 0777
#define S_IRUGO 0444
#define S_IWUGO 0222
#define S_IXUGO 0111
#endif
#endif
