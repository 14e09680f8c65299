/*
 * Texts about a module, in the section .modinfo of its object, each "name=value" and a zero byte; and its list of exports. What the
 * headers for authors are made of: they include linux/module.h or modlink/module.h. Part of modlink: see modlink(4).
 */
#ifndef MODLINK_INFO_H
#define MODLINK_INFO_H
#pragma GCC system_header

#define MODLINK_JOIN(one, two) MODLINK_JOIN_(one, two)
#define MODLINK_JOIN_(one, two) one##two

/* A text of that name; a semicolon follows. */
#define MODLINK_INFO(name, value)                                                \
    static const char MODLINK_JOIN(modlink_info_, __COUNTER__)[]                 \
        __attribute__((__section__(".modinfo"), __used__, __aligned__(1))) = name "=" value

/*
 * The module exports this function or variable; a semicolon follows. One that has such a list exports nothing else. In assembly, so
 * that it serves functions and variables of every type: the address and the name, as the kernels have it.
 */
#if defined(__LP64__)
#define MODLINK_WORD ".quad"
#else
#define MODLINK_WORD ".long"
#endif
#define MODLINK_EXPORT_IN(section, symbol)               \
    __asm__(                                             \
        ".pushsection __ksymtab_strings,\"a\"\n"         \
        "__kstrtab_" #symbol ": .asciz \"" #symbol "\"\n" \
        ".popsection\n"                                  \
        ".pushsection " section ",\"a\"\n"               \
        ".balign 8\n"                                    \
        "__ksymtab_" #symbol ": " MODLINK_WORD " " #symbol ", __kstrtab_" #symbol "\n" \
        ".popsection")

#endif
