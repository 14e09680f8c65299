/* What must not happen, as Linux has it: in linux/kernel.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_BUG_H
#define MODLINK_LINUX_BUG_H
#pragma GCC system_header
#include <linux/kernel.h>
#endif
