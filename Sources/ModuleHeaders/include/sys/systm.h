/* What every part of a BSD kernel can call. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_SYSTM_H
#define MODLINK_SYS_SYSTM_H
#pragma GCC system_header
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/callout.h>
#include <sys/intr.h>
#include <sys/types.h>
#ifdef __cplusplus
/* The functions below as C++ declares them. */
#include <stdio.h>
#endif

__BEGIN_DECLS

struct proc;

/*
 * The C library's, to the console. They are declared here one by one because a module may have functions of its own by other names
 * of stdio.h, such as remove.
 */
#ifndef __cplusplus
int printf(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
int vprintf(const char *format, va_list arguments) __attribute__((__format__(__printf__, 1, 0)));
int sprintf(char *buffer, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));
int snprintf(char *buffer, size_t size, const char *format, ...) __attribute__((__format__(__printf__, 3, 4)));
#endif
#define uprintf printf
#define aprint_normal printf
#define aprint_verbose printf
#define aprint_error printf

/* Prints a line that says so, and raises SIGABRT: the call that the module is in is over, and what it was to do is undone. */
void panic(const char *format, ...) __attribute__((__format__(__printf__, 1, 2), __noreturn__));

#ifndef KASSERT
#define KASSERT(condition) \
    ((condition) ? (void)0 : panic("assertion \"%s\" failed: %s, line %d", #condition, __FILE__, __LINE__))
#endif
#ifndef KASSERTMSG
#define KASSERTMSG(condition, ...) ((condition) ? (void)0 : panic(__VA_ARGS__))
#endif

/* Memory of a caller and of the kernel is the same here. Each returns 0; the two of strings ENAMETOOLONG too. */
int copyin(const void *from, void *to, size_t size);
int copyout(const void *from, void *to, size_t size);
int copystr(const void *from, void *to, size_t size, size_t *done);
#define copyinstr copystr
#define copyoutstr copystr

/* System calls: a function is given who calls, its arguments, one word each, and where its result goes. Returns 0 or errno. */
typedef int sy_call_t(struct proc *, void *, register_t *);

/*
 * A slot of the table of system calls. Before NetBSD 2 there were no flags: an initializer with three values has the function in
 * their place, whence their type; what is in the table has it in sy_call.
 */
struct sysent {
    /* How many arguments, and how many bytes they are. */
    short sy_narg;
    short sy_argsize;
    /* 0. */
    sy_call_t *sy_flags;
    sy_call_t *sy_call;
};

/* How many slots there are. Those that lkmdispatch may choose from have sys_lkmnosys. */
#define SYS_MAXSYSCALL 512
extern struct sysent sysent[SYS_MAXSYSCALL];
/* Both return ENOSYS. Modules declare them too, with the parameters of their time: of struct proc or lwp, void or const void. */
#if defined __cplusplus || (defined __STDC_VERSION__ && __STDC_VERSION__ >= 202311L)
sy_call_t sys_nosys, sys_lkmnosys;
#else
int sys_nosys();
int sys_lkmnosys();
#endif

/*
 * Waiting, until wakeup is called with the same address; the wait ends with the call that it is in, too. Returns 0, or EWOULDBLOCK when so
 * many ticks have passed (0: for ever). Priority, PCATCH and text have no meaning.
 */
int tsleep(const void *channel, int priority, const char *text, int ticks);
void wakeup(const void *channel);
/* The first who waits. */
void wakeup_one(const void *channel);

/* Functions for slots of tables that do nothing: what they return is in their names. */
int enodev(void);
int enosys(void);
int eopnotsupp(void);
int nullop(void *unused);

__END_DECLS

#endif
