/*
 * Devices of modules: a packet over the descriptor for each operation, and one back (modlink(4), "Open devices").
 *
 * An operation has the descriptor to itself until it is answered; two threads that use one need a lock of their own.
 */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define DATA_LIMIT 65536u

enum operation { OPERATION_READ = 1, OPERATION_WRITE = 2, OPERATION_IOCTL = 3, OPERATION_CLOSE = 4, OPERATION_IOCTL_VALUE = 5 };

struct request {
    uint32_t operation;
    uint32_t size;
    uint64_t command;
};
_Static_assert(sizeof(struct request) == 16, "a request's header is 16 bytes on every machine");

struct reply {
    int32_t error;
    uint32_t size;
    int64_t result;
};
_Static_assert(sizeof(struct reply) == 16, "a reply's header is 16 bytes on every machine");

static bool send_request(int device, const struct request *request, const void *data, size_t size)
{
    struct iovec parts[] = {
        {.iov_base = (void *)request, .iov_len = sizeof *request},
        {.iov_base = (void *)data, .iov_len = size},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size > 0 ? 2 : 1};
    ssize_t sent;
    do {
        sent = sendmsg(device, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* Receives up to `size` bytes behind the header. Returns whether it is one that can be. */
static bool receive_reply(int device, struct reply *reply, void *data, size_t size)
{
    struct iovec parts[] = {
        {.iov_base = reply, .iov_len = sizeof *reply},
        {.iov_base = data, .iov_len = size},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size > 0 ? 2 : 1};
    ssize_t count;
    do {
        count = recvmsg(device, &message, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return false;
    }
    if (count == 0) {
        /* The daemon has ended. */
        errno = ENXIO;
        return false;
    }
    if ((message.msg_flags & MSG_TRUNC) != 0 || (size_t)count < sizeof *reply
        || (size_t)count - sizeof *reply != reply->size) {
        errno = EPROTO;
        return false;
    }
    return true;
}

/* Asks, and waits for the answer. Returns whether it has succeeded, with errno. */
static bool ask(
    int device, const struct request *request, const void *given, size_t given_size, void *taken, size_t taken_size,
    struct reply *reply)
{
    memset(reply, 0, sizeof *reply);
    if (!send_request(device, request, given, given_size)) {
        errno = errno == EPIPE || errno == ECONNRESET ? ENXIO : errno;
        return false;
    }
    if (!receive_reply(device, reply, taken, taken_size)) {
        return false;
    }
    errno = reply->error;
    return reply->error == 0;
}

ssize_t modlink_device_read(int device, void *buffer, size_t size)
{
    size_t wanted = size < DATA_LIMIT ? size : DATA_LIMIT;
    const struct request request = {.operation = OPERATION_READ, .size = (uint32_t)wanted};
    struct reply reply;
    return ask(device, &request, NULL, 0, buffer, wanted, &reply) ? (ssize_t)reply.size : -1;
}

ssize_t modlink_device_write(int device, const void *bytes, size_t size)
{
    size_t piece = size < DATA_LIMIT ? size : DATA_LIMIT;
    const struct request request = {.operation = OPERATION_WRITE, .size = (uint32_t)piece};
    struct reply reply;
    return ask(device, &request, bytes, piece, NULL, 0, &reply) ? (ssize_t)reply.result : -1;
}

int modlink_device_ioctl(int device, unsigned long command, void *data, size_t size)
{
    if (size > DATA_LIMIT) {
        errno = EINVAL;
        return -1;
    }
    struct reply reply;
    bool done;
    if (size == 0 && data != NULL) {
        /* As with ioctl(2), an argument that points to nothing is a number. */
        const uint64_t value = (uintptr_t)data;
        const struct request request = {.operation = OPERATION_IOCTL_VALUE, .size = sizeof value, .command = command};
        done = ask(device, &request, &value, sizeof value, NULL, 0, &reply);
    } else {
        const struct request request = {.operation = OPERATION_IOCTL, .size = (uint32_t)size, .command = command};
        done = ask(device, &request, data, size, data, size, &reply);
    }
    return done ? (int)reply.result : -1;
}

int modlink_device_close(int device)
{
    const struct request request = {.operation = OPERATION_CLOSE};
    struct reply reply;
    bool done = ask(device, &request, NULL, 0, NULL, 0, &reply);
    int reason = errno;
    close(device);
    errno = reason;
    return done ? 0 : -1;
}
