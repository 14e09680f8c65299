/* Calls a system call by its number, as another part of the kernel would. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/proc.h>
#include <sys/lkm.h>

int slot = 210;

MOD_MISC("caller")

static int
caller_load(struct lkm_table *lkmtp, int cmd)
{
	register_t arguments[2] = { 20, 22 }, result = -1;
	int error = (*sysent[slot].sy_call)(curproc, arguments, &result);

	(void)lkmtp, (void)cmd;
	printf("call %d: %d arguments, error %d, result %ld\n", slot, sysent[slot].sy_narg, error, (long)result);
	return (0);
}

int
caller_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, caller_load, lkm_nofunc, lkm_nofunc)
}
