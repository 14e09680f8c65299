/*
 * modlink/module.h: what a new module includes. Part of modlink: see modlink(4). For C and C++.
 *
 *     #include <modlink/module.h>
 *     #include <stdio.h>
 *
 *     int slices = 3;
 *     MODLINK_EXPORT(slices);
 *
 *     static int start(void) { puts("gurka: here"); return 0; }
 *     static int stop(void) { puts("gurka: gone"); return 0; }
 *     MODLINK_MODULE(gurka, NULL, start, stop);
 *     MODLINK_LICENSE("MIT");
 */
#ifndef MODLINK_MODULE_H
#define MODLINK_MODULE_H
#pragma GCC system_header
#include <errno.h>
#include <modlink/info.h>
#include <stddef.h>
#include <sys/module.h>

/*
 * Makes the object a module.
 *
 *     name      an identifier: what other modules require it by
 *     required  the names of modules that have to be there first, with commas between them: "tomat,lok"; or NULL
 *     start     int (void): called when the module is loaded, after its constructors. Not 0, an error number as a rule: the
 *               load is undone, and modload(8) says so
 *     stop      int (void): called when it is to be unloaded, before its destructors. Not 0: it refuses, and stays
 *
 * A semicolon follows. One to a module.
 */
#define MODLINK_MODULE(name, required, start, stop)                              \
    MODULE(MODULE_CLASS_MISC, name, required);                                   \
    static int name##_modcmd(modcmd_t command, void *argument)                   \
    {                                                                            \
        (void)argument;                                                          \
        switch (command) {                                                       \
        case MODULE_CMD_INIT:                                                    \
            return start();                                                      \
        case MODULE_CMD_FINI:                                                    \
            return stop();                                                       \
        default:                                                                 \
            return ENOTTY;                                                       \
        }                                                                        \
    }                                                                            \
    struct modlink_end_of_##name

/*
 * The module exports this function or variable, which in C++ is extern "C". Without any, it exports every global symbol of default
 * visibility; with one, those alone that are named so.
 */
#define MODLINK_EXPORT(symbol) MODLINK_EXPORT_IN("__ksymtab", symbol)

/* Texts for people and tools, in the object's section .modinfo. */
#define MODLINK_LICENSE(text) MODLINK_INFO("license", text)
#define MODLINK_AUTHOR(text) MODLINK_INFO("author", text)
#define MODLINK_DESCRIPTION(text) MODLINK_INFO("description", text)
#define MODLINK_VERSION(text) MODLINK_INFO("version", text)

/* Counts one more user of a module, which stays while it has any (0, or ENOENT: no such module), and one fewer. */
#define modlink_hold(name) module_hold(name)
#define modlink_release(name) module_rele(name)

#endif
