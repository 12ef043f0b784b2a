"""ClickHouse: the client, the migrations, what is written and what is read back."""
