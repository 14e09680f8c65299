/*
 * The C library's header of the same name, and the types of the BSD kernels that it leaves out in the strict modes of the
 * C standards. Part of modlink: see modlink(4).
 */
#ifndef MODLINK_SYS_TYPES_H
#define MODLINK_SYS_TYPES_H
#pragma GCC system_header
#include <sys/cdefs.h>
#include_next <sys/types.h>
#include <stddef.h>

#ifndef __USE_MISC
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
typedef char *caddr_t;
typedef int register_t __attribute__((__mode__(__word__)));
#endif
#if !defined(__USE_MISC) && !defined(__USE_XOPEN)
typedef unsigned int useconds_t;
#endif

/* Addresses as numbers. */
typedef unsigned long vaddr_t;
typedef unsigned long paddr_t;
typedef unsigned long vsize_t;

#endif
