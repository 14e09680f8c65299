/* A module that is written for modlink. */
#include <modlink/module.h>
#include <stdio.h>

int slices = 3;
int own = 4;
MODLINK_EXPORT(slices);

static int start(void)
{
	printf("gurka: %d slices\n", slices);
	return modlink_hold("nobody") == ENOENT ? 0 : EIO;
}

static int stop(void)
{
	puts("gurka: gone");
	return 0;
}

MODLINK_MODULE(gurka, NULL, start, stop);
MODLINK_LICENSE("MIT");
MODLINK_AUTHOR("A. Gardener");
MODLINK_DESCRIPTION("Slices");
MODLINK_VERSION("1.0");
