/* Memory, as BSD kernels give it. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_MALLOC_H
#define MODLINK_SYS_MALLOC_H
#pragma GCC system_header
#include <stdlib.h>
#include <string.h>

/* For what it is: not counted. */
#define M_DEVBUF 2
#define M_TEMP 127
/* How: there is nothing to wait for. */
#define M_WAITOK 0x0000
#define M_NOWAIT 0x0001
#define M_ZERO 0x0002

static __inline__ void *modlink_malloc(size_t size, int flags)
{
    return (flags & M_ZERO) != 0 ? calloc(1, size) : malloc(size);
}

static __inline__ void modlink_free(void *memory)
{
    free(memory);
}

/* From here on in the kernels' way. */
#define malloc(size, type, flags) modlink_malloc(size, flags)
#define free(memory, type) modlink_free(memory)
#define MALLOC(memory, cast, size, type, flags) ((memory) = (cast)modlink_malloc(size, flags))
#define FREE(memory, type) modlink_free(memory)

#endif
