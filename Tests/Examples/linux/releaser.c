/* Releases the other one when it comes. */
#include <linux/module.h>

extern void counted_release(void);

int init_module(void)
{
	counted_release();
	return 0;
}
