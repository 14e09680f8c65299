/*
 * Property lists as NetBSD's kernel has them (proplib(3)): dictionaries of named values, such as the parameters that modload(8)
 * gives to a module that MODULE made. Part of modlink: see modlink(4).
 *
 *     static int gurka_modcmd(modcmd_t command, void *argument)
 *     {
 *         prop_dictionary_t properties = argument;
 *         int32_t slices = 3;
 *         if (command == MODULE_CMD_INIT)
 *             prop_dictionary_get_int32(properties, "slices", &slices);
 *
 * Objects are counted: what creates or copies one gives it to the caller, who lets it go with prop_object_release. What is got from a
 * dictionary or an array is theirs. What is set or added is held by them too, besides by the caller. NULL, and an object of another
 * type, are taken by every function, which then returns NULL, false or 0. An array or dictionary that several threads use while one
 * changes it is theirs to lock. Text forms (externalize, internalize) are not there.
 */
#ifndef MODLINK_PROP_PROPLIB_H
#define MODLINK_PROP_PROPLIB_H
#pragma GCC system_header
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

/* Any of the types below. */
typedef void *prop_object_t;
typedef struct modlink_prop_bool *prop_bool_t;
typedef struct modlink_prop_number *prop_number_t;
typedef struct modlink_prop_string *prop_string_t;
typedef struct modlink_prop_data *prop_data_t;
typedef struct modlink_prop_array *prop_array_t;
typedef struct modlink_prop_dictionary *prop_dictionary_t;
typedef struct modlink_prop_keysym *prop_dictionary_keysym_t;
typedef struct modlink_prop_iterator *prop_object_iterator_t;

typedef enum {
    PROP_TYPE_UNKNOWN = 0x00000000,
    PROP_TYPE_BOOL = 0x626f6f6c,
    PROP_TYPE_NUMBER = 0x6e6d6272,
    PROP_TYPE_STRING = 0x73746e67,
    PROP_TYPE_DATA = 0x64617461,
    PROP_TYPE_ARRAY = 0x61726179,
    PROP_TYPE_DICTIONARY = 0x64696374,
    PROP_TYPE_DICT_KEYSYM = 0x646b6579
} prop_type_t;

/* ---- All objects ---- */

void prop_object_retain(prop_object_t object);
void prop_object_release(prop_object_t object);
prop_type_t prop_object_type(prop_object_t object);
/* Whether both are of one type and value; of arrays and dictionaries, whether their elements are. */
bool prop_object_equals(prop_object_t one, prop_object_t other);
/* Elements of an array, names of a dictionary in their order (prop_dictionary_keysym_t); NULL at the end, and when it has changed. */
prop_object_t prop_object_iterator_next(prop_object_iterator_t iterator);
void prop_object_iterator_reset(prop_object_iterator_t iterator);
void prop_object_iterator_release(prop_object_iterator_t iterator);

/* ---- Truth values and numbers ---- */

prop_bool_t prop_bool_create(bool value);
prop_bool_t prop_bool_copy(prop_bool_t object);
bool prop_bool_true(prop_bool_t object);
#define prop_bool_value prop_bool_true

prop_number_t prop_number_create_integer(int64_t value);
prop_number_t prop_number_create_unsigned_integer(uint64_t value);
prop_number_t prop_number_copy(prop_number_t object);
/* How many bits it takes: 8, 16, 32 or 64. */
int prop_number_size(prop_number_t object);
bool prop_number_unsigned(prop_number_t object);
int64_t prop_number_integer_value(prop_number_t object);
uint64_t prop_number_unsigned_integer_value(prop_number_t object);
bool prop_number_equals(prop_number_t one, prop_number_t other);
bool prop_number_equals_integer(prop_number_t object, int64_t value);
bool prop_number_equals_unsigned_integer(prop_number_t object, uint64_t value);
/* Their names since NetBSD 10. */
#define prop_number_create_signed prop_number_create_integer
#define prop_number_create_unsigned prop_number_create_unsigned_integer
#define prop_number_signed_value prop_number_integer_value
#define prop_number_unsigned_value prop_number_unsigned_integer_value

/* ---- Text and bytes ---- */

