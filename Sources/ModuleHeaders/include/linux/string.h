/* Strings: the C library's. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_STRING_H
#define MODLINK_LINUX_STRING_H
#pragma GCC system_header
#include <string.h>
#endif
