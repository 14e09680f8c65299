/* Finds the daemon as the tools do (modlink(7), "Runtime directory"), and connects to it. */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A text in new memory; NULL for lack of it. */
__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
    char *result = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&result, format, arguments);
    va_end(arguments);
    return length < 0 ? NULL : result;
}

static char *standard_directory(void)
{
    const char *named = secure_getenv("MODLINK_RUNTIME_DIR");
    const char *user = secure_getenv("XDG_RUNTIME_DIR");
    if (named != NULL && *named != 0) {
        return strdup(named);
    }
    if (geteuid() == 0) {
        return strdup("/run/modlink");
    }
    return user != NULL && *user == '/' ? text("%s/modlink", user) : text("/tmp/modlink-%u", (unsigned)geteuid());
}

/* What a daemon of another user answers is not to be believed. */
static bool is_trusted(int socket)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    return peer.uid == geteuid() || peer.uid == 0 || geteuid() == 0;
}

/* Connects to who listens; -1 with errno. */
static int connect_to(const struct sockaddr_un *address)
{
    int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (number < 0) {
        return -1;
    }
    int result;
    do {
        result = connect(number, (const struct sockaddr *)address, sizeof *address);
    } while (result != 0 && errno == EINTR);
    if (result == 0 && !is_trusted(number)) {
        result = -1;
        errno = EACCES;
    }
    if (result != 0) {
        int reason = errno;
        close(number);
        errno = reason;
        return -1;
    }
    return number;
}

static int open_directory(const char *directory, unsigned flags, char **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
    if (length < 0 || (size_t)length >= sizeof address.sun_path) {
        *error = text("%s/socket: longer than the path of a socket may be", directory);
        errno = ENAMETOOLONG;
        return -1;
    }
    int socket = connect_to(&address);
    char *complaint = NULL;
    if (socket < 0 && (errno == ENOENT || errno == ECONNREFUSED) && (flags & MODLINK_NO_AUTOSTART) == 0) {
        ml_start_daemon(directory, &complaint);
        socket = connect_to(&address);
    }
    if (socket >= 0) {
        free(complaint);
        return socket;
    }
    int reason = errno;
    if (reason == EACCES || reason == EPERM) {
        *error = text("%s: the daemon of another user; choose a directory of your own with MODLINK_RUNTIME_DIR", address.sun_path);
        reason = EPERM;
    } else if (reason == ENOENT || reason == ECONNREFUSED) {
        const char *why = complaint != NULL && *complaint != 0 ? complaint : "no daemon listens there";
        *error = text("%s: %s", address.sun_path, why);
        reason = ENOSYS;
    } else {
        *error = text("%s: cannot connect: %s", address.sun_path, strerrordesc_np(reason));
    }
    free(complaint);
    errno = reason;
    return -1;
}

int ml_connect(const char *directory, unsigned flags, char **error)
{
    *error = NULL;
    char *standard = directory == NULL ? standard_directory() : NULL;
    if (directory == NULL && standard == NULL) {
        errno = ENOMEM;
        return -1;
    }
    int socket = open_directory(directory != NULL ? directory : standard, flags, error);
    int reason = errno;
    free(standard);
    errno = reason;
    return socket;
}
