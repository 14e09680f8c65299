/* The system's header of the same name, which has fields called as a macro of sys/cdefs.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_ICMP_WRAPPER_H
#define MODLINK_ICMP_WRAPPER_H
#pragma GCC system_header
#pragma push_macro("__unused")
#undef __unused
#include_next <linux/icmp.h>
#pragma pop_macro("__unused")
#endif
