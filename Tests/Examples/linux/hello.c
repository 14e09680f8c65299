/* The first module of every course. */
#define MODULE
#define __KERNEL__
#include <linux/module.h>
#include <linux/kernel.h>

int init_module(void)
{
	printk("<1>Hello, world\n");
	return 0;
}

void cleanup_module(void)
{
	printk(KERN_ALERT "Goodbye cruel world\n");
}
