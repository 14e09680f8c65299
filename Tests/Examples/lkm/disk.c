/* A block device of eight blocks of memory. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/buf.h>
#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/stat.h>
#include <sys/lkm.h>

#define BLOCKS 8

static dev_type_open(disk_open);
static dev_type_close(disk_close);
static dev_type_strategy(disk_strategy);
static dev_type_ioctl(disk_ioctl);
static dev_type_size(disk_size);

static char blocks[BLOCKS * DEV_BSIZE];

static const struct bdevsw disk_bdevsw = {
	disk_open, disk_close, disk_strategy, disk_ioctl, nodump, disk_size, D_DISK
};

MOD_DEV("disk", "disk", &disk_bdevsw, 4, NULL, -1)

static int
disk_open(dev_t dev, int flags, int mode, struct lwp *l)
{
	(void)dev, (void)flags, (void)l;
	return (mode == S_IFBLK ? 0 : EINVAL);
}

static int
disk_close(dev_t dev, int flags, int mode, struct lwp *l)
{
	(void)dev, (void)flags, (void)mode, (void)l;
	return (0);
}

static void
disk_strategy(struct buf *bp)
{
	char *place;
	int64_t left;

	left = dbtob(BLOCKS - bp->b_blkno);
	if (left < 0) {
		bp->b_error = EINVAL;
		bp->b_flags |= B_ERROR;
		bp->b_resid = bp->b_bcount;
	} else {
		bp->b_resid = bp->b_bcount > left ? bp->b_bcount - (int)left : 0;
		place = blocks + dbtob(bp->b_blkno);
		if (bp->b_flags & B_READ)
			memcpy(bp->b_data, place, bp->b_bcount - bp->b_resid);
		else
			memcpy(place, bp->b_data, bp->b_bcount - bp->b_resid);
	}
	biodone(bp);
}

static int
disk_ioctl(dev_t dev, u_long cmd, void *data, int flags, struct lwp *l)
{
	(void)dev, (void)flags, (void)l;
	if (cmd != 1)
		return (ENOTTY);
	*(int *)data = BLOCKS;
	return (0);
}

static int
disk_size(dev_t dev)
{
	(void)dev;
	return (BLOCKS);
}

int disk_lkmentry(struct lkm_table *, int, int);

int
disk_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, lkm_nofunc, lkm_nofunc, lkm_nofunc)
}
