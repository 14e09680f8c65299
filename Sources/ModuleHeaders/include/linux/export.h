/* What a module of Linux exports. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_EXPORT_H
#define MODLINK_LINUX_EXPORT_H
#pragma GCC system_header
#include <modlink/info.h>

/* This function or variable; a semicolon follows. A module with such a list exports nothing else. */
#define EXPORT_SYMBOL(symbol) MODLINK_EXPORT_IN("__ksymtab", symbol)
#define EXPORT_SYMBOL_GPL(symbol) MODLINK_EXPORT_IN("__ksymtab_gpl", symbol)
#define EXPORT_SYMBOL_NOVERS(symbol) EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_GPL_FUTURE(symbol) EXPORT_SYMBOL_GPL(symbol)
#define EXPORT_UNUSED_SYMBOL(symbol) EXPORT_SYMBOL(symbol)
#define EXPORT_UNUSED_SYMBOL_GPL(symbol) EXPORT_SYMBOL_GPL(symbol)
/* The same, in a name space: there is one for all. */
#define EXPORT_SYMBOL_NS(symbol, space) EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_NS_GPL(symbol, space) EXPORT_SYMBOL_GPL(symbol)
/* Nothing: an empty list. A semicolon follows. */
#define EXPORT_NO_SYMBOLS __asm__(".pushsection __ksymtab,\"a\"\n.popsection")

#endif
