/* How functions are called, as sources of Linux say it: as all are. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_LINKAGE_H
#define MODLINK_LINUX_LINKAGE_H
#pragma GCC system_header
#ifdef __cplusplus
#define asmlinkage extern "C"
#else
#define asmlinkage
#endif
#define fastcall
#define FASTCALL(function) function
#define SYMBOL_NAME(symbol) symbol
#define SYMBOL_NAME_STR(symbol) #symbol
#endif
