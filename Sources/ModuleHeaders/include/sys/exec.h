/* The tables of program formats and of emulations. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_EXEC_H
#define MODLINK_SYS_EXEC_H
#pragma GCC system_header
#include <sys/proc.h>

__BEGIN_DECLS

struct exec_package;
struct ps_strings;

/* How programs of another system are to be run. */
struct emul {
    const char *e_name;
    const char *e_path;
    const struct sysent *e_sysent;
};

/* A format of programs. */
struct execsw {
    u_int es_hdrsz;
    int (*es_makecmds)(struct proc *, struct exec_package *);
    void *es_func;
    /* Stored by exec_add. */
    const struct emul *es_emul;
    int es_prio;
    int es_arglen;
    int (*es_copyargs)(struct proc *, struct exec_package *, struct ps_strings *, char **, void *);
    void (*es_setregs)(struct proc *, struct exec_package *, u_long);
};
#define EXECSW_PRIO_ANY 0x000
#define EXECSW_PRIO_FIRST 0x001
#define EXECSW_PRIO_LAST 0x002

/*
 * Enters a format that belongs to an emulation (NULL: to the system's own, "netbsd"). Returns 0, EEXIST (it is there), ENOENT (no
 * such emulation), ENFILE (the table is full).
 */
int exec_add(struct execsw *format, const char *emulation);
/* Takes it out. Returns 0 or ENOENT. */
int exec_remove(const struct execsw *format);
/* Enters an emulation. Returns 0, EEXIST (of that name there is one), ENFILE. */
int emul_register(const struct emul *emulation, int unused);
/* Takes it out. Returns 0, EBUSY (a format belongs to it, or it is the system's own), ENOENT. */
int emul_unregister(const char *name);

__END_DECLS

#endif
