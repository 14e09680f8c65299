/* Uses a device that another module has registered, through the table of devices. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/conf.h>
#include <sys/ioctl.h>
#include <sys/lkm.h>

int number;

MOD_MISC("reader")

static int
transfer(const struct cdevsw *device, enum uio_rw way, char *bytes, size_t count)
{
	struct iovec part[2];
	struct uio uio;
	int error;

	part[0].iov_base = bytes;
	part[0].iov_len = 2;
	part[1].iov_base = bytes + 2;
	part[1].iov_len = count - 2;
	memset(&uio, 0, sizeof(uio));
	uio.uio_iov = part;
	uio.uio_iovcnt = 2;
	uio.uio_resid = count;
	uio.uio_segflg = UIO_SYSSPACE;
	uio.uio_rw = way;
	if (way == UIO_READ)
		error = (*device->d_read)(makedev(number, 0), &uio, 0);
	else
		error = (*device->d_write)(makedev(number, 0), &uio, 0);
	printf("error %d, %d left, offset %d\n", error, (int)uio.uio_resid, (int)uio.uio_offset);
	return (error);
}

static int
reader_load(struct lkm_table *lkmtp, int cmd)
{
	const struct cdevsw *device = cdevsw_lookup(makedev(number, 0));
	char text[16] = "gurka";
	int size = 0;

	(void)lkmtp, (void)cmd;
	if (device == NULL)
		return (ENXIO);
	printf("open %d", (*device->d_open)(makedev(number, 0), 0, 0, curlwp));
	printf(" again %d\n", (*device->d_open)(makedev(number, 0), 0, 0, curlwp));
	transfer(device, UIO_WRITE, text, 5);
	memset(text, 0, sizeof(text));
	transfer(device, UIO_READ, text, 10);
	printf("ioctl %d", (*device->d_ioctl)(makedev(number, 0), _IOR('K', 1, int), &size, 0, curlwp));
	printf(" %d %d\n", (*device->d_ioctl)(makedev(number, 0), 1, &size, 0, curlwp), size);
	printf("%s, close %d\n", text, (*device->d_close)(makedev(number, 0), 0, 0, curlwp));
	return (0);
}

int
reader_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, reader_load, lkm_nofunc, lkm_nofunc)
}
