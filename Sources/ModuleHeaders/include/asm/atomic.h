/* The older name of linux/atomic.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_ASM_ATOMIC_H
#define MODLINK_ASM_ATOMIC_H
#pragma GCC system_header
#include <linux/atomic.h>
#endif
