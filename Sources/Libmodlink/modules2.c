/*
 * The calls of modules(2). What may be wrong with them is for the daemon to find, in the order of the kernels that had them: what
 * cannot be read here is told, and comes up in its place.
 */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The most bytes of a symbol table that are sent; above that it is refused by its size alone. */
#define TABLE_LIMIT (16 << 20)

_Static_assert(sizeof(struct kernel_sym) == 72, "an entry of get_kernel_syms is 72 bytes on LP64");
_Static_assert(sizeof(struct symbol_table) == 16, "the head of a symbol table is 16 bytes on LP64");

/* How many calls of this process have changed the table. */
static _Atomic unsigned long changes;
/* What get_kernel_syms(NULL) has last said to this thread, and `changes` at that time. */
static _Thread_local int promised = -1;
static _Thread_local unsigned long promised_at;

/* One call with a connection of its own. Of what the daemon has not answered, it cannot write a line on the console. */
static bool call_once(
    const char *method, json_t *parameters, const int *descriptors, size_t count, struct ml_reply *reply)
{
    char *error;
    int socket = ml_connect(NULL, 0, &error);
    memset(reply, 0, sizeof *reply);
    if (socket < 0) {
        int reason = errno;
        free(error);
        json_decref(parameters);
        errno = reason;
        return false;
    }
    bool done = ml_call(socket, method, parameters, descriptors, count, reply);
    int reason = errno;
    close(socket);
    errno = reason;
    return done;
}

/* Adds a name that the caller has somewhere, or the word that it cannot be read. One that is too long is cut: too long all the same. */
static void add_name(json_t *parameters, json_t *unreadable, const char *name)
{
    char copy[MOD_MAX_NAME + 1] = {0};
    if (name == NULL) {
        return;
    }
    size_t count = ml_copy(copy, name, MOD_MAX_NAME);
    if (memchr(copy, 0, count) != NULL || count == MOD_MAX_NAME) {
        json_object_set_new(parameters, "name", ml_text(copy));
    } else {
        json_array_append_new(unreadable, json_string("name"));
    }
}

static int simple_call(const char *method, json_t *parameters)
{
    struct ml_reply reply;
    bool done = call_once(method, parameters, NULL, 0, &reply);
    atomic_fetch_add(&changes, 1);
    ml_release(&reply);
    return done ? 0 : -1;
}

int get_kernel_syms(struct kernel_sym *table)
{
    struct ml_reply reply;
    long long entries = 0, index = -1;
    bool done = call_once("org.modlink.GetKernelSymbols", json_object(), NULL, 0, &reply);
    if (done && json_unpack(reply.parameters, "{s:I, s:I}", "entries", &entries, "descriptor", &index) != 0) {
        errno = EPROTO;
        done = false;
    }
    if (done && (index < 0 || (size_t)index >= reply.descriptor_count || entries < 0 || entries > INT32_MAX)) {
        errno = EPROTO;
        done = false;
    }
    if (!done || table == NULL) {
        ml_release(&reply);
        promised = done ? (int)entries : -1;
        promised_at = atomic_load(&changes);
        return promised;
    }
    /* Others may have loaded something since the caller made room. What the caller did itself, it knows. */
    if (promised >= 0 && promised_at == atomic_load(&changes) && entries > promised) {
        entries = promised;
    }
    size_t size = (size_t)entries * sizeof *table;
    size_t filled = 0;
    while (filled < size) {
        ssize_t count = pread(reply.descriptors[index], (char *)table + filled, size - filled, (off_t)filled);
        if (count <= 0 && !(count < 0 && errno == EINTR)) {
            break;
        }
        filled += count > 0 ? (size_t)count : 0;
    }
    ml_release(&reply);
    if (filled == size) {
        return (int)entries;
    }
    call_once("org.modlink.GetKernelSymbols", json_pack("{s:b}", "unwritable", 1), NULL, 0, &reply);
    ml_release(&reply);
    errno = EFAULT;
    return -1;
}

/* Returns the whole word: a program that declares it as unsigned long finds -1 too. */
long create_module_word(char *module_name, unsigned long size) __asm__("create_module");

long create_module_word(char *module_name, unsigned long size)
{
    struct ml_reply reply;
    json_t *unreadable = json_array();
    json_t *parameters = json_pack("{s:I, s:O}", "size", (long long)size, "unreadable", unreadable);
    add_name(parameters, unreadable, module_name);
    json_decref(unreadable);
    bool done = call_once("org.modlink.CreateModule", parameters, NULL, 0, &reply);
    atomic_fetch_add(&changes, 1);
    long address = done ? (long)json_integer_value(json_object_get(reply.parameters, "address")) : -1;
    ml_release(&reply);
    return address;
}

/* Adds the symbol table. Returns a descriptor of a copy, or -1 when none goes along. */
static int add_table(json_t *parameters, json_t *unreadable, const struct symbol_table *table, size_t index)
{
    int size = 0;
    if (table == NULL) {
        return -1;
    }
    bool is_known = ml_copy(&size, &table->size, sizeof size) == sizeof size;
    if (is_known) {
        json_object_set_new(parameters, "symbolsSize", json_integer(size));
    }
    int file = is_known && size >= 0 && size <= TABLE_LIMIT ? ml_copy_to_file(table, (size_t)size) : -1;
    if (file >= 0) {
        json_object_set_new(parameters, "symbols", json_integer((json_int_t)index));
    } else if (!is_known || (size >= 0 && size <= TABLE_LIMIT)) {
        json_array_append_new(unreadable, json_string("symbols"));
    }
    return file;
}

int init_module(
    char *module_name, char *code, unsigned codesize, struct mod_routines *routines, struct symbol_table *symtab)
{
    struct ml_reply reply;
    struct mod_routines called = {0};
    int descriptors[2];
    size_t count = 0;
    json_t *unreadable = json_array();
    unsigned size = codesize & ~(unsigned)MOD_AUTOCLEAN;
    if (ml_copy(&called, routines, sizeof called) != sizeof called) {
        json_array_append_new(unreadable, json_string("routines"));
    }
    json_t *parameters = json_pack(
        "{s:I, s:b, s:I, s:I, s:O}", "size", (long long)size, "autoclean", (codesize & MOD_AUTOCLEAN) != 0,
        "initialize", (long long)(uintptr_t)called.init, "cleanup", (long long)(uintptr_t)called.cleanup,
        "unreadable", unreadable);
    add_name(parameters, unreadable, module_name);
    int file = ml_copy_to_file(code, size);
    if (file >= 0) {
        json_object_set_new(parameters, "code", json_integer((json_int_t)count));
        descriptors[count++] = file;
    } else {
        json_array_append_new(unreadable, json_string("code"));
    }
    file = add_table(parameters, unreadable, symtab, count);
    if (file >= 0) {
        descriptors[count++] = file;
    }
    json_decref(unreadable);
    bool done = call_once("org.modlink.InitModule", parameters, descriptors, count, &reply);
    atomic_fetch_add(&changes, 1);
    ml_release(&reply);
    for (size_t i = 0; i < count; i++) {
        int reason = errno;
        close(descriptors[i]);
        errno = reason;
    }
    return done ? 0 : -1;
}

int delete_module(char *module_name)
{
    json_t *unreadable = json_array();
    json_t *parameters = json_pack("{s:O}", "unreadable", unreadable);
    add_name(parameters, unreadable, module_name);
    json_decref(unreadable);
    return simple_call("org.modlink.DeleteModule", parameters);
}
