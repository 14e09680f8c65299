/* The same as it is written since there are macros for it. */
#include <linux/config.h>
#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/init.h>
#include <linux/sched.h>

static int __initdata answer = 42;

static int __init start(void)
{
	printk(KERN_INFO "The process is \"%s\", %d\n", current->comm, current->pid > 0);
	pr_info("answer %d, %d of %d\n", answer, min(1, 2), max(1, 2));
	pr_debug("not said\n");
	printk(KERN_DEBUG "one\n" KERN_WARNING "two\n" "<9>three ");
	printk(KERN_CONT "four\n");
	return 0;
}

static void __exit stop(void)
{
	printk(KERN_INFO "stop\n");
}

module_init(start);
module_exit(stop);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("A. Gardener");
MODULE_DESCRIPTION("Says what it is");
