/* A character device that keeps 64 KiB, and does all that a device should not. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/conf.h>
#include <sys/proc.h>
#include <sys/uio.h>
#include <sys/errno.h>
#include <sys/lkm.h>
#include <stdio.h>

static dev_type_open(big_open);
static dev_type_close(big_close);
static dev_type_read(big_read);
static dev_type_write(big_write);
static dev_type_ioctl(big_ioctl);

static char kept[65536];
static int opened, closed, refuses;

static const struct cdevsw big_cdevsw = {
	big_open, big_close, big_read, big_write, big_ioctl,
	nostop, notty, nopoll, nommap, nokqfilter, D_OTHER, nodiscard
};

/* What takes its place. */
static const struct cdevsw other_cdevsw = {
	nullopen, nullclose, nullread, nullwrite, noioctl,
	nostop, notty, nopoll, nommap, nokqfilter, D_OTHER, nodiscard
};

MOD_DEV("big", "big", NULL, -1, &big_cdevsw, -1)

static int
big_open(dev_t dev, int flags, int mode, struct lwp *l)
{
	(void)dev, (void)mode, (void)l;
	if ((flags & (FREAD | FWRITE)) == 0)
		return (EINVAL);
	opened++;
	return (0);
}

static int
big_close(dev_t dev, int flags, int mode, struct lwp *l)
{
	(void)dev, (void)flags, (void)mode, (void)l;
	closed++;
	printf("big: is closed\n");
	return (refuses ? EBUSY : 0);
}

static int
big_read(dev_t dev, struct uio *uio, int flags)
{
	(void)dev, (void)flags;
	return (uiomove(kept, sizeof(kept), uio));
}

static int
big_write(dev_t dev, struct uio *uio, int flags)
{
	(void)dev, (void)flags;
	return (uiomove(kept, sizeof(kept), uio));
}

static int
big_ioctl(dev_t dev, u_long cmd, void *data, int flags, struct lwp *l)
{
	char *bytes = data;
	int major = major(dev);
	size_t i;

	(void)flags, (void)l;
	switch (cmd) {
	case 1:
		for (i = 0; i < sizeof(kept); i++)
			bytes[i] = ~bytes[i];
		return (0);
	case 2:
		*(volatile int *)0 = 1;
		return (0);
	case 3:
		for (i = 0;; i++)
			((volatile char *)bytes)[i] = 1;
	case 4:
		refuses = 1;
		return (0);
	case 5:
		printf("big: hangs\n");
		fflush(stdout);
		for (;;)
			*(volatile char *)kept = 1;
	case 6:
		devsw_detach(NULL, &big_cdevsw);
		return (devsw_attach("other", NULL, NULL, &other_cdevsw, &major));
	default:
		return (ENOTTY);
	}
}

static int
big_unload(struct lkm_table *lkmtp, int cmd)
{
	(void)lkmtp, (void)cmd;
	printf("big: opened %d, closed %d\n", opened, closed);
	return (0);
}

int big_lkmentry(struct lkm_table *, int, int);

int
big_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, lkm_nofunc, big_unload, lkm_nofunc)
}
