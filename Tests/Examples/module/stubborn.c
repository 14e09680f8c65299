/* Refuses to go, and to go by itself, until it has said so once; or to come. */
#include <sys/param.h>
#include <sys/module.h>
#include <sys/systm.h>

MODULE(MODULE_CLASS_MISC, stubborn, NULL);

int init_error, fini_error = EBUSY, auto_error = EBUSY;

int used(void);

int
used(void)
{
	return (1);
}

static int
stubborn_modcmd(modcmd_t cmd, void *arg)
{
	int error;

	(void)arg;
	switch (cmd) {
	case MODULE_CMD_INIT:
		return (init_error);
	case MODULE_CMD_FINI:
		error = fini_error;
		fini_error = 0;
		return (error);
	case MODULE_CMD_AUTOUNLOAD:
		printf("stubborn: asked\n");
		error = auto_error;
		auto_error = ENOTTY;
		return (error);
	default:
		return (ENOTTY);
	}
}
