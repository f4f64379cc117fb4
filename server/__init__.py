"""The inference server: FastAPI over the runtime, and nothing that trains."""

if __name__ != "nlparch.server":
    raise ImportError(f"import nlparch.server, not {__name__}: a second name would load a second copy")
