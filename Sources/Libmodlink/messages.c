/* One call: a JSON object and a NUL there, one back, with descriptors beside (varlink.org; unix(7), SCM_RIGHTS). */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536
/* Beyond the greatest number of errno(3). */
#define LAST_ERROR 200

union control {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(DESCRIPTOR_LIMIT * sizeof(int))];
};

static bool send_all(int socket, const char *bytes, size_t size, const int *descriptors, size_t count)
{
    union control control;
    for (size_t done = 0; done < size;) {
        struct iovec part = {.iov_base = (void *)(bytes + done), .iov_len = size - done};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (done == 0 && count > 0) {
            memset(&control, 0, sizeof control);
            message.msg_control = &control;
            message.msg_controllen = CMSG_SPACE(count * sizeof(int));
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(count * sizeof(int));
            memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
        }
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        done += sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

static void take_descriptors(struct msghdr *message, struct ml_reply *reply)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t arrived = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < arrived; i++) {
            int number;
            memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
            if (reply->descriptor_count < DESCRIPTOR_LIMIT) {
                reply->descriptors[reply->descriptor_count++] = number;
            } else {
                close(number);
            }
        }
    }
}

/* The next message, ended by its NUL, in new memory; NULL with errno. */
static char *receive(int socket, struct ml_reply *reply)
{
    char *bytes = NULL;
    size_t used = 0, room = 0;
    for (;;) {
        if (room - used < CHUNK) {
            size_t more = room == 0 ? CHUNK : room * 2;
            char *larger = used > MESSAGE_LIMIT ? NULL : realloc(bytes, more);
            if (larger == NULL) {
                free(bytes);
                errno = used > MESSAGE_LIMIT ? EMSGSIZE : ENOMEM;
                return NULL;
            }
            bytes = larger;
            room = more;
        }
        union control control;
        struct iovec part = {.iov_base = bytes + used, .iov_len = room - used};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            free(bytes);
            errno = count == 0 ? ECONNRESET : errno;
            return NULL;
        }
        take_descriptors(&message, reply);
        /* Nothing comes behind the one answer that is waited for. */
        if (memchr(bytes + used, 0, (size_t)count) != NULL) {
            return bytes;
        }
        used += (size_t)count;
    }
}

/* The number of an error that Refused names; 0 when it has none. */
static int named_error(const char *name)
{
    for (int number = 1; number <= LAST_ERROR; number++) {
        const char *candidate = strerrorname_np(number);
        if (candidate != NULL && strcmp(candidate, name) == 0) {
            return number;
        }
    }
    return 0;
}

/* Errors of the interface, and of Varlink itself: what is not known to a daemon is not there. */
static const struct {
    const char *name;
    int number;
} errors[] = {
    {"org.modlink.NotAnObject", ENOEXEC},      {"org.modlink.LinkFailed", ENOEXEC},
    {"org.modlink.NoSuchSpace", ENODEV},       {"org.modlink.ModuleExists", EEXIST},
    {"org.modlink.NoSuchModule", ENOENT},      {"org.modlink.ModuleBusy", EBUSY},
    {"org.modlink.InitFailed", EBUSY},         {"org.modlink.ModuleFaulted", EFAULT},
    {"org.modlink.PermissionDenied", EPERM},   {"org.modlink.Unavailable", ENOSYS},
    {"org.modlink.NoSuchFile", ENOENT},        {"org.varlink.service.MethodNotFound", ENOSYS},
};

static int error_number(const char *name, const json_t *parameters)
{
    const char *code = json_string_value(json_object_get(parameters, "code"));
    int number = code != NULL ? named_error(code) : 0;
    if (number != 0) {
        return number;
    }
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (strcmp(name, errors[i].name) == 0) {
            return errors[i].number;
        }
    }
    return EIO;
}

static char *encode(const char *method, json_t *parameters)
{
    json_t *message = parameters == NULL ? NULL : json_pack("{s:s, s:o}", "method", method, "parameters", parameters);
    char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    json_decref(message);
    return text;
}

bool ml_call(
    int socket, const char *method, json_t *parameters, const int *descriptors, size_t count, struct ml_reply *reply)
{
    memset(reply, 0, sizeof *reply);
    char *call = encode(method, parameters);
    if (call == NULL) {
        errno = ENOMEM;
        return false;
    }
    bool sent = send_all(socket, call, strlen(call) + 1, descriptors, count);
    free(call);
    if (!sent && errno != EPIPE && errno != ECONNRESET) {
        return false;
    }
    /* A daemon that has ended may have said why before. */
    char *answer = receive(socket, reply);
    if (answer == NULL) {
        return false;
    }
    reply->message = json_loads(answer, 0, NULL);
    free(answer);
    const json_t *error = json_object_get(reply->message, "error");
    if (!json_is_object(reply->message) || (error != NULL && !json_is_string(error))) {
        errno = EPROTO;
        return false;
    }
    reply->answered = true;
    reply->parameters = json_object_get(reply->message, "parameters");
    if (error != NULL) {
        errno = error_number(json_string_value(error), reply->parameters);
    }
    return error == NULL;
}

void ml_release(struct ml_reply *reply)
{
    int reason = errno;
    for (size_t i = 0; i < reply->descriptor_count; i++) {
        /* -1: the caller has taken it. */
        if (reply->descriptors[i] >= 0) {
            close(reply->descriptors[i]);
        }
    }
    reply->descriptor_count = 0;
    json_decref(reply->message);
    reply->message = NULL;
    errno = reason;
}

char *ml_problems(const struct ml_reply *reply)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL) {
        return NULL;
    }
    size_t index;
    json_t *problem;
    const char *separator = "";
    json_array_foreach(json_object_get(reply->parameters, "problems"), index, problem)
    {
        const char *subject = "", *place = "", *reason = "";
        (void)json_unpack(problem, "{s:s, s?s, s:s}", "subject", &subject, "place", &place, "reason", &reason);
        fprintf(stream, "%s%s: %s%s%s", separator, subject, place, *place != 0 ? ": " : "", reason);
        separator = "\n";
    }
    if (index == 0 || *separator == 0) {
        const char *error = json_string_value(json_object_get(reply->message, "error"));
        fprintf(stream, "modlinkd: %s", error != NULL ? error : "not understood");
    }
    fclose(stream);
    return text;
}

json_t *ml_text(const char *text)
{
    if (text == NULL) {
        return json_null();
    }
    json_t *value = json_string(text);
    if (value != NULL) {
        return value;
    }
    char *copy = strdup(text);
    for (char *byte = copy; byte != NULL && *byte != 0; byte++) {
        *byte = (unsigned char)*byte >= 0x80 ? '?' : *byte;
    }
    value = copy == NULL ? NULL : json_string(copy);
    free(copy);
    return value;
}
