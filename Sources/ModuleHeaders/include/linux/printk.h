/* Messages of modules of Linux. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_PRINTK_H
#define MODLINK_LINUX_PRINTK_H
#pragma GCC system_header

/* How important a line is, at its start. */
#define KERN_EMERG "<0>"
#define KERN_ALERT "<1>"
#define KERN_CRIT "<2>"
#define KERN_ERR "<3>"
#define KERN_WARNING "<4>"
#define KERN_NOTICE "<5>"
#define KERN_INFO "<6>"
#define KERN_DEBUG "<7>"
#define KERN_DEFAULT "<d>"
#define KERN_CONT "<c>"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Prints to the console, all lines whatever their level, which is taken off; returns how many bytes that were. At most 1023 bytes in
 * one call, as in the kernel.
 */
int printk(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
/* Prints that there is no going on, and raises SIGABRT. */
void panic(const char *format, ...) __attribute__((__format__(__printf__, 1, 2), __noreturn__));

#ifdef __cplusplus
}
#endif

#ifndef pr_fmt
#define pr_fmt(format) format
#endif
#define pr_emerg(...) MODLINK_PRINT(KERN_EMERG, __VA_ARGS__)
#define pr_alert(...) MODLINK_PRINT(KERN_ALERT, __VA_ARGS__)
#define pr_crit(...) MODLINK_PRINT(KERN_CRIT, __VA_ARGS__)
#define pr_err(...) MODLINK_PRINT(KERN_ERR, __VA_ARGS__)
#define pr_warning(...) MODLINK_PRINT(KERN_WARNING, __VA_ARGS__)
#define pr_warn(...) MODLINK_PRINT(KERN_WARNING, __VA_ARGS__)
#define pr_notice(...) MODLINK_PRINT(KERN_NOTICE, __VA_ARGS__)
#define pr_info(...) MODLINK_PRINT(KERN_INFO, __VA_ARGS__)
#define pr_cont(...) MODLINK_PRINT(KERN_CONT, __VA_ARGS__)
#ifdef DEBUG
#define pr_debug(...) MODLINK_PRINT(KERN_DEBUG, __VA_ARGS__)
#else
#define pr_debug(...) ((void)(0 && MODLINK_PRINT(KERN_DEBUG, __VA_ARGS__)))
#endif
/* Only the GNU form lets the arguments be missing in C89 as well. */
#define MODLINK_PRINT(level, format, ...) printk(level pr_fmt(format), ##__VA_ARGS__)

#endif
