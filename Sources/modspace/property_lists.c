/* Property lists: arrays, dictionaries, walks over them. */
#include "properties.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A walk over an array or a dictionary, which it holds. */
struct modlink_prop_iterator {
    struct property *list;
    size_t next;
    unsigned changes;
};

static size_t element_size(const struct property *list)
{
    return list->type == PROP_TYPE_ARRAY ? sizeof *list->elements : sizeof *list->entries;
}

static bool make_room(struct property *list, size_t capacity)
{
    if (capacity <= list->capacity) {
        return true;
    }
    size_t wanted = capacity < 2 * list->capacity ? 2 * list->capacity : capacity;
    if (wanted > UINT_MAX) {
        return false;
    }
    void *room = reallocarray(list->elements, wanted, element_size(list));
    if (room == NULL) {
        return false;
    }
    list->elements = room;
    list->capacity = wanted;
    return true;
}

static struct property *create(prop_type_t type, size_t capacity)
{
    struct property *it = property_create(type);
    if (it != NULL) {
        it->is_mutable = true;
        if (!make_room(it, capacity)) {
            prop_object_release(it);
            return NULL;
        }
    }
    return it;
}

void property_empty(struct property *list)
{
    size_t count = list->count;
    list->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (list->type == PROP_TYPE_ARRAY) {
            prop_object_release(list->elements[i]);
        } else {
            prop_object_release(list->entries[i].key);
            prop_object_release(list->entries[i].value);
        }
    }
}

static struct property *copy(prop_type_t type, const void *object, bool is_mutable)
{
    const struct property *list = property_as(type, object);
    struct property *it = list != NULL ? create(type, list->count) : NULL;
    if (it == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (type == PROP_TYPE_ARRAY) {
            it->elements[i] = list->elements[i];
        } else {
            it->entries[i] = list->entries[i];
            prop_object_retain(it->entries[i].key);
        }
        prop_object_retain(type == PROP_TYPE_ARRAY ? it->elements[i] : it->entries[i].value);
    }
    it->count = list->count;
    it->is_mutable = is_mutable;
    return it;
}

bool property_lists_are_equal(const struct property *one, const struct property *other)
{
    if (one->count != other->count) {
        return false;
    }
    for (size_t i = 0; i < one->count; i++) {
        bool is_equal = one->type == PROP_TYPE_ARRAY
            ? prop_object_equals(one->elements[i], other->elements[i])
            : prop_object_equals(one->entries[i].key, other->entries[i].key)
                && prop_object_equals(one->entries[i].value, other->entries[i].value);
        if (!is_equal) {
            return false;
        }
    }
    return true;
}

static struct property *changeable(prop_type_t type, const void *object)
{
    struct property *it = property_as(type, object);
    return it != NULL && it->is_mutable ? it : NULL;
}

/* ---- Arrays ---- */

prop_array_t prop_array_create(void)
{
    return (prop_array_t)create(PROP_TYPE_ARRAY, 0);
}

prop_array_t prop_array_create_with_capacity(unsigned int capacity)
{
    return (prop_array_t)create(PROP_TYPE_ARRAY, capacity);
}

prop_array_t prop_array_copy(prop_array_t array)
{
    return (prop_array_t)copy(PROP_TYPE_ARRAY, array, false);
}

prop_array_t prop_array_copy_mutable(prop_array_t array)
{
    return (prop_array_t)copy(PROP_TYPE_ARRAY, array, true);
}

unsigned int prop_array_capacity(prop_array_t array)
{
    const struct property *it = property_as(PROP_TYPE_ARRAY, array);
    return it != NULL ? (unsigned int)it->capacity : 0;
}

unsigned int prop_array_count(prop_array_t array)
{
    const struct property *it = property_as(PROP_TYPE_ARRAY, array);
    return it != NULL ? (unsigned int)it->count : 0;
}

bool prop_array_ensure_capacity(prop_array_t array, unsigned int capacity)
{
    struct property *it = property_as(PROP_TYPE_ARRAY, array);
    return it != NULL && make_room(it, capacity);
}

void prop_array_make_immutable(prop_array_t array)
{
    struct property *it = property_as(PROP_TYPE_ARRAY, array);
    if (it != NULL) {
        it->is_mutable = false;
    }
}

bool prop_array_mutable(prop_array_t array)
{
    return changeable(PROP_TYPE_ARRAY, array) != NULL;
}

prop_object_t prop_array_get(prop_array_t array, unsigned int index)
{
    const struct property *it = property_as(PROP_TYPE_ARRAY, array);
    return it != NULL && index < it->count ? it->elements[index] : NULL;
}

