/* The lock of all of the kernel, as Linux had it: the level of sys/intr.h, which is let go of while its thread sleeps. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_SMP_LOCK_H
#define MODLINK_LINUX_SMP_LOCK_H
#pragma GCC system_header
#include <sys/intr.h>
#define lock_kernel() ((void)modlink_raise())
#define unlock_kernel() splx(IPL_NONE)
#endif
