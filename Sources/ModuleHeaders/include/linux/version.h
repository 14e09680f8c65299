/*
 * The version of the interfaces of Linux that these headers give: the last with use counts (MOD_INC_USE_COUNT), of which newer
 * things, such as module_param, come on top. Part of modlink: see modlink(4).
 */
#ifndef MODLINK_LINUX_VERSION_H
#define MODLINK_LINUX_VERSION_H
#define KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
#define LINUX_VERSION_CODE 132133
#define UTS_RELEASE "2.4.37-modlink"
#endif
