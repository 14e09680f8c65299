/// The Varlink interface that modlinkd offers, in the language of varlink.org ("Interface Definition").
public let interfaceText = """
    # Loadable modules in user space: load, list, look up, unload.
    #
    # Only the daemon's own user and root may load, unload and stop. Objects travel as descriptors beside the message (SCM_RIGHTS); a path is
    # accepted in place of one, and is opened by the daemon, for a caller of the daemon's own user only.
    interface org.modlink

    # One thing that stands in the way: what has it, where in it, what it is and what helps. A message for people is
    # "subject: place: reason"; place may be empty.
    type Problem (subject: string, place: string, reason: string)

    # An object file, or an archive of them: what messages call it, and either the index of its descriptor or the absolute path. With
    # neither, name is that of a module of the module path.
    type Object (name: string, descriptor: ?int, path: ?string)

    # A module to be made of objects, which are linked as one. Without a name it has that of its first object, without ".o".
    # entry: a function to call in the classic way; parameters: values for variables, NAME=VALUE; autoclean: a pass of Autoclean may take it;
    # private: keep to the module what another module exports already, instead of refusing.
    # Of archives the members are linked that define what is undefined; wholeArchives: all of them.
    type ModuleSource (
      name: ?string,
      objects: []Object,
      entry: ?string,
      parameters: ?[]string,
      autoclean: ?bool,
      private: ?bool,
      wholeArchives: ?bool
    )

    # A module and the symbols that were taken from it.
    type Reference (module: string, symbols: []string)

    # Who has made a module by CreateModule: a process and its user.
    type Owner (process: int, user: int)

    # A module, and the space that it is in. Spaces have the names of their machines: x86-64, i386. No two modules have the same
    # number or name, be they in different spaces. size: bytes, whole pages; useCount: its own counter, when it has one; dependency: it was
    # not named, but came in because another module needed it; owner: who has made it, when that was by CreateModule.
    # dialect: what it says to be called by, when it says so; type: what it is there, such as SYSCALL, or misc; offset: its slot in the table
    # of that type; info: the address of what it says of itself.
    type Module (
      id: int,
      name: string,
      space: string,
      state: (uninitialized, loading, running, unloading, faulted),
      address: int,
      size: int,
      useCount: ?int,
      uses: []Reference,
      usedBy: []string,
      autoclean: bool,
      dependency: bool,
      owner: ?Owner,
      dialect: ?(linux, lkm, module),
      type: ?string,
      offset: ?int,
      info: ?int
    )

    # What keeps a module from being unloaded. A module that refers to it: holder is its name, symbols what it took, count how many;
    # or requires it by name: no symbols. Its use counter: count. A device of it that is open, or a client: holder says which.
    type Hold (module: string, kind: (module, count, device, client, thread), holder: string, symbols: []string, count: int)

    # How long a part of the work took.
    type Phase (name: string, nanoseconds: int)

    # How far a piece of work is: what is done, how much of how much; total is 0 when that is not known. debuggee: the process that a
    # debugger is waited for to attach to.
    type Progress (activity: string, done: int, total: int, debuggee: ?int)

    # A symbol, and how far after its start what was looked up is. The space's own have an empty module. An address that no symbol
    # is before is answered with its section. address: 64 bits without a sign, so those from 2^63 are negative here;
    # of a threadLocal symbol, the distance from the thread pointer. letter: the type as nm(1) has it, small when it is not exported.
    # unloaded: the module is not there any more, and has not been for that many milliseconds; the name is empty where only the module
    # is remembered, and offset is then from its start.
    type Symbol (
      module: string,
      name: string,
      address: int,
      size: int,
      offset: int,
      kind: (function, object, threadLocal, label, section),
      letter: string,
      exported: bool,
      unloaded: ?int
    )

    # What was found for one name or address; nothing where symbols is empty.
    type Answer (query: string, symbols: []Symbol)

    # A place that refers to a symbol: the module, the section of its object, the function or variable that it is in, how far after its
    # start, the address, and the symbol as module:name, or as the name alone when it is the space's own.
    type Use (module: string, section: string, function: string, offset: int, address: int, symbol: string)

    # What was asked for, the symbols that it means, and the places that refer to them.
    type Users (query: string, symbols: []Symbol, uses: []Use)

    # What is kept of a crash. number: they count up; time: seconds since 1970, UTC; space: its machine; what: what happened; place: where;
    # folder: the absolute path of what is kept, which modlink(7) describes. What is not known is missing.
    type Crash (
      number: int,
      time: ?int,
      space: ?string,
      module: ?string,
      what: string,
      place: ?string,
      folder: string
    )

    # What lists do not say of a module. files: what it was made of; loaded: seconds since 1970, UTC; information: what its objects say
    # of themselves, license and the like; buildID: hexadecimal digits; exports: what other modules may refer to; threads: those that
    # run its code, or are to return to it; descriptors: the first of what its code has opened and not closed; holds: all that keeps it
    # from being unloaded.
    type ModuleDetails (
      files: []string,
      loaded: ?int,
      information: []ModuleField,
      parameters: []ModuleParameter,
      buildID: string,
      sections: []ModuleSection,
      exports: []string,
      threads: []ModuleThread,
      descriptors: []ModuleDescriptor,
      holds: []Hold
    )

    # A thread: its number, and where in the module it is.
    type ModuleThread (number: int, place: string)

    # A descriptor: its number, and its file, as proc_pid_fd(5) has it.
    type ModuleDescriptor (number: int, file: string)

    # One thing that a module says of itself.
    type ModuleField (name: string, value: string)

    # A parameter that a module declares. value: what its variable holds now, where that is known.
    type ModuleParameter (name: string, type: string, value: ?string, description: ?string)

    # A section of a module's image. access: r-x, r-- or rw-.
    type ModuleSection (name: string, address: int, size: int, access: string)

    # Loads modules as one transaction: they may refer to one another, and if one fails none stays. output is what they printed.
    # They go into the space of the machine that all their objects are made for, which is started when it does not run; space: it
    # has to be that one.
    # What they need and nobody has, symbols and modules, is taken from the module path, as part of the transaction: absolute paths of
    # folders, those of the daemon when they are not given. It is used for callers of the daemon's own user only. warnings: what was
    # found there that cannot be used. With more, replies with progress come before the last one when it takes long, and with output as
    # soon as something is printed; progress has no activity then. The output of all replies, and of an error, is the whole.
    # debugger: before anything of the modules runs, a debugger is waited for, until it has attached to the space and continued it.
    # timeout: how many seconds each call into the modules may take, now and when they are unloaded; 0: as long as it wants; 30 when it
    # is not given. What takes longer has faulted: it hangs.
    method Load(modules: []ModuleSource, space: ?string, modulePath: ?[]string, debugger: ?bool, timeout: ?int) -> (
      modules: []Module,
      output: string,
      phases: []Phase,
      warnings: ?[]Problem,
      progress: ?Progress
    )

    # Unloads modules, named or numbered, together: those that only use each other can go. dependents: also all that refer to them.
    # dryRun: refuses what would be refused, and says in which order they would go, but nothing goes. force: those that have faulted
    # are discarded, without being called, whatever they count or have open, and those that refuse are discarded too; threads that run
    # their code are ended. problems: what has gone wrong and has not kept them, such as a crash of a destructor. warnings: what force
    # has done. notes: what they have left open. With more, replies with progress and with output come before the last one, as for Load.
    method Unload(names: ?[]string, ids: ?[]int, dependents: ?bool, dryRun: ?bool, force: ?bool) -> (
      modules: []string,
      output: string,
      progress: ?Progress,
      problems: ?[]Problem,
      warnings: ?[]Problem,
      notes: ?[]Problem
    )

    # One pass of delete_module(NULL): the modules that were loaded to go, that nobody uses and that have not been used since the last
    # pass go, the newest first. problems: of those that refused, which stay. With more, replies with nothing but progress come before
    # the last one when it takes long.
    method Autoclean() -> (modules: []string, output: string, problems: []Problem, progress: ?Progress)

    # All modules in the order in which they were loaded, and the spaces that run. brief: uses is left empty, which makes a list of
    # thousands shorter. With more, a long list comes in several replies.
    method List(brief: ?bool) -> (modules: []Module, spaces: []string)

    # Finds symbols by name, or by address when the query is a number (0x… or decimal). Here and below, a space that is not named
    # is the one that is always there: x86-64.
    method LookUp(queries: []string, space: ?string) -> (answers: []Answer)

    # Finds the places in modules that refer to symbols, which are named as for LookUp.
    method FindUsers(queries: []string, space: ?string) -> (answers: []Users)

    # The symbol table as an ELF file, behind the descriptor of that index: of that generation, or of a later one when it has changed
    # meanwhile.
    method Symbols(space: ?string) -> (descriptor: int, generation: int)

    # Where modules go, for who links without loading: all of one space, but for the daemon's version and process number.
    method Status(space: ?string) -> (
      version: string,
      process: int,
      space: ?int,
      architecture: string,
      windowStart: int,
      windowEnd: int,
      modules: int,
      symbols: int,
      generation: int
    )

    # Calls a function of the space with up to four words, and returns the word that it returns and what was printed meanwhile.
    # function: the name of a symbol, module:name, or an address as a number; it has to be in code.
    method Call(function: string, arguments: []int, space: ?string) -> (result: int, output: string)

    # Calls a system call that a module has registered: number is its slot, and it is given up to eight words. error: what its function
    # returned, 0 or a number of errno(3), ENOSYS where there is none; values: the two words of its result.
    method SystemCall(number: int, arguments: []int, space: ?string) -> (error: int, values: []int, output: string)

    # Opens a device that a module has registered. device: the name of the module, or the major number; block: the block device, not the
    # character device; flags: 1 to read, 2 to write, 2048 not to wait. The descriptor of that index is one end of a pair of sockets, over
    # which the device is read, written and controlled: modlink(4), "Open devices". It is closed with the last descriptor of it, and keeps
    # the module until then. What is refused is the error Refused.
    method OpenDevice(device: string, minor: int, flags: int, block: ?bool, space: ?string) -> (
      descriptor: int,
      module: string,
      major: int,
      output: string
    )

    # The calls of modules(2), for programs that link by themselves; the C library libmodlink has them as functions. What is refused
    # is the error Refused, tested in the order of modules(2), and a line on the console. unreadable: which of the caller's own
    # arguments could not be read (name, code, routines, symbols). A name that is null is a null pointer.

    # Makes a module of that many bytes, which begin with its use count. connection: it goes with the connection, unless it has been
    # initialized by then.
    method CreateModule(name: ?string, size: int, connection: ?bool, unreadable: ?[]string) -> (address: int)

    # Copies the code, size bytes of the file behind the descriptor, behind the use count; enters the symbols, a struct symbol_table
    # that says it has symbolsSize bytes, in the file behind the descriptor; calls the function at the address initialize, and
    # remembers cleanup for the end.
    method InitModule(
      name: ?string,
      size: int,
      code: ?int,
      autoclean: ?bool,
      initialize: int,
      cleanup: int,
      symbolsSize: ?int,
      symbols: ?int,
      unreadable: ?[]string
    ) -> (output: string)

    # Takes out a module; or, without a name, those that may go by themselves.
    method DeleteModule(name: ?string, unreadable: ?[]string) -> (modules: []string, output: string)

    # The exported symbols of the space x86-64: the file behind the descriptor has that many entries of struct kernel_sym, 72 bytes
    # each. available: the same number; modules that do not run are in neither. unwritable: the caller had no room for them: EFAULT.
    method GetKernelSymbols(unwritable: ?bool) -> (available: int, entries: int, descriptor: int)

    # The crashes that are kept, in the order of their numbers; also those from before the daemon was started.
    method ListCrashes() -> (crashes: []Crash)

    # All that is known of one module, named or numbered. Only for those who may load modules.
    method Describe(name: ?string, id: ?int) -> (module: Module, details: ModuleDetails)

    # The report of a crash, in lines: modlink(7), "Crashes".
    method DescribeCrash(number: int) -> (crash: Crash, report: string)

    # Ends the daemon and its spaces; modules are lost. process: the daemon's process number. With more, a second reply comes when the
    # spaces have ended: events says which of them did not end by themselves and were killed.
    method Stop() -> (process: ?int, events: ?[]string)

    # A file is not an object that a space takes.
    error NotAnObject (problems: []Problem)
    # Objects and symbols do not go together; all problems of the link.
    error LinkFailed (problems: []Problem)
    # There is no space of that name; or it does not run; or it cannot be started, because its program is missing.
    error NoSuchSpace (problems: []Problem)
    # There is a module of that name.
    error ModuleExists (problems: []Problem)
    # There is no module of that name or number.
    error NoSuchModule (problems: []Problem)
    # There is no crash of that number, or it is not kept any more.
    error NoSuchCrash (problems: []Problem)
    # It is in use: holders are the modules that refer to it, holds all that keeps it. Or it refuses to go; output is what it printed.
    # Or who asks runs inside a space that is busy with a load or an unload, which would wait for itself.
    error ModuleBusy (problems: []Problem, holders: []string, holds: []Hold, output: ?string)
    # Its init, or its cleanup, returned an error; everything was undone.
    error InitFailed (problems: []Problem, output: string, result: int)
    # It crashed while it was called, called exit, or was not back in time; or it has faulted before, and is not called any more. A load
    # is undone. signal: what stopped it, such as SIGSEGV; report: all that is known, in lines, when something is known.
    error ModuleFaulted (problems: []Problem, output: string, signal: string, report: ?string)
    # A call of modules(2) is refused, or a device is not opened. code: the name of the error number, such as EINVAL; output: what an
    # init, or the device, printed.
    error Refused (problems: []Problem, code: string, output: ?string)
    # The caller may not do that.
    error PermissionDenied (problems: []Problem)
    # The daemon is ending, and nothing was done; another one can be started.
    error Unavailable (problems: []Problem)
    # The machine does not give what is needed, or a module has ended the space; output is what it printed.
    error SystemFailure (problems: []Problem, output: ?string)
    # There is no file at a path that was given, or it cannot be opened.
    error NoSuchFile (problems: []Problem)

    """
