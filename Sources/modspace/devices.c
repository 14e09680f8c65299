/*
 * What modules have registered, used from outside: system calls, and devices.
 *
 * The tables are asked anew each time, and a device is the one that was opened or none: its number may have gone to another.
 * What a device is given or gives passes through a buffer that is made for each operation, between pages that cannot be touched: a
 * module that goes beyond it faults in the call. A thread that is left running keeps it.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <sys/buf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Words that a system call finds, zeros after those that it is given: some read more than they declare. */
#define WORDS 16
_Static_assert(SPACE_CALL_LIMIT <= SPACE_ADDRESS_LIMIT && SPACE_CALL_LIMIT <= WORDS, "the arguments have room");

/* ---- The tables ---- */

/* How many slots a table has; 0: there is no such table. */
static uint64_t size_of(uint32_t table)
{
    switch (table) {
    case SPACE_SYSTEM_CALLS:
        return SYS_MAXSYSCALL;
    case SPACE_BLOCK_DEVICES:
    case SPACE_CHARACTER_DEVICES:
        return MAXDEVSW;
    default:
        return 0;
    }
}

static uint64_t entry_at(uint32_t table, uint64_t slot)
{
    switch (table) {
    case SPACE_SYSTEM_CALLS:
        return (uintptr_t)kernel_whole_call(&sysent[slot]).sy_call;
    case SPACE_BLOCK_DEVICES:
        return (uintptr_t)bdevsw_lookup(makedev((unsigned)slot, 0));
    default: {
        bool is_linux;
        return (uintptr_t)kernel_character_device((unsigned)slot, &is_linux);
    }
    }
}

int space_find_entry(const struct space_request *request, struct space_reply *reply)
{
    uint64_t size = size_of(request->count);
    bool of_image = (request->flags & SPACE_OF_IMAGE) != 0;
    if (size == 0 || (!of_image && request->address >= size)) {
        return EINVAL;
    }
    sigset_t saved;
    kernel_lock(&saved);
    uint64_t slot = of_image ? 0 : request->address;
    uint64_t entry = entry_at(request->count, slot);
    while (of_image && slot < size && (entry == 0 || space_image_at(entry) != request->address)) {
        slot++;
        entry = slot < size ? entry_at(request->count, slot) : 0;
    }
    kernel_unlock(&saved);
    reply->result = (int64_t)slot;
    reply->results[0] = entry;
    return entry == 0 ? ENOENT : 0;
}

/* ---- System calls ---- */

int space_enter_system_call(const struct space_request *request, uint64_t *values)
{
    if (request->address >= SYS_MAXSYSCALL) {
        return ENOSYS;
    }
    sigset_t saved;
    kernel_lock(&saved);
    sy_call_t *function = kernel_whole_call(&sysent[request->address]).sy_call;
    kernel_unlock(&saved);
    if (function == NULL) {
        return ENOSYS;
    }
    register_t words[WORDS] = {0};
    for (uint32_t i = 0; i < request->count; i++) {
        words[i] = (register_t)request->addresses[i];
    }
    register_t result[2] = {0, 0};
    int error = function(modlink_process(), words, result);
    values[0] = (uint64_t)(int64_t)result[0];
    values[1] = (uint64_t)(int64_t)result[1];
    return error;
}

/* ---- Devices, on the worker ---- */

static int transfer(int (*function)(dev_t, struct uio *, int), const struct kernel_operation *it, uint64_t *moved)
{
    if (function == NULL) {
        return ENODEV;
    }
    struct iovec part = {.iov_base = it->buffer, .iov_len = it->size};
    struct uio uio = {
        .uio_iov = &part,
        .uio_iovcnt = 1,
        .uio_offset = (int64_t)it->number,
        .uio_resid = it->size,
        .uio_segflg = UIO_USERSPACE,
        .uio_rw = it->kind == SPACE_DEVICE_READ ? UIO_READ : UIO_WRITE,
        .uio_procp = modlink_process(),
    };
    int error = function(it->device, &uio, it->flags);
    /* The module has had it in its hands. */
    *moved = uio.uio_resid <= it->size ? it->size - uio.uio_resid : 0;
    /* What was moved before it was to wait is moved: as the read(2) and write(2) of NetBSD have it. */
    bool waits = error == EINTR || error == EWOULDBLOCK || error == ERESTART;
    return waits && *moved > 0 ? 0 : error;
}

