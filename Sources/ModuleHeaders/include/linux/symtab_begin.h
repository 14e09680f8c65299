/*
 * What a module of Linux before 2.1.18 exports, in the middle of its symbol table:
 *
 *     static struct symbol_table table = {
 *     #include <linux/symtab_begin.h>
 *         X(slice),
 *     #include <linux/symtab_end.h>
 *     };
 *
 * The table itself has nothing; what follows is the list of exports (EXPORT_SYMBOL), and the module exports nothing else. Included as often
 * as there are tables. Part of modlink: see modlink(4).
 */
    0, 0, 0 };
#include <modlink/info.h>
#undef X
#undef X_BASE
#undef Xalias
#define X(symbol) {(void *)&symbol, #symbol}
#define Xalias(function, symbol) {(void *)&function, #symbol}
__extension__ static struct { void *address; const char *name; } MODLINK_JOIN(modlink_symbols_, __COUNTER__)[]
    __attribute__((__section__("__ksymtab"), __used__, __aligned__(8))) = {
