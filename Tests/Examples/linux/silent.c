/* Exports nothing. */
#include <linux/module.h>

int quiet(void);

int quiet(void)
{
	return 0;
}

EXPORT_NO_SYMBOLS;
