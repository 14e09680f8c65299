/* Memory, as kmem(9) gives it. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_KMEM_H
#define MODLINK_SYS_KMEM_H
#pragma GCC system_header
#include <stdlib.h>
#include <sys/types.h>

/* There is nothing to wait for. */
typedef unsigned int km_flag_t;
#define KM_SLEEP 1
#define KM_NOSLEEP 2

static __inline__ void *kmem_alloc(size_t size, km_flag_t flags)
{
    (void)flags;
    return (malloc)(size);
}

static __inline__ void *kmem_zalloc(size_t size, km_flag_t flags)
{
    (void)flags;
    return calloc(1, size);
}

static __inline__ void kmem_free(void *memory, size_t size)
{
    (void)size;
    (free)(memory);
}

#endif
