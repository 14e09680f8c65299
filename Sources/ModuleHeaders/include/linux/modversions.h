/* No versions of symbols: they have none here. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_MODVERSIONS_H
#define MODLINK_LINUX_MODVERSIONS_H
#pragma GCC system_header
#endif
