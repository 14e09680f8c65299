/* Parameters of modules of Linux. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_MODULEPARAM_H
#define MODLINK_LINUX_MODULEPARAM_H
#endif
