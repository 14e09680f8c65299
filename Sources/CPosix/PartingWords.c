/* What a process says when a signal such as that of ^C ends it: see CPosix.h. */
#include "CPosix.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic(char *) words;

static void say(int number) {
    const char *text = atomic_load(&words);
    /* A terminal has just shown ^C. */
    if (text != NULL && isatty(STDERR_FILENO))
        (void)!write(STDERR_FILENO, "\n", 1);
    if (text != NULL)
        (void)!write(STDERR_FILENO, text, strlen(text));
    /* The action is the default one again, and comes when this returns. */
    raise(number);
}

int cposix_set_parting_words(const char *text) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    char *copy = text == NULL ? NULL : strdup(text);
    if (text != NULL && copy == NULL)
        return -1;
    free(atomic_exchange(&words, copy));
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction before;
        struct sigaction action = {.sa_handler = text == NULL ? SIG_DFL : say, .sa_flags = SA_RESETHAND};
        if (sigaction(signals[i], NULL, &before) != 0)
            return -1;
        /* nohup(1), and shells for what runs in the background, have such signals ignored. */
        if (before.sa_handler != SIG_IGN && sigaction(signals[i], &action, NULL) != 0)
            return -1;
    }
    return 0;
}
