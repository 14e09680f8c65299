/* Exports a function and a variable, and nothing else. */
#include <linux/module.h>
#include <linux/kernel.h>

int provided = 7;
int kept = 8;

int provide(int value);
int keep(void);

int provide(int value)
{
	return value * provided;
}

int keep(void)
{
	return kept;
}

EXPORT_SYMBOL(provided);
EXPORT_SYMBOL_GPL(provide);

MODULE_LICENSE("GPL");
