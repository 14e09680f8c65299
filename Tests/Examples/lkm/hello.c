/* The least of an LKM: says hello and goodbye. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/conf.h>
#include <sys/exec.h>
#include <sys/lkm.h>

MOD_MISC("hello")

static int
hello_handle(struct lkm_table *lkmtp, int cmd)
{
	switch (cmd) {
	case LKM_E_LOAD:
		if (lkmexists(lkmtp))
			return (EEXIST);
		printf("hello: loaded as %d, version %d\n", lkmtp->id, LKM_VERSION);
		break;
	case LKM_E_UNLOAD:
		printf("hello: goodbye\n");
		break;
	case LKM_E_STAT:
		printf("hello: still here\n");
		break;
	default:
		return (EIO);
	}
	return (0);
}

int hello_lkmentry(struct lkm_table *, int, int);

int
hello_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, hello_handle, hello_handle, hello_handle)
}
