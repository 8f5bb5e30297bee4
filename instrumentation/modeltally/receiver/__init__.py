"""From a socket to the store: OTLP over HTTP and gRPC, parsed, filtered, kept on disk, stored once."""
