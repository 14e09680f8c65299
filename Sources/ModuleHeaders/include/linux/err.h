/* Error numbers in pointers, as Linux has them. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_ERR_H
#define MODLINK_LINUX_ERR_H
#pragma GCC system_header
#include <errno.h>

#define MAX_ERRNO 4095
#define IS_ERR_VALUE(value) ((unsigned long)(value) >= (unsigned long)-MAX_ERRNO)
static __inline__ void *ERR_PTR(long error) { return (void *)error; }
static __inline__ long PTR_ERR(const void *pointer) { return (long)pointer; }
static __inline__ int IS_ERR(const void *pointer) { return IS_ERR_VALUE(pointer); }
static __inline__ int IS_ERR_OR_NULL(const void *pointer) { return pointer == 0 || IS_ERR_VALUE(pointer); }
#define PTR_ERR_OR_ZERO(pointer) (IS_ERR(pointer) ? (int)PTR_ERR(pointer) : 0)
#endif
