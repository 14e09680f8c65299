/* How a system call finds its arguments: one word each. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_SYSCALLARGS_H
#define MODLINK_SYS_SYSCALLARGS_H
#pragma GCC system_header
#include <sys/types.h>

/* A field for an argument of a type, and its value. The machines of modlink have the lowest byte first. */
#define syscallarg(type) \
    union {              \
        register_t pad;  \
        struct {         \
            type datum;  \
        } le;            \
    }
#define SCARG(arguments, field) ((arguments)->field.le.datum)

#endif
