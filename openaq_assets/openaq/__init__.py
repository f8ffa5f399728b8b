"""OpenAQ as a plugin: its API client, raw answers, archive, dashboard and a local simulator."""
