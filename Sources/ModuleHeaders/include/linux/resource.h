/* Resources: the C library's structures, which the system's header of the same name would define again. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_RESOURCE_H
#define MODLINK_LINUX_RESOURCE_H
#pragma GCC system_header
#include <linux/types.h>
#include <sys/resource.h>
#include <sys/time.h>
#endif
