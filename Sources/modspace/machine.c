/* What depends on the machine: where its registers are in a signal's context. Another machine adds its own part. */
#define _GNU_SOURCE
#include "modspace.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)

#include <asm/prctl.h>

_Static_assert(SPACE_X86_64_REGISTERS <= SPACE_REGISTER_LIMIT, "a fault has room for all registers");

static const int general[] = {
    [SPACE_X86_64_RAX] = REG_RAX, [SPACE_X86_64_RDX] = REG_RDX, [SPACE_X86_64_RCX] = REG_RCX,
    [SPACE_X86_64_RBX] = REG_RBX, [SPACE_X86_64_RSI] = REG_RSI, [SPACE_X86_64_RDI] = REG_RDI,
    [SPACE_X86_64_RBP] = REG_RBP, [SPACE_X86_64_RSP] = REG_RSP, [SPACE_X86_64_R8] = REG_R8,
    [SPACE_X86_64_R9] = REG_R9,   [SPACE_X86_64_R10] = REG_R10, [SPACE_X86_64_R11] = REG_R11,
    [SPACE_X86_64_R12] = REG_R12, [SPACE_X86_64_R13] = REG_R13, [SPACE_X86_64_R14] = REG_R14,
    [SPACE_X86_64_R15] = REG_R15, [SPACE_X86_64_RIP] = REG_RIP, [SPACE_X86_64_RFLAGS] = REG_EFL,
};

void space_read_registers(const void *context, struct space_fault *fault)
{
    const ucontext_t *user = context;
    for (size_t i = 0; i < sizeof general / sizeof general[0]; i++) {
        fault->registers[i] = (uint64_t)user->uc_mcontext.gregs[general[i]];
    }
    /* Not part of the context: the thread pointer, by which a debugger finds thread-local variables. */
    unsigned long thread_pointer = 0;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &thread_pointer);
    fault->registers[SPACE_X86_64_FS_BASE] = thread_pointer;
    fault->register_count = SPACE_X86_64_REGISTERS;
    fault->instruction_pointer = fault->registers[SPACE_X86_64_RIP];
    fault->stack_pointer = fault->registers[SPACE_X86_64_RSP];
    fault->frame_pointer = fault->registers[SPACE_X86_64_RBP];
}

#elif defined(__i386__)

#include <asm/ldt.h>

_Static_assert(SPACE_I386_REGISTERS <= SPACE_REGISTER_LIMIT, "a fault has room for all registers");

static const int general[] = {
    [SPACE_I386_EAX] = REG_EAX, [SPACE_I386_ECX] = REG_ECX, [SPACE_I386_EDX] = REG_EDX,
    [SPACE_I386_EBX] = REG_EBX, [SPACE_I386_ESP] = REG_ESP, [SPACE_I386_EBP] = REG_EBP,
    [SPACE_I386_ESI] = REG_ESI, [SPACE_I386_EDI] = REG_EDI, [SPACE_I386_EIP] = REG_EIP,
    [SPACE_I386_EFLAGS] = REG_EFL,
};

void space_read_registers(const void *context, struct space_fault *fault)
{
    const ucontext_t *user = context;
    for (size_t i = 0; i < sizeof general / sizeof general[0]; i++) {
        fault->registers[i] = (uint32_t)user->uc_mcontext.gregs[general[i]];
    }
    /* A selector's index is that of the kernel's entry, which has the thread pointer. */
    struct user_desc segment = {.entry_number = ((uint32_t)user->uc_mcontext.gregs[REG_GS] & 0xffff) >> 3};
    syscall(SYS_get_thread_area, &segment);
    fault->registers[SPACE_I386_GS_BASE] = segment.base_addr;
    fault->register_count = SPACE_I386_REGISTERS;
    fault->instruction_pointer = fault->registers[SPACE_I386_EIP];
    fault->stack_pointer = fault->registers[SPACE_I386_ESP];
    fault->frame_pointer = fault->registers[SPACE_I386_EBP];
}

#else
#error "machine.c: no registers for this machine; add a part that reads them from its ucontext_t"
#endif
