"""What the project knows about OpenAQ: its client, its data shapes and a local simulator."""
