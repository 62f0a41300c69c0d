"""The pages a person opens in a browser, drawn on the server."""
