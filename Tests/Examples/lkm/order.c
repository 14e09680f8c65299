/* An entry function of its own that says with what it is called, and what the table has. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/lkm.h>

MOD_MISC("order")

int xxxinit(struct lkm_table *, int, int);

int
xxxinit(struct lkm_table *lkmtp, int cmd, int ver)
{
	printf("%d %d: id %d refcnt %d entry %d private %d area %d size %ld offset %d syms %ld\n", cmd, ver,
	    lkmtp->id, lkmtp->refcnt, lkmtp->entry == xxxinit, lkmtp->private.lkm_misc == &_module,
	    lkmtp->area == ((u_long)lkmtp->area & ~4095UL) && lkmtp->area <= (u_long)&_module
	    && (u_long)&_module < lkmtp->area + lkmtp->size,
	    (long)(lkmtp->size % 4096), lkmtp->offset > 0 && lkmtp->offset < lkmtp->size,
	    (long)(lkmtp->syms + lkmtp->sym_size + lkmtp->sym_offset + lkmtp->sym_symsize));
	DISPATCH(lkmtp, cmd, ver, lkm_nofunc, lkm_nofunc, lkm_nofunc);
}