/* Those without "nocopy" copy what they are given; of the others it has to stay. */
prop_string_t prop_string_create(void);
prop_string_t prop_string_create_cstring(const char *text);
prop_string_t prop_string_create_cstring_nocopy(const char *text);
prop_string_t prop_string_copy(prop_string_t object);
prop_string_t prop_string_copy_mutable(prop_string_t object);
bool prop_string_mutable(prop_string_t object);
/* Bytes without the zero at the end. */
size_t prop_string_size(prop_string_t object);
/* A copy of malloc(3). */
char *prop_string_cstring(prop_string_t object);
const char *prop_string_cstring_nocopy(prop_string_t object);
/* False when there is no room; it is cut off then. */
bool prop_string_copy_value(prop_string_t object, void *room, size_t size);
/* False for one that cannot be changed. */
bool prop_string_append(prop_string_t object, prop_string_t more);
bool prop_string_append_cstring(prop_string_t object, const char *more);
bool prop_string_equals(prop_string_t one, prop_string_t other);
bool prop_string_equals_cstring(prop_string_t object, const char *text);
/* Their names since NetBSD 10. */
#define prop_string_create_copy prop_string_create_cstring
#define prop_string_create_nocopy prop_string_create_cstring_nocopy
#define prop_string_value prop_string_cstring_nocopy
#define prop_string_equals_string prop_string_equals_cstring

prop_data_t prop_data_create_data(const void *bytes, size_t size);
prop_data_t prop_data_create_data_nocopy(const void *bytes, size_t size);
prop_data_t prop_data_copy(prop_data_t object);
size_t prop_data_size(prop_data_t object);
/* A copy of malloc(3). */
void *prop_data_data(prop_data_t object);
const void *prop_data_data_nocopy(prop_data_t object);
bool prop_data_equals(prop_data_t one, prop_data_t other);
bool prop_data_equals_data(prop_data_t object, const void *bytes, size_t size);
#define prop_data_create_copy prop_data_create_data
#define prop_data_create_nocopy prop_data_create_data_nocopy
#define prop_data_value prop_data_data_nocopy

/* ---- Arrays ---- */

prop_array_t prop_array_create(void);
prop_array_t prop_array_create_with_capacity(unsigned int capacity);
/* Copies have the same elements, not copies of them; only those with "mutable" can be changed. */
prop_array_t prop_array_copy(prop_array_t array);
prop_array_t prop_array_copy_mutable(prop_array_t array);
unsigned int prop_array_capacity(prop_array_t array);
unsigned int prop_array_count(prop_array_t array);
bool prop_array_ensure_capacity(prop_array_t array, unsigned int capacity);
void prop_array_make_immutable(prop_array_t array);
bool prop_array_mutable(prop_array_t array);
prop_object_iterator_t prop_array_iterator(prop_array_t array);
prop_object_t prop_array_get(prop_array_t array, unsigned int index);
/* The index may be the one behind the last: it is added then. */
bool prop_array_set(prop_array_t array, unsigned int index, prop_object_t object);
bool prop_array_add(prop_array_t array, prop_object_t object);
/* The same; the array alone holds it then, or nobody when it fails. */
bool prop_array_add_and_rel(prop_array_t array, prop_object_t object);
void prop_array_remove(prop_array_t array, unsigned int index);
bool prop_array_equals(prop_array_t one, prop_array_t other);

/* ---- Dictionaries ---- */

