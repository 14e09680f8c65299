/* Messages of modules, and what else a kernel has for them that is small. */
#define _GNU_SOURCE
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a message of printk, with the zero byte that ends it: as in Linux. */
#define MESSAGE_SIZE 1024

int modlink_hz = 100;
int modlink_securelevel = -1;

/* Prints a line, or a part of one, without the level at its start: `<3>`, or a byte 1 and `3`. */
static int print_line(const char *line, size_t length)
{
    static const char levels[] = "01234567cd";
    size_t prefix = 0;
    if (length >= 3 && line[0] == '<' && strchr(levels, line[1]) != NULL && line[2] == '>') {
        prefix = 3;
    } else if (length >= 2 && line[0] == 1 && strchr(levels, line[1]) != NULL) {
        prefix = 2;
    }
    fwrite_unlocked(line + prefix, 1, length - prefix, stdout);
    return (int)(length - prefix);
}

int printk(const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    int printed = 0;
    flockfile(stdout);
    for (const char *line = message; *line != 0;) {
        const char *end = strchrnul(line, '\n');
        end += *end == '\n';
        printed += print_line(line, (size_t)(end - line));
        line = end;
    }
    funlockfile(stdout);
    return printed;
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    flockfile(stdout);
    fputs_unlocked("panic: ", stdout);
    vprintf(format, arguments);
    putc_unlocked('\n', stdout);
    funlockfile(stdout);
    va_end(arguments);
    abort();
}

int uiomove(void *buffer, size_t size, struct uio *uio)
{
    char *place = buffer;
    while (size > 0 && uio->uio_resid > 0 && uio->uio_iovcnt > 0) {
        struct iovec *part = uio->uio_iov;
        size_t piece = part->iov_len < size ? part->iov_len : size;
        piece = piece < uio->uio_resid ? piece : uio->uio_resid;
        if (piece == 0) {
            uio->uio_iov++;
            uio->uio_iovcnt--;
            continue;
        }
        if (uio->uio_rw == UIO_READ) {
            memcpy(part->iov_base, place, piece);
        } else {
            memcpy(place, part->iov_base, piece);
        }
        part->iov_base = (char *)part->iov_base + piece;
        part->iov_len -= piece;
        uio->uio_resid -= piece;
        uio->uio_offset += (int64_t)piece;
        place += piece;
        size -= piece;
    }
    return 0;
}

int copyin(const void *from, void *to, size_t size)
{
    memcpy(to, from, size);
    return 0;
}

int copyout(const void *from, void *to, size_t size)
{
    memcpy(to, from, size);
    return 0;
}

int copystr(const void *from, void *to, size_t size, size_t *done)
{
    size_t length = strnlen(from, size);
    size_t copied = length < size ? length + 1 : size;
    memcpy(to, from, copied);
    if (done != NULL) {
        *done = copied;
    }
    return length < size ? 0 : ENAMETOOLONG;
}

int enodev(void)
{
    return ENODEV;
}

int enosys(void)
{
    return ENOSYS;
}

int eopnotsupp(void)
{
    return EOPNOTSUPP;
}

int nullop(void *unused)
{
    (void)unused;
    return 0;
}

/* What is told of the process: of sys/proc.h and linux/sched.h. */
struct task_struct {
    int number;
    char name[16];
};
struct task_struct *modlink_task(void);

struct proc *modlink_process(void)
{
    static struct proc process = {.p_comm = "modspace", .l_lid = 1};
    process.p_pid = space_process;
    process.l_proc = &process;
    return &process;
}

struct task_struct *modlink_task(void)
{
    static struct task_struct task = {.name = "modspace"};
    task.number = space_process;
    return &task;
}
