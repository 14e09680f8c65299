/* The system's header of the same name, and what modules of Linux find in the kernel's. Part of modlink: see modlink(4). */
#ifndef MODLINK_IN_SYSINFO
#ifndef MODLINK_LINUX_KERNEL_H
#define MODLINK_LINUX_KERNEL_H
#pragma GCC system_header
#include_next <linux/kernel.h>
#include <linux/linkage.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <modlink/linux-types.h>
#include <stdarg.h>

#ifdef __cplusplus
#include <cstdio>
#include <cstdlib>
#else
/* The C library's, one by one: a module may have functions of its own by other names of stdio.h, such as remove. */
int sprintf(char *buffer, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));
int vsprintf(char *buffer, const char *format, va_list arguments) __attribute__((__format__(__printf__, 2, 0)));
int snprintf(char *buffer, size_t size, const char *format, ...) __attribute__((__format__(__printf__, 3, 4)));
int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((__format__(__printf__, 3, 0)));
int sscanf(const char *text, const char *format, ...);
unsigned long strtoul(const char *text, char **end, int base);
long strtol(const char *text, char **end, int base);

#ifndef min
#define min(one, other) \
    __extension__({ __typeof__(one) modlink_one = (one); __typeof__(other) modlink_other = (other); \
        modlink_one < modlink_other ? modlink_one : modlink_other; })
#define max(one, other) \
    __extension__({ __typeof__(one) modlink_one = (one); __typeof__(other) modlink_other = (other); \
        modlink_one > modlink_other ? modlink_one : modlink_other; })
#endif
#endif
#define simple_strtoul(text, end, base) strtoul(text, end, base)
#define simple_strtol(text, end, base) strtol(text, end, base)

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif
#ifndef likely
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#endif
#ifndef DIV_ROUND_UP
#define DIV_ROUND_UP(number, divisor) (((number) + (divisor) - 1) / (divisor))
#endif
#ifndef BUG_ON
#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(condition) ((condition) ? BUG() : (void)0)
#define WARN_ON(condition) \
    ((condition) ? (printk("WARNING at %s:%d\n", __FILE__, __LINE__), 1) : 0)
#endif
#ifndef barrier
#define barrier() __asm__ __volatile__("" : : : "memory")
#endif
#define might_sleep() ((void)0)
#ifndef container_of
#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))
#endif
#endif
#else
#include_next <linux/kernel.h>
#endif
