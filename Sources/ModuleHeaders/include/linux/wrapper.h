/* Names that sources for several versions of Linux give to its functions. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_WRAPPER_H
#define MODLINK_LINUX_WRAPPER_H
#include <linux/fs.h>
#define module_register_chrdev register_chrdev
#define module_unregister_chrdev unregister_chrdev
#endif
