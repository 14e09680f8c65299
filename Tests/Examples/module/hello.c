/* The least of a module as NetBSD has them now. */
#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

MODULE(MODULE_CLASS_MISC, hello, NULL);

static int
hello_modcmd(modcmd_t cmd, void *arg)
{
	(void)arg;
	switch (cmd) {
	case MODULE_CMD_INIT:
		printf("Hello!\n");
		break;
	case MODULE_CMD_FINI:
		printf("Bye!\n");
		break;
	case MODULE_CMD_STAT:
		printf("Status.\n");
		break;
	default:
		return (ENOTTY);
	}
	return (0);
}
