/* The older name of linux/uaccess.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_ASM_SEGMENT_H
#define MODLINK_ASM_SEGMENT_H
#include <linux/uaccess.h>
#endif
