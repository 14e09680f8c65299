/* The older name of linux/slab.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_MALLOC_H
#define MODLINK_LINUX_MALLOC_H
#include <linux/slab.h>
#endif