bool prop_array_set(prop_array_t array, unsigned int index, prop_object_t object)
{
    struct property *it = changeable(PROP_TYPE_ARRAY, array);
    if (it == NULL || object == NULL || index > it->count) {
        return false;
    }
    if (index == it->count) {
        return prop_array_add(array, object);
    }
    struct property *old = it->elements[index];
    prop_object_retain(object);
    it->elements[index] = object;
    it->changes++;
    prop_object_release(old);
    return true;
}

bool prop_array_add(prop_array_t array, prop_object_t object)
{
    struct property *it = changeable(PROP_TYPE_ARRAY, array);
    if (it == NULL || object == NULL || !make_room(it, it->count + 1)) {
        return false;
    }
    prop_object_retain(object);
    it->elements[it->count++] = object;
    it->changes++;
    return true;
}

bool prop_array_add_and_rel(prop_array_t array, prop_object_t object)
{
    bool is_added = prop_array_add(array, object);
    prop_object_release(object);
    return is_added;
}

void prop_array_remove(prop_array_t array, unsigned int index)
{
    struct property *it = changeable(PROP_TYPE_ARRAY, array);
    if (it == NULL || index >= it->count) {
        return;
    }
    struct property *old = it->elements[index];
    it->count--;
    memmove(it->elements + index, it->elements + index + 1, (it->count - index) * sizeof *it->elements);
    it->changes++;
    prop_object_release(old);
}

bool prop_array_equals(prop_array_t one, prop_array_t other)
{
    return prop_object_equals(property_as(PROP_TYPE_ARRAY, one), property_as(PROP_TYPE_ARRAY, other));
}

/* ---- Dictionaries ---- */

prop_dictionary_t prop_dictionary_create(void)
{
    return (prop_dictionary_t)create(PROP_TYPE_DICTIONARY, 0);
}

prop_dictionary_t prop_dictionary_create_with_capacity(unsigned int capacity)
{
    return (prop_dictionary_t)create(PROP_TYPE_DICTIONARY, capacity);
}

prop_dictionary_t prop_dictionary_copy(prop_dictionary_t dictionary)
{
    return (prop_dictionary_t)copy(PROP_TYPE_DICTIONARY, dictionary, false);
}

prop_dictionary_t prop_dictionary_copy_mutable(prop_dictionary_t dictionary)
{
    return (prop_dictionary_t)copy(PROP_TYPE_DICTIONARY, dictionary, true);
}

unsigned int prop_dictionary_count(prop_dictionary_t dictionary)
{
    const struct property *it = property_as(PROP_TYPE_DICTIONARY, dictionary);
    return it != NULL ? (unsigned int)it->count : 0;
}

bool prop_dictionary_ensure_capacity(prop_dictionary_t dictionary, unsigned int capacity)
{
    struct property *it = property_as(PROP_TYPE_DICTIONARY, dictionary);
    return it != NULL && make_room(it, capacity);
}

void prop_dictionary_make_immutable(prop_dictionary_t dictionary)
{
    struct property *it = property_as(PROP_TYPE_DICTIONARY, dictionary);
    if (it != NULL) {
        it->is_mutable = false;
    }
}

bool prop_dictionary_mutable(prop_dictionary_t dictionary)
{
    return changeable(PROP_TYPE_DICTIONARY, dictionary) != NULL;
}

/* Where a name is, or where it would be. */
static size_t place_of(const struct property *it, const char *key, bool *is_there)
{
    size_t low = 0;
    size_t high = it->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(it->entries[middle].key->bytes, key);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *is_there = false;
    return low;
}

prop_object_t prop_dictionary_get(prop_dictionary_t dictionary, const char *key)
{
    const struct property *it = property_as(PROP_TYPE_DICTIONARY, dictionary);
    bool is_there = false;
    size_t place = it != NULL && key != NULL ? place_of(it, key, &is_there) : 0;
    return is_there ? it->entries[place].value : NULL;
}

bool prop_dictionary_set(prop_dictionary_t dictionary, const char *key, prop_object_t object)
{
    struct property *it = changeable(PROP_TYPE_DICTIONARY, dictionary);
    if (it == NULL || key == NULL || object == NULL) {
        return false;
    }
    bool is_there;
    size_t place = place_of(it, key, &is_there);
    struct property *old = NULL;
    if (is_there) {
        old = it->entries[place].value;
    } else {
        struct property *name = property_create_bytes(PROP_TYPE_DICT_KEYSYM, key, strlen(key));
        if (name == NULL || !make_room(it, it->count + 1)) {
            prop_object_release(name);
            return false;
        }
        memmove(it->entries + place + 1, it->entries + place, (it->count - place) * sizeof *it->entries);
        it->entries[place].key = name;
        it->count++;
    }
    prop_object_retain(object);
    it->entries[place].value = object;
    it->changes++;
    prop_object_release(old);
    return true;
}

