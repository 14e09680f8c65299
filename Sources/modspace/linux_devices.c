/*
 * Character devices of modules of Linux: register_chrdev, and what clients of the daemon do with what is registered.
 *
 * They have the slots of the table of character devices with those of cdevsw (tables.c). Each opening has a `struct file`, whatever
 * the minor number: it is kept here under the number that the daemon gives to the opening.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#define OPENINGS 4096
/* What MINOR() tells. */
#define MINOR_LIMIT 255
/* Numbers beyond those of errno.h, ERESTARTSYS among them, that drivers return when they are interrupted. */
#define LAST_ERROR 511
/* A result below that is not an error number: as system calls have it. */
#define LAST_SYSTEM_ERROR 4095

struct opening {
    /* 0: free. */
    uint64_t handle;
    struct inode inode;
    struct dentry entry;
    struct file file;
};

static struct opening openings[OPENINGS];

/* Under the lock. */
static struct opening *find(uint64_t handle)
{
    for (size_t i = 0; i < OPENINGS; i++) {
        if (openings[i].handle == handle) {
            return &openings[i];
        }
    }
    return NULL;
}

void kernel_forget_openings(uint64_t image)
{
    for (size_t i = 0; i < OPENINGS; i++) {
        if (openings[i].handle != 0 && space_image_at((uintptr_t)openings[i].file.f_op) == image) {
            openings[i].handle = 0;
        }
    }
}

static struct opening *begin(const struct kernel_operation *it, const struct file_operations *functions)
{
    sigset_t saved;
    kernel_lock(&saved);
    struct opening *opening = find(0);
    if (opening != NULL) {
        memset(opening, 0, sizeof *opening);
        opening->handle = it->handle;
        opening->inode = (struct inode){.i_rdev = MKDEV(major(it->device), minor(it->device)), .i_mode = S_IFCHR | 0600};
        opening->entry.d_inode = &opening->inode;
        opening->file = (struct file){
            .f_dentry = &opening->entry,
            .f_op = functions,
            .f_mode = (umode_t)(it->flags & (FMODE_READ | FMODE_WRITE)),
            /* FREAD and FWRITE are 1 and 2; O_RDONLY, O_WRONLY and O_RDWR are 0, 1 and 2. */
            .f_flags = (unsigned)((it->flags & ~3) | ((it->flags & 3) - 1)),
        };
    }
    kernel_unlock(&saved);
    return opening;
}

static void end(struct opening *opening)
{
    sigset_t saved;
    kernel_lock(&saved);
    opening->handle = 0;
    kernel_unlock(&saved);
}

/* The error number that a function has returned, as a positive one. */
static int error_of(long result)
{
    return result >= 0 ? 0 : result < -LAST_ERROR ? EINTR : (int)-result;
}

static int finish_transfer(ssize_t result, const struct kernel_operation *it, uint64_t *moved)
{
    if (result > 0) {
        *moved = (size_t)result <= it->size ? (uint64_t)result : it->size;
    }
    return error_of(result);
}

static int close_opening(const struct file_operations *functions, struct opening *opening)
{
    int result = functions->flush != NULL ? functions->flush(&opening->file) : 0;
    if (functions->release != NULL) {
        functions->release(&opening->inode, &opening->file);
    }
    end(opening);
    return error_of(result);
}

/* Its argument is a number, or the address of the caller's bytes; what it returns goes to the caller, as of ioctl(2). */
static int control(
    const struct file_operations *functions, struct opening *opening, const struct kernel_operation *it, uint64_t *moved)
{
    unsigned long argument = it->size > 0 ? (uintptr_t)it->buffer : 0;
    if (it->kind == SPACE_DEVICE_IOCTL_VALUE) {
        uint64_t value;
        memcpy(&value, it->buffer, sizeof value);
        argument = (unsigned long)value;
    }
    long result;
    if (functions->unlocked_ioctl != NULL) {
        result = functions->unlocked_ioctl(&opening->file, (unsigned)it->number, argument);
    } else if (functions->ioctl != NULL) {
        result = functions->ioctl(&opening->inode, &opening->file, (unsigned)it->number, argument);
    } else {
        return ENOTTY;
    }
    if (result < 0 && result >= -LAST_SYSTEM_ERROR) {
        return error_of(result);
    }
    *moved = (uint64_t)(int64_t)result;
    return 0;
}

int kernel_use_linux_device(const void *functions_, const struct kernel_operation *it, uint64_t *moved)
{
    const struct file_operations *functions = functions_;
    if (it->kind == SPACE_DEVICE_OPEN) {
        struct opening *opening = minor(it->device) <= MINOR_LIMIT ? begin(it, functions) : NULL;
        if (opening == NULL) {
            return minor(it->device) <= MINOR_LIMIT ? ENFILE : ENXIO;
        }
        int result = functions->open != NULL ? functions->open(&opening->inode, &opening->file) : 0;
        if (result != 0) {
            end(opening);
        }
        return error_of(result);
    }
    sigset_t saved;
    kernel_lock(&saved);
    struct opening *opening = it->handle != 0 ? find(it->handle) : NULL;
    kernel_unlock(&saved);
    if (opening == NULL) {
        return ENXIO;
    }
    struct file *file = &opening->file;
    switch (it->kind) {
    case SPACE_DEVICE_CLOSE:
        return close_opening(functions, opening);
    case SPACE_DEVICE_READ:
        return functions->read == NULL
            ? EINVAL
            : finish_transfer(functions->read(file, it->buffer, it->size, &file->f_pos), it, moved);
    case SPACE_DEVICE_WRITE:
        return functions->write == NULL
            ? EINVAL
            : finish_transfer(functions->write(file, it->buffer, it->size, &file->f_pos), it, moved);
    default:
        return control(functions, opening, it, moved);
    }
}
