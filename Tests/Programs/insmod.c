/*
 * insmod FILE NAME: a loader as programs of the time were, on the calls of modules(2) alone. It reads an object of plain `cc -c`, asks for
 * the symbols, makes the module, links the object for the address that it gets, and hands it over.
 */
#include <elf.h>
#include <linux/module.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "insmod: %s: %s\n", name, what);
    exit(1);
}

static unsigned char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = calloc(1, 1 << 20);
    if (file == NULL || fread(bytes, 1, 1 << 20, file) < sizeof(Elf64_Ehdr)) {
        fail("cannot be read", path);
    }
    fclose(file);
    return bytes;
}

static struct kernel_sym *kernel;
static int kernel_count;

/* The address of a symbol of the kernel or of a module, and the module that has it. */
static unsigned long look_up(const char *name, unsigned long *module)
{
    for (int i = 0; i < kernel_count; i++) {
        if (kernel[i].name[0] == '#') {
            *module = kernel[i].value;
        } else if (strcmp(kernel[i].name, name) == 0) {
            return kernel[i].value;
        }
    }
    fail("undefined", name);
    return 0;
}

/* An object, and what becomes of it. */
struct object {
    unsigned char *file;
    Elf64_Ehdr *header;
    Elf64_Shdr *sections;
    Elf64_Sym *symbols;
    size_t symbol_count;
    const char *names;
    /* Where each section goes, from the start of the module's memory, which begins with its use count. */
    unsigned long offsets[64];
    unsigned long size;
    unsigned long address;
    char *memory;
    unsigned long *values;
    struct mod_routines routines;
    unsigned long used[64];
    int used_count;
    int exported;
};

static int is_allocated(const struct object *it, unsigned section)
{
    return (it->sections[section].sh_flags & SHF_ALLOC) != 0;
}

static const char *name_of(const struct object *it, size_t symbol) { return it->names + it->symbols[symbol].st_name; }

/* Whether a symbol is for other modules. */
static int is_exported(const struct object *it, size_t symbol)
{
    const char *name = name_of(it, symbol);
    return it->symbols[symbol].st_shndx != SHN_UNDEF && ELF64_ST_BIND(it->symbols[symbol].st_info) == STB_GLOBAL
        && strcmp(name, "init_module") != 0 && strcmp(name, "cleanup_module") != 0;
}

static void lay_out(struct object *it, const char *path)
{
    it->file = read_file(path);
    it->header = (Elf64_Ehdr *)it->file;
    it->sections = (Elf64_Shdr *)(it->file + it->header->e_shoff);
    it->size = sizeof(long);
    for (unsigned i = 0; i < it->header->e_shnum; i++) {
        Elf64_Shdr *section = &it->sections[i];
        if (section->sh_type == SHT_SYMTAB) {
            it->symbols = (Elf64_Sym *)(it->file + section->sh_offset);
            it->symbol_count = section->sh_size / sizeof *it->symbols;
            it->names = (char *)it->file + it->sections[section->sh_link].sh_offset;
        }
        if (is_allocated(it, i)) {
            it->offsets[i] = (it->size + 15) / 16 * 16;
            it->size = it->offsets[i] + section->sh_size;
        }
    }
}

static void copy_sections(struct object *it)
{
    it->memory = calloc(1, it->size);
    for (unsigned i = 0; i < it->header->e_shnum; i++) {
        if (is_allocated(it, i) && it->sections[i].sh_type != SHT_NOBITS) {
            memcpy(it->memory + it->offsets[i], it->file + it->sections[i].sh_offset, it->sections[i].sh_size);
        }
    }
}

static void use(struct object *it, unsigned long module)
{
    for (int i = 0; i < it->used_count; i++) {
        if (it->used[i] == module) {
            return;
        }
    }
    it->used[it->used_count++] = module;
}

