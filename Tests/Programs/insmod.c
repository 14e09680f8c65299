/*
 * insmod FILE NAME: a loader as programs of the time were, on the calls of modules(2) alone. It reads an object of plain `cc -c`, asks for
 * the symbols, makes the module, links the object for the address that it gets, and hands it over.
 */
#include <elf.h>
#include <modlink/modules2.h>
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

int main(int count, char **arguments)
{
    if (count != 3) {
        return 64;
    }
    unsigned char *file = read_file(arguments[1]);
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    Elf64_Shdr *sections = (Elf64_Shdr *)(file + header->e_shoff);
    Elf64_Shdr *symtab = NULL;

    kernel = malloc(sizeof *kernel * (size_t)get_kernel_syms(NULL));
    kernel_count = get_kernel_syms(kernel);

    /* Where each section goes, behind the use count. */
    unsigned long offsets[64] = {0}, size = sizeof(long);
    for (int i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type == SHT_SYMTAB) {
            symtab = &sections[i];
        }
        if ((sections[i].sh_flags & SHF_ALLOC) != 0) {
            size = (size + 15) / 16 * 16;
            offsets[i] = size;
            size += sections[i].sh_size;
        }
    }
    int address = create_module(arguments[2], size);
    if (address == -1) {
        perror("insmod: create_module");
        return 1;
    }
    char *memory = calloc(1, size);
    for (int i = 0; i < header->e_shnum; i++) {
        if ((sections[i].sh_flags & SHF_ALLOC) != 0 && sections[i].sh_type != SHT_NOBITS) {
            memcpy(memory + offsets[i], file + sections[i].sh_offset, sections[i].sh_size);
        }
    }

    /* What each symbol is, which of them are for others, and whom they are from. */
    Elf64_Sym *symbols = (Elf64_Sym *)(file + symtab->sh_offset);
    size_t symbol_count = symtab->sh_size / sizeof *symbols;
    char *names = (char *)file + sections[symtab->sh_link].sh_offset;
    unsigned long *values = calloc(symbol_count, sizeof *values);
    unsigned long used[64];
    int used_count = 0, exported = 0;
    struct mod_routines routines = {0};
    for (size_t i = 1; i < symbol_count; i++) {
        const char *name = names + symbols[i].st_name;
        if (symbols[i].st_shndx == SHN_UNDEF) {
            unsigned long module = 0;
            values[i] = look_up(name, &module);
            int known = 0;
            for (int j = 0; j < used_count; j++) {
                known |= used[j] == module;
            }
            if (!known) {
                used[used_count++] = module;
            }
            continue;
        }
        values[i] = (unsigned long)address + offsets[symbols[i].st_shndx % 64] + symbols[i].st_value;
        if (strcmp(name, "init_module") == 0) {
            routines.init = (int (*)(void))values[i];
        } else if (strcmp(name, "cleanup_module") == 0) {
            routines.cleanup = (void (*)(void))values[i];
        } else if (ELF64_ST_BIND(symbols[i].st_info) == STB_GLOBAL) {
            exported++;
        }
    }
    for (int i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_RELA || (sections[sections[i].sh_info].sh_flags & SHF_ALLOC) == 0) {
            continue;
        }
        Elf64_Rela *entries = (Elf64_Rela *)(file + sections[i].sh_offset);
        for (size_t j = 0; j < sections[i].sh_size / sizeof *entries; j++) {
            unsigned long place = offsets[sections[i].sh_info] + entries[j].r_offset;
            int64_t value = (int64_t)values[ELF64_R_SYM(entries[j].r_info)] + entries[j].r_addend;
            unsigned width = 4;
            switch (ELF64_R_TYPE(entries[j].r_info)) {
            case R_X86_64_64:
                width = 8;
                break;
            case R_X86_64_PC32:
            case R_X86_64_PLT32:
                value -= (int64_t)((unsigned long)address + place);
                break;
            case R_X86_64_32:
            case R_X86_64_32S:
                break;
            default:
                fail("a relocation that this loader does not know", arguments[1]);
            }
            memcpy(memory + place, &value, width);
        }
    }

    /* The table of symbols and references, and the names behind it. */
    size_t head = sizeof(struct symbol_table) + (size_t)exported * sizeof(struct internal_symbol)
        + (size_t)used_count * sizeof(struct module_ref);
    struct symbol_table *table = calloc(1, head + 65536);
    struct internal_symbol *symbol = table->symbol;
    table->n_symbols = exported;
    table->n_refs = used_count;
    table->size = (int)head;
    for (size_t i = 1; i < symbol_count; i++) {
        const char *name = names + symbols[i].st_name;
        if (symbols[i].st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbols[i].st_info) == STB_GLOBAL
            && strcmp(name, "init_module") != 0 && strcmp(name, "cleanup_module") != 0) {
            symbol->addr = (void *)values[i];
            symbol->name = (char *)(long)table->size;
            strcpy((char *)table + table->size, name);
            table->size += (int)strlen(name) + 1;
            symbol++;
        }
    }
    struct module_ref *reference = (struct module_ref *)symbol;
    for (int i = 0; i < used_count; i++) {
        reference[i].module = (struct module *)used[i];
    }
    if (init_module(arguments[2], memory + sizeof(long), (unsigned)(size - sizeof(long)), &routines, table) != 0) {
        perror("insmod: init_module");
        delete_module(arguments[2]);
        return 1;
    }
    return 0;
}
