/* Memory, as Linux gives it. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_SLAB_H
#define MODLINK_LINUX_SLAB_H
#pragma GCC system_header
#include <stdlib.h>

/* How: there is nothing to wait for. */
#define GFP_KERNEL 0
#define GFP_ATOMIC 1
#define GFP_USER 0

static __inline__ void *kmalloc(size_t size, int flags)
{
    (void)flags;
    return (malloc)(size);
}

static __inline__ void *kzalloc(size_t size, int flags)
{
    (void)flags;
    return calloc(1, size);
}

static __inline__ void kfree(const void *memory)
{
    (free)((void *)memory);
}

#endif
