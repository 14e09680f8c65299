/* The system's header of the same name, and the process on whose behalf a module runs. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_SCHED_H
#define MODLINK_LINUX_SCHED_H
#pragma GCC system_header
#include_next <linux/sched.h>
#include <linux/jiffies.h>
#include <linux/types.h>

/* Always the space. */
struct task_struct {
    /* Its number. */
    int pid;
    /* The name of its program. */
    char comm[16];
};

#ifdef __cplusplus
extern "C" {
#endif
struct task_struct *modlink_task(void);
#ifdef __cplusplus
}
#endif
#define current modlink_task()

#endif
