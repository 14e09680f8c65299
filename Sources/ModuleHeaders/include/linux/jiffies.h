/* The clock of Linux. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_JIFFIES_H
#define MODLINK_LINUX_JIFFIES_H
#pragma GCC system_header

/* Ticks in a second. */
#ifndef HZ
#define HZ 100
#endif

#ifdef __cplusplus
extern "C" {
#endif
/* Where the ticks stand that have passed since the machine was started: counted anew each time. */
volatile unsigned long *modlink_jiffies(void);
#ifdef __cplusplus
}
#endif
/* A variable that counts; a source may declare it again. */
#define jiffies (*modlink_jiffies())
#define jiffies_64 jiffies
#define get_jiffies_64() ((unsigned long long)jiffies)

/* Which of two times is later, also when the counter has begun anew between them. */
#define time_after(one, other) ((long)((other) - (one)) < 0)
#define time_before(one, other) time_after(other, one)
#define time_after_eq(one, other) ((long)((one) - (other)) >= 0)
#define time_before_eq(one, other) time_after_eq(other, one)
#define msecs_to_jiffies(milliseconds) (((unsigned long)(milliseconds) * HZ + 999) / 1000)
#define jiffies_to_msecs(ticks) ((unsigned int)((ticks) * (1000 / HZ)))
#define usecs_to_jiffies(microseconds) (((unsigned long)(microseconds) * HZ + 999999) / 1000000)
#define jiffies_to_usecs(ticks) ((unsigned int)((ticks) * (1000000 / HZ)))

#endif
