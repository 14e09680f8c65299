/*
 * What a million symbols cost in C: to find one by name in a table of open addressing, to find one by address among sorted entries,
 * and to write the bytes of a file; in nanoseconds a look-up, and microseconds. The names and addresses are those of a file of symbols
 * (ELF, 64 bits), which has to be what ksyms -o has written.
 *
 * symbols lookup FILE: two numbers, by name and by address. symbols write FILE OUTPUT: one.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 1000000 };

struct entry {
    uint64_t address;
    uint64_t size;
    const char *name;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static char *read_file(const char *path, size_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        fail(path);
    char *bytes = malloc(status.st_size);
    *size = status.st_size;
    for (size_t done = 0; done < *size;) {
        ssize_t got = read(file, bytes + done, *size - done);
        if (got <= 0)
            fail(path);
        done += got;
    }
    close(file);
    return bytes;
}

/* FNV-1a, eight bytes at a time where there are as many. */
static uint64_t hash(const char *name, size_t length)
{
    uint64_t state = 0xcbf29ce484222325;
    for (; length >= 8; length -= 8, name += 8) {
        uint64_t word;
        memcpy(&word, name, 8);
        state = (state ^ word) * 0x9e3779b97f4a7c15;
        state ^= state >> 29;
    }
    for (; length > 0; length--, name++)
        state = (state ^ (unsigned char)*name) * 0x100000001b3;
    state *= 0x9e3779b97f4a7c15;
    return state ^ state >> 32;
}

/* A slot: the symbol's number and one, or 0; and some of its hash, so that few names are compared. */
struct slot {
    uint32_t number;
    uint32_t tag;
};

static int by_address(const void *left, const void *right)
{
    uint64_t a = ((const struct entry *)left)->address, b = ((const struct entry *)right)->address;
    return a < b ? -1 : a > b;
}

static void look_up(const char *path)
{
    size_t size, count = 0;
    char *file = read_file(path, &size);
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    Elf64_Shdr *sections = (Elf64_Shdr *)(file + header->e_shoff);
    struct entry *entries = NULL;
    for (int i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB)
            continue;
        Elf64_Sym *symbols = (Elf64_Sym *)(file + sections[i].sh_offset);
        const char *names = file + sections[sections[i].sh_link].sh_offset;
        size_t all = sections[i].sh_size / sizeof *symbols;
        entries = malloc(all * sizeof *entries);
        for (size_t j = sections[i].sh_info; j < all; j++)
            entries[count++] = (struct entry){symbols[j].st_value, symbols[j].st_size, names + symbols[j].st_name};
    }
    if (count == 0)
        fail("no symbols");
    qsort(entries, count, sizeof *entries, by_address);

    size_t slots = 16;
    while (slots * 5 / 8 < count)
        slots *= 2;
    struct slot *table = calloc(slots, sizeof *table);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = hash(entries[i].name, strlen(entries[i].name));
        size_t place = value & (slots - 1);
        while (table[place].number)
            place = (place + 1) & (slots - 1);
        table[place] = (struct slot){i + 1, value >> 32};
    }

    uint64_t sum = 0, random = 1;
    const char **names_wanted = malloc(ROUNDS * sizeof *names_wanted);
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        names_wanted[i] = entries[(random >> 33) % count].name;
    }
    double start = now();
    for (int i = 0; i < ROUNDS; i++) {
        const char *name = names_wanted[i];
        size_t length = strlen(name);
        uint64_t value = hash(name, length);
        size_t place = value & (slots - 1);
        for (; table[place].number; place = (place + 1) & (slots - 1)) {
            struct entry *found = &entries[table[place].number - 1];
            if (table[place].tag == (uint32_t)(value >> 32) && memcmp(found->name, name, length + 1) == 0) {
                sum += found->address;
                break;
            }
        }
    }
    double names = now() - start;
    /* Of symbols, not of the range: between a module and the space lie more addresses than in both, and all of them lead to one symbol. */
    uint64_t *wanted = malloc(ROUNDS * sizeof *wanted);
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        wanted[i] = entries[(random >> 33) % count].address;
    }
    start = now();
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t address = wanted[i];
        size_t first = 0, last = count;
        while (first < last) {
            size_t middle = (first + last) / 2;
            if (entries[middle].address <= address)
                first = middle + 1;
            else
                last = middle;
        }
        sum += address - entries[first - 1].address;
    }
    double addresses = now() - start;
    /* The sum is printed so that nothing is left out. */
    printf("%.1f %.1f %llu\n", names / ROUNDS, addresses / ROUNDS, (unsigned long long)sum);
}

static void write_file(const char *path, const char *output)
{
    size_t size;
    char *bytes = read_file(path, &size);
    double start = now();
    int file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        fail(output);
    for (size_t done = 0; done < size;) {
        ssize_t put = write(file, bytes + done, size - done);
        if (put <= 0)
            fail(output);
        done += put;
    }
    close(file);
    printf("%.0f\n", (now() - start) / 1000);
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "lookup") == 0) {
        look_up(arguments[2]);
    } else if (count == 4 && strcmp(arguments[1], "write") == 0) {
        write_file(arguments[2], arguments[3]);
    } else {
        fprintf(stderr, "usage: symbols lookup FILE | symbols write FILE OUTPUT\n");
        return 64;
    }
    return 0;
}
