"""One module for each library that needs to be known, named as it is imported; loaded only where the library is."""
