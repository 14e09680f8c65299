/* Signals as modules see them: what the files that deal with them have for each other. See signals.c. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "modspace.h"

#include <ucontext.h>

/* sigaltstack(2): SS_AUTODISARM, which not every header has, and MINSIGSTKSZ of the kernel. */
#define SPACE_STACK_AUTODISARM ((int)(1u << 31))
#define SPACE_LEAST_SIGNAL_STACK 2048

/* glibc's, by the names that it or Scripts/build-space gives them. */
int __libc_sigaction(int number, const struct sigaction *action, struct sigaction *before);
int __libc_allocate_rtsig(int is_high);
int __sigaltstack(const stack_t *stack, stack_t *before);
long space_libc_syscall(long number, ...);

/* ---- signals.c. All are asynchronous-signal-safe. ---- */

/* Whether the kernel raises the signal for what an instruction did, or the C library for an abort. */
bool space_is_fault_signal(int number);
/* A module's mask as the kernel is to have it, and the other way round. Bit n - 1 is signal n. */
uint64_t space_hide_signals(uint64_t mask);
uint64_t space_show_signals(uint64_t mask);
/* Whether a mask of the kernel's means that a module has blocked the signal. */
bool space_is_blocked(uint64_t mask, int number);
uint64_t space_read_mask(const sigset_t *set);
void space_write_mask(sigset_t *set, uint64_t mask);
/* Changes the kernel's mask of the calling thread, as pthread_sigmask does. Returns what it was. */
uint64_t space_change_mask(int how, uint64_t mask);
/* Blocks all signals, those of faults too: for the space's code only. Returns the mask before. */
uint64_t space_block_all(void);
/* Blocks what may be blocked. Returns the mask before. */
uint64_t space_block_most(void);
/* What is in force for a signal. */
struct sigaction space_disposition(int number);
/* Does what sigaction(2) does. Returns 0 or EINVAL. */
int space_set_disposition(int number, const struct sigaction *action, struct sigaction *before);
/* The disposition in force becomes the default one: SA_RESETHAND. */
void space_reset_disposition(int number);
/* Gives modules their masks' bits in a context that is about to be set. */
void space_hide_context(ucontext_t *context);
/* Does what sigaltstack(2) does, for a thread that runs on the space's stack for handlers, or not. Returns 0 or errno. */
int space_ask_for_stack(const stack_t *stack, stack_t *before, bool is_inside);

/* ---- faults.c ---- */

/* The kernel's handler of all signals. */
void space_take_signal(int number, siginfo_t *info, void *context);
/* Delivers signals of faults that somebody sent while the module had them blocked, and which are blocked no more. */
void space_deliver_held(void);
/* As space_exit_called, where a context was. */
void space_exit_called_at(int status, const ucontext_t *context);

/* ---- machine.c. All are asynchronous-signal-safe. ---- */

uint64_t space_instruction_pointer(const ucontext_t *context);
uint64_t space_stack_pointer(const ucontext_t *context);
/* Whether the processor traps behind the instruction at which a context goes on. */
void space_step(ucontext_t *context, bool is_stepping);
/* The first four arguments of the system call at which a context stands, and what it returns. */
void space_read_arguments(const ucontext_t *context, unsigned long words[4]);
void space_return_value(ucontext_t *context, long value);

/* ---- system_calls.c ---- */

/* What a filter calls the machine (linux/audit.h), and what siginfo calls a filter's signal (SYS_SECCOMP). */
#if defined(__x86_64__)
#define SPACE_AUDIT_MACHINE AUDIT_ARCH_X86_64
#else
#define SPACE_AUDIT_MACHINE AUDIT_ARCH_I386
#endif
#define SPACE_SYS_SECCOMP 1

/* Has system calls of modules, which would bypass the C library, come to space_emulate. False where the kernel does not let it. */
bool space_filter_system_calls(void);
/* Does what a system call of a module wants that the filter has stopped. */
void space_emulate(const siginfo_t *info, ucontext_t *context);

/* ---- senders.c ---- */

/* The place in the module that is known to have asked for a signal to the process (alarm, a timer, kill), or 0. */
uint64_t space_sender(int number);
void space_note_sender(int number, uint64_t place);
/* The place from which a module has called a function with that return address, or what else is known of whom the thread runs for. */
uint64_t space_caller(void *address);

#endif
