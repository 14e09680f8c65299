// The same in C++.
#include <cstdio>
#include <modlink/module.h>

extern "C" {
int slices = 3;
int own = 4;
}
MODLINK_EXPORT(slices);

static int start()
{
	std::printf("gurka: %d slices\n", slices);
	return modlink_hold("nobody") == ENOENT ? 0 : EIO;
}

static int stop()
{
	std::puts("gurka: gone");
	return 0;
}

MODLINK_MODULE(gurka, NULL, start, stop);
MODLINK_LICENSE("MIT");
