/* Memory of many pages, as Linux gives it: memory as any other. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_VMALLOC_H
#define MODLINK_LINUX_VMALLOC_H
#pragma GCC system_header
#include <linux/slab.h>
#define vmalloc(size) kmalloc(size, GFP_KERNEL)
#define vzalloc(size) kzalloc(size, GFP_KERNEL)
#define vfree(memory) kfree(memory)
#endif
