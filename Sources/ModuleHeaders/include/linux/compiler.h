/* What is said of code, as Linux has it: in linux/kernel.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_COMPILER_H
#define MODLINK_LINUX_COMPILER_H
#pragma GCC system_header
#include <linux/kernel.h>
#endif
