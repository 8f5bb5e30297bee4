"""How a process forks and ends: exit handlers, SIGTERM, servers that end it themselves."""
