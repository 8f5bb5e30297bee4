"""What llama-cpp-python 0.3.36 declares, from its release; written by `make stand-ins`."""
from llama_cpp.llama_cpp import *
from llama_cpp.llama import *
