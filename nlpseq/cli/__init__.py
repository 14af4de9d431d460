"""The command line of nlpseq.

    main             dispatch and exit statuses
    parser           the table of commands, and the parser built from it
    run, predict...  one module for each command: SUMMARY, DESCRIPTION, EXAMPLES, add_arguments, execute
    common_options, decoding_options, option_types    what several commands share
    completers       shell completion

Read `parser` first, then a command.
"""
