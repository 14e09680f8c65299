/* Memory of a caller, which is memory like any other here. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_UACCESS_H
#define MODLINK_LINUX_UACCESS_H
#pragma GCC system_header
#include <string.h>

#ifndef __user
#define __user
#endif

/* How many bytes were not copied: none. */
static __inline__ unsigned long copy_to_user(void *to, const void *from, unsigned long size)
{
    memcpy(to, from, size);
    return 0;
}

static __inline__ unsigned long copy_from_user(void *to, const void *from, unsigned long size)
{
    memcpy(to, from, size);
    return 0;
}

#define put_user(value, place) ((*(place) = (value)), 0)
#define get_user(value, place) (((value) = *(place)), 0)

#endif