static int use_character(const struct cdevsw *entry, const struct kernel_operation *it, uint64_t *moved)
{
    struct proc *process = modlink_process();
    switch (it->kind) {
    case SPACE_DEVICE_OPEN:
        return entry->d_open == NULL ? ENODEV : entry->d_open(it->device, it->flags, S_IFCHR, process);
    case SPACE_DEVICE_CLOSE:
        return entry->d_close == NULL ? ENODEV : entry->d_close(it->device, it->flags, S_IFCHR, process);
    case SPACE_DEVICE_READ:
        return transfer(entry->d_read, it, moved);
    case SPACE_DEVICE_WRITE:
        return transfer(entry->d_write, it, moved);
    default:
        /* Of one whose argument is a number, that is what the data are: NetBSD's sys_ioctl does so. */
        return entry->d_ioctl == NULL
            ? ENODEV
            : entry->d_ioctl(it->device, (u_long)it->number, it->buffer, it->flags, process);
    }
}

void biodone(struct buf *transfer)
{
    void (*tell)(struct buf *) = transfer->b_iodone;
    /* From then on it may be gone. */
    __atomic_fetch_or(&transfer->b_flags, B_DONE, __ATOMIC_RELEASE);
    space_futex_wake((_Atomic uint32_t *)(void *)&transfer->b_flags);
    if (tell != NULL) {
        tell(transfer);
    }
}

int biowait(struct buf *transfer)
{
    for (;;) {
        int flags = __atomic_load_n(&transfer->b_flags, __ATOMIC_ACQUIRE);
        if ((flags & B_DONE) != 0) {
            return transfer->b_error == 0 && (flags & B_ERROR) != 0 ? EIO : transfer->b_error;
        }
        space_futex_wait((_Atomic uint32_t *)(void *)&transfer->b_flags, (uint32_t)flags, NULL);
    }
}

/* Whole blocks, and nothing kept of them: there is no cache. */
static int transfer_blocks(void (*function)(struct buf *), const struct kernel_operation *it, uint64_t *moved)
{
    if (function == NULL) {
        return ENODEV;
    }
    if (it->size % DEV_BSIZE != 0 || it->number % DEV_BSIZE != 0) {
        return EINVAL;
    }
    if (it->size == 0) {
        return 0;
    }
    struct buf transfer = {
        .b_flags = B_BUSY | (it->kind == SPACE_DEVICE_READ ? B_READ : B_WRITE),
        .b_dev = it->device,
        .b_blkno = (int64_t)(it->number / DEV_BSIZE),
        .b_data = it->buffer,
        .b_bcount = (int)it->size,
        .b_proc = modlink_process(),
    };
    function(&transfer);
    int error = biowait(&transfer);
    bool is_possible = transfer.b_resid >= 0 && (size_t)transfer.b_resid <= it->size;
    *moved = is_possible ? it->size - (size_t)transfer.b_resid : 0;
    return error;
}

static int use_block(const struct bdevsw *entry, const struct kernel_operation *it, uint64_t *moved)
{
    struct proc *process = modlink_process();
    switch (it->kind) {
    case SPACE_DEVICE_OPEN:
        return entry->d_open == NULL ? ENODEV : entry->d_open(it->device, it->flags, S_IFBLK, process);
    case SPACE_DEVICE_CLOSE:
        return entry->d_close == NULL ? ENODEV : entry->d_close(it->device, it->flags, S_IFBLK, process);
    case SPACE_DEVICE_IOCTL:
    case SPACE_DEVICE_IOCTL_VALUE:
        return entry->d_ioctl == NULL
            ? ENODEV
            : entry->d_ioctl(it->device, (u_long)it->number, it->buffer, it->flags, process);
    default:
        return transfer_blocks(entry->d_strategy, it, moved);
    }
}

