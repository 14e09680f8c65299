/* A module that looks for a free system call itself, as NetBSD 4 has them: with a struct lwp, and arguments that are const. */
#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/systm.h>
#include <sys/conf.h>
#include <sys/mount.h>
#include <sys/exec.h>
#include <sys/lkm.h>
#include <sys/file.h>
#include <sys/errno.h>
#include <sys/syscall.h>

int	thrice(struct lwp *, const void *, register_t *);
int	ownslot_lkmentry(struct lkm_table *, int, int);
int	sys_lkmnosys(struct lwp *, const void *, register_t *);

static struct sysent	entry = { 0, 0, 0, (void *)thrice };
static struct sysent	before;

MOD_MISC("ownslot");

int
thrice(struct lwp *l, const void *v, register_t *retval)
{
	(void)l;
	*retval = 3 * *(const register_t *)v;
	return 0;
}

static int
handle(struct lkm_table *lkmtp, int cmd)
{
	struct lkm_misc *args = lkmtp->private.lkm_misc;
	int i;

	switch (cmd) {
	case LKM_E_LOAD:
		if (lkmexists(lkmtp))
			return EEXIST;
		for (i = 0; i < SYS_MAXSYSCALL; i++)
			if ((void *)sysent[i].sy_call == (void *)sys_lkmnosys)
				break;
		if (i == SYS_MAXSYSCALL)
			return ENFILE;
		memcpy(&before, &sysent[i], sizeof(struct sysent));
		memcpy(&sysent[i], &entry, sizeof(struct sysent));
		args->mod.lkm_offset = i;
		return 0;
	case LKM_E_UNLOAD:
		memcpy(&sysent[args->mod.lkm_offset], &before, sizeof(struct sysent));
		return 0;
	default:
		return EINVAL;
	}
}

int
ownslot_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, handle, handle, lkm_nofunc)
}
