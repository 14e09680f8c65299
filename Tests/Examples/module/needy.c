/* Needs another module, and holds it a second time for as long as it is told to. */
#include <sys/param.h>
#include <sys/module.h>
#include <sys/systm.h>

MODULE(MODULE_CLASS_DRIVER, needy, "hello");

int holds;

static int
needy_modcmd(modcmd_t cmd, void *arg)
{
	(void)arg;
	switch (cmd) {
	case MODULE_CMD_INIT:
		printf("hold %d %d\n", holds ? module_hold("hello") : 0, module_hold("nobody"));
		return (0);
	case MODULE_CMD_FINI:
		return (0);
	default:
		return (ENOTTY);
	}
}
