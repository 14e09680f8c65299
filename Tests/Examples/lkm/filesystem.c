/* Registers a file system. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/mount.h>
#include <sys/lkm.h>

static void
gurka_init(void)
{
	printf("gurkafs: init\n");
}

static void
gurka_done(void)
{
	printf("gurkafs: done\n");
}

static struct vfsops gurka_vfsops = {
	"gurkafs", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	gurka_init, NULL, gurka_done, NULL, NULL, 0
};

MOD_VFS("filesystem", -1, &gurka_vfsops)

static int
filesystem_load(struct lkm_table *lkmtp, int cmd)
{
	(void)lkmtp, (void)cmd;
	printf("found %d %d\n", vfs_getopsbyname("gurkafs") == &gurka_vfsops, vfs_getopsbyname("tomatfs") == NULL);
	return (0);
}

int
filesystem_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, filesystem_load, lkm_nofunc, lkm_nofunc)
}
