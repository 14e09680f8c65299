/*
 * The C library's header of the same name, and the description of a transfer that a BSD driver is given. Part of modlink: see
 * modlink(4).
 */
#ifndef MODLINK_SYS_UIO_H
#define MODLINK_SYS_UIO_H
#pragma GCC system_header
#include_next <sys/uio.h>
#include <sys/types.h>

__BEGIN_DECLS

struct proc;

enum uio_rw { UIO_READ, UIO_WRITE };
enum uio_seg { UIO_USERSPACE, UIO_SYSSPACE };

/* Bytes that a caller wants to read or write, and how far that has come. */
struct uio {
    /* Where they go to or come from; advanced by uiomove. */
    struct iovec *uio_iov;
    int uio_iovcnt;
    /* Where in the device. */
    int64_t uio_offset;
    /* How many are left. */
    size_t uio_resid;
    enum uio_seg uio_segflg;
    enum uio_rw uio_rw;
    struct proc *uio_procp;
};
#define uio_lwp uio_procp

/*
 * Moves up to `size` bytes between `buffer` and where the caller has or wants them, and counts them off. Returns 0, also when
 * the caller has wanted fewer.
 */
int uiomove(void *buffer, size_t size, struct uio *uio);

__END_DECLS

#endif
