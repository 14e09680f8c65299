/* The server: receives a request, checks what is checked the same way for all, has it done, replies. */
#define _GNU_SOURCE
#include "modspace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for descriptors that should not have come; what exceeds it, the kernel drops and says so. */
#define DESCRIPTOR_ROOM 8
/* Of a thread that serves a connection: it calls nothing of a module's. */
#define LANE_STACK_SIZE (128u << 10)

struct space_lane space_first_lane = {.socket = SPACE_DESCRIPTOR};
int space_event_socket = SPACE_EVENT_DESCRIPTOR;
static __thread bool is_server;
/* By SPACE_EXIT; of the first lane's thread. */
static bool is_asked_to_end;

bool space_is_server(void)
{
    return is_server;
}

struct message {
    struct space_request request;
    /* What recvmsg returned: 0 at the end. */
    ssize_t length;
    bool truncated;
    int descriptors[DESCRIPTOR_ROOM];
    size_t descriptor_count;
};

static void take_descriptors(struct message *message, struct msghdr *header)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && message->descriptor_count < DESCRIPTOR_ROOM; i++) {
            const unsigned char *number = CMSG_DATA(part) + i * sizeof(int);
            memcpy(&message->descriptors[message->descriptor_count++], number, sizeof(int));
        }
    }
}

static void receive(const struct space_lane *lane, struct message *message)
{
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(DESCRIPTOR_ROOM * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &message->request, .iov_len = sizeof message->request};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    memset(message, 0, sizeof *message);
    do {
        message->length = recvmsg(lane->socket, &header, MSG_CMSG_CLOEXEC);
    } while (message->length < 0 && errno == EINTR);
    if (message->length > 0) {
        message->truncated = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
        take_descriptors(message, &header);
    }
}

