/* Kinds of characters: the C library's. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_CTYPE_H
#define MODLINK_LINUX_CTYPE_H
#pragma GCC system_header
#include <ctype.h>
#endif
