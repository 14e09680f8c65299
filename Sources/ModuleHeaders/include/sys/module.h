/*
 * Modules as NetBSD has them since 2008 (module(9)). Part of modlink: see modlink(4).
 *
 *     MODULE(MODULE_CLASS_MISC, gurka, "sallad");
 *     static int gurka_modcmd(modcmd_t command, void *argument) { ... }
 */
#ifndef MODLINK_SYS_MODULE_H
#define MODLINK_SYS_MODULE_H
#pragma GCC system_header
#include <prop/proplib.h>
#include <sys/cdefs.h>
#include <sys/errno.h>
#include <sys/param.h>
#include <sys/queue.h>
#include <sys/systm.h>
#include <sys/types.h>
#include <sys/uio.h>

__BEGIN_DECLS

/* The longest name, with the zero byte that ends it, and how many modules one may require. */
#define MAXMODNAME 32
#define MAXMODDEPS 10

/* What a module is: shown by modstat(8), and nothing more. */
typedef enum modclass {
    MODULE_CLASS_ANY,
    MODULE_CLASS_MISC,
    MODULE_CLASS_VFS,
    MODULE_CLASS_DRIVER,
    MODULE_CLASS_EXEC,
    MODULE_CLASS_SECMODEL,
    MODULE_CLASS_BUFQ
} modclass_t;

/* What a module is asked to do; see MODULE. */
typedef enum modcmd { MODULE_CMD_INIT, MODULE_CMD_FINI, MODULE_CMD_STAT, MODULE_CMD_AUTOUNLOAD } modcmd_t;

/* What a module says of itself. */
typedef struct modinfo {
    /* __NetBSD_Version__ of the header that it was compiled with. */
    u_int mi_version;
    modclass_t mi_class;
    int (*mi_modcmd)(modcmd_t, void *);
    const char *mi_name;
    /* Names of modules with commas between them, or NULL. */
    const char *mi_required;
} const modinfo_t;

/*
 * Makes the object a module of that class and name, which needs the modules of those names, or NULL. A semicolon follows. The function
 * NAME_modcmd, which the source has, is called with
 *
 *     MODULE_CMD_INIT        when the module is loaded. Not 0: it is not.
 *     MODULE_CMD_FINI        when it is to be unloaded. Not 0: it stays.
 *     MODULE_CMD_STAT        when it is shown. What is returned is not looked at.
 *     MODULE_CMD_AUTOUNLOAD  when nobody uses it and it is to go for that. Neither 0 nor ENOTTY: it stays.
 *
 * It returns 0 or an error number; ENOTTY for a command that it does not know.
 */
#define MODULE(class, name, required)                                                                          \
    static int name##_modcmd(modcmd_t, void *);                                                                \
    static modinfo_t name##_modinfo = {__NetBSD_Version__, (class), name##_modcmd, #name, (required)};         \
    __link_set_add_rodata(modules, name##_modinfo)

/*
 * Counts one more, or one fewer, user of a module that MODULE made, or that has a use count: while there are any it is not unloaded.
 * module_hold returns 0, or ENOENT when no such module is loaded. Of a count that is 0 nothing is taken.
 */
int module_hold(const char *name);
void module_rele(const char *name);

__END_DECLS

#endif
