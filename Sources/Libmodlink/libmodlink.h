/*
 * libmodlink, inside: see modlink.h for what it is.
 *
 *     connection.c   finds the daemon and connects to it
 *     starting.c     starts one
 *     messages.c     one call over a connection: Varlink, descriptors, errors
 *     memory.c       copies of memory that a caller names, and that need not be there
 *     modules2.c     the calls of modules(2), a connection each
 *     handles.c      handles, and what is done with one
 *     devices.c      devices that are open
 *     results.c      arrays for callers
 *
 * In C, for the sake of the programs that link with it: they get a small library that needs libjansson and nothing else, no
 * runtime of another language with threads, allocators and handlers of its own.
 *
 * Nothing is kept between calls but handles and, for each thread, what get_kernel_syms has promised it. So all is safe from
 * several threads, and in a child after fork(2), if it does not go on with a handle of its parent.
 */
#ifndef LIBMODLINK_H
#define LIBMODLINK_H

#include "modlink.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Descriptors that go with one message at the most (SCM_MAX_FD of the kernel). */
#define DESCRIPTOR_LIMIT 253
/* Bytes of a message at the most, without its NUL. */
#define MESSAGE_LIMIT (16u << 20)

/* ---- connection.c ---- */

/*
 * Connects to the daemon of a directory, or of the standard one. Returns the socket; or -1 with errno set, and a text in *error that
 * the caller frees, NULL for lack of memory.
 */
int ml_connect(const char *directory, unsigned flags, char **error);

/* ---- starting.c ---- */

/* Starts a daemon for a directory, and waits until it is ready or has failed: then what it has said is in *complaint, to be freed. */
void ml_start_daemon(const char *directory, char **complaint);

/* ---- messages.c ---- */

struct ml_reply {
    json_t *message;
    /* Of message. NULL, and errno is set, when the call has failed. */
    json_t *parameters;
    /* Whether the daemon has answered. */
    bool answered;
    int descriptors[DESCRIPTOR_LIMIT];
    size_t descriptor_count;
};

/*
 * Calls a method with parameters, which are taken over; NULL stands for a lack of memory when they were made. Returns whether it has
 * succeeded. The reply is to be released either way.
 */
bool ml_call(
    int socket, const char *method, json_t *parameters, const int *descriptors, size_t count, struct ml_reply *reply);
void ml_release(struct ml_reply *reply);
/* The lines of a reply that is an error; to be freed. */
char *ml_problems(const struct ml_reply *reply);
/*
 * A text as JSON has it. Bytes that are no UTF-8 become question marks, one for each: names are as long then as they were, and
 * still no names that a module may have. NULL is null.
 */
json_t *ml_text(const char *text);

/* ---- memory.c ---- */

/* Copies memory of the caller, at most 4096 bytes. Returns how many of them there are before one that cannot be read. */
size_t ml_copy(void *to, const void *from, size_t size);
/* A file with a copy of memory of the caller; -1 with errno EFAULT when not all of it can be read. */
int ml_copy_to_file(const void *from, size_t size);

/* ---- results.c ---- */

struct modlink_module *ml_modules(const json_t *array, size_t *count);
struct modlink_symbol *ml_symbols(const json_t *array, size_t *count);

#endif
