/* The tables of devices. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_CONF_H
#define MODLINK_SYS_CONF_H
#pragma GCC system_header
#include <sys/param.h>
#include <sys/proc.h>
#include <sys/systm.h>
#include <sys/uio.h>
#ifdef __has_include
#if __has_include(<sys/sysmacros.h>)
#include <sys/sysmacros.h>
#endif
#endif

__BEGIN_DECLS

/*
 * The data of an ioctl are a caddr_t before NetBSD 5 and a void * since. From here on both are one type, so that functions of both
 * times fit the tables.
 */
typedef void *modlink_caddr_t;
#define caddr_t modlink_caddr_t

/* How a device is opened: the flags of its functions. */
#ifndef FREAD
#define FREAD 1
#define FWRITE 2
#endif

struct buf;
struct knote;
struct tty;

/* Declares a function of a device by its role: dev_type_open(gurka_open); */
#define dev_type_open(name) int name(dev_t, int, int, struct proc *)
#define dev_type_close(name) int name(dev_t, int, int, struct proc *)
#define dev_type_read(name) int name(dev_t, struct uio *, int)
#define dev_type_write(name) int name(dev_t, struct uio *, int)
#define dev_type_ioctl(name) int name(dev_t, u_long, void *, int, struct proc *)
#define dev_type_stop(name) void name(struct tty *, int)
#define dev_type_tty(name) struct tty *name(dev_t)
#define dev_type_poll(name) int name(dev_t, int, struct proc *)
#define dev_type_mmap(name) paddr_t name(dev_t, off_t, int)
#define dev_type_kqfilter(name) int name(dev_t, struct knote *)
#define dev_type_strategy(name) void name(struct buf *)
#define dev_type_dump(name) int name(dev_t, off_t, void *, size_t)
#define dev_type_size(name) int name(dev_t)

/* A block device. Each function returns 0 or errno. */
struct bdevsw {
    dev_type_open((*d_open));
    dev_type_close((*d_close));
    dev_type_strategy((*d_strategy));
    dev_type_ioctl((*d_ioctl));
    dev_type_dump((*d_dump));
    dev_type_size((*d_psize));
    int d_flag;
};

/* A character device. Each function returns 0 or errno; a missing one (NULL) stands for ENODEV. */
struct cdevsw {
    dev_type_open((*d_open));
    dev_type_close((*d_close));
    dev_type_read((*d_read));
    dev_type_write((*d_write));
    dev_type_ioctl((*d_ioctl));
    dev_type_stop((*d_stop));
    dev_type_tty((*d_tty));
    dev_type_poll((*d_poll));
    dev_type_mmap((*d_mmap));
    dev_type_kqfilter((*d_kqfilter));
    int d_flag;
    int (*d_discard)(dev_t, off_t, off_t);
};

/* d_flag. */
#define D_OTHER 0
#define D_TAPE 1
#define D_DISK 2
#define D_TTY 3
#define D_TYPEMASK 0xff
#define D_MPSAFE 0x100

