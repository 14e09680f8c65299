/* Memory that a caller names, and that need not be there: the kernel copies it, and says EFAULT instead of a signal. */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

size_t ml_copy(void *to, const void *from, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return 0;
    }
    /* Into a pipe that is empty, a page goes at once. */
    ssize_t written = write(ends[1], from, size);
    ssize_t done = written > 0 ? read(ends[0], to, (size_t)written) : 0;
    close(ends[0]);
    close(ends[1]);
    return done > 0 ? (size_t)done : 0;
}

int ml_copy_to_file(const void *from, size_t size)
{
    int file = memfd_create("modlink", MFD_CLOEXEC);
    if (file < 0) {
        return -1;
    }
    for (size_t done = 0; done < size;) {
        ssize_t written = write(file, (const char *)from + done, size - done);
        if (written <= 0 && !(written < 0 && errno == EINTR)) {
            int reason = written == 0 ? EFAULT : errno;
            close(file);
            errno = reason;
            return -1;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return file;
}
