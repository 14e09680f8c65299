/* A system call: adds its two arguments. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/proc.h>
#include <sys/syscallargs.h>
#include <sys/lkm.h>

struct add_args {
	syscallarg(int) one;
	syscallarg(int) other;
};

static int
sys_add(struct lwp *l, void *v, register_t *retval)
{
	struct add_args *uap = v;

	if (l == NULL)
		return (ESRCH);
	*retval = SCARG(uap, one) + SCARG(uap, other);
	return (0);
}

static struct sysent add_sysent = {
	2,			/* arguments */
	sizeof(struct add_args),
	0,
	sys_add
};

MOD_SYSCALL("call", -1, &add_sysent)

int call_lkmentry(struct lkm_table *, int, int);

int
call_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, lkm_nofunc, lkm_nofunc, lkm_nofunc)
}