/* Returns false when the daemon is gone. */
static bool send_reply(const struct space_lane *lane, const struct space_reply *reply)
{
    ssize_t sent;
    do {
        sent = send(lane->socket, reply, sizeof *reply, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *reply;
}

bool space_is_abandoned(const struct space_lane *lane)
{
    struct pollfd socket = {.fd = lane->socket, .events = POLLRDHUP};
    return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

bool space_is_interrupted(const struct space_lane *lane, uint32_t sequence)
{
    struct space_request next;
    if (recv(lane->socket, &next, sizeof next, MSG_PEEK | MSG_DONTWAIT) != (ssize_t)sizeof next
        || next.kind != SPACE_INTERRUPT) {
        return false;
    }
    (void)recv(lane->socket, &next, sizeof next, MSG_DONTWAIT);
    return next.address == sequence;
}

/* What each kind of request may bring along. */
static const struct {
    bool known;
    /* How many descriptors: at least, and at most. */
    uint32_t least;
    uint32_t most;
    uint32_t flags;
    /* Whether it may come over another connection than the first. */
    bool is_for_lanes;
} shapes[] = {
    [SPACE_MAP] = {true, 1, 2, 0},
    [SPACE_UNMAP] = {true, 0, 0, SPACE_DISCARD},
    [SPACE_CALL] = {true, 0, 0, 0},
    [SPACE_CALL_ARRAY] = {true, 0, 0, SPACE_REVERSE},
    [SPACE_RESOLVE] = {true, 0, 0, 0},
    [SPACE_READ] = {true, 0, 0, 0},
    [SPACE_WRITE] = {true, 0, 0, 0},
    [SPACE_REGISTER] = {true, 1, 1, 0},
    [SPACE_FRAMES] = {true, 0, 0, SPACE_REVERSE},
    [SPACE_RELEASE] = {true, 0, 0, 0, true},
    [SPACE_EXIT] = {true, 0, 0, 0},
    [SPACE_FILL_THREADS] = {true, 0, 0, 0},
    [SPACE_PENDING] = {true, 0, 0, 0},
    [SPACE_FINISH_THREAD] = {true, 0, 0, 0, true},
    [SPACE_MAP_FLAT] = {true, 0, 0, 0},
    [SPACE_FILL] = {true, 1, 1, 0},
    [SPACE_INTRODUCE] = {true, 0, 0, 0},
    [SPACE_FIND_ENTRY] = {true, 0, 0, SPACE_OF_IMAGE},
    [SPACE_SYSTEM_CALL] = {true, 0, 0, 0},
    [SPACE_DEVICE] = {true, 1, 1, 0, true},
    [SPACE_CONNECT] = {true, 1, 1, 0},
    [SPACE_THREADS] = {true, 0, 0, 0},
    [SPACE_END_THREAD] = {true, 0, 0, 0},
    [SPACE_DESCRIPTORS] = {true, 0, 0, 0},
};

static int check_shape(const struct space_lane *lane, const struct message *message)
{
    const struct space_request *request = &message->request;
    if (message->length != (ssize_t)sizeof *request || message->truncated) {
        /* The kernel drops descriptors that the space has no numbers for: modules have them all. */
        return message->length != (ssize_t)sizeof *request || space_has_descriptors() ? EBADMSG : EMFILE;
    }
    if (request->kind >= sizeof shapes / sizeof shapes[0] || !shapes[request->kind].known
        || (lane != &space_first_lane && !shapes[request->kind].is_for_lanes)) {
        return ENOSYS;
    }
    if ((request->flags & ~shapes[request->kind].flags) != 0 || request->reserved != 0) {
        return EINVAL;
    }
    if (message->descriptor_count < shapes[request->kind].least) {
        return EBADF;
    }
    return message->descriptor_count > shapes[request->kind].most ? EINVAL : 0;
}

/* An image, and its debug objects when they came along: a message less for each module. */
static int map(const struct message *message, struct space_reply *reply)
{
    const struct space_request *request = &message->request;
    int error = space_map(request, message->descriptors[0]);
    if (error != 0 || message->descriptor_count < 2) {
        return error;
    }
    uint64_t image = space_image_at(request->segments[0].address);
    error = space_register(image, message->descriptors[1], &reply->result);
    if (error != 0) {
        struct space_reply unused;
        space_unmap(image, space_image_size(image), true, &unused);
    }
    return error;
}

/* ---- More connections ---- */

/* Not of malloc: see modspace.h. */
static void free_lane(struct space_lane *lane)
{
    munmap(lane, sizeof *lane);
}

static void close_lane(struct space_lane *lane)
{
    space_dismiss(lane);
    space_close_own(lane->socket);
    free_lane(lane);
}

/* Starts the thread of another connection, whose socket is copied. */
static int open_lane(int socket)
{
    struct space_lane *lane = mmap(NULL, sizeof *lane, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (lane == MAP_FAILED) {
        return ENOMEM;
    }
    lane->socket = space_own_descriptor(socket);
    if (lane->socket < 0) {
        free_lane(lane);
        return EMFILE;
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, LANE_STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    /* It takes as few signals as the thread that makes it. */
    int error = pthread_create(&thread, &attributes, space_serve, lane);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        close_lane(lane);
        return EAGAIN;
    }
    return 0;
}

/* ---- One request after the other ---- */

static int perform(struct space_lane *lane, const struct message *message, struct space_reply *reply)
{
    const struct space_request *request = &message->request;
    switch (request->kind) {
    case SPACE_MAP:
        return map(message, reply);
    case SPACE_MAP_FLAT:
        return space_map_flat(request->address, request->size);
    case SPACE_FILL:
        return space_fill(request->address, request->size, message->descriptors[0]);
    case SPACE_UNMAP:
        return space_unmap(request->address, request->size, (request->flags & SPACE_DISCARD) != 0, reply);
    case SPACE_THREADS:
        return space_list_threads(request, reply);
    case SPACE_END_THREAD:
        return space_end_thread(request);
    case SPACE_DESCRIPTORS:
        if (!space_is_image(request->address)) {
            return EINVAL;
        }
        reply->result = space_descriptors(request->address, false, reply);
        return 0;
    case SPACE_CALL:
    case SPACE_CALL_ARRAY:
    case SPACE_RESOLVE:
    case SPACE_FRAMES:
    case SPACE_FINISH_THREAD:
    case SPACE_SYSTEM_CALL:
        return space_call(lane, request, reply);
    case SPACE_READ:
        return space_read(request->address, request->size, reply->bytes);
    case SPACE_WRITE:
        return space_write(request->address, request->size, request->bytes);
    case SPACE_REGISTER:
        return space_is_image(request->address)
            ? space_register(request->address, message->descriptors[0], &reply->result)
            : EINVAL;
    case SPACE_FILL_THREADS:
        return space_fill_threads(request);
    case SPACE_PENDING:
        return space_pending(request->address, reply);
    case SPACE_INTRODUCE:
        return space_introduce(request);
    case SPACE_FIND_ENTRY:
        return space_find_entry(request, reply);
    case SPACE_DEVICE:
        return space_use_device(lane, request, message->descriptors[0], reply);
    case SPACE_CONNECT:
        return open_lane(message->descriptors[0]);
    case SPACE_RELEASE:
        space_release(lane);
        return 0;
    default: /* SPACE_EXIT: the process ends when the reply is on its way. */
        return 0;
    }
}

static bool say_hello(void)
{
    struct space_reply hello = {
        .kind = SPACE_HELLO,
        .version = SPACE_PROTOCOL_VERSION,
        .process = space_process,
        .page_size = (uint32_t)space_page_size,
        .window_start = SPACE_WINDOW_START,
        .window_end = space_window_end,
        .reserve_offset = space_reserve_offset(),
        .reserve_size = SPACE_RESERVE_SIZE,
        .reserve_alignment = SPACE_RESERVE_ALIGNMENT,
    };
    return send_reply(&space_first_lane, &hello);
}

/* Takes a request, does it and answers. Returns false when there is nobody who would ask again. */
static bool serve_one(struct space_lane *lane)
{
    struct message message;
    receive(lane, &message);
    if (message.length <= 0) {
        return false;
    }
    bool is_answered = message.length != (ssize_t)sizeof message.request || message.request.kind != SPACE_INTERRUPT;
    struct space_reply reply = {.kind = SPACE_REPLY, .sequence = message.request.sequence};
    bool is_end = false;
    /* An interrupt came too late: what it was to end has been answered. */
    if (is_answered) {
        reply.status = check_shape(lane, &message);
        is_end = reply.status == 0 && message.request.kind == SPACE_EXIT;
        if (reply.status == 0) {
            reply.status = perform(lane, &message, &reply);
        }
    }
    for (size_t i = 0; i < message.descriptor_count; i++) {
        close(message.descriptors[i]);
    }
    if (is_end) {
        is_asked_to_end = true;
        /* What is printed goes before the reply. */
        space_flush_streams();
    }
    return (!is_answered || send_reply(lane, &reply)) && !is_end;
}

void *space_serve(void *argument)
{
    struct space_lane *lane = argument;
    is_server = true;
    bool connected = lane != &space_first_lane || say_hello();
    while (connected) {
        connected = serve_one(lane);
    }
    if (lane == &space_first_lane) {
        if (is_asked_to_end) {
            space_end();
        }
        space_end_unconnected();
    }
    close_lane(lane);
    return NULL;
}
