/* The older name of linux/spinlock.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_ASM_SPINLOCK_H
#define MODLINK_ASM_SPINLOCK_H
#pragma GCC system_header
#include <linux/spinlock.h>
#endif
