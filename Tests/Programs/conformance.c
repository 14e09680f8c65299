/*
 * conformance PART: the calls of modules(2), row by row as kernels had them, in the order in which errors are tested: of two that
 * would do, the earlier one comes. Prints a line a row, which ends in ": ok".
 */
#define _GNU_SOURCE
#include "modules.h"

#include <limits.h>
#include <sys/mman.h>

#define NOWHERE ((void *)8)

static char name63[64], name64[65];

static void make_names(void)
{
    memset(name63, 'a', 63);
    memset(name64, 'a', 64);
}

static void create(void)
{
    ROW("a null name", create_module(NULL, 4096), EINVAL);
    ROW("no bytes", create_module("gurka", 0), EINVAL);
    ROW("no bytes, before a name that is too long", create_module(name64, 0), EINVAL);
    ROW("a name of 64 bytes", create_module(name64, 4096), E2BIG);
    ROW("a name of 64 bytes, before too many bytes", create_module(name64, 1UL << 40), E2BIG);
    ROW("a name that cannot be read", create_module(NOWHERE, 4096), EFAULT);
    ROW("a name with a slash", create_module("gur/ka", 4096), EINVAL);
    ROW("a name of two dots", create_module("..", 4096), EINVAL);
    ROW("a name with a control character", create_module("gur\033ka", 4096), EINVAL);
    ROW("a name that is no UTF-8", create_module("gur\377ka", 4096), EINVAL);
    ROW("63 bytes that are no UTF-8", create_module(memset(strdup(name63), 0xff, 63), 4096), EINVAL);
    ROW("64 bytes that are no UTF-8", create_module(memset(strdup(name64), 0xff, 64), 4096), E2BIG);
    ROW("an empty name", create_module("", 4096), EINVAL);
    long address = create_module("gurka", 4096);
    check("an address in the low 2 GB, a multiple of a page", address > 0 && address < 1L << 31 && address % 4096 == 0);
    check("the module is there, uninitialized", is("gurka", "uninitialized"));
    ROW("a name that is taken", create_module("gurka", 4096), EEXIST);
    ROW("a name that is taken, before too many bytes", create_module("gurka", 1UL << 40), EEXIST);
    ROW("too many bytes", create_module("tomat", 1UL << 40), ENOMEM);
    ROW("all the bytes that a long has", create_module("tomat", ULONG_MAX), ENOMEM);
    ROW("a name of 63 bytes", create_module(name63, 1), 0);
    ROW("it can be taken out", delete_module(name63), 0);
}

static void init(void)
{
    struct mod_routines routines = {0};
    struct code code = code_for(create_module("gurka", 4096));
    routines.init = (int (*)(void))returning(&code, 0);
    char *bytes = (char *)code.bytes;
    unsigned room = 4096 - sizeof(long);
    char *much = calloc(1, 8192);

    ROW("a name of 64 bytes", init_module(name64, bytes, code.size, &routines, NULL), E2BIG);
    ROW("a name that cannot be read", init_module(NOWHERE, bytes, code.size, &routines, NULL), EFAULT);
    ROW("a null name", init_module(NULL, bytes, code.size, &routines, NULL), EFAULT);
    ROW("no such module", init_module("tomat", bytes, code.size, &routines, NULL), ENOENT);
    ROW("no such module, before too much code", init_module("tomat", much, 8192, &routines, NULL), ENOENT);
    ROW("no such module, before a symbol table that cannot be read",
        init_module("tomat", bytes, code.size, &routines, NOWHERE), ENOENT);
    ROW("no such module, before code that cannot be read", init_module("tomat", NOWHERE, 16, &routines, NULL), ENOENT);
    ROW("one byte too much of code", init_module("gurka", much, room + 1, &routines, NULL), EINVAL);
    ROW("too much code, before a symbol table that cannot be read",
        init_module("gurka", much, room + 1, &routines, NOWHERE), EINVAL);
    ROW("code that cannot be read", init_module("gurka", NOWHERE, 16, &routines, NULL), EFAULT);
    ROW("routines that cannot be read", init_module("gurka", bytes, code.size, NULL, NULL), EFAULT);
    ROW("a symbol table that cannot be read", init_module("gurka", bytes, code.size, &routines, NOWHERE), EFAULT);
    check("the module is still uninitialized", is("gurka", "uninitialized"));

    struct code refusing = code_for((long)code.count);
    struct mod_routines refused = {.init = (int (*)(void))returning(&refusing, 7)};
    ROW("an init that returns 7", init_module("gurka", (char *)refusing.bytes, refusing.size, &refused, NULL), EBUSY);
    refusing = code_for((long)code.count);
    refused.init = (int (*)(void))returning(&refusing, -5);
    ROW("an init that returns -5", init_module("gurka", (char *)refusing.bytes, refusing.size, &refused, NULL), EBUSY);
    refusing = code_for((long)code.count);
    refused.init = (int (*)(void))crashing(&refusing);
    ROW("an init that crashes", init_module("gurka", (char *)refusing.bytes, refusing.size, &refused, NULL), EBUSY);
    check("the module is uninitialized after that", is("gurka", "uninitialized"));

    struct code counting = code_for((long)code.count);
    routines.init = (int (*)(void))counted(&counting, 1);
    memcpy(much, counting.bytes, counting.size);
    ROW("as much code as there is room for; the count is 1 during init",
        init_module("gurka", much, room, &routines, NULL), 0);
    check("the module runs", is("gurka", "running"));
    ROW("a module that runs already", init_module("gurka", bytes, code.size, &routines, NULL), EBUSY);
}

