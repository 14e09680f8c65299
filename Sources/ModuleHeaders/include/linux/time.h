/* Times: the C library's structures, which the system's header of the same name would define again. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_TIME_H
#define MODLINK_LINUX_TIME_H
#pragma GCC system_header
#include <linux/types.h>
#include <linux/time_types.h>
#include <sys/time.h>
#include <time.h>
#endif
