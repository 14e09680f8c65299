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

/* What is said of declarations, and of conditions. The C library and C++ have some of these names for other things: those are left out. */
#ifndef __unused
#define __unused __attribute__((__unused__))
#endif
#ifndef __dead
#define __dead __attribute__((__noreturn__))
#define __dead2 __dead
#endif
#ifndef __pure
#define __pure __attribute__((__const__))
#define __pure2 __pure
#endif
#ifndef __packed
#define __packed __attribute__((__packed__))
#endif
#ifndef __noinline
#define __noinline __attribute__((__noinline__))
#endif
#ifndef __weak
#define __weak __attribute__((__weak__))
#endif
#ifndef __cold
#define __cold __attribute__((__cold__))
#endif
#ifndef __diagused
#define __diagused __unused
#define __debugused __unused
#define __unusedx(name) name __unused
#endif
#ifndef __printflike
#define __printflike(format, first) __attribute__((__format__(__printf__, format, first)))
#define __scanflike(format, first) __attribute__((__format__(__scanf__, format, first)))
#endif
#ifndef __predict_true
#define __predict_true(condition) __builtin_expect((condition) != 0, 1)
#define __predict_false(condition) __builtin_expect((condition) != 0, 0)
#endif
#ifndef __arraycount
#define __arraycount(array) (sizeof(array) / sizeof((array)[0]))
#endif
#ifndef __UNCONST
#define __UNCONST(pointer) ((void *)(unsigned long)(const void *)(pointer))
#define __UNVOLATILE(pointer) ((void *)(unsigned long)(volatile void *)(pointer))
#endif
#ifndef __DECONST
#define __DECONST(type, pointer) ((type)(unsigned long)(const void *)(pointer))
#endif
#ifndef __BIT
#define __BIT(number) (1UL << (number))
#define __BITS(first, last) ((((__BIT(first) > __BIT(last) ? __BIT(first) : __BIT(last)) - 1) * 2 + 1) \
    & ~((__BIT(first) < __BIT(last) ? __BIT(first) : __BIT(last)) - 1))
#define __LOWEST_SET_BIT(mask) ((((mask) - 1) & (mask)) ^ (mask))
#define __SHIFTOUT(value, mask) (((value) & (mask)) / __LOWEST_SET_BIT(mask))
#define __SHIFTIN(value, mask) ((value) * __LOWEST_SET_BIT(mask))
#endif
#ifndef __FBSDID
#define __FBSDID(text) struct modlink_rcsid
#endif
#ifndef __KERNEL_COPYRIGHT
#define __KERNEL_COPYRIGHT(number, text) struct modlink_rcsid
#endif

/* An element of a set: a pointer in a section that the linker finds by name. A semicolon follows. */
#define __link_set_add_rodata(set, element)                                                    \
    static const void *const modlink_set_##set##_##element                                     \
        __attribute__((__section__("link_set_" #set), __used__)) = (const void *)&element
#define __link_set_add_data(set, element) __link_set_add_rodata(set, element)
#define __link_set_add_text(set, element) __link_set_add_rodata(set, element)

#endif
