/* Levels of interrupts, as spl(9) has them. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_INTR_H
#define MODLINK_SYS_INTR_H
#pragma GCC system_header
#include <sys/cdefs.h>

__BEGIN_DECLS

#define IPL_NONE 0
#define IPL_SOFTCLOCK 1
#define IPL_SOFTBIO 2
#define IPL_SOFTNET 3
#define IPL_SOFTSERIAL 4
#define IPL_VM 5
#define IPL_BIO IPL_VM
#define IPL_NET IPL_VM
#define IPL_TTY IPL_VM
#define IPL_SCHED 6
#define IPL_CLOCK IPL_SCHED
#define IPL_HIGH 7

/*
 * What a level above 0 keeps out: callouts and timeouts, and other threads that are above 0. All levels are one. A function that waits
 * (tsleep) is at level 0 meanwhile. One that stays above for more than a second keeps nobody out any more.
 */
int modlink_raise(void);
void splx(int level);
#define splsoftclock() modlink_raise()
#define splsoftbio() modlink_raise()
#define splsoftnet() modlink_raise()
#define splsoftserial() modlink_raise()
#define splbio() modlink_raise()
#define splnet() modlink_raise()
#define spltty() modlink_raise()
#define splimp() modlink_raise()
#define splvm() modlink_raise()
#define splclock() modlink_raise()
#define splstatclock() modlink_raise()
#define splsched() modlink_raise()
#define splhigh() modlink_raise()
#define splserial() modlink_raise()
#define splaudio() modlink_raise()
#define splipi() modlink_raise()
#define spllock() modlink_raise()
#define spl0() splx(0)

__END_DECLS

#endif
