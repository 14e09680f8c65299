/* What keeps interrupts out, as Linux before 2.6 has it: the level of sys/intr.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_ASM_SYSTEM_H
#define MODLINK_ASM_SYSTEM_H
#pragma GCC system_header
#include <linux/kernel.h>
#include <sys/intr.h>
#define save_flags(flags) ((flags) = 0)
#define cli() ((void)modlink_raise())
#define sti() splx(IPL_NONE)
#define restore_flags(flags) splx((int)(flags))
#define save_and_cli(flags) ((flags) = (unsigned long)modlink_raise())
#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() mb()
#define wmb() mb()
#endif
