/* Memory of a caller, which is memory like any other here. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_UACCESS_H
#define MODLINK_LINUX_UACCESS_H
#pragma GCC system_header
#include <string.h>

#ifndef __user
#define __user
#endif

/* How many bytes were not copied: none. */
static __inline__ unsigned long copy_to_user(void *to, const void *from, unsigned long size)
{
    memcpy(to, from, size);
    return 0;
}

static __inline__ unsigned long copy_from_user(void *to, const void *from, unsigned long size)
{
    memcpy(to, from, size);
    return 0;
}

static __inline__ unsigned long clear_user(void *place, unsigned long size)
{
    memset(place, 0, size);
    return 0;
}

/* How long the text is, its zero byte not counted; `size` where that is not among as many bytes. */
static __inline__ long strncpy_from_user(char *to, const char *from, long size)
{
    long length = 0;
    while (length < size && (to[length] = from[length]) != 0) {
        length++;
    }
    return length;
}

/* How long the text is, its zero byte counted; more than `size` where that is not among as many bytes. */
static __inline__ long strnlen_user(const char *text, long size)
{
    long length = 0;
    while (length < size && text[length] != 0) {
        length++;
    }
    return length + 1;
}
#define strlen_user(text) strnlen_user(text, (long)(~0UL >> 2))

#define put_user(value, place) ((*(place) = (value)), 0)
/* get_user(value, place), which returns 0; and, as before Linux 2.1, get_user(place), which returns the value. */
#define get_user(...) MODLINK_THIRD(__VA_ARGS__, MODLINK_GET_USER2, MODLINK_GET_USER1, )(__VA_ARGS__)
#define MODLINK_THIRD(...) MODLINK_THIRD_OF(__VA_ARGS__, )
#define MODLINK_THIRD_OF(one, two, three, ...) three
#define MODLINK_GET_USER2(value, place) (((value) = *(place)), 0)
#define MODLINK_GET_USER1(place) (*(place))
#define __put_user(value, place) put_user(value, place)
#define __get_user(value, place) MODLINK_GET_USER2(value, place)
#define __copy_to_user(to, from, size) copy_to_user(to, from, size)
#define __copy_from_user(to, from, size) copy_from_user(to, from, size)
/* The same, and their caller returns `error` where they fail. */
#define put_user_ret(value, place, error) ((void)put_user(value, place))
#define get_user_ret(value, place, error) ((void)MODLINK_GET_USER2(value, place))
#define copy_to_user_ret(to, from, size, error) ((void)copy_to_user(to, from, size))
#define copy_from_user_ret(to, from, size, error) ((void)copy_from_user(to, from, size))

/* Whether memory can be used so: all can, but for a null pointer. access_ok has a first argument VERIFY_... or, since Linux 5, none. */
#define VERIFY_READ 0
#define VERIFY_WRITE 1
static __inline__ int verify_area(int kind, const void *place, unsigned long size)
{
    (void)kind;
    return place == 0 && size > 0 ? -14 : 0;
}
#define access_ok(...) 1

/* Before Linux 2.1. */
static __inline__ void memcpy_tofs(void *to, const void *from, unsigned long size)
{
    memcpy(to, from, size);
}

static __inline__ void memcpy_fromfs(void *to, const void *from, unsigned long size)
{
    memcpy(to, from, size);
}

#define put_fs_byte(value, place) ((void)(*(unsigned char *)(place) = (unsigned char)(value)))
#define put_fs_word(value, place) ((void)(*(unsigned short *)(place) = (unsigned short)(value)))
#define put_fs_long(value, place) ((void)(*(unsigned long *)(place) = (unsigned long)(value)))
#define get_fs_byte(place) (*(const unsigned char *)(place))
#define get_fs_word(place) (*(const unsigned short *)(place))
#define get_fs_long(place) (*(const unsigned long *)(place))
#define put_user_byte(value, place) put_fs_byte(value, place)
#define put_user_word(value, place) put_fs_word(value, place)
#define put_user_long(value, place) put_fs_long(value, place)
#define get_user_byte(place) get_fs_byte(place)
#define get_user_word(place) get_fs_word(place)
#define get_user_long(place) get_fs_long(place)

/* Which memory a caller's addresses are of: there is one. */
typedef struct {
    unsigned long seg;
} mm_segment_t;
static __inline__ mm_segment_t modlink_segment(void)
{
    mm_segment_t segment;
    segment.seg = 0;
    return segment;
}
#define KERNEL_DS modlink_segment()
#define USER_DS modlink_segment()
#define get_fs() modlink_segment()
#define get_ds() modlink_segment()
#define set_fs(segment) ((void)(segment))

#endif
