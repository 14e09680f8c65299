/* Counts its users. */
#include <linux/module.h>
#include <linux/kernel.h>

int init_module(void)
{
	printk("in init: %ld, in use %d\n", MOD_COUNT(mod_use_count_), MOD_IN_USE);
	MOD_INC_USE_COUNT;
	printk("counted: %ld, visited %d\n", MOD_COUNT(mod_use_count_), (mod_use_count_ & MOD_VISITED) != 0);
	return 0;
}

int counted_open(void)
{
	MOD_INC_USE_COUNT;
	return 0;
}

void counted_release(void)
{
	MOD_DEC_USE_COUNT;
}

void cleanup_module(void)
{
	printk("cleanup: %ld, in use %d\n", MOD_COUNT(mod_use_count_), MOD_IN_USE);
}
