/* Additions of the BSD kernels to the C library's header of the same name. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_CDEFS_H
#define MODLINK_SYS_CDEFS_H
#pragma GCC system_header
#include_next <sys/cdefs.h>

#ifndef __P
#define __P(parameters) parameters
#endif

/* Identifications of source files: no code. A semicolon follows. */
#define __KERNEL_RCSID(number, text) struct modlink_rcsid
#ifndef __RCSID
#define __RCSID(text) struct modlink_rcsid
#endif
#ifndef __COPYRIGHT
#define __COPYRIGHT(text) struct modlink_rcsid
#endif

#ifndef __BEGIN_DECLS
#ifdef __cplusplus
#define __BEGIN_DECLS extern "C" {
#define __END_DECLS }
#else
#define __BEGIN_DECLS
#define __END_DECLS
#endif
#endif

/* An element of a set: a pointer in a section that the linker finds by name. A semicolon follows. */
#define __link_set_add_rodata(set, element)                                                    \
    static const void *const modlink_set_##set##_##element                                     \
        __attribute__((__section__("link_set_" #set), __used__)) = (const void *)&element
#define __link_set_add_data(set, element) __link_set_add_rodata(set, element)
#define __link_set_add_text(set, element) __link_set_add_rodata(set, element)

#endif
