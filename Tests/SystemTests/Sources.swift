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

    /// Compresses and restores a text with zlib, and computes the checks whose results the algorithms' descriptions give:
    /// `1 0 100000`, then `cbf43926 11e60398`.
    static let squeeze = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <zlib.h>
        int init_module(void)
        {
            static unsigned char text[100000], packed[100000], again[100000];
            for (size_t i = 0; i < sizeof text; i++) text[i] = "gurka och tomat "[i % 16] ^ (i / 5000);
            uLongf size = sizeof packed, restored = sizeof again;
            if (compress2(packed, &size, text, sizeof text, 9) != Z_OK) return 1;
            if (uncompress(again, &restored, packed, size) != Z_OK) return 2;
            printf("%d %d %lu\\n", size < 2000, memcmp(text, again, sizeof text), restored);
            printf("%lx %lx\\n", crc32(0, (const Bytef *)"123456789", 9), adler32(1, (const Bytef *)"Wikipedia", 9));
            return 0;
        }
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
