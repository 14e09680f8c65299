/* A character device of the time of Linux 2.0 and 2.2: who opens it reads how often that was done; what is written is kept. */
#include <linux/kernel.h>
#include <linux/module.h>
#if CONFIG_MODVERSIONS == 1
#define MODVERSIONS
#include <linux/modversions.h>
#endif
#include <linux/fs.h>
#include <linux/wrapper.h>
#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) ((a)*65536 + (b)*256 + (c))
#endif
#if LINUX_VERSION_CODE > KERNEL_VERSION(2, 2, 0)
#include <asm/uaccess.h>
#endif

#define SUCCESS 0
#define DEVICE_NAME "counter"
#define BUF_LEN 80
#define COUNTER_RESET 1
#define COUNTER_GET 2

static int device_is_open, counter;
static char message[2 * BUF_LEN], *message_ptr;
static char kept[BUF_LEN];
static int major;

static int
device_open(struct inode *inode, struct file *file)
{
	printk("open %d,%d\n", inode->i_rdev >> 8, inode->i_rdev & 0xff);
	if (device_is_open)
		return -EBUSY;
	device_is_open++;
	sprintf(message, "opened %d times, kept '%s'\n", ++counter, kept);
	message_ptr = message;
	file->private_data = &counter;
	MOD_INC_USE_COUNT;
	return SUCCESS;
}

static int
device_release(struct inode *inode, struct file *file)
{
	device_is_open--;
	printk("release %d %d\n", file->private_data == &counter, MINOR(inode->i_rdev));
	MOD_DEC_USE_COUNT;
	return 0;
}

static ssize_t
device_read(struct file *file, char *buffer, size_t length, loff_t *offset)
{
	int bytes_read = 0;

	if (*message_ptr == 0)
		return 0;
	while (length && *message_ptr) {
		put_user(*(message_ptr++), buffer++);
		length--;
		bytes_read++;
	}
	*offset += bytes_read;
	return file->f_pos == *offset ? bytes_read : -EIO;
}

static ssize_t
device_write(struct file *file, const char *buffer, size_t length, loff_t *offset)
{
	size_t i;

	if (length >= BUF_LEN)
		return -EINVAL;
	for (i = 0; i < length; i++)
		get_user(kept[i], buffer + i);
	kept[length] = 0;
	(void)file, (void)offset;
	return length;
}

static int
device_ioctl(struct inode *inode, struct file *file, unsigned int number, unsigned long param)
{
	(void)inode, (void)file;
	switch (number) {
	case COUNTER_RESET:
		if (param != 0)
			return -EINVAL;
		counter = 0;
		return 0;
	case COUNTER_GET:
		return copy_to_user((void *)param, &counter, sizeof counter) ? -EFAULT : 0;
	default:
		return -ENOTTY;
	}
}

struct file_operations operations = {
	NULL,		/* seek */
	device_read,
	device_write,
	NULL,		/* readdir */
	NULL,		/* select */
	device_ioctl,
	NULL,		/* mmap */
	device_open,
	NULL,		/* flush */
	device_release,
};

int
init_module(void)
{
	major = module_register_chrdev(0, DEVICE_NAME, &operations);
	if (major < 0) {
		printk("%s device failed with %d\n", DEVICE_NAME, major);
		return major;
	}
	printk("major device number %d\n", major);
	return 0;
}

void
cleanup_module(void)
{
	int ret = module_unregister_chrdev(major, DEVICE_NAME);

	if (ret < 0)
		printk("error in unregister_chrdev: %d\n", ret);
}