int space_enter_device(const struct space_request *request, uint64_t *moved)
{
    sigset_t saved;
    bool is_linux = false;
    kernel_lock(&saved);
    uint64_t entry = entry_at(request->count, request->address);
    if (request->count == SPACE_CHARACTER_DEVICES) {
        kernel_character_device((unsigned)request->address, &is_linux);
    }
    kernel_unlock(&saved);
    if (entry == 0 || entry != request->addresses[0]) {
        return ENXIO;
    }
    const struct kernel_operation it = {
        .kind = request->arguments[0],
        .device = makedev((unsigned)request->address, (unsigned)request->arguments[1]),
        .handle = request->addresses[2],
        .flags = (int)request->arguments[2],
        .number = request->arguments[3],
        .buffer = (char *)(uintptr_t)request->addresses[1],
        .size = request->size,
    };
    if (is_linux) {
        return kernel_use_linux_device((const void *)(uintptr_t)entry, &it, moved);
    }
    return request->count == SPACE_BLOCK_DEVICES ? use_block((const struct bdevsw *)(uintptr_t)entry, &it, moved)
                                                 : use_character((const struct cdevsw *)(uintptr_t)entry, &it, moved);
}

/* ---- Devices, on the thread of a lane ---- */

/* Reads or writes all of it. Returns 0 or errno. */
static int move_all(int file, char *buffer, size_t size, bool writes)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = writes ? pwrite(file, buffer + done, size - done, (off_t)done)
                               : pread(file, buffer + done, size - done, (off_t)done);
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            return EIO;
        }
    }
    return 0;
}

static size_t buffer_size(void)
{
    return SPACE_TRANSFER_LIMIT + 2 * space_page_size;
}

static char *map_buffer(void)
{
    char *memory = mmap(NULL, buffer_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(memory + space_page_size, SPACE_TRANSFER_LIMIT, PROT_READ | PROT_WRITE) != 0) {
        munmap(memory, buffer_size());
        return NULL;
    }
    return memory;
}

int space_use_device(
    struct space_lane *lane, const struct space_request *request, int file, struct space_reply *reply)
{
    uint64_t kind = request->arguments[0];
    bool is_device = request->count == SPACE_BLOCK_DEVICES || request->count == SPACE_CHARACTER_DEVICES;
    if (!is_device || request->address >= MAXDEVSW || kind < SPACE_DEVICE_OPEN || kind > SPACE_DEVICE_IOCTL_VALUE
        || (kind == SPACE_DEVICE_IOCTL_VALUE && request->size != sizeof(uint64_t)) || request->arguments[1] > SPACE_MINOR_LIMIT || request->size > SPACE_TRANSFER_LIMIT) {
        return EINVAL;
    }
    char *memory = map_buffer();
    if (memory == NULL) {
        return ENOMEM;
    }
    struct space_request call = *request;
    char *buffer = memory + space_page_size;
    call.addresses[1] = (uintptr_t)buffer;
    bool gives = kind == SPACE_DEVICE_WRITE || kind == SPACE_DEVICE_IOCTL || kind == SPACE_DEVICE_IOCTL_VALUE;
    bool takes = kind == SPACE_DEVICE_READ || kind == SPACE_DEVICE_IOCTL;
    int status = gives ? move_all(file, buffer, request->size, false) : 0;
    if (status == 0) {
        status = space_call(lane, &call, reply);
    }
    if (status == 0 && takes) {
        status = move_all(file, buffer, request->size, true);
    }
    bool is_left = status == SPACE_TIMED_OUT && reply->fault.thread == 0;
    if (!is_left) {
        munmap(memory, buffer_size());
    }
    return status;
}
