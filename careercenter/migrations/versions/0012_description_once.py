"""A listing's description is kept once: not in its draft again, nor among words that search can make from it

It stood four times in each row, which made most of what a sync writes. With it goes the index that tells the open listings of a
board without reading their rows.
"""

import hashlib
import json

import msgspec
import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

BATCH = 1000
AGAIN = ('description_html', 'description_text')
VOLATILE = ('source_updated_at', 'provenance')


def upgrade() -> None:
    _rewrite(_without)
    with op.batch_alter_table('listing') as listing:
        listing.drop_column('words')
    is_open = sa.text("state = 'open'")
    op.create_index('ix_listing_board_open', 'listing', ['board_id'], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    op.drop_index('ix_listing_board_open', 'listing')
    with op.batch_alter_table('listing') as listing:
        listing.add_column(sa.Column('words', sa.Text(), nullable=False, server_default=''))
    with op.batch_alter_table('listing') as listing:
        listing.alter_column('words', server_default=None)


def _rewrite(change) -> None:
    """Put another draft and hash into every listing, some at a time."""
    connection = op.get_bind()
    read = sa.text('SELECT id, draft, description_html FROM listing WHERE id > :last ORDER BY id LIMIT :many')
    write = sa.text('UPDATE listing SET draft = :draft, content_hash = :hash WHERE id = :id')
    last = 0
    while rows := connection.execute(read, {'last': last, 'many': BATCH}).all():
        connection.execute(write, [{'id': row.id, **change(row.draft, row.description_html)} for row in rows])
        last = rows[-1].id


def _without(draft, description) -> dict:
    """The draft without its description, and its hash as a sync makes it."""
    held = json.loads(draft) if isinstance(draft, str) else draft
    kept = {name: value for name, value in held.items() if name not in AGAIN}
    rest = {name: value for name, value in kept.items() if name not in VOLATILE}
    found = hashlib.blake2b(msgspec.json.encode(rest), digest_size=32)
    found.update(description.encode())
    return {'draft': msgspec.json.encode(kept).decode(), 'hash': found.digest()}
