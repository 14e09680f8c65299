/* No options: modules of modlink are not configured. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_AUTOCONF_H
#define MODLINK_LINUX_AUTOCONF_H
#endif
