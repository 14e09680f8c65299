/* A kernel's variables by name, as far as modules declare them: nobody reads them here. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_SYSCTL_H
#define MODLINK_SYS_SYSCTL_H
#pragma GCC system_header
#include <errno.h>
#include <stdbool.h>
#include <sys/cdefs.h>
#include <sys/types.h>

struct sysctllog;
struct sysctlnode;
struct lwp;
#define SYSCTLFN_ARGS const int *name, u_int namelen, void *oldp, size_t *oldlenp, const void *newp, size_t newlen, \
    const int *oname, struct proc *l, const struct sysctlnode *rnode
#define SYSCTLFN_PROTO const int *, u_int, void *, size_t *, const void *, size_t, const int *, struct proc *, \
    const struct sysctlnode *

/* Top-level names, and new ones. */
#define CTL_KERN 1
#define CTL_VM 2
#define CTL_VFS 3
#define CTL_NET 4
#define CTL_DEBUG 5
#define CTL_HW 6
#define CTL_MACHDEP 7
#define CTL_EOL (-1)
#define CTL_CREATE (-2)

/* Types and flags. */
#define CTLTYPE_NODE 1
#define CTLTYPE_INT 2
#define CTLTYPE_STRING 3
#define CTLTYPE_QUAD 4
#define CTLTYPE_STRUCT 5
#define CTLTYPE_BOOL 6
#define CTLTYPE_LONG 2
#define CTLFLAG_READONLY 0x0000
#define CTLFLAG_READWRITE 0x0070
#define CTLFLAG_IMMEDIATE 0x4000
#define CTLFLAG_OWNDESC 0x2000
#define CTLFLAG_PERMANENT 0x0200

/* Both do nothing. The first returns 0: a module goes on as if its variable could be read. */
static __inline__ int sysctl_createv(struct sysctllog **log, ...)
{
    (void)log;
    return 0;
}

static __inline__ void sysctl_teardown(struct sysctllog **log)
{
    (void)log;
}

#define SYSCTL_SETUP(name, text) static __attribute__((__unused__)) void name(struct sysctllog **clog)

#endif
