/* Lets go of another module; once more than anybody holds it, which does nothing. */
#include <sys/param.h>
#include <sys/module.h>

MODULE(MODULE_CLASS_ANY, releaser, NULL);

static int
releaser_modcmd(modcmd_t cmd, void *arg)
{
	(void)arg;
	if (cmd != MODULE_CMD_INIT)
		return (cmd == MODULE_CMD_FINI ? 0 : ENOTTY);
	module_rele("hello");
	module_rele("hello");
	module_rele("nobody");
	return (0);
}
