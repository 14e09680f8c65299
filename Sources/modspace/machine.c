/*
 * What depends on the machine: its registers in a signal's context, and functions of the C library that must be entered with
 * all registers and the stack as the caller left them. Another machine adds its own part.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* A number as the assembler reads it. */
#define NUMBER(name) NUMBER_TEXT(name)
#define NUMBER_TEXT(number) #number
/* EFLAGS.TF (Intel SDM, volume 1, 3.4.3.3): a trap behind the next instruction. */
#define TRAP_FLAG 0x100

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

uint64_t space_instruction_pointer(const ucontext_t *context)
{
    return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
}

uint64_t space_stack_pointer(const ucontext_t *context)
{
    return (uint64_t)context->uc_mcontext.gregs[REG_RSP];
}

void space_step(ucontext_t *context, bool is_stepping)
{
    greg_t *flags = &context->uc_mcontext.gregs[REG_EFL];
    *flags = is_stepping ? *flags | TRAP_FLAG : *flags & ~TRAP_FLAG;
}

void space_read_arguments(const ucontext_t *context, unsigned long words[4])
{
    static const int places[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10};
    for (size_t i = 0; i < 4; i++) {
        words[i] = (unsigned long)context->uc_mcontext.gregs[places[i]];
    }
}

void space_return_value(ucontext_t *context, long value)
{
    context->uc_mcontext.gregs[REG_RAX] = value;
}

/*
 * swapcontext saves the registers of its caller, and setcontext leaves by those that are saved; both set the mask of the
 * context by the system call. syscall may not come back where it was called (clone).
 */
__asm__(
    ".text\n"
    ".macro of_context name, place\n"
    ".globl \\name\n"
    ".type \\name, @function\n"
    "\\name:\n"
    "    pushq %rdi\n"
    "    pushq %rsi\n"
    "    subq $8, %rsp\n"
    "    movq \\place, %rdi\n"
    "    call space_hide_context\n"
    "    addq $8, %rsp\n"
    "    popq %rsi\n"
    "    popq %rdi\n"
    "    jmp __\\name\n"
    ".size \\name, . - \\name\n"
    ".endm\n"
    "of_context setcontext, %rdi\n"
    "of_context swapcontext, %rsi\n"
    ".globl syscall\n"
    ".type syscall, @function\n"
    "syscall:\n"
    "    cmpq $" NUMBER(SYS_rt_sigaction) ", %rdi\n"
    "    je 1f\n"
    "    cmpq $" NUMBER(SYS_rt_sigprocmask) ", %rdi\n"
    "    je 1f\n"
    "    cmpq $" NUMBER(SYS_sigaltstack) ", %rdi\n"
    "    je 1f\n"
    "    cmpq $" NUMBER(SYS_exit_group) ", %rdi\n"
    "    je 1f\n"
    "    jmp space_libc_syscall\n"
    "1:  jmp space_mediate\n"
    ".size syscall, . - syscall\n");

uint64_t space_trap_address(const void *context)
{
    return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] - 1;
}

void space_go_on_at(void *context, uint64_t address)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)address;
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

uint64_t space_instruction_pointer(const ucontext_t *context)
{
    return (uint32_t)context->uc_mcontext.gregs[REG_EIP];
}

uint64_t space_stack_pointer(const ucontext_t *context)
{
    return (uint32_t)context->uc_mcontext.gregs[REG_ESP];
}

void space_step(ucontext_t *context, bool is_stepping)
{
    greg_t *flags = &context->uc_mcontext.gregs[REG_EFL];
    *flags = is_stepping ? *flags | TRAP_FLAG : *flags & ~TRAP_FLAG;
}

void space_read_arguments(const ucontext_t *context, unsigned long words[4])
{
    static const int places[] = {REG_EBX, REG_ECX, REG_EDX, REG_ESI};
    for (size_t i = 0; i < 4; i++) {
        words[i] = (unsigned long)context->uc_mcontext.gregs[places[i]];
    }
}

void space_return_value(ucontext_t *context, long value)
{
    context->uc_mcontext.gregs[REG_EAX] = value;
}

/* As above; arguments are on the stack. */
__asm__(
    ".text\n"
    ".macro of_context name, place\n"
    ".globl \\name\n"
    ".type \\name, @function\n"
    "\\name:\n"
    "    subl $8, %esp\n"
    "    pushl 8 + \\place(%esp)\n"
    "    call space_hide_context\n"
    "    addl $12, %esp\n"
    "    jmp __\\name\n"
    ".size \\name, . - \\name\n"
    ".endm\n"
    "of_context setcontext, 4\n"
    "of_context swapcontext, 8\n"
    ".globl syscall\n"
    ".type syscall, @function\n"
    "syscall:\n"
    "    movl 4(%esp), %eax\n"
    "    cmpl $" NUMBER(SYS_rt_sigaction) ", %eax\n"
    "    je 1f\n"
    "    cmpl $" NUMBER(SYS_rt_sigprocmask) ", %eax\n"
    "    je 1f\n"
    "    cmpl $" NUMBER(SYS_sigaltstack) ", %eax\n"
    "    je 1f\n"
    "    cmpl $" NUMBER(SYS_exit_group) ", %eax\n"
    "    je 1f\n"
    "    jmp space_libc_syscall\n"
    "1:  jmp space_mediate\n"
    ".size syscall, . - syscall\n");

uint64_t space_trap_address(const void *context)
{
    return (uint32_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_EIP] - 1;
}

void space_go_on_at(void *context, uint64_t address)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EIP] = (greg_t)address;
}

#else
#error "machine.c: nothing for this machine; add a part of its own"
#endif
