#include "CDemangling.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

struct output {
    char *text;
    size_t capacity;
    size_t count;
    jmp_buf full;
};

/* The library, which holds nothing but its stack, cannot be asked to stop. */
static void append(const char *part, size_t count, void *opaque) {
    struct output *output = opaque;
    if (count > output->capacity - output->count)
        longjmp(output->full, 1);
    memcpy(output->text + output->count, part, count);
    output->count += count;
}

size_t cdemangling_demangle(const char *name, char *text, size_t capacity) {
    struct output output = {.text = text, .capacity = capacity};
    /* What else the library takes for a mangled name, may be a plain one. */
    if (name[0] != '_' || name[1] != 'Z' || setjmp(output.full) != 0)
        return 0;
    return cplus_demangle_v3_callback(name, DMGL_PARAMS | DMGL_ANSI, append, &output) ? output.count : 0;
}
