/* Entries for devices in /sys and /dev of Linux: there are none here, and these functions do nothing. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_DEVICE_H
#define MODLINK_LINUX_DEVICE_H
#pragma GCC system_header
#include <linux/err.h>
#include <linux/fs.h>

/* C++ has another use for the word. */
#ifdef __cplusplus
#define MODLINK_CLASS void
#else
#define MODLINK_CLASS struct class
struct class;
#endif
struct device;
/* Not NULL, and not an error. */
#define MODLINK_NO_ENTRY ((void *)16)
#define class_create(...) ((MODLINK_CLASS *)MODLINK_NO_ENTRY)
#define class_destroy(it) ((void)(it))
#define device_create(...) ((struct device *)MODLINK_NO_ENTRY)
#define device_destroy(class_of_it, number) ((void)(class_of_it), (void)(number))

#endif
