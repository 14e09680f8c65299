/* Shows the properties that it is given, when it comes and, as far as it has kept them, when it goes. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>
#include <linux/moduleparam.h>
#include <prop/proplib.h>

MODULE(MODULE_CLASS_MISC, properties, NULL);

static int declared = 1;
module_param(declared, int, 0);

static prop_dictionary_t kept;

static void
show(prop_dictionary_t props)
{
	prop_object_iterator_t walk;
	prop_dictionary_keysym_t key;
	prop_object_t value;

	walk = prop_dictionary_iterator(props);
	while ((key = prop_object_iterator_next(walk)) != NULL) {
		printf("%s: ", prop_dictionary_keysym_cstring_nocopy(key));
		value = prop_dictionary_get_keysym(props, key);
		switch (prop_object_type(value)) {
		case PROP_TYPE_BOOL:
			printf("bool %s\n", prop_bool_true(value) ? "true" : "false");
			break;
		case PROP_TYPE_NUMBER:
			if (prop_number_unsigned(value))
				printf("unsigned %llu\n", (unsigned long long)prop_number_unsigned_integer_value(value));
			else
				printf("number %lld\n", (long long)prop_number_integer_value(value));
			break;
		case PROP_TYPE_STRING:
			printf("string '%s'\n", prop_string_cstring_nocopy(value));
			break;
		default:
			printf("unknown\n");
			break;
		}
	}
	prop_object_iterator_release(walk);
}

static int
properties_modcmd(modcmd_t cmd, void *arg)
{
	switch (cmd) {
	case MODULE_CMD_INIT:
		printf("declared %d, %s\n", declared, arg != NULL ? "properties:" : "no properties");
		show(arg);
		if (arg != NULL)
			kept = prop_dictionary_copy(arg);
		return (0);
	case MODULE_CMD_FINI:
		show(kept);
		prop_object_release(kept);
		return (0);
	default:
		return (ENOTTY);
	}
}
