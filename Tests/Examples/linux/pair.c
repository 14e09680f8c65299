/* A device as Linux 2.4 and later have them, which gives each who opens it a text of their own; and what cannot be registered. */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

static int pair_open(struct inode *inode, struct file *file)
{
	char *text = kmalloc(32, GFP_KERNEL);

	if (text == NULL)
		return -ENOMEM;
	snprintf(text, 32, "%d:", MINOR(inode->i_rdev));
	file->private_data = text;
	return 0;
}

static int pair_release(struct inode *inode, struct file *file)
{
	(void)inode;
	printk(KERN_INFO "pair: released %s\n", (char *)file->private_data);
	kfree(file->private_data);
	return 0;
}

static ssize_t pair_read(struct file *file, char __user *buffer, size_t length, loff_t *position)
{
	const char *text = file->private_data;
	size_t left = strlen(text) - min((size_t)*position, strlen(text));

	if (length > left)
		length = left;
	if (copy_to_user(buffer, text + *position, length))
		return -EFAULT;
	*position += length;
	return length;
}

static ssize_t pair_write(struct file *file, const char __user *buffer, size_t length, loff_t *position)
{
	char *text = file->private_data;
	size_t used = strlen(text);

	(void)position;
	if (length > 31 - used)
		return -ENOSPC;
	if (copy_from_user(text + used, buffer, length))
		return -EFAULT;
	text[used + length] = 0;
	return length;
}

static struct file_operations pair_operations = {
	.owner = THIS_MODULE,
	.open = pair_open,
	.release = pair_release,
	.read = pair_read,
	.write = pair_write,
};

static int __init pair_init(void)
{
	if (register_chrdev(200, "pair", &pair_operations) != 0)
		return -EBUSY;
	printk("%d %d", register_chrdev(200, "other", &pair_operations) == -EBUSY,
	       register_chrdev(4096, "other", &pair_operations) == -EINVAL);
	printk(" %d %d\n", unregister_chrdev(200, "other") == -EINVAL, unregister_chrdev(201, "pair") == -EINVAL);
	return 0;
}

static void __exit pair_exit(void)
{
	unregister_chrdev(200, "pair");
}

module_init(pair_init);
module_exit(pair_exit);
MODULE_LICENSE("GPL");
