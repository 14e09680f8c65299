/* Transfers of block devices. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_BUF_H
#define MODLINK_SYS_BUF_H
#pragma GCC system_header
#include <sys/param.h>

__BEGIN_DECLS

struct proc;

/* What a client of the daemon wants of a block device: d_strategy is given it, and says biodone once that is done. */
struct buf {
    /* B_READ or B_WRITE; the device may set B_ERROR. */
    int b_flags;
    /* 0 or errno. */
    int b_error;
    dev_t b_dev;
    /* Where in the device, in blocks of DEV_BSIZE bytes. */
    int64_t b_blkno;
    /* The bytes, how many there are: a multiple of DEV_BSIZE; and how many of them the device has not moved. */
    void *b_data;
    int b_bcount;
    int b_resid;
    struct proc *b_proc;
    /* For who has made it: called by biodone, unless it is NULL. */
    void (*b_iodone)(struct buf *);
};

/* b_flags. */
#define B_WRITE 0
#define B_BUSY 0x00000010
#define B_DONE 0x00000200
#define B_ERROR 0x00000800
#define B_READ 0x00100000

#ifndef DEV_BSIZE
#define DEV_BSIZE 512
#endif
#define dbtob(blocks) ((blocks) * DEV_BSIZE)
#define btodb(bytes) ((bytes) / DEV_BSIZE)

/* A transfer is over. From any thread, also before d_strategy has returned. */
void biodone(struct buf *transfer);
/* Waits until that is said, and returns its error. */
int biowait(struct buf *transfer);

__END_DECLS

#endif
