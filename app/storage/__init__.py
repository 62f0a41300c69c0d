"""Transactional state: SQLAlchemy Core tables and repositories, on embedded SQLite or on PostgreSQL."""
