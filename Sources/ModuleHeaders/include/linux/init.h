/* Where a module of Linux begins and ends. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_INIT_H
#define MODLINK_LINUX_INIT_H
#pragma GCC system_header
#ifdef __cplusplus
/* A structure of stdlib.h has a field __init. In C it may lack its name, which nobody uses, and is as large without. */
#include <cstdlib>
#endif

/* Code and data stay as long as the module. */
#define __init
#define __initdata
#define __initconst
#define __exit
#define __exitdata
#define __initfunc(function) function
#define __ref
#define __refdata
#define __devinit
#define __devinitdata
#define __devexitdata
#define __devexit_p(function) function
#define __exit_p(function) function
#define __devexit

#ifdef __cplusplus
extern "C" {
#endif
/* What is called when the module is loaded, not 0 for failed, and when it is unloaded. */
#ifdef MODLINK_MODULES2_H
int init_module();
#else
int init_module(void);
#endif
void cleanup_module(void);
#ifdef __cplusplus
}
#endif

/*
 * The same under other names: static int function(void), static void function(void). Sources write a semicolon behind them or none. A module
 * has one of the first kind, whatever it is called: it is called when the module is loaded.
 */
#ifdef __cplusplus
#define module_init(function) int init_module(void) { return function(); }
#define module_exit(function) void cleanup_module(void) { function(); }
#else
#define module_init(function) int init_module(void) __attribute__((__alias__(#function)));
#define module_exit(function) void cleanup_module(void) __attribute__((__alias__(#function)));
#endif
#define early_initcall(function) module_init(function)
#define pure_initcall(function) module_init(function)
#define core_initcall(function) module_init(function)
#define core_initcall_sync(function) module_init(function)
#define postcore_initcall(function) module_init(function)
#define postcore_initcall_sync(function) module_init(function)
#define arch_initcall(function) module_init(function)
#define arch_initcall_sync(function) module_init(function)
#define subsys_initcall(function) module_init(function)
#define subsys_initcall_sync(function) module_init(function)
#define fs_initcall(function) module_init(function)
#define fs_initcall_sync(function) module_init(function)
#define rootfs_initcall(function) module_init(function)
#define device_initcall(function) module_init(function)
#define device_initcall_sync(function) module_init(function)
#define late_initcall(function) module_init(function)
#define late_initcall_sync(function) module_init(function)
#define console_initcall(function) module_init(function)
#define security_initcall(function) module_init(function)
#define __initcall(function) module_init(function)
#define __exitcall(function) module_exit(function)

#endif
