/*
 * Modules as Linux has them (modules(2), and what came later). Part of modlink: see modlink(4).
 *
 *     #include <linux/module.h>
 *     #include <linux/kernel.h>
 *     int init_module(void) { printk(KERN_INFO "hello\n"); return 0; }
 *     void cleanup_module(void) { printk(KERN_INFO "goodbye\n"); }
 *     MODULE_LICENSE("GPL");
 */
#ifndef MODLINK_LINUX_MODULE_H
#define MODLINK_LINUX_MODULE_H
#pragma GCC system_header
#include_next <linux/module.h>
#include <errno.h>
#include <linux/export.h>
/*
 * Programs include this for the calls of modules(2), where the header of libmodlink is to be found too. A module's own init_module has no
 * parameters, the call has five: both go with a declaration that says nothing of them.
 */
#if defined __has_include && !defined __cplusplus && (!defined __STDC_VERSION__ || __STDC_VERSION__ < 202311L)
#if __has_include(<modlink/modules2.h>)
#define MODLINK_NO_INIT_MODULE
#include <modlink/modules2.h>
#endif
#endif
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/linkage.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/version.h>
#include <modlink/info.h>
#include <modlink/linux-types.h>

/* What modules(2) writes into a use count beside the number. */
#define MOD_AUTOCLEAN 0x40000000L
#define MOD_VISITED 0x20000000L
#define MOD_COUNT(count) ((count) & ~(MOD_AUTOCLEAN | MOD_VISITED))

#ifdef __cplusplus
extern "C" {
#endif
/* How many users the module has: while there are any it is not unloaded. Made by the linker, or defined by the module. */
extern long mod_use_count_;
#ifdef __cplusplus
}
#endif

#define MODLINK_COUNT(count, change)                                      \
    ((void)__atomic_fetch_add(count, change, __ATOMIC_SEQ_CST), \
     (void)__atomic_fetch_or(count, MOD_VISITED, __ATOMIC_SEQ_CST))
#define MOD_INC_USE_COUNT MODLINK_COUNT(&mod_use_count_, 1)
#define MOD_DEC_USE_COUNT MODLINK_COUNT(&mod_use_count_, -1)
#define MOD_IN_USE (MOD_COUNT(mod_use_count_) != 0)

/* A module is known by its use count. */
struct module {
    long use_count;
};
#define THIS_MODULE ((struct module *)(void *)&mod_use_count_)
#define __MOD_INC_USE_COUNT(module) MODLINK_COUNT(&(module)->use_count, 1)
#define __MOD_DEC_USE_COUNT(module) MODLINK_COUNT(&(module)->use_count, -1)
#define __module_get(module) __MOD_INC_USE_COUNT(module)
#define module_refcount(module) MOD_COUNT((module)->use_count)

/* Counts one more user; always possible: who can ask is loaded. NULL is the kernel itself. */
static __inline__ int try_module_get(struct module *module)
{
    if (module != 0) {
        __MOD_INC_USE_COUNT(module);
    }
    return 1;
}

static __inline__ void module_put(struct module *module)
{
    if (module != 0) {
        __MOD_DEC_USE_COUNT(module);
    }
}

#ifndef MODLINK_MODULES2_H
/* What modules before 2.1.18 say that they export: linux/symtab_begin.h. */
struct internal_symbol {
    void *addr;
    char *name;
};
struct symbol_table {
    int size;
    int n_symbols;
    int n_refs;
};
#endif
/* The exports are known without that: 0. NULL stands for none; such a module says EXPORT_NO_SYMBOLS. */
static __inline__ int register_symtab(struct symbol_table *table)
{
    (void)table;
    return 0;
}

/*
 * The version that the module was compiled for, where insmod(8) of that time looks for it. A module of several objects had it in one, the
 * others with __NO_VERSION__; that several have it does no harm.
 */
#ifndef __NO_VERSION__
static const char __module_kernel_version[]
    __attribute__((__section__(".modinfo"), __used__, __aligned__(1))) = "kernel_version=" UTS_RELEASE;
#endif

/* Texts about the module, in the section .modinfo; a semicolon follows. */
#define MODULE_INFO(name, value) MODLINK_INFO(#name, value)
#define MODULE_LICENSE(text) MODLINK_INFO("license", text)
#define MODULE_AUTHOR(text) MODLINK_INFO("author", text)
#define MODULE_DESCRIPTION(text) MODLINK_INFO("description", text)
#define MODULE_VERSION(text) MODLINK_INFO("version", text)
#define MODULE_ALIAS(text) MODLINK_INFO("alias", text)
#define MODULE_SOFTDEP(text) MODLINK_INFO("softdep", text)
#define MODULE_SUPPORTED_DEVICE(text) MODLINK_INFO("device", text)
#define MODULE_FIRMWARE(text) MODLINK_INFO("firmware", text)
#define MODULE_IMPORT_NS(space) MODLINK_INFO("import_ns", #space)
#define MODULE_ALIAS_MISCDEV(minor) struct modlink_device_alias
#define MODULE_ALIAS_CHARDEV_MAJOR(major) struct modlink_device_alias
#define SET_MODULE_OWNER(it) ((it)->owner = THIS_MODULE)
#define MODULE_DEVICE_TABLE(type, table) struct modlink_device_table

#endif
