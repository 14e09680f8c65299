/*
 * Loadable kernel modules as NetBSD had them from 1999 to 2008 (lkm(4)). Part of modlink: see modlink(4).
 *
 * A module is a MOD_... macro, which says what it is, and an entry function, which is as a rule one DISPATCH:
 *
 *     MOD_MISC("gurka")
 *     static int load(struct lkm_table *table, int command) { ... return 0; }
 *     int gurka_lkmentry(struct lkm_table *table, int command, int version)
 *     {
 *         DISPATCH(table, command, version, load, lkm_nofunc, lkm_nofunc)
 *     }
 */
#ifndef MODLINK_SYS_LKM_H
#define MODLINK_SYS_LKM_H
#pragma GCC system_header
#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/param.h>
#include <sys/queue.h>

__BEGIN_DECLS

/* What a module is; modstat(8) shows the name without LM_. */
typedef enum loadmod { LM_SYSCALL, LM_VFS, LM_DEV, LM_STRMOD, LM_EXEC, LM_COMPAT, LM_MISC, LM_DRV } MODTYPE;
#define MODTYPE_NAMES "SYSCALL", "VFS", "DEV", "STRMOD", "EXEC", "COMPAT", "MISC", "DRV"

/* What an entry function is given as its version, and what a MOD_... macro writes into the module. */
#define LKM_VERSION 1
/* The longest name of a module, with the zero byte that ends it. */
#define MAXLKMNAME 32

/* What an entry function is asked to do. */
#define LKM_E_LOAD 1
#define LKM_E_UNLOAD 2
#define LKM_E_STAT 3

/* What modules of all types have. */
struct lkm_any {
    MODTYPE lkm_type;
    const char *lkm_name;
    /* The slot in the table of the type; (u_long)-1: a free one is taken, and stored here. */
    u_long lkm_offset;
    u_int lkm_modver;
    u_int lkm_sysver;
    const char *lkm_envver;
};

/* The same, also under the names that the fields had when each structure had them itself. */
#define MODLINK_LKM_FIELDS         \
    __extension__ union {          \
        struct lkm_any mod;        \
        __extension__ struct {     \
            MODTYPE lkm_type;      \
            const char *lkm_name;  \
            u_long lkm_offset;     \
            u_int lkm_modver;      \
            u_int lkm_sysver;      \
            const char *lkm_envver; \
        };                         \
    }

/* A system call. */
struct lkm_syscall {
    MODLINK_LKM_FIELDS;
    struct sysent *lkm_sysent;
    /* What was in the slot. */
    struct sysent lkm_oldent;
};

/* A file system. */
struct vfsops;
struct lkm_vfs {
    MODLINK_LKM_FIELDS;
    struct vfsops *lkm_vfsops;
};

/* A device; lkm_offset has both numbers, see LKM_MAKEMAJOR. */
struct lkm_dev {
    MODLINK_LKM_FIELDS;
    const char *lkm_devname;
    const struct bdevsw *lkm_bdev;
    int lkm_bdevmaj;
    const struct cdevsw *lkm_cdev;
    int lkm_cdevmaj;
};

/* A format of programs. */
struct execsw;
struct lkm_exec {
    MODLINK_LKM_FIELDS;
    struct execsw *lkm_execsw;
    const char *lkm_emul;
};

/* An emulation of another system. */
struct emul;
struct lkm_compat {
    MODLINK_LKM_FIELDS;
    const struct emul *lkm_compat;
};

/* Anything else. */
struct lkm_misc {
    MODLINK_LKM_FIELDS;
};

/* A driver. */
struct cfattachlkminit;
struct cfdata;
struct cfdriver;
struct lkm_drv {
    MODLINK_LKM_FIELDS;
    struct cfdriver **lkm_cd;
    const struct cfattachlkminit *lkm_cai;
    struct cfdata *lkm_cf;
};

union lkm_generic {
    struct lkm_any *lkm_any;
    struct lkm_syscall *lkm_syscall;
    struct lkm_vfs *lkm_vfs;
    struct lkm_dev *lkm_dev;
    struct lkm_exec *lkm_exec;
    struct lkm_compat *lkm_compat;
    struct lkm_misc *lkm_misc;
    struct lkm_drv *lkm_drv;
};

/* A field's name that C++ does not allow. */
#ifdef __cplusplus
#define MODLINK_LKM_PRIVATE lkm_private
#else
#define MODLINK_LKM_PRIVATE private
#endif

/* A module as its entry function sees it. Filled in before the first call, and in place as long as the module is loaded. */
struct lkm_table {
    char refcnt;
    char forced;
    int (*entry)(struct lkm_table *, int, int);
    /* The structure of the MOD_... macro: set by DISPATCH. */
    union lkm_generic MODLINK_LKM_PRIVATE;
    /* Bytes, where they begin, and how many of them came out of the object file. */
    u_long size;
    u_long offset;
    u_long area;
    /* None: the symbol table is not part of the module's memory. */
    u_long syms;
    u_long sym_size;
    u_long sym_offset;
    u_long sym_symsize;
    /* The number that modstat(8) shows. */
    int id;
    TAILQ_ENTRY(lkm_table) link;
};

/* Does nothing and returns 0: for DISPATCH. */
int lkm_nofunc(struct lkm_table *table, int command);
/* Whether another module of that name is loaded. */
int lkmexists(struct lkm_table *table);
/*
 * Enters a module into the table of its type (LKM_E_LOAD), or takes it out (LKM_E_UNLOAD): what DISPATCH calls. Returns 0, EEXIST (a
 * module of that name, or the slot, is there), ENFILE (no slot is free), EINVAL (no such slot), EPROGMISMATCH (made for another
 * LKM_VERSION), ENXIO (no such type), or what the functions of the type's table say.
 */