prop_dictionary_t prop_dictionary_create(void);
prop_dictionary_t prop_dictionary_create_with_capacity(unsigned int capacity);
prop_dictionary_t prop_dictionary_copy(prop_dictionary_t dictionary);
prop_dictionary_t prop_dictionary_copy_mutable(prop_dictionary_t dictionary);
unsigned int prop_dictionary_count(prop_dictionary_t dictionary);
bool prop_dictionary_ensure_capacity(prop_dictionary_t dictionary, unsigned int capacity);
void prop_dictionary_make_immutable(prop_dictionary_t dictionary);
bool prop_dictionary_mutable(prop_dictionary_t dictionary);
prop_object_iterator_t prop_dictionary_iterator(prop_dictionary_t dictionary);
/* An array of prop_dictionary_keysym_t. */
prop_array_t prop_dictionary_all_keys(prop_dictionary_t dictionary);
prop_object_t prop_dictionary_get(prop_dictionary_t dictionary, const char *key);
bool prop_dictionary_set(prop_dictionary_t dictionary, const char *key, prop_object_t object);
bool prop_dictionary_set_and_rel(prop_dictionary_t dictionary, const char *key, prop_object_t object);
void prop_dictionary_remove(prop_dictionary_t dictionary, const char *key);
prop_object_t prop_dictionary_get_keysym(prop_dictionary_t dictionary, prop_dictionary_keysym_t key);
bool prop_dictionary_set_keysym(prop_dictionary_t dictionary, prop_dictionary_keysym_t key, prop_object_t object);
void prop_dictionary_remove_keysym(prop_dictionary_t dictionary, prop_dictionary_keysym_t key);
const char *prop_dictionary_keysym_cstring_nocopy(prop_dictionary_keysym_t key);
size_t prop_dictionary_keysym_size(prop_dictionary_keysym_t key);
bool prop_dictionary_keysym_equals(prop_dictionary_keysym_t one, prop_dictionary_keysym_t other);
bool prop_dictionary_equals(prop_dictionary_t one, prop_dictionary_t other);
#define prop_dictionary_keysym_value prop_dictionary_keysym_cstring_nocopy

/* ---- Values in arrays and dictionaries ---- */

/*
 * prop_dictionary_get_int32(dictionary, key, place) and its like store a value where it is there, of that type and in its range, and
 * say so: else false, and nothing is stored. prop_dictionary_set_int32(dictionary, key, value) puts one in. So for arrays, with
 * indices.
 */
#define MODLINK_PROP_VALUES(name, type)                                                            \
    bool prop_dictionary_get_##name(prop_dictionary_t dictionary, const char *key, type *place);   \
    bool prop_dictionary_set_##name(prop_dictionary_t dictionary, const char *key, type value);    \
    bool prop_array_get_##name(prop_array_t array, unsigned int index, type *place);               \
    bool prop_array_set_##name(prop_array_t array, unsigned int index, type value);                \
    bool prop_array_add_##name(prop_array_t array, type value)
MODLINK_PROP_VALUES(bool, bool);
MODLINK_PROP_VALUES(int8, int8_t);
MODLINK_PROP_VALUES(uint8, uint8_t);
MODLINK_PROP_VALUES(int16, int16_t);
MODLINK_PROP_VALUES(uint16, uint16_t);
MODLINK_PROP_VALUES(int32, int32_t);
MODLINK_PROP_VALUES(uint32, uint32_t);
MODLINK_PROP_VALUES(int64, int64_t);
MODLINK_PROP_VALUES(uint64, uint64_t);
MODLINK_PROP_VALUES(int, int);
MODLINK_PROP_VALUES(uint, unsigned int);
MODLINK_PROP_VALUES(long, long);
MODLINK_PROP_VALUES(ulong, unsigned long);

/* Text: a copy of malloc(3), and the object's own. */
bool prop_dictionary_get_cstring(prop_dictionary_t dictionary, const char *key, char **place);
bool prop_dictionary_get_cstring_nocopy(prop_dictionary_t dictionary, const char *key, const char **place);
bool prop_dictionary_set_cstring(prop_dictionary_t dictionary, const char *key, const char *text);
bool prop_dictionary_set_cstring_nocopy(prop_dictionary_t dictionary, const char *key, const char *text);
bool prop_array_get_cstring(prop_array_t array, unsigned int index, char **place);
bool prop_array_get_cstring_nocopy(prop_array_t array, unsigned int index, const char **place);
bool prop_array_set_cstring(prop_array_t array, unsigned int index, const char *text);
bool prop_array_set_cstring_nocopy(prop_array_t array, unsigned int index, const char *text);
bool prop_array_add_cstring(prop_array_t array, const char *text);
bool prop_array_add_cstring_nocopy(prop_array_t array, const char *text);
#define prop_dictionary_get_string prop_dictionary_get_cstring_nocopy
#define prop_dictionary_set_string prop_dictionary_set_cstring
#define prop_dictionary_set_string_nocopy prop_dictionary_set_cstring_nocopy
#define prop_array_get_string prop_array_get_cstring_nocopy
#define prop_array_add_string prop_array_add_cstring
/* A dictionary in a dictionary. */
bool prop_dictionary_get_dict(prop_dictionary_t dictionary, const char *key, prop_dictionary_t *place);

__END_DECLS

#endif
