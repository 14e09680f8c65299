/* Uses what the other one exports. */
#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/init.h>

extern int provided, provide(int value);

static int __init user_init(void)
{
	printk(KERN_NOTICE "%d %d\n", provided, provide(6));
	return 0;
}

static void __exit user_exit(void)
{
}

module_init(user_init);
module_exit(user_exit);

MODULE_LICENSE("GPL");
MODULE_INFO(depends, "provider");