int lkmdispatch(struct lkm_table *table, int command);

#define MODLINK_LKM_ANY(type, name, offset) {{type, name, offset, LKM_VERSION, __NetBSD_Version__, ""}}

#define MOD_SYSCALL(name, callslot, sysentp) \
    static struct lkm_syscall _module = {MODLINK_LKM_ANY(LM_SYSCALL, name, (u_long)(callslot)), sysentp, {0, 0, 0, 0}};
#define MOD_VFS(name, vfsslot, vfsopsp) \
    static struct lkm_vfs _module = {MODLINK_LKM_ANY(LM_VFS, name, (u_long)(vfsslot)), vfsopsp};
#define MOD_COMPAT(name, compatslot, emulp) \
    static struct lkm_compat _module = {MODLINK_LKM_ANY(LM_COMPAT, name, (u_long)(compatslot)), emulp};
#define MOD_MISC(name) static struct lkm_misc _module = {MODLINK_LKM_ANY(LM_MISC, name, (u_long)-1)};
#define MOD_DRV(name, drivers, attachments, data) \
    static struct lkm_drv _module = {MODLINK_LKM_ANY(LM_DRV, name, (u_long)-1), drivers, attachments, data};

/*
 * MOD_DEV(name, device name, block functions, major, character functions, major), or, as before NetBSD 2, MOD_DEV(name, LM_DT_BLOCK or
 * LM_DT_CHAR, major, functions). A major of -1 is any that is free.
 */
typedef enum devtype { LM_DT_BLOCK, LM_DT_CHAR } DEVTYPE;
#define MOD_DEV(...) \
    MODLINK_LKM_SEVENTH(__VA_ARGS__, MODLINK_LKM_DEV6, , MODLINK_LKM_DEV4, , , )(__VA_ARGS__)
#define MODLINK_LKM_DEV6(name, devname, bdevp, bdevm, cdevp, cdevm) \
    static struct lkm_dev _module = {MODLINK_LKM_ANY(LM_DEV, name, (u_long)-1), devname, bdevp, bdevm, cdevp, cdevm};
#define MODLINK_LKM_DEV4(name, devtype, devslot, devp)                                      \
    static struct lkm_dev _module = {                                                       \
        MODLINK_LKM_ANY(LM_DEV, name, (u_long)-1),                                          \
        name,                                                                               \
        (devtype) == LM_DT_BLOCK ? (const struct bdevsw *)(const void *)(devp) : (const struct bdevsw *)0, \
        (devtype) == LM_DT_BLOCK ? (int)(devslot) : -1,                                     \
        (devtype) == LM_DT_CHAR ? (const struct cdevsw *)(const void *)(devp) : (const struct cdevsw *)0,  \
        (devtype) == LM_DT_CHAR ? (int)(devslot) : -1};

/* MOD_EXEC(name, slot, format, emulation), or, as before NetBSD 1.4, without an emulation: the system's own. */
#define MOD_EXEC(...) MODLINK_LKM_SEVENTH(__VA_ARGS__, , , MODLINK_LKM_EXEC4, MODLINK_LKM_EXEC3, , )(__VA_ARGS__)
#define MODLINK_LKM_EXEC3(name, slot, format) MODLINK_LKM_EXEC4(name, slot, format, 0)
#define MODLINK_LKM_EXEC4(name, slot, format, emulation) \
    static struct lkm_exec _module = {MODLINK_LKM_ANY(LM_EXEC, name, (u_long)(slot)), format, emulation};

#define MODLINK_LKM_SEVENTH(...) MODLINK_LKM_SEVENTH_OF(__VA_ARGS__, )
#define MODLINK_LKM_SEVENTH_OF(one, two, three, four, five, six, seven, ...) seven

/* The two major numbers in one lkm_offset; -1 for none. */
#define LKM_MAKEMAJOR(block, character) ((((block) & 0xffff) << 16) | ((character) & 0xffff))
#define LKM_BLOCK_MAJOR(offset) ((int)(short)(((offset) >> 16) & 0xffff))
#define LKM_CHAR_MAJOR(offset) ((int)(short)((offset) & 0xffff))

/*
 * The body of an entry function. When the module is loaded, it is entered into its table and then asked; if it refuses, it is taken
 * out again. When it is unloaded or its state is asked for, the module comes first.
 */
#define LKM_DISPATCH(lkmtp, cmd, envdep, load, unload, stat)                       \
    {                                                                              \
        int modlink_error = 0;                                                     \
        (void)(envdep);                                                            \
        switch (cmd) {                                                             \
        case LKM_E_LOAD:                                                           \
            (lkmtp)->MODLINK_LKM_PRIVATE.lkm_any = (struct lkm_any *)(void *)&_module; \
            modlink_error = lkmdispatch(lkmtp, cmd);                               \
            if (modlink_error == 0) {                                              \
                modlink_error = load(lkmtp, cmd);                                  \
                if (modlink_error != 0) {                                          \
                    (void)lkmdispatch(lkmtp, LKM_E_UNLOAD);                        \
                }                                                                  \
            }                                                                      \
            return modlink_error;                                                  \
        case LKM_E_UNLOAD:                                                         \
            modlink_error = unload(lkmtp, cmd);                                    \
            return modlink_error != 0 ? modlink_error : lkmdispatch(lkmtp, cmd);   \
        case LKM_E_STAT:                                                           \
            modlink_error = stat(lkmtp, cmd);                                      \
            return modlink_error != 0 ? modlink_error : lkmdispatch(lkmtp, cmd);   \
        }                                                                          \
        return 0;                                                                  \
    }
#define DISPATCH(lkmtp, cmd, ver, load, unload, stat) LKM_DISPATCH(lkmtp, cmd, ver, load, unload, stat)

__END_DECLS

#endif
