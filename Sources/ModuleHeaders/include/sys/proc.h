/* Processes, as BSD modules are told of them. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_PROC_H
#define MODLINK_SYS_PROC_H
#pragma GCC system_header
#include <sys/param.h>

__BEGIN_DECLS

/*
 * On whose behalf a function of a module is called. Before NetBSD 4 such functions take a struct proc, then a struct lwp: here
 * both are one type, so that sources of both times fit the tables.
 */
struct proc {
    /* The process number of the space. */
    pid_t p_pid;
    /* The name of its program. */
    char p_comm[MAXCOMLEN + 1];
    /* Itself. */
    struct proc *l_proc;
    /* Its only thread, as far as modules are told. */
    int l_lid;
};
#define lwp proc

/* The one process that there is. Never NULL. */
struct proc *modlink_process(void);
#define curproc modlink_process()
#define curlwp modlink_process()

__END_DECLS

#endif
