"""The client: messages, and the transports that carry them to one server or to several."""
