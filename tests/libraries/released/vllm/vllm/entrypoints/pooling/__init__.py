"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
