/*
 * Arrays for callers: one block, the structures first, then lists of names, then texts. It is filled twice: first without
 * memory, which says how much of each there is.
 */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <stdlib.h>
#include <string.h>

struct block {
    char *start;
    /* Where the next list, and the next text, goes. */
    size_t lists;
    size_t texts;
};

static const char *add_text(struct block *block, const json_t *object, const char *key)
{
    const json_t *value = key == NULL ? object : json_object_get(object, key);
    const char *text = json_string_value(value);
    text = text == NULL ? "" : text;
    size_t size = strlen(text) + 1;
    char *place = block->start == NULL ? NULL : block->start + block->texts;
    if (place != NULL) {
        memcpy(place, text, size);
    }
    block->texts += size;
    return place;
}

/* The texts of an array, or of one member of each of its elements; ended by NULL. */
static const char *const *add_list(struct block *block, const json_t *array, const char *key)
{
    size_t count = json_array_size(array);
    const char **list = block->start == NULL ? NULL : (const char **)(void *)(block->start + block->lists);
    block->lists += (count + 1) * sizeof *list;
    for (size_t i = 0; i < count; i++) {
        const char *text = add_text(block, json_array_get(array, i), key);
        if (list != NULL) {
            list[i] = text;
        }
    }
    if (list != NULL) {
        list[count] = NULL;
    }
    return list;
}

static int64_t number(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static void add_module(struct block *block, const json_t *module, struct modlink_module *to)
{
    const json_t *owner = json_object_get(module, "owner");
    struct modlink_module filled = {
        .id = number(module, "id", 0),
        .name = add_text(block, module, "name"),
        .space = add_text(block, module, "space"),
        .state = add_text(block, module, "state"),
        .address = (uint64_t)number(module, "address", 0),
        .size = (uint64_t)number(module, "size", 0),
        .use_count = number(module, "useCount", -1),
        .owner_process = number(owner, "process", 0),
        .owner_user = number(owner, "user", 0),
        .uses = add_list(block, json_object_get(module, "uses"), "module"),
        .used_by = add_list(block, json_object_get(module, "usedBy"), NULL),
        .autoclean = json_is_true(json_object_get(module, "autoclean")),
    };
    if (to != NULL) {
        *to = filled;
    }
}

static void add_symbol(struct block *block, const json_t *symbol, struct modlink_symbol *to)
{
    struct modlink_symbol filled = {
        .module = add_text(block, symbol, "module"),
        .name = add_text(block, symbol, "name"),
        .kind = add_text(block, symbol, "kind"),
        .address = (uint64_t)number(symbol, "address", 0),
        .size = (uint64_t)number(symbol, "size", 0),
        .offset = (uint64_t)number(symbol, "offset", 0),
        .exported = json_is_true(json_object_get(symbol, "exported")),
    };
    if (to != NULL) {
        *to = filled;
    }
}

/* Memory for what was counted; never none, so that NULL means that there is too little. */
static bool allocate(struct block *block, size_t structures)
{
    size_t lists = block->lists;
    block->start = malloc(structures + lists + block->texts + 1);
    block->lists = structures;
    block->texts = structures + lists;
    return block->start != NULL;
}

struct modlink_module *ml_modules(const json_t *array, size_t *count)
{
    struct block block = {0};
    size_t total = json_array_size(array);
    for (size_t i = 0; i < total; i++) {
        add_module(&block, json_array_get(array, i), NULL);
    }
    if (!allocate(&block, total * sizeof(struct modlink_module))) {
        return NULL;
    }
    struct modlink_module *modules = (void *)block.start;
    for (size_t i = 0; i < total; i++) {
        add_module(&block, json_array_get(array, i), &modules[i]);
    }
    *count = total;
    return modules;
}

struct modlink_symbol *ml_symbols(const json_t *array, size_t *count)
{
    struct block block = {0};
    size_t total = json_array_size(array);
    for (size_t i = 0; i < total; i++) {
        add_symbol(&block, json_array_get(array, i), NULL);
    }
    if (!allocate(&block, total * sizeof(struct modlink_symbol))) {
        return NULL;
    }
    struct modlink_symbol *symbols = (void *)block.start;
    for (size_t i = 0; i < total; i++) {
        add_symbol(&block, json_array_get(array, i), &symbols[i]);
    }
    *count = total;
    return symbols;
}
