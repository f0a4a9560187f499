/* A library whose export trie is edited after it is linked: the filler makes room for names that it re-exports from libfoo. */
#include "foo.h"

int front_version(void) { return foo_version() + 10; }
int front_filler_that_makes_room_for_other_names_in_the_export_trie_of_this_library(void) { return 0; }
int front_second_filler_that_makes_room_for_other_names_in_the_export_trie(void) { return foo_renamed(0) + foo_add(0, 0); }
