/// Modules in C that several tests load.
enum Sources {
    /// Prints, exports a function, a variable and a constant, and keeps a function to itself.
    static let gurka = """
        #include <stdio.h>
        int gurka_count = 3;
        const int gurka_weight = 7;
        static __attribute__((noinline)) int peel(int n) { return n * 2; }
        int slice(int n) { return peel(n) + gurka_weight; }
        int init_module(void) { printf("gurka: hello\\n"); return 0; }
        void cleanup_module(void) { printf("gurka: bye\\n"); }
        """

    /// Uses gurka's function and variable.
    static let sallad = """
        #include <stdio.h>
        extern int slice(int), gurka_count;
        int init_module(void) { printf("sallad: %d %d\\n", slice(10), gurka_count); return 0; }
        void cleanup_module(void) { printf("sallad: bye\\n"); }
        """

    /// A module that does nothing but be there and export a function of that name.
    static func quiet(_ function: String) -> String { "int \(function)(void) { return 42; }" }

    /// A module whose init has this body.
    static func initialize(_ body: String) -> String {
        """
        #include <errno.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        int init_module(void) { \(body) }
        void cleanup_module(void) { }
        """
    }
}
