/*
 * Property lists: the objects of prop/proplib.h, and what its parts have for each other.
 *
 *     properties.c         objects, truth values, numbers, text, bytes
 *     property_lists.c     arrays, dictionaries, walks over them
 *     property_values.c    values in them by type; the properties that a module is started with
 */
#ifndef MODSPACE_PROPERTIES_H
#define MODSPACE_PROPERTIES_H

#include <prop/proplib.h>
#include <stdatomic.h>

/* A name and what it stands for. */
struct property_entry {
    struct property *key;
    struct property *value;
};

/* What all the types of prop/proplib.h point to. */
struct property {
    prop_type_t type;
    _Atomic unsigned references;
    /* Whether it may be changed: text, arrays, dictionaries. */
    bool is_mutable;
    /* Of numbers: whether they were made as such. */
    bool is_unsigned;
    /* Whether text or bytes are somebody else's. */
    bool is_borrowed;
    /* How often an array or dictionary has changed. */
    unsigned changes;
    /* How many bytes, elements or entries there are, and how many there is room for. */
    size_t count;
    size_t capacity;
    union {
        /* Of truth values 0 or 1. */
        uint64_t number;
        /* Text ends with a zero byte that is not counted. */
        char *bytes;
        struct property **elements;
        /* In the order of their names. */
        struct property_entry *entries;
    };
};

/* An object with one reference, all zero; NULL when there is no memory. */
struct property *property_create(prop_type_t type);
/* Text or bytes, copied; `type` says which. */
struct property *property_create_bytes(prop_type_t type, const void *bytes, size_t size);
/* The object, when it is of that type; else NULL. */
struct property *property_as(prop_type_t type, const void *object);
/* Lets go of what is in an array or a dictionary. */
void property_empty(struct property *list);
bool property_lists_are_equal(const struct property *one, const struct property *other);

#endif
