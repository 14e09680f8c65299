/* What images look like to code that asks a dynamic linker: images.c, symbol_files.c, dynamic.c. */
#ifndef IMAGES_H
#define IMAGES_H

#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct space_symbols;

/* An image that is mapped. Readers find it unchanged between space_begin_reading and space_end_reading. */
struct space_record {
    /* Its lowest address; 0: the record is free. */
    _Atomic uint32_t image;
    const ElfW(Phdr) *headers;
    size_t header_count;
    /* Where its thread-local variables begin, in bytes from the thread pointer, if it has some. */
    int64_t thread_block;
    bool has_threads;
    struct space_record *next_unused;
    /* Its symbols, once somebody has asked for one. */
    struct space_symbols *_Atomic symbols;
    /* Its file, mapped whole, where no name leads to it; else NULL. */
    void *copy;
    uint64_t copy_size;
    /* What handles and debuggers' structures point to. */
    struct link_map map;
    /* Its file, and which one that was; an empty name when that is not known. */
    dev_t device;
    ino_t inode;
    /* The runtime directory's name has less than 108 bytes, because there is a socket in it, and a module's less than 64. */
    char name[256];
};

/* ---- images.c ---- */

/* An image has been mapped. Returns 0, or why it cannot have what it asks for. On the server's thread, as the next two. */
int space_note_image(uint64_t image, int file);
/* It is about to be unmapped. Waits until nobody reads its headers or symbols. */
void space_forget_image(uint64_t image);
/* The image at that address has a range of the reserve, at that offset; with size 0, it has given it back. */
void space_note_threads(uint64_t address, uint64_t size, uint64_t offset);

/* What is read stays until the end of reading; space_end_reading can be given to pthread_cleanup_push. */
void space_begin_reading(void);
void space_end_reading(void *unused);
/* The next one in the order of the list, which is no other; NULL after the last. From NULL, the first one. */
struct space_record *space_next_record(struct space_record *previous);
/* Its place in the list: from 0, and few while there are few images. */
size_t space_record_number(const struct space_record *it);
/* That of the image at an address, or NULL. */
struct space_record *space_record_at(uint64_t address);
/* That whose `map` this is, or NULL: the pointer may be anything. */
struct space_record *space_record_of_map(const void *map);
const ElfW(Phdr) *space_header_of_type(const struct space_record *it, uint32_t type);
/* How often the list has become longer and shorter. */
uint32_t space_images_added(void);
uint32_t space_images_removed(void);

/* ---- symbol_files.c ---- */

/* A symbol that was found: its address, and its name in memory that stays as long as the file is open. */
struct space_symbol {
    const char *name;
    const ElfW(Sym) *entry;
};

/* Finds the symbol table in a file of this machine that is mapped, and stays so; NULL when it has none. */
struct space_symbols *space_read_symbols(const void *bytes, uint64_t size);
/* Reads the symbol table of a file of this machine; NULL when it has none that can be read. */
struct space_symbols *space_open_symbols(const char *name, dev_t device, ino_t inode);
void space_close_symbols(struct space_symbols *it);
/* The global symbol of that name. */
bool space_find_name(const struct space_symbols *it, const char *name, struct space_symbol *found);
/* The function or variable that an address belongs to: one that is exported rather than one that is not. */
bool space_find_address(const struct space_symbols *it, uint64_t address, struct space_symbol *found);
/* Whether the program's own file offers modules that name. */
bool space_is_offered(const struct space_symbols *it, const char *name);

#endif
