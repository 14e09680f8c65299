/*
 * The calls of Linux modules(2), as kernels from 1.3.57 to 2.1.17 had them, for programs: link with -lmodlink. Manual page: modules(2).
 *
 * Not for code of modules: that includes <linux/module.h>.
 */
#ifndef MODLINK_MODULES2_H
#define MODLINK_MODULES2_H

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a symbol's and of a module's name, with the NUL. */
#ifndef SYM_MAX_NAME
#define SYM_MAX_NAME 60
#endif
#ifndef MOD_MAX_NAME
#define MOD_MAX_NAME 64
#endif

/*
 * Flags in the use count, a long that a module's memory begins with. MOD_AUTOCLEAN is also or-ed to the codesize of init_module:
 * the module goes by itself when nobody uses it.
 */
#ifndef MOD_AUTOCLEAN
#define MOD_AUTOCLEAN 0x40000000
#endif
#ifndef MOD_VISITED
#define MOD_VISITED 0x20000000
#endif

/* States of a module. */
#ifndef MOD_UNINITIALIZED
#define MOD_UNINITIALIZED 0
#define MOD_RUNNING 1
#define MOD_DELETED 2
#endif

struct module;

/* One entry of get_kernel_syms; 72 bytes. The name ends in a NUL. */
struct kernel_sym {
    unsigned long value;
    char name[SYM_MAX_NAME];
};

/* Addresses in the module's memory. */
struct mod_routines {
    int (*init)(void);
    void (*cleanup)(void);
};

/* module: the value of the entry of get_kernel_syms whose name is # and the module's name. next is not read. */
struct module_ref {
    struct module *module;
    struct module_ref *next;
};

/* name: not a pointer, but the offset of the name from the start of the symbol_table. */
struct internal_symbol {
    void *addr;
    char *name;
};

/* Then n_symbols of internal_symbol, n_refs of module_ref, and the names, each with its NUL. size: all of that. */
struct symbol_table {
    int size;
    int n_symbols;
    int n_refs;
#ifndef __cplusplus
    struct internal_symbol symbol[0];
    struct module_ref ref[0];
#else
    /* The arrays of no elements that C programs name begin here. */
    struct internal_symbol symbol[];
#endif
};

/*
 * All return -1 and set errno when they are refused, and the console has a line that says why: modules(2) has the errors. They are
 * safe to be called from any thread. The daemon that they speak to is that of $MODLINK_RUNTIME_DIR: see modlink(3).
 */

/* How many symbols there are at most; or, in an array of as many, the symbols themselves, and how many have been written. */
int get_kernel_syms(struct kernel_sym *table);
/* The address of the module's memory, size bytes in the low 2 GB of the space, use count included. */
int create_module(char *module_name, unsigned long size);
/*
 * code: codesize bytes, linked for the module's address and sizeof(long). A module has a function of its own by this name: a
 * header for code of modules that includes this one defines MODLINK_NO_INIT_MODULE.
 */
#ifndef MODLINK_NO_INIT_MODULE
int init_module(
    char *module_name, char *code, unsigned codesize, struct mod_routines *routines, struct symbol_table *symtab);
#endif
/* Unloads a module; NULL: those of MOD_AUTOCLEAN that nobody uses. */
int delete_module(char *module_name);

#ifdef __cplusplus
}
#endif

#endif
