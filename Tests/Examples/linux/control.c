/* A device of Linux that is controlled: numbers in, numbers out. */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <asm/uaccess.h>

#define MAJOR_NUMBER 90

static int control(struct inode *inode, struct file *file, unsigned int command, unsigned long argument)
{
    int number;

    (void)inode, (void)file;
    switch (command) {
    case 1:
        return (int)argument * 2;
    case 2:
        if (copy_from_user(&number, (int *)argument, sizeof(number)))
            return -EFAULT;
        number++;
        return put_user(number, (int *)argument) ? -EFAULT : 7;
    case 3:
        return -(int)argument;
    default:
        return 42;
    }
}

static ssize_t position(struct file *file, char *buffer, size_t size, loff_t *offset)
{
    (void)file, (void)size;
    *buffer = (char)*offset;
    return 1;
}

static struct file_operations operations = {
    .read = position,
    .ioctl = control,
};

int init_module(void)
{
    return register_chrdev(MAJOR_NUMBER, "control", &operations);
}

void cleanup_module(void)
{
    unregister_chrdev(MAJOR_NUMBER, "control");
}
