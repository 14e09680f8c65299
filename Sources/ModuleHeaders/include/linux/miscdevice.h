/* Small character devices of Linux: each has a major number of its own here. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_MISCDEVICE_H
#define MODLINK_LINUX_MISCDEVICE_H
#pragma GCC system_header
#include <linux/fs.h>

#define MISC_DYNAMIC_MINOR 255
struct miscdevice {
    int minor;
    const char *name;
    const struct file_operations *fops;
    struct device *parent;
    const char *nodename;
    umode_t mode;
    int modlink_major;
};

static __inline__ int misc_register(struct miscdevice *it)
{
    int major = register_chrdev(0, it->name, it->fops);
    if (major < 0) {
        return major;
    }
    it->modlink_major = major;
    return 0;
}

static __inline__ int misc_deregister(struct miscdevice *it)
{
    return unregister_chrdev((unsigned int)it->modlink_major, it->name);
}

#endif
