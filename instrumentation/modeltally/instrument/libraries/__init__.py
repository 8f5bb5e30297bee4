"""One module for each library that needs to be known; none is imported unless the library is there."""
