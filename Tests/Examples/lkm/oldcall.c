/* A system call as it was written before NetBSD 2: the structure has no flags, and the arguments are a struct proc's. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/lkm.h>

struct twice_args {
	register_t value;
};

static int
twice(struct proc *p, void *v, register_t *retval)
{
	struct twice_args *uap = v;

	(void)p;
	*retval = uap->value * 2;
	return (0);
}

static struct sysent twice_sysent = { 1, sizeof(struct twice_args), twice };

MOD_SYSCALL("oldcall", 17, &twice_sysent)

int
xxxinit(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, lkm_nofunc, lkm_nofunc, lkm_nofunc)
}
