/* Waiting for a time, as Linux has it. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_DELAY_H
#define MODLINK_LINUX_DELAY_H
#pragma GCC system_header

#ifdef __cplusplus
extern "C" {
#endif
/* Waits so many microseconds. The processor is free meanwhile. */
void modlink_delay(unsigned long microseconds);
#ifdef __cplusplus
}
#endif
#define udelay(microseconds) modlink_delay(microseconds)
#define ndelay(nanoseconds) modlink_delay(((nanoseconds) + 999) / 1000)
#define mdelay(milliseconds) modlink_delay((milliseconds) * 1000UL)
#define msleep(milliseconds) modlink_delay((milliseconds) * 1000UL)
#define ssleep(seconds) modlink_delay((seconds) * 1000000UL)
#define usleep_range(least, most) modlink_delay(least)
/* Returns what is left of it: nothing. */
#define msleep_interruptible(milliseconds) (modlink_delay((milliseconds) * 1000UL), 0UL)

#endif
