/* No options: modules of modlink are not configured. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_CONFIG_H
#define MODLINK_LINUX_CONFIG_H
#endif
