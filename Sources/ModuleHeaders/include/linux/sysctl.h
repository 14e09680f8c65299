/* The system's header of the same name, whose fields and constants are called as macros of BSD headers. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_SYSCTL_H
#define MODLINK_LINUX_SYSCTL_H
#pragma GCC system_header
#include <linux/types.h>
#include <stddef.h>
#pragma push_macro("__unused")
#pragma push_macro("CTL_KERN")
#pragma push_macro("CTL_VM")
#pragma push_macro("CTL_NET")
#pragma push_macro("CTL_DEBUG")
#undef __unused
#undef CTL_KERN
#undef CTL_VM
#undef CTL_NET
#undef CTL_DEBUG
#include_next <linux/sysctl.h>
#pragma pop_macro("CTL_DEBUG")
#pragma pop_macro("CTL_NET")
#pragma pop_macro("CTL_VM")
#pragma pop_macro("CTL_KERN")
#pragma pop_macro("__unused")
#endif
