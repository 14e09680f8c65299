/* The system's header of the same name; to a module of Linux, the types of the kernel too. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_TYPES_WRAPPER_H
#define MODLINK_LINUX_TYPES_WRAPPER_H
#pragma GCC system_header
#include_next <linux/types.h>
#if defined(__KERNEL__) || defined(MODULE)
#include <modlink/linux-types.h>
#endif
#endif
