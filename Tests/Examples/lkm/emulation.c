/* Registers an emulation of another system. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/exec.h>
#include <sys/lkm.h>

static const struct emul emul_tomat = { "tomat", "/emul/tomat", NULL };

MOD_COMPAT("emulation", -1, &emul_tomat)

int
emulation_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, lkm_nofunc, lkm_nofunc, lkm_nofunc)
}
