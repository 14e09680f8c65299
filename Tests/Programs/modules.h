/* What the programs here have in common: modules made of a few bytes of machine code (x86-64), and rows of a table. */
#ifndef MODULES_H
#define MODULES_H

#include <errno.h>
#include <modlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row: what a call is to leave. Every row is a line; what is not as it should be says so. */
#define ROW(text, call, wanted) row(text, (errno = 0, (long)(call)), wanted)

static inline void row(const char *text, long result, int wanted)
{
    int got = result == -1 ? errno : 0;
    if (got == wanted && (wanted == 0) == (result != -1)) {
        printf("%s: ok\n", text);
    } else {
        printf("%s: wanted %s, got %s (%ld)\n", text, wanted ? strerrorname_np(wanted) : "success",
               got ? strerrorname_np(got) : "success", result);
    }
}

/* The same for something that is to be true. */
static inline void check(const char *text, int is_true) { printf("%s: %s\n", text, is_true ? "ok" : "not so"); }

/* Code of a module: functions one after the other, for the address of its use count. */
struct code {
    unsigned long count;
    unsigned size;
    unsigned char bytes[256];
};

static inline struct code code_for(long address) { return (struct code){.count = (unsigned long)address}; }

static inline void *function(struct code *code, const void *bytes, unsigned size)
{
    void *address = (void *)(code->count + sizeof(long) + code->size);
    memcpy(code->bytes + code->size, bytes, size);
    code->size += size;
    return address;
}

/* A function that returns a number. */
static inline void *returning(struct code *code, int number)
{
    unsigned char bytes[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $number, %eax; ret */
    memcpy(bytes + 1, &number, 4);
    return function(code, bytes, sizeof bytes);
}

/* A function that stores a number in the use count and returns 0. */
static inline void *counting(struct code *code, int number)
{
    unsigned char bytes[] = {0x48, 0xc7, 0x04, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0x31, 0xc0, 0xc3};
    memcpy(bytes + 4, &code->count, 4); /* movq $number, count; xor %eax, %eax; ret */
    memcpy(bytes + 8, &number, 4);
    return function(code, bytes, sizeof bytes);
}

/* A function that returns the use count, less a number. */
static inline void *counted(struct code *code, signed char less)
{
    unsigned char bytes[] = {0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x83, 0xe8, (unsigned char)less, 0xc3};
    memcpy(bytes + 4, &code->count, 4); /* mov count, %rax; sub $less, %rax; ret */
    return function(code, bytes, sizeof bytes);
}

/* A function that crashes: what must not be called. */
static inline void *crashing(struct code *code) { return function(code, "\x0f\x0b", 2); /* ud2 */ }

/* A symbol table with one symbol and one reference at the most; names that are NULL are left out. */
struct table {
    int size, n_symbols, n_refs, padding;
    unsigned long words[4];
    char names[64];
};

static inline struct table table_of(const char *name, void *address, unsigned long module)
{
    struct table table = {.size = sizeof table};
    unsigned long *word = table.words;
    if (name != NULL) {
        table.n_symbols = 1;
        *word++ = (unsigned long)address;
        *word++ = offsetof(struct table, names);
        snprintf(table.names, sizeof table.names, "%s", name);
    }
    if (module != 0) {
        table.n_refs = 1;
        *word++ = module;
    }
    return table;
}

static inline struct symbol_table *as_table(struct table *table) { return (struct symbol_table *)table; }

/* Makes a module and initializes it with these functions. Returns its address, or -1. */
static inline long install(char *name, int autoclean, unsigned long uses, int leaves)
{
    long address = create_module(name, 4096);
    if (address == -1) {
        return -1;
    }
    struct code code = code_for(address);
    struct mod_routines routines;
    /* After the init one is taken off. */
    routines.init = (int (*)(void))counting(&code, leaves + 1);
    routines.cleanup = (void (*)(void))returning(&code, 0);
    struct table table = table_of(NULL, NULL, uses);
    unsigned size = code.size | (autoclean ? MOD_AUTOCLEAN : 0u);
    return init_module(name, (char *)code.bytes, size, &routines, as_table(&table)) == 0 ? address : -1;
}

/* The state of a module, or "none". */
static inline const char *state_of(const char *name)
{
    static char state[32];
    struct modlink_module *modules;
    size_t count;
    modlink_t *handle = modlink_open(NULL, 0);
    snprintf(state, sizeof state, "none");
    if (handle != NULL && modlink_list(handle, &modules, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(modules[i].name, name) == 0) {
                snprintf(state, sizeof state, "%s", modules[i].state);
            }
        }
        free(modules);
    }
    modlink_close(handle);
    return state;
}

static inline int is(const char *name, const char *state) { return strcmp(state_of(name), state) == 0; }

#endif