bool prop_dictionary_set_and_rel(prop_dictionary_t dictionary, const char *key, prop_object_t object)
{
    bool is_set = prop_dictionary_set(dictionary, key, object);
    prop_object_release(object);
    return is_set;
}

void prop_dictionary_remove(prop_dictionary_t dictionary, const char *key)
{
    struct property *it = changeable(PROP_TYPE_DICTIONARY, dictionary);
    bool is_there = false;
    size_t place = it != NULL && key != NULL ? place_of(it, key, &is_there) : 0;
    if (!is_there) {
        return;
    }
    struct property_entry old = it->entries[place];
    it->count--;
    memmove(it->entries + place, it->entries + place + 1, (it->count - place) * sizeof *it->entries);
    it->changes++;
    prop_object_release(old.key);
    prop_object_release(old.value);
}

bool prop_dictionary_equals(prop_dictionary_t one, prop_dictionary_t other)
{
    return prop_object_equals(property_as(PROP_TYPE_DICTIONARY, one), property_as(PROP_TYPE_DICTIONARY, other));
}

prop_array_t prop_dictionary_all_keys(prop_dictionary_t dictionary)
{
    const struct property *it = property_as(PROP_TYPE_DICTIONARY, dictionary);
    struct property *keys = it != NULL ? create(PROP_TYPE_ARRAY, it->count) : NULL;
    for (size_t i = 0; keys != NULL && i < it->count; i++) {
        prop_array_add((prop_array_t)keys, it->entries[i].key);
    }
    return (prop_array_t)keys;
}

/* ---- Names ---- */

const char *prop_dictionary_keysym_cstring_nocopy(prop_dictionary_keysym_t key)
{
    const struct property *it = property_as(PROP_TYPE_DICT_KEYSYM, key);
    return it != NULL ? it->bytes : NULL;
}

size_t prop_dictionary_keysym_size(prop_dictionary_keysym_t key)
{
    const struct property *it = property_as(PROP_TYPE_DICT_KEYSYM, key);
    return it != NULL ? it->count : 0;
}

bool prop_dictionary_keysym_equals(prop_dictionary_keysym_t one, prop_dictionary_keysym_t other)
{
    return prop_object_equals(property_as(PROP_TYPE_DICT_KEYSYM, one), property_as(PROP_TYPE_DICT_KEYSYM, other));
}

prop_object_t prop_dictionary_get_keysym(prop_dictionary_t dictionary, prop_dictionary_keysym_t key)
{
    return prop_dictionary_get(dictionary, prop_dictionary_keysym_cstring_nocopy(key));
}

bool prop_dictionary_set_keysym(prop_dictionary_t dictionary, prop_dictionary_keysym_t key, prop_object_t object)
{
    return prop_dictionary_set(dictionary, prop_dictionary_keysym_cstring_nocopy(key), object);
}

void prop_dictionary_remove_keysym(prop_dictionary_t dictionary, prop_dictionary_keysym_t key)
{
    prop_dictionary_remove(dictionary, prop_dictionary_keysym_cstring_nocopy(key));
}

/* ---- Walks ---- */

static prop_object_iterator_t walk(prop_type_t type, const void *object)
{
    struct property *list = property_as(type, object);
    prop_object_iterator_t it = list != NULL ? calloc(1, sizeof *it) : NULL;
    if (it != NULL) {
        prop_object_retain(list);
        it->list = list;
        prop_object_iterator_reset(it);
    }
    return it;
}

prop_object_iterator_t prop_array_iterator(prop_array_t array)
{
    return walk(PROP_TYPE_ARRAY, array);
}

prop_object_iterator_t prop_dictionary_iterator(prop_dictionary_t dictionary)
{
    return walk(PROP_TYPE_DICTIONARY, dictionary);
}

prop_object_t prop_object_iterator_next(prop_object_iterator_t iterator)
{
    if (iterator == NULL || iterator->changes != iterator->list->changes || iterator->next >= iterator->list->count) {
        return NULL;
    }
    size_t index = iterator->next++;
    const struct property *list = iterator->list;
    return list->type == PROP_TYPE_ARRAY ? list->elements[index] : list->entries[index].key;
}

void prop_object_iterator_reset(prop_object_iterator_t iterator)
{
    if (iterator != NULL) {
        iterator->next = 0;
        iterator->changes = iterator->list->changes;
    }
}

void prop_object_iterator_release(prop_object_iterator_t iterator)
{
    if (iterator != NULL) {
        prop_object_release(iterator->list);
        free(iterator);
    }
}
