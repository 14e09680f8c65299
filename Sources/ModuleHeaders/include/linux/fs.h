/* The system's header of the same name, and the types that modules of Linux name. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_FS_H
#define MODLINK_LINUX_FS_H
#pragma GCC system_header
#include_next <linux/fs.h>
#include <linux/types.h>

struct file;
struct inode;
struct super_block;

#endif