/* What each symbol is, and whom those are from that are not defined here. */
static void resolve(struct object *it)
{
    it->values = calloc(it->symbol_count, sizeof *it->values);
    for (size_t i = 1; i < it->symbol_count; i++) {
        const Elf64_Sym *symbol = &it->symbols[i];
        if (symbol->st_shndx == SHN_UNDEF) {
            unsigned long module = 0;
            it->values[i] = look_up(name_of(it, i), &module);
            use(it, module);
            continue;
        }
        it->values[i] = it->address + it->offsets[symbol->st_shndx % 64] + symbol->st_value;
        if (strcmp(name_of(it, i), "init_module") == 0) {
            it->routines.init = (int (*)(void))it->values[i];
        } else if (strcmp(name_of(it, i), "cleanup_module") == 0) {
            it->routines.cleanup = (void (*)(void))it->values[i];
        }
        it->exported += is_exported(it, i);
    }
}

static void relocate(struct object *it, const Elf64_Shdr *section)
{
    Elf64_Rela *entries = (Elf64_Rela *)(it->file + section->sh_offset);
    for (size_t i = 0; i < section->sh_size / sizeof *entries; i++) {
        unsigned long place = it->offsets[section->sh_info] + entries[i].r_offset;
        int64_t value = (int64_t)it->values[ELF64_R_SYM(entries[i].r_info)] + entries[i].r_addend;
        unsigned width = 4;
        switch (ELF64_R_TYPE(entries[i].r_info)) {
        case R_X86_64_64:
            width = 8;
            break;
        case R_X86_64_PC32:
        case R_X86_64_PLT32:
            value -= (int64_t)(it->address + place);
            break;
        case R_X86_64_32:
        case R_X86_64_32S:
            break;
        default:
            fail("a relocation that this loader does not know", "object");
        }
        memcpy(it->memory + place, &value, width);
    }
}

/* The table of symbols and references, and the names behind it. */
static struct symbol_table *make_table(struct object *it)
{
    size_t head = sizeof(struct symbol_table) + (size_t)it->exported * sizeof(struct internal_symbol)
        + (size_t)it->used_count * sizeof(struct module_ref);
    struct symbol_table *table = calloc(1, head + 65536);
    struct internal_symbol *symbol = table->symbol;
    table->n_symbols = it->exported;
    table->n_refs = it->used_count;
    table->size = (int)head;
    for (size_t i = 1; i < it->symbol_count; i++) {
        if (is_exported(it, i)) {
            symbol->addr = (void *)it->values[i];
            symbol->name = (char *)(long)table->size;
            strcpy((char *)table + table->size, name_of(it, i));
            table->size += (int)strlen(name_of(it, i)) + 1;
            symbol++;
        }
    }
    struct module_ref *reference = (struct module_ref *)symbol;
    for (int i = 0; i < it->used_count; i++) {
        reference[i].module = (struct module *)it->used[i];
    }
    return table;
}

int main(int count, char **arguments)
{
    static struct object object;
    if (count != 3) {
        return 64;
    }
    kernel = malloc(sizeof *kernel * (size_t)get_kernel_syms(NULL));
    kernel_count = get_kernel_syms(kernel);
    lay_out(&object, arguments[1]);
    int address = create_module(arguments[2], object.size);
    if (address == -1) {
        perror("insmod: create_module");
        return 1;
    }
    object.address = (unsigned long)address;
    copy_sections(&object);
    resolve(&object);
    for (unsigned i = 0; i < object.header->e_shnum; i++) {
        if (object.sections[i].sh_type == SHT_RELA && is_allocated(&object, object.sections[i].sh_info)) {
            relocate(&object, &object.sections[i]);
        }
    }
    unsigned size = (unsigned)(object.size - sizeof(long));
    if (init_module(arguments[2], object.memory + sizeof(long), size, &object.routines, make_table(&object)) != 0) {
        perror("insmod: init_module");
        delete_module(arguments[2]);
        return 1;
    }
    return 0;
}
