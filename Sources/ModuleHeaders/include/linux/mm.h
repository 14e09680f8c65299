/* Memory of Linux: linux/slab.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_MM_H
#define MODLINK_LINUX_MM_H
#pragma GCC system_header
#include <linux/slab.h>
#endif
