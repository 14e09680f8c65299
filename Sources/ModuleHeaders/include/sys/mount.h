/* The C library's header of the same name, and the table of file systems. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_MOUNT_H
#define MODLINK_SYS_MOUNT_H
#pragma GCC system_header
#include_next <sys/mount.h>
#include <sys/proc.h>

__BEGIN_DECLS

struct fid;
struct mbuf;
struct mount;
struct nameidata;
struct statvfs;
struct ucred;
struct vnode;
struct vnodeopv_desc;

/* A file system. modlink calls vfs_init when it is entered and vfs_done when it is taken out; there is nothing to mount it on. */
struct vfsops {
    const char *vfs_name;
    int (*vfs_mount)(struct mount *, const char *, void *, struct nameidata *, struct proc *);
    int (*vfs_start)(struct mount *, int, struct proc *);
    int (*vfs_unmount)(struct mount *, int, struct proc *);
    int (*vfs_root)(struct mount *, struct vnode **);
    int (*vfs_quotactl)(struct mount *, int, uid_t, void *, struct proc *);
    int (*vfs_statvfs)(struct mount *, struct statvfs *, struct proc *);
    int (*vfs_sync)(struct mount *, int, struct ucred *, struct proc *);
    int (*vfs_vget)(struct mount *, ino_t, struct vnode **);
    int (*vfs_fhtovp)(struct mount *, struct fid *, struct vnode **);
    int (*vfs_vptofh)(struct vnode *, struct fid *);
    void (*vfs_init)(void);
    void (*vfs_reinit)(void);
    void (*vfs_done)(void);
    int (*vfs_mountroot)(void);
    /* What it has of vnode operations, ended by NULL; not looked at. */
    const struct vnodeopv_desc *const *vfs_opv_descs;
    /* How many of it are mounted: one that counts any is not taken out. */
    int vfs_refcount;
};

/* Enters a file system. Returns 0, EEXIST (of that name there is one), ENFILE (the table is full). */
int vfs_attach(struct vfsops *system);
/* Takes it out. Returns 0, EBUSY (it is mounted), ENOENT (it is not in the table). */
int vfs_detach(struct vfsops *system);
/* The file system of that name, or NULL. */
struct vfsops *vfs_getopsbyname(const char *name);

__END_DECLS

#endif
