/* Character devices as Linux 2.6 and later register them. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_CDEV_H
#define MODLINK_LINUX_CDEV_H
#pragma GCC system_header
#include <linux/fs.h>
#include <linux/kdev_t.h>

struct cdev {
    const struct file_operations *ops;
    struct module *owner;
    unsigned long dev;
    unsigned int count;
};

/*
 * A major number that is free, for minor numbers from `first` on: all of it is the caller's. Until cdev_add it is a device that can do nothing.
 */
static __inline__ int alloc_chrdev_region(dev_t *device, unsigned int first, unsigned int count, const char *name)
{
    static struct file_operations nothing;
    int major = register_chrdev(0, "", &nothing);
    (void)count, (void)name;
    if (major < 0) {
        return major;
    }
    *device = MKDEV((unsigned int)major, first);
    return 0;
}

static __inline__ int register_chrdev_region(dev_t device, unsigned int count, const char *name)
{
    static struct file_operations nothing;
    (void)count, (void)name;
    return register_chrdev((unsigned int)MAJOR(device), "", &nothing);
}

static __inline__ void unregister_chrdev_region(dev_t device, unsigned int count)
{
    (void)count;
    unregister_chrdev((unsigned int)MAJOR(device), "");
}

static __inline__ void cdev_init(struct cdev *it, const struct file_operations *operations)
{
    it->ops = operations;
    it->owner = 0;
    it->dev = 0;
    it->count = 0;
}

static __inline__ int cdev_add(struct cdev *it, dev_t device, unsigned int count)
{
    it->dev = (unsigned long)device;
    it->count = count;
    unregister_chrdev((unsigned int)MAJOR(device), "");
    return register_chrdev((unsigned int)MAJOR(device), "", it->ops);
}

static __inline__ void cdev_del(struct cdev *it)
{
    static struct file_operations nothing;
    /* The number stays its owner's, as long as that is not given back. */
    if (unregister_chrdev((unsigned int)MAJOR(it->dev), "") == 0) {
        register_chrdev((unsigned int)MAJOR(it->dev), "", &nothing);
    }
}

#endif
