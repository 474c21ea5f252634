"""A network laboratory in namespaces: links, peers, traffic, captures, and the gateway under test."""
