/* Calls the functions of property lists. What is wrong is told by its line: as the result, or, as a program, as what is printed. */
#include <sys/param.h>
#include <sys/module.h>
#include <sys/systm.h>
#include <prop/proplib.h>
#include <stdlib.h>

MODULE(MODULE_CLASS_MISC, proplib, NULL);

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			return (__LINE__); \
	} while (0)

static int
scalars(void)
{
	prop_number_t small, big, negative;
	prop_bool_t yes;
	prop_data_t data, same;
	void *copy;

	CHECK((small = prop_number_create_integer(127)) != NULL && prop_number_size(small) == 8);
	CHECK((big = prop_number_create_unsigned_integer(UINT64_MAX)) != NULL && prop_number_size(big) == 64);
	CHECK((negative = prop_number_create_integer(-129)) != NULL && prop_number_size(negative) == 16);
	CHECK(prop_number_unsigned(big) && !prop_number_unsigned(small));
	CHECK(prop_number_equals_unsigned_integer(small, 127) && prop_number_equals_integer(negative, -129));
	CHECK(!prop_number_equals_integer(big, -1) && !prop_number_equals_unsigned_integer(negative, (uint64_t)-129));
	CHECK(!prop_number_equals(small, big) && prop_object_equals(small, small));
	CHECK((yes = prop_bool_create(true)) != NULL && prop_bool_true(yes));
	/* What is something else, or nothing, is nothing. */
	CHECK(prop_number_integer_value((prop_number_t)yes) == 0 && !prop_bool_true((prop_bool_t)small));
	CHECK(!prop_object_equals(yes, small) && !prop_object_equals(NULL, NULL));
	CHECK(prop_object_type(NULL) == PROP_TYPE_UNKNOWN && prop_object_type(big) == PROP_TYPE_NUMBER);
	CHECK((data = prop_data_create_data("ab\0c", 4)) != NULL && prop_data_size(data) == 4);
	CHECK((same = prop_data_copy(data)) != NULL && prop_data_equals(data, same));
	CHECK((copy = prop_data_data(data)) != NULL && prop_data_equals_data(data, copy, 4));
	free(copy);
	prop_object_release(same);
	prop_object_release(data);
	prop_object_release(yes);
	prop_object_release(small);
	prop_object_release(big);
	prop_object_release(negative);
	prop_object_release(NULL);
	return (0);
}

static int
strings(void)
{
	prop_string_t text, fixed, other;
	char room[4], *copy;

	CHECK((text = prop_string_create_cstring("gur")) != NULL && prop_string_mutable(text));
	CHECK(prop_string_append_cstring(text, "ka") && prop_string_size(text) == 5);
	CHECK(prop_string_append(text, text) && prop_string_equals_cstring(text, "gurkagurka"));
	CHECK((fixed = prop_string_create_cstring_nocopy("sallad")) != NULL && !prop_string_append_cstring(fixed, "!"));
	CHECK(!prop_string_copy_value(fixed, room, sizeof room) && strcmp(room, "sal") == 0);
	CHECK((other = prop_string_copy_mutable(fixed)) != NULL && prop_string_equals(other, fixed));
	CHECK(prop_string_append(other, text) && prop_string_equals_cstring(other, "salladgurkagurka"));
	CHECK((copy = prop_string_cstring(fixed)) != NULL && strcmp(copy, "sallad") == 0);
	CHECK(prop_string_create_cstring(NULL) == NULL);
	free(copy);
	prop_object_release(text);
	prop_object_release(fixed);
	prop_object_release(other);
	return (0);
}

static int
arrays(void)
{
	prop_array_t array, copy;
	prop_object_iterator_t walk;
	const char *text;
	int i, value, sum = 0;
	unsigned int small;
	int8_t tiny;

	CHECK((array = prop_array_create()) != NULL);
	for (i = 0; i < 1000; i++)
		CHECK(prop_array_add_int(array, i - 500));
	CHECK(prop_array_count(array) == 1000 && prop_array_capacity(array) >= 1000);
	CHECK((walk = prop_array_iterator(array)) != NULL);
	for (i = 0; i < 1000; i++)
		sum += (int)prop_number_integer_value(prop_object_iterator_next(walk));
	CHECK(sum == -500 && prop_object_iterator_next(walk) == NULL);
	CHECK(prop_array_get_int(array, 0, &value) && value == -500 && !prop_array_get_uint(array, 0, &small));
	CHECK(!prop_array_get_int8(array, 371, &tiny) && prop_array_get_int8(array, 372, &tiny) && tiny == -128);
	CHECK(prop_array_get_int8(array, 627, &tiny) && tiny == 127 && !prop_array_get_int8(array, 628, &tiny));
	prop_array_remove(array, 0);
	/* It has changed: the walk is over until it begins again. */
	prop_object_iterator_reset(walk);
	CHECK(prop_number_integer_value(prop_object_iterator_next(walk)) == -499);
	CHECK(prop_array_set_cstring(array, 998, "last") && prop_array_get_cstring_nocopy(array, 998, &text));
	CHECK(strcmp(text, "last") == 0 && prop_object_iterator_next(walk) == NULL);
	CHECK(prop_array_set_bool(array, 999, true) && !prop_array_set_bool(array, 1001, true));
	CHECK((copy = prop_array_copy(array)) != NULL && prop_array_equals(copy, array));
	CHECK(!prop_array_mutable(copy) && !prop_array_add_int(copy, 1) && prop_array_get(copy, 1000) == NULL);
	prop_object_iterator_release(walk);
	prop_object_release(array);
	CHECK(prop_array_get_cstring_nocopy(copy, 998, &text) && strcmp(text, "last") == 0);
	prop_object_release(copy);
	return (0);
}

