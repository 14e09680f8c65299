/* The older name of linux/bitops.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_ASM_BITOPS_H
#define MODLINK_ASM_BITOPS_H
#pragma GCC system_header
#include <linux/bitops.h>
#endif
