/* Lists, as Linux has them: rings of heads and elements, each linked to the next and the one before. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_LIST_H
#define MODLINK_LINUX_LIST_H
#pragma GCC system_header
#include <stddef.h>

struct list_head {
    struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name) {&(name), &(name)}
#define MODLINK_LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)
/* sys/queue.h has a macro of the same name and two arguments. */
#ifdef LIST_HEAD
#undef LIST_HEAD
#endif
#define LIST_HEAD(...) MODLINK_LIST_THIRD(__VA_ARGS__, MODLINK_QUEUE_HEAD, MODLINK_LIST_HEAD, )(__VA_ARGS__)
#define MODLINK_LIST_THIRD(...) MODLINK_LIST_THIRD_OF(__VA_ARGS__, )
#define MODLINK_LIST_THIRD_OF(one, two, three, ...) three
#define MODLINK_QUEUE_HEAD(name, type) struct name { struct type *lh_first; }

static __inline__ void INIT_LIST_HEAD(struct list_head *list)
{
    list->next = list->prev = list;
}

static __inline__ void modlink_list_link(struct list_head *before, struct list_head *behind)
{
    before->next = behind;
    behind->prev = before;
}

static __inline__ void list_add(struct list_head *it, struct list_head *head)
{
    modlink_list_link(it, head->next);
    modlink_list_link(head, it);
}

static __inline__ void list_add_tail(struct list_head *it, struct list_head *head)
{
    modlink_list_link(head->prev, it);
    modlink_list_link(it, head);
}

/* What is taken out points to nothing that can be followed. */
static __inline__ void list_del(struct list_head *it)
{
    modlink_list_link(it->prev, it->next);
    it->next = it->prev = NULL;
}

static __inline__ void list_del_init(struct list_head *it)
{
    modlink_list_link(it->prev, it->next);
    INIT_LIST_HEAD(it);
}

static __inline__ void list_move_tail(struct list_head *it, struct list_head *head)
{
    modlink_list_link(it->prev, it->next);
    list_add_tail(it, head);
}

static __inline__ int list_empty(const struct list_head *head)
{
    return head->next == head;
}

#define list_entry(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(it, head) for ((it) = (head)->next; (it) != (head); (it) = (it)->next)
#define list_for_each_prev(it, head) for ((it) = (head)->prev; (it) != (head); (it) = (it)->prev)
#define list_for_each_safe(it, other, head) \
    for ((it) = (head)->next, (other) = (it)->next; (it) != (head); (it) = (other), (other) = (it)->next)
#define list_for_each_entry(it, head, member) \
    for ((it) = list_entry((head)->next, __typeof__(*(it)), member); &(it)->member != (head); \
         (it) = list_entry((it)->member.next, __typeof__(*(it)), member))
#define list_for_each_entry_safe(it, other, head, member) \
    for ((it) = list_entry((head)->next, __typeof__(*(it)), member), \
        (other) = list_entry((it)->member.next, __typeof__(*(it)), member); \
         &(it)->member != (head); (it) = (other), (other) = list_entry((other)->member.next, __typeof__(*(it)), member))
#endif
