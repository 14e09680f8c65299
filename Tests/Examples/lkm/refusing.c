/* Takes as long as it likes to go; and it may be told not to come at all. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/lkm.h>

int refuse_load, busy = 1;

MOD_MISC("refusing")

static int
refusing_load(struct lkm_table *lkmtp, int cmd)
{
	printf("load %d %s\n", cmd, lkmtp->private.lkm_any->lkm_name);
	return (refuse_load ? ENXIO : 0);
}

static int
refusing_unload(struct lkm_table *lkmtp, int cmd)
{
	printf("unload %d %s\n", cmd, lkmtp->private.lkm_any->lkm_name);
	return (busy-- > 0 ? EBUSY : 0);
}

int
refusing_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, refusing_load, refusing_unload, lkm_nofunc)
}
