/* Signals: the C library's structures, which the system's header of the same name would define again. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_SIGNAL_H
#define MODLINK_LINUX_SIGNAL_H
#pragma GCC system_header
#include <linux/types.h>
#include <signal.h>
#endif
