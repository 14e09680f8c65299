/*
 * The system's header of the same name, and what modules of Linux register character devices with. Part of modlink: see modlink(4).
 *
 *     static ssize_t gurka_read(struct file *file, char *buffer, size_t size, loff_t *position);
 *     static struct file_operations operations = {.read = gurka_read};
 *     int major = register_chrdev(0, "gurka", &operations);
 */
#ifndef MODLINK_LINUX_FS_H
#define MODLINK_LINUX_FS_H
#pragma GCC system_header
#include_next <linux/fs.h>
#include <errno.h>
#include <linux/kdev_t.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <modlink/linux-types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct module;
struct poll_table_struct;
struct super_block;
struct vm_area_struct;

/* Major and minor number: MAJOR(), MINOR(), MKDEV() of linux/kdev_t.h. */
typedef unsigned int kdev_t;

/* f_mode. */
#ifndef FMODE_READ
#define FMODE_READ 1
#define FMODE_WRITE 2
#endif

/* The device itself: the same for all who have it open. */
struct inode {
    kdev_t i_rdev;
    umode_t i_mode;
};

struct dentry {
    struct inode *d_inode;
};

struct file_operations;

/* A device that somebody has open. */
struct file {
    struct dentry *f_dentry;
    const struct file_operations *f_op;
    umode_t f_mode;
    loff_t f_pos;
    /* Those of open(2): O_NONBLOCK is among them. */
    unsigned int f_flags;
    /* The module's: NULL when it is opened. */
    void *private_data;
};

typedef int (*filldir_t)(void *, const char *, int, off_t, ino_t);
typedef struct poll_table_struct poll_table;

/*
 * What a device does; each may be missing. Those of a size return how many bytes they have moved, or an error number below 0, the others 0
 * or such a number. The order is that of Linux 2.2, with what came later behind it, for initializers without names.
 *
 * Used are read, write, ioctl, open, flush and release; unlocked_ioctl goes before ioctl. These get a number, or the address of the bytes that
 * their client gives; 0 when there are none. What they return goes to the client, as of ioctl(2).
 */
struct file_operations {
    loff_t (*llseek)(struct file *, loff_t, int);
    ssize_t (*read)(struct file *, char *, size_t, loff_t *);
    ssize_t (*write)(struct file *, const char *, size_t, loff_t *);
    int (*readdir)(struct file *, void *, filldir_t);
    unsigned int (*poll)(struct file *, struct poll_table_struct *);
    int (*ioctl)(struct inode *, struct file *, unsigned int, unsigned long);
    int (*mmap)(struct file *, struct vm_area_struct *);
    int (*open)(struct inode *, struct file *);
    int (*flush)(struct file *);
    int (*release)(struct inode *, struct file *);
    int (*fsync)(struct file *, struct dentry *, int);
    int (*fasync)(int, struct file *, int);
    struct module *owner;
    long (*unlocked_ioctl)(struct file *, unsigned int, unsigned long);
    long (*compat_ioctl)(struct file *, unsigned int, unsigned long);
};

/*
 * Enters a device under a major number, and returns 0; of 0 that is one which is free, and is returned. -EBUSY: it is taken, or none is
 * free; -EINVAL: there is no such number.
 */
int register_chrdev(unsigned int major, const char *name, const struct file_operations *operations);
/* Takes it out again; -EINVAL: nothing, or something of another name, is there. */
int unregister_chrdev(unsigned int major, const char *name);

static __inline__ unsigned int modlink_major(const struct inode *inode) { return MAJOR(inode->i_rdev); }
static __inline__ unsigned int modlink_minor(const struct inode *inode) { return MINOR(inode->i_rdev); }
#define imajor(inode) modlink_major(inode)
#define iminor(inode) modlink_minor(inode)

#ifdef __cplusplus
}
#endif

#endif
