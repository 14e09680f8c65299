/* A character device that keeps what is written to it, and gives it back. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/conf.h>
#include <sys/proc.h>
#include <sys/uio.h>
#include <sys/ioctl.h>
#include <sys/lkm.h>

#define KEEPSIZE _IOR('K', 1, int)

dev_type_open(keep_open);
dev_type_close(keep_close);
dev_type_read(keep_read);
dev_type_write(keep_write);
int keep_ioctl(dev_t, u_long, caddr_t, int, struct proc *);

static char kept[64];
static size_t size;
static int is_open;

static const struct cdevsw keep_cdevsw = {
	keep_open, keep_close, keep_read, keep_write, keep_ioctl,
	nostop, notty, nopoll, nommap, nokqfilter, D_OTHER, nodiscard
};

MOD_DEV("device", "keep", NULL, -1, &keep_cdevsw, -1)

int
keep_open(dev_t dev, int flags, int mode, struct lwp *l)
{
	(void)flags, (void)mode;
	if (minor(dev) != 0)
		return (ENXIO);
	if (is_open)
		return (EBUSY);
	is_open = 1;
	return (l->l_proc != l);
}

int
keep_close(dev_t dev, int flags, int mode, struct lwp *l)
{
	(void)dev, (void)flags, (void)mode, (void)l;
	is_open = 0;
	return (0);
}

int
keep_read(dev_t dev, struct uio *uio, int flags)
{
	(void)dev, (void)flags;
	if (uio->uio_offset < 0 || (size_t)uio->uio_offset >= size)
		return (0);
	return (uiomove(kept + uio->uio_offset, size - uio->uio_offset, uio));
}

int
keep_write(dev_t dev, struct uio *uio, int flags)
{
	(void)dev, (void)flags;
	if (uio->uio_resid > sizeof(kept))
		return (ENOSPC);
	size = uio->uio_resid;
	return (uiomove(kept, uio->uio_resid, uio));
}

int
keep_ioctl(dev_t dev, u_long cmd, caddr_t data, int flags, struct proc *p)
{
	(void)dev, (void)flags, (void)p;
	if (cmd != KEEPSIZE)
		return (ENOTTY);
	*(int *)data = size;
	return (0);
}

int
device_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, lkm_nofunc, lkm_nofunc, lkm_nofunc)
}
