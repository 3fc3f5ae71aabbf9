"""What search reads: words, facets and their counts, saved searches"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from careercenter import db

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
BYTEWISE = sa.Text().with_variant(postgresql.TEXT(collation='C'), 'postgresql')


def upgrade() -> None:
    op.create_table(
        'search_combination', sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(length=20), nullable=False), sa.Column('workplace', sa.String(length=10), nullable=False),
        sa.Column('pay', sa.String(length=20), nullable=False), sa.Column('hours', sa.String(length=10), nullable=False),
        sa.Column('platform', sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_search_combination')),
        sa.UniqueConstraint('kind', 'workplace', 'pay', 'hours', 'platform', name=op.f('uq_search_combination_kind_workplace_pay_hours_platform')),
    )
    op.create_table(
        'listing_entry', sa.Column('key', ROWID, autoincrement=False, nullable=False),
        sa.Column('listing_id', sa.Integer(), nullable=False), sa.Column('combination_id', sa.Integer(), nullable=False),
        sa.Column('rush', sa.BigInteger(), nullable=False), sa.Column('hourly', sa.Integer(), nullable=False),
        sa.Column('arrived', sa.BigInteger(), nullable=False), sa.Column('skills', sa.Text(), nullable=False),
        sa.Column('places', sa.Text(), nullable=False), sa.Column('digest', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_listing_entry')),
        sa.UniqueConstraint('listing_id', name=op.f('uq_listing_entry_listing_id')),
        sa.ForeignKeyConstraint(['combination_id'], ['search_combination.id'], name=op.f('fk_listing_entry_combination_id_search_combination')),
    )
    op.create_index('ix_listing_entry_rush', 'listing_entry', ['rush', 'key'])
    op.create_index('ix_listing_entry_hourly', 'listing_entry', ['hourly', 'key'])
    op.create_table(
        'search_count', sa.Column('name', sa.String(length=10), nullable=False),
        sa.Column('combination_id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('value', sa.String(length=120), nullable=False), sa.Column('n', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('name', 'combination_id', 'value', name=op.f('pk_search_count')),
    )
    op.create_table(
        'search_label', sa.Column('name', sa.String(length=10), nullable=False), sa.Column('value', sa.String(length=120), nullable=False),
        sa.Column('label', sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint('name', 'value', name=op.f('pk_search_label')),
    )
    op.create_table(
        'search_word', sa.Column('word', BYTEWISE, nullable=False), sa.Column('n', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('word', name=op.f('pk_search_word')),
    )
    op.create_table(
        'search_mark', sa.Column('id', sa.Integer(), nullable=False), sa.Column('mark', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_search_mark')),
    )
    op.create_table(
        'saved_search', sa.Column('id', sa.Integer(), nullable=False), sa.Column('person_id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=80), nullable=False), sa.Column('query', sa.String(length=2000), nullable=False),
        sa.Column('saved_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.Column('looked_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_search')),
        sa.UniqueConstraint('person_id', 'query', name=op.f('uq_saved_search_person_id_query')),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_saved_search_person_id_person')),
    )
    if op.get_bind().dialect.name == 'postgresql':
        op.execute(
            "CREATE TABLE listing_text (key bigint CONSTRAINT pk_listing_text PRIMARY KEY CONSTRAINT fk_listing_text_key_listing_entry "
            "REFERENCES listing_entry (key) ON DELETE CASCADE, words tsvector NOT NULL)"
        )
        op.execute("CREATE INDEX ix_listing_text_words ON listing_text USING gin (words)")
    else:
        op.execute(
            "CREATE VIRTUAL TABLE listing_text USING fts5 (title, about, words, marks, tokenize = \"ascii tokenchars '+#\\:_'\")"
        )
        op.execute(
            "CREATE TRIGGER listing_entry_text AFTER DELETE ON listing_entry "
            "BEGIN DELETE FROM listing_text WHERE rowid = old.key; END"
        )
    op.drop_index('ix_listing_open', 'listing')
    op.drop_index('ix_listing_facets', 'listing')
    op.execute("INSERT INTO listing_touched (listing_id) SELECT id FROM listing WHERE id NOT IN (SELECT listing_id FROM listing_touched)")


def downgrade() -> None:
    is_open = sa.text("state = 'open'")
    facets = ['kind', 'workplace', 'pay_kind', 'hours_per', 'max_minutes', 'min_minutes', 'board_id', 'deadline_at']
    op.create_index('ix_listing_facets', 'listing', facets, sqlite_where=is_open, postgresql_where=is_open)
    op.create_index('ix_listing_open', 'listing', ['posted_at', 'id'], sqlite_where=is_open, postgresql_where=is_open)
    op.drop_table('listing_text')
    for name in ('saved_search', 'search_mark', 'search_word', 'search_label', 'search_count', 'listing_entry', 'search_combination'):
        op.drop_table(name)