/* Before NetBSD 2: declares all functions of a device, whose names begin alike; and makes the structure's contents of them. */
#define bdev_decl(name)                \
    dev_type_open(name##open);         \
    dev_type_close(name##close);       \
    dev_type_strategy(name##strategy); \
    dev_type_ioctl(name##ioctl);       \
    dev_type_dump(name##dump);         \
    dev_type_size(name##size)
#define cdev_decl(name)          \
    dev_type_open(name##open);   \
    dev_type_close(name##close); \
    dev_type_read(name##read);   \
    dev_type_write(name##write); \
    dev_type_ioctl(name##ioctl); \
    dev_type_stop(name##stop);   \
    dev_type_tty(name##tty);     \
    dev_type_poll(name##poll);   \
    dev_type_mmap(name##mmap)
#define dev_init(count, name, function) ((count) > 0 ? name##function : 0)
#define bdev_disk_init(count, name) \
    {name##open, name##close, name##strategy, name##ioctl, name##dump, name##size, D_DISK}
#define bdev_tape_init(count, name) \
    {name##open, name##close, name##strategy, name##ioctl, name##dump, nosize, D_TAPE}
#define cdev_disk_init(count, name) \
    {name##open, name##close, name##read, name##write, name##ioctl, nostop, notty, nopoll, nommap, nokqfilter, D_DISK, 0}
#define cdev_tape_init(count, name) \
    {name##open, name##close, name##read, name##write, name##ioctl, nostop, notty, nopoll, nommap, nokqfilter, D_TAPE, 0}
#define cdev_tty_init(count, name) \
    {name##open, name##close, name##read, name##write, name##ioctl, name##stop, name##tty, name##poll, nommap, nokqfilter, D_TTY, 0}
#define cdev__oci_init(count, name) \
    {name##open, name##close, noread, nowrite, name##ioctl, nostop, notty, nopoll, nommap, nokqfilter, D_OTHER, 0}
#define cdev__ocrwi_init(count, name) \
    {name##open, name##close, name##read, name##write, name##ioctl, nostop, notty, nopoll, nommap, nokqfilter, D_OTHER, 0}
#define cdev_mouse_init(count, name) \
    {name##open, name##close, name##read, name##write, name##ioctl, nostop, notty, name##poll, nommap, nokqfilter, D_OTHER, 0}
#define cdev_lkm_dummy() \
    {noopen, noclose, noread, nowrite, noioctl, nostop, notty, nopoll, nommap, nokqfilter, D_OTHER, 0}
#define cdev_notdef() cdev_lkm_dummy()
#define bdev_lkm_dummy() {noopen, noclose, 0, noioctl, nodump, nosize, D_OTHER}
#define bdev_notdef() bdev_lkm_dummy()
#define seltrue ((dev_type_poll((*)))(void (*)(void))nullop)
#define noselect nopoll
#define nullstop nostop

/* Functions that refuse, for slots of the structures above. */
#define noopen ((dev_type_open((*)))(void (*)(void))enodev)
#define noclose ((dev_type_close((*)))(void (*)(void))enodev)
#define noread ((dev_type_read((*)))(void (*)(void))enodev)
#define nowrite ((dev_type_write((*)))(void (*)(void))enodev)
#define noioctl ((dev_type_ioctl((*)))(void (*)(void))enodev)
#define nostop ((dev_type_stop((*)))(void (*)(void))nullop)
#define notty ((dev_type_tty((*)))(void (*)(void))nullop)
#define nopoll ((dev_type_poll((*)))(void (*)(void))nullop)
#define nommap ((dev_type_mmap((*)))(void (*)(void))enodev)
#define nokqfilter ((dev_type_kqfilter((*)))(void (*)(void))enodev)
#define nodiscard 0
#define nodump ((dev_type_dump((*)))(void (*)(void))enodev)
#define nosize ((dev_type_size((*)))(void (*)(void))nullop)
#define nullopen ((dev_type_open((*)))(void (*)(void))nullop)
#define nullclose ((dev_type_close((*)))(void (*)(void))nullop)
#define nullread ((dev_type_read((*)))(void (*)(void))nullop)
#define nullwrite ((dev_type_write((*)))(void (*)(void))nullop)

/* How many major numbers there are of either kind. */
#define MAXDEVSW 512
/*
 * Enters devices under major numbers: *bmajor and *cmajor, or free ones, which are stored there, when these are negative.
 * Either structure may be NULL. Returns 0, EINVAL (beyond the table), EEXIST (taken), ENFILE (none is free).
 */
int devsw_attach(
    const char *name, const struct bdevsw *block, int *bmajor, const struct cdevsw *character, int *cmajor);
/* Takes them out again. Returns 0. */
int devsw_detach(const struct bdevsw *block, const struct cdevsw *character);
/* What is entered for a device's major number; NULL for none. */
const struct bdevsw *bdevsw_lookup(dev_t device);
const struct cdevsw *cdevsw_lookup(dev_t device);
/* The major number that it is entered under; -1 for none. */
int bdevsw_lookup_major(const struct bdevsw *block);
int cdevsw_lookup_major(const struct cdevsw *character);

__END_DECLS

#endif