/* The symbol table of an init_module that has to fail. */
static void refused(const char *text, void *table, int error)
{
    struct code code = code_for(create_module("tomat", 4096));
    struct mod_routines routines = {.init = (int (*)(void))returning(&code, 0)};
    ROW(text, init_module("tomat", (char *)code.bytes, code.size, &routines, table), error);
    ROW("the module stays", delete_module("tomat"), 0);
}

static void tables(void)
{
    struct table table = table_of("slice", (void *)0x1234, 0);
    struct table changed = table;
    changed.n_symbols = -1;
    refused("fewer symbols than none", &changed, EINVAL);
    changed = table;
    changed.n_refs = -1;
    refused("fewer references than none", &changed, EINVAL);
    changed.n_symbols = changed.n_refs = INT_MAX;
    refused("more symbols than memory", &changed, EINVAL);
    changed = table;
    changed.n_symbols = (sizeof table - 16) / 16 + 1;
    refused("symbols beyond the end", &changed, EINVAL);
    changed = table;
    changed.size = 31;
    refused("a size that is less than head and symbol", &changed, EINVAL);
    changed.size = 15;
    refused("a size that is less than the head", &changed, EINVAL);
    changed.size = 0;
    refused("a size of 0", &changed, EINVAL);
    changed.size = -1;
    refused("a size below 0", &changed, ENOMEM);
    changed.size = INT_MAX;
    refused("a size of 2 GB", &changed, ENOMEM);
    changed = table;
    changed.words[1] = 31;
    refused("a name before the strings", &changed, EINVAL);
    changed.words[1] = sizeof table;
    refused("a name behind the strings", &changed, EINVAL);
    changed.words[1] = ULONG_MAX;
    refused("a name at the end of all memory", &changed, EINVAL);
    changed = table;
    memset(changed.names, 'x', sizeof changed.names);
    refused("a name without an end", &changed, EINVAL);
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    memcpy(pages + 4096 - 16, &table, 16);
    refused("a table that ends in memory that is not there", pages + 4096 - 16, EFAULT);
    long gurka = install("gurka", 0, 0, 0);
    changed = table_of(NULL, NULL, (unsigned long)gurka + 1);
    refused("a reference to no module", &changed, EINVAL);
    changed = table_of(NULL, NULL, (unsigned long)gurka);
    changed.n_refs = 2;
    changed.words[2] = 4;
    struct code code = code_for(create_module("tomat", 4096));
    struct mod_routines routines = {.init = (int (*)(void))returning(&code, 0)};
    ROW("a reference to a module, and one to none",
        init_module("tomat", (char *)code.bytes, code.size, &routines, as_table(&changed)), EINVAL);
    ROW("the first of them holds", delete_module("gurka"), EBUSY);
    table.words[1] = sizeof table - 1;
    ROW("a name at the last byte, and no reference",
        init_module("tomat", (char *)code.bytes, code.size, &routines, as_table(&table)), 0);
}

static void delete(void)
{
    ROW("a name of 64 bytes", delete_module(name64), E2BIG);
    ROW("a name that cannot be read", delete_module(NOWHERE), EFAULT);
    ROW("no such module", delete_module("gurka"), ENOENT);
    ROW("a name with a slash", delete_module("gur/ka"), ENOENT);
    long gurka = install("gurka", 0, 0, 0);
    install("tomat", 0, (unsigned long)gurka, 0);
    ROW("a module that another refers to", delete_module("gurka"), EBUSY);
    ROW("the other one", delete_module("tomat"), 0);
    ROW("then the module", delete_module("gurka"), 0);
    install("used", 0, 0, 1);
    ROW("a use count of 1", delete_module("used"), EBUSY);
    install("marked", 0, 0, MOD_VISITED | MOD_AUTOCLEAN);
    ROW("flags are no use", delete_module("marked"), 0);

    struct code code = code_for(create_module("kept", 4096));
    struct mod_routines routines;
    routines.init = (int (*)(void))returning(&code, 1);
    routines.cleanup = (void (*)(void))crashing(&code);
    struct table table = table_of(NULL, NULL, (unsigned long)install("gurka", 0, 0, 0));
    ROW("an init that fails", init_module("kept", (char *)code.bytes, code.size, &routines, as_table(&table)), EBUSY);
    ROW("its references are linked", delete_module("gurka"), EBUSY);
    ROW("it goes, and its cleanup is not called", delete_module("kept"), 0);
    ROW("then nobody refers", delete_module("gurka"), 0);
}