static int
dictionaries(void)
{
	prop_dictionary_t dictionary, inner, found;
	prop_array_t keys;
	prop_string_t string;
	uint64_t wide = 0;
	int64_t narrow = 0;
	long number = 0;
	char key[16], *copy;
	bool flag = false;
	int i;

	CHECK((dictionary = prop_dictionary_create()) != NULL && (inner = prop_dictionary_create_with_capacity(4)) != NULL);
	for (i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "key%d", i * 37 % 100);
		CHECK(prop_dictionary_set_int32(dictionary, key, i));
	}
	CHECK(prop_dictionary_count(dictionary) == 100);
	CHECK((keys = prop_dictionary_all_keys(dictionary)) != NULL && prop_array_count(keys) == 100);
	CHECK(strcmp(prop_dictionary_keysym_cstring_nocopy(prop_array_get(keys, 2)), "key10") == 0);
	CHECK(prop_dictionary_get_long(dictionary, "key37", &number) && number == 1);
	prop_dictionary_remove(dictionary, "key37");
	prop_dictionary_remove(dictionary, "key37");
	CHECK(!prop_dictionary_get_long(dictionary, "key37", &number) && prop_dictionary_count(dictionary) == 99);
	CHECK(prop_dictionary_set_uint64(dictionary, "key0", UINT64_MAX));
	CHECK(!prop_dictionary_get_int64(dictionary, "key0", &narrow) && prop_dictionary_get_uint64(dictionary, "key0", &wide));
	CHECK(wide == UINT64_MAX && narrow == 0);
	CHECK(prop_dictionary_set_int64(inner, "least", INT64_MIN) && !prop_dictionary_get_uint64(inner, "least", &wide));
	CHECK(prop_dictionary_get_int64(inner, "least", &narrow) && narrow == INT64_MIN);
	CHECK(prop_dictionary_set_bool(inner, "flag", true) && prop_dictionary_get_bool(inner, "flag", &flag) && flag);
	CHECK(!prop_dictionary_get_int64(inner, "flag", &narrow) && !prop_dictionary_get_bool(inner, "least", &flag));
	CHECK(prop_dictionary_set_and_rel(dictionary, "inner", inner) && prop_dictionary_get_dict(dictionary, "inner", &found));
	CHECK(found == inner && !prop_dictionary_get_dict(dictionary, "key1", &found));
	CHECK((string = prop_string_create_cstring("value")) != NULL && prop_dictionary_set(dictionary, "text", string));
	prop_object_release(string);
	CHECK(prop_dictionary_get_cstring(dictionary, "text", &copy) && strcmp(copy, "value") == 0);
	free(copy);
	CHECK((found = prop_dictionary_copy(dictionary)) != NULL && prop_dictionary_equals(found, dictionary));
	CHECK(!prop_dictionary_set_bool(found, "new", true) && prop_dictionary_get(found, "new") == NULL);
	prop_dictionary_make_immutable(dictionary);
	CHECK(!prop_dictionary_set_cstring(dictionary, "text", "other") && !prop_dictionary_mutable(dictionary));
	CHECK(prop_dictionary_get(NULL, "text") == NULL && prop_dictionary_get((prop_dictionary_t)keys, "text") == NULL);
	prop_object_release(dictionary);
	CHECK(prop_dictionary_get(found, "text") == string);
	prop_object_release(found);
	prop_object_release(keys);
	return (0);
}

static int
all(void)
{
	int error = scalars();

	error = error ? error : strings();
	error = error ? error : arrays();
	return (error ? error : dictionaries());
}

static int
proplib_modcmd(modcmd_t cmd, void *arg)
{
	(void)arg;
	return (cmd == MODULE_CMD_INIT ? all() : cmd == MODULE_CMD_FINI ? 0 : ENOTTY);
}

#ifdef PROGRAM
int
main(void)
{
	int line = proplib_modcmd(MODULE_CMD_INIT, NULL);

	if (line != 0)
		printf("line %d\n", line);
	return (line != 0);
}
#endif