static void unused(void)
{
    long bottom = install("bottom", 1, 0, MOD_AUTOCLEAN);
    install("middle", 1, (unsigned long)bottom, MOD_AUTOCLEAN);
    install("kept", 0, 0, 0);
    install("used", 1, 0, MOD_AUTOCLEAN | 1);
    install("visited", 1, 0, MOD_AUTOCLEAN | MOD_VISITED);
    create_module("young", 4096);
    ROW("a pass", delete_module(NULL), 0);
    check("a stack that nobody uses goes at once", is("bottom", "none") && is("middle", "none"));
    check("one without the mark stays", is("kept", "running"));
    check("one with a use count stays", is("used", "running"));
    check("one that was used since the last pass stays", is("visited", "running"));
    check("one that is not initialized stays", is("young", "uninitialized"));
    ROW("another pass", delete_module(NULL), 0);
    check("the one that was used goes now", is("visited", "none"));
    check("the one with a use count stays", is("used", "running"));
}

static void symbols(void)
{
    long gurka = create_module("gurka", 4096);
    struct code code = code_for(gurka);
    struct mod_routines routines = {.init = (int (*)(void))returning(&code, 0)};
    struct table exports = table_of("slice", (void *)(gurka + 8), 0);
    init_module("gurka", (char *)code.bytes, code.size, &routines, as_table(&exports));
    long tomat = install("tomat", 0, (unsigned long)gurka, 0);
    create_module("waiting", 4096);

    int available = get_kernel_syms(NULL);
    struct kernel_sym *table = malloc(sizeof *table * (size_t)available);
    int count = get_kernel_syms(table);
    check("one that does not run is in neither number", available == count);
    check("the newest module first", strcmp(table[0].name, "#tomat") == 0 && table[0].value == (unsigned long)tomat);
    check("then the older one", strcmp(table[1].name, "#gurka") == 0 && table[1].value == (unsigned long)gurka);
    check("its symbols behind it", strcmp(table[2].name, "slice") == 0 && table[2].value == (unsigned long)gurka + 8);
    check("the space's own behind #", strcmp(table[3].name, "#") == 0 && count > 2000);
    int have_printf = 0, are_named = 1;
    for (int i = 4; i < count; i++) {
        have_printf |= strcmp(table[i].name, "printf") == 0 && table[i].value < 1UL << 31;
        are_named &= table[i].name[0] != '#' && memchr(table[i].name, 0, sizeof table[i].name) != NULL;
    }
    check("printf is among them, in the low 2 GB", have_printf);
    check("no other module, and every name has an end", are_named);
    ROW("a table that cannot be written", get_kernel_syms(NOWHERE), EFAULT);
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ROW("a table that may not be written", get_kernel_syms((struct kernel_sym *)page), EFAULT);

    /* What others load between the two calls finds no room. */
    available = get_kernel_syms(NULL);
    int status = system("\"$MODLINK_PROGRAMS/modload\" other.o >/dev/null");
    table = realloc(table, sizeof *table * (size_t)(available + 1));
    memset(&table[available], 0x55, sizeof *table);
    count = get_kernel_syms(table);
    check("another one loads a module with 3 symbols", status == 0);
    check("no more is written than was promised", count == available && table[available].name[0] == 0x55);
    check("and the new one is the first", strcmp(table[0].name, "#other") == 0);
}

/* By another user than the daemon's: EPERM comes before all else. */
static void stranger(void)
{
    struct mod_routines routines = {0};
    ROW("create_module", create_module("gurka", 4096), EPERM);
    ROW("create_module, before a null name", create_module(NULL, 0), EPERM);
    ROW("init_module", init_module("gurka", "", 0, &routines, NULL), EPERM);
    ROW("init_module, before a name of 64 bytes", init_module(name64, "", 0, &routines, NULL), EPERM);
    ROW("delete_module", delete_module("gurka"), EPERM);
    ROW("delete_module, before a name of 64 bytes", delete_module(name64), EPERM);
    ROW("delete_module without a name", delete_module(NULL), EPERM);
    check("get_kernel_syms is for all", get_kernel_syms(NULL) > 2000);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"create", create}, {"init", init},     {"tables", tables},
                 {"delete", delete}, {"unused", unused}, {"symbols", symbols},
                 {"stranger", stranger}};
    make_names();
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (count == 2 && strcmp(arguments[1], parts[i].name) == 0) {
            parts[i].run();
            return 0;
        }
    }
    return 64;
}
